// The smallest helper that builds elements. Text only ever enters the page as text, never as HTML.

/** An element with properties or attributes, listeners ("onclick") and children (elements or text). */
export function make(tag, settings = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name in element && !name.startsWith("aria")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** The place of a cell in words: "sampler heun, seed 2". */
export function describe(data, cell) {
  return data.axes.map((axis, number) => `${axis.title} ${axis.labels[cell.at[number]]}`).join(", ") || data.title;
}

/** The picture of a cell, its pixels kept sharp where they are enlarged. */
export function picture(data, cell, settings = {}) {
  const [width, height] = data.sizes[cell.picture];
  return make("img", { src: data.pictures[cell.picture], alt: cell.alt, width, height, decoding: "async", draggable: false, ...settings });
}
