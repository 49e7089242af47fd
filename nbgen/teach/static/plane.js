// A piece of the plane on a canvas: axes, densities, contours, points, arrows, paths, and a pointer in plane units.

// Okabe and Ito's palette, told apart by colour-blind readers; lines and points keep 3:1 against the paper, words 4.5:1.
const LIGHT = {
  paper: "#ffffff", ink: "#1a1a1a", quiet: "#595959", grid: "#e4e4e4", arrow: "#404040", heat: [0, 92, 150],
  series: ["#0072B2", "#C14A00", "#00805C", "#A8407F", "#6A5ACD", "#8A6400", "#000000"],
};
const DARK = {
  paper: "#17181c", ink: "#f0f0f0", quiet: "#b4b4b4", grid: "#33353b", arrow: "#c8c8c8", heat: [72, 164, 232],
  series: ["#56B4E9", "#FF9A4D", "#3CCB9B", "#E79AC6", "#B3A6FF", "#F0E442", "#ffffff"],
};
const FONT = "14px system-ui, sans-serif";

export function isDark() {
  const told = document.body?.dataset.jpThemeLight ?? document.body?.dataset.vscodeThemeKind;
  if (told) return told === "false" || told.includes("dark");
  return window.matchMedia("(prefers-color-scheme: dark)").matches;
}

export function colours() {
  return isDark() ? DARK : LIGHT;
}

// Calls back when light becomes dark or the reverse; returns what stops it.
export function onTheme(callback) {
  const observer = new MutationObserver(callback);
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  const query = window.matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", callback);
  return () => {
    observer.disconnect();
    query.removeEventListener("change", callback);
  };
}

// A square canvas in `host` that shows [-extent, extent]² without panning; y points up. `label` is what a screen reader says.
export class Plane {
  constructor(host, { label, extent = 2.5, onResize = () => {} }) {
    this.extent = extent;
    this.canvas = host.appendChild(document.createElement("canvas"));
    this.canvas.className = "nbgen-plane";
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", label);
    this.context = this.canvas.getContext("2d");
    this.side = 0;
    this.observer = new ResizeObserver(() => this.fit() && onResize());
    this.observer.observe(this.canvas);
    this.fit();
  }

  // The canvas as sharp as the screen; true where its size changed.
  fit() {
    const side = Math.round(this.canvas.clientWidth);
    const ratio = window.devicePixelRatio || 1;
    if (!side || (side === this.side && ratio === this.ratio)) return false;
    [this.side, this.ratio] = [side, ratio];
    this.canvas.width = this.canvas.height = Math.round(side * ratio);
    return true;
  }

  // Page pixels, from the canvas's upper left corner, of a point in the plane; and the reverse.
  x(value) { return (value / this.extent + 1) * 0.5 * this.side; }
  y(value) { return (1 - value / this.extent) * 0.5 * this.side; }
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return [(2 * x - 1) * this.extent, (1 - 2 * y) * this.extent];
  }

  clear() {
    this.look = colours();
    this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.context.fillStyle = this.look.paper;
    this.context.fillRect(0, 0, this.side, this.side);
  }

  axes() {
    const { context: pen, look, extent, side } = this;
    pen.font = FONT;
    pen.lineWidth = 1;
    for (let value = Math.ceil(-extent); value <= extent; value += 1) {
      pen.strokeStyle = look.grid;
      pen.beginPath();
      pen.moveTo(this.x(value), 0);
      pen.lineTo(this.x(value), side);
      pen.moveTo(0, this.y(value));
      pen.lineTo(side, this.y(value));
      pen.stroke();
      pen.fillStyle = look.quiet;
      pen.textAlign = "center";
      pen.textBaseline = "bottom";
      pen.fillText(minus(value), this.x(value), side - 3);
      if (value === 0) continue;
      pen.textAlign = "left";
      pen.textBaseline = "middle";
      pen.fillText(minus(value), 4, this.y(value));
    }
  }

  // values: Float32Array of rows × columns from 0 to 1, the first row at the bottom, cells centred on a grid that fills the square.
  heat(values, columns, rows, strength = 0.55, tint = null) {
    const [red, green, blue] = tint ?? this.look.heat;
    const image = new ImageData(columns, rows);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const place = 4 * ((rows - 1 - row) * columns + column);
        image.data[place] = red;
        image.data[place + 1] = green;
        image.data[place + 2] = blue;
        image.data[place + 3] = 255 * strength * Math.min(1, Math.max(0, values[row * columns + column]));
      }
    }
    this.picture(image);
  }

  // The same for two signs: blue for +1, vermilion for -1, nothing for 0 (a discriminator's opinion).
  signs(values, columns, rows, strength = 0.5) {
    const [plus, less] = isDark() ? [[86, 180, 233], [255, 154, 77]] : [[0, 114, 178], [213, 94, 0]];
    const image = new ImageData(columns, rows);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const value = Math.min(1, Math.max(-1, values[row * columns + column]));
        const place = 4 * ((rows - 1 - row) * columns + column);
        image.data.set(value < 0 ? less : plus, place);
        image.data[place + 3] = 255 * strength * Math.abs(value);
      }
    }
    this.picture(image);
  }

  picture(image) {
    this.scratch ??= document.createElement("canvas");
    this.scratch.width = image.width;
    this.scratch.height = image.height;
    this.scratch.getContext("2d").putImageData(image, 0, 0);
    this.context.imageSmoothingEnabled = true;
    this.context.drawImage(this.scratch, 0, 0, this.side, this.side);
  }

  // Lines of equal value through a grid like that of `heat`.
  contours(values, columns, rows, levels, { colour = this.look.quiet, width = 1 } = {}) {
    const pen = this.context;
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    for (const level of levels) {
      for (const [x1, y1, x2, y2] of segments(values, columns, rows, level)) {
        pen.moveTo(((x1 + 0.5) / columns) * this.side, (1 - (y1 + 0.5) / rows) * this.side);
        pen.lineTo(((x2 + 0.5) / columns) * this.side, (1 - (y2 + 0.5) / rows) * this.side);
      }
    }
    pen.stroke();
  }

  // xy: Float32Array of x, y, x, y …; shape "dot", "ring", "square" or "cross", so that colour never stands alone.
  points(xy, { colour = this.look.series[0], size = 2, alpha = 0.75, shape = "dot" } = {}) {
    const pen = this.context;
    pen.globalAlpha = alpha;
    pen.fillStyle = pen.strokeStyle = colour;
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (let place = 0; place + 1 < xy.length; place += 2) {
      const [x, y] = [this.x(xy[place]), this.y(xy[place + 1])];
      if (shape === "square") pen.rect(x - size, y - size, 2 * size, 2 * size);
      else if (shape === "cross") {
        pen.moveTo(x - size, y - size);
        pen.lineTo(x + size, y + size);
        pen.moveTo(x - size, y + size);
        pen.lineTo(x + size, y - size);
      } else {
        pen.moveTo(x + size, y);
        pen.arc(x, y, size, 0, 2 * Math.PI);
      }
    }
    if (shape === "ring" || shape === "cross") pen.stroke();
    else pen.fill();
    pen.globalAlpha = 1;
  }

  // One arrow a point: from xy towards xy + uv, both in plane units.
  arrows(xy, uv, { colour = this.look.arrow, width = 1.3, alpha = 0.9 } = {}) {
    const pen = this.context;
    pen.globalAlpha = alpha;
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    for (let place = 0; place + 1 < xy.length; place += 2) {
      const [x1, y1] = [this.x(xy[place]), this.y(xy[place + 1])];
      const [x2, y2] = [this.x(xy[place] + uv[place]), this.y(xy[place + 1] + uv[place + 1])];
      const length = Math.hypot(x2 - x1, y2 - y1);
      if (length < 1 || !Number.isFinite(length)) continue;
      const head = Math.min(5, 0.5 * length) / length;
      const [back, side] = [[(x1 - x2) * head, (y1 - y2) * head], 0.6];
      pen.moveTo(x1, y1);
      pen.lineTo(x2, y2);
      pen.moveTo(x2 + back[0] - side * back[1], y2 + back[1] + side * back[0]);
      pen.lineTo(x2, y2);
      pen.lineTo(x2 + back[0] + side * back[1], y2 + back[1] - side * back[0]);
    }
    pen.stroke();
    pen.globalAlpha = 1;
  }

  // xy: one polyline; dash is a pattern such as [4, 3], so that colour never stands alone.
  path(xy, { colour = this.look.ink, width = 1.5, alpha = 1, dash = [], closed = false } = {}) {
    const pen = this.context;
    pen.globalAlpha = alpha;
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    pen.beginPath();
    for (let place = 0; place + 1 < xy.length; place += 2) {
      pen[place ? "lineTo" : "moveTo"](this.x(xy[place]), this.y(xy[place + 1]));
    }
    if (closed) pen.closePath();
    pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  words(text, x, y, { colour = this.look.ink, align = "left" } = {}) {
    const pen = this.context;
    pen.font = FONT;
    pen.fillStyle = colour;
    pen.textAlign = align;
    pen.textBaseline = "middle";
    pen.fillText(text, x, y);
  }

  dispose() { this.observer.disconnect(); }
}

export function minus(value) {
  return String(Math.round(value * 1000) / 1000).replace("-", "\u2212");
}

// Marching squares: straight pieces, in grid units, along which the grid's values cross the level.
function segments(values, columns, rows, level) {
  const found = [];
  const cross = (a, b) => (level - a) / (b - a);
  for (let row = 0; row + 1 < rows; row += 1) {
    for (let column = 0; column + 1 < columns; column += 1) {
      const place = row * columns + column;
      const [a, b, c, d] = [values[place], values[place + 1], values[place + columns + 1], values[place + columns]];
      const ends = [];
      if (a > level !== b > level) ends.push(column + cross(a, b), row);
      if (b > level !== c > level) ends.push(column + 1, row + cross(b, c));
      if (c > level !== d > level) ends.push(column + 1 - cross(c, d), row + 1);
      if (d > level !== a > level) ends.push(column, row + 1 - cross(d, a));
      if (ends.length >= 4) found.push(ends.slice(0, 4));
      if (ends.length === 8) found.push(ends.slice(4));
    }
  }
  return found;
}
