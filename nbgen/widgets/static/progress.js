// A strip beneath the running cell. It is part of the page and never of the notebook.

function cellOf(model) {
  const context = model.widget_manager.context;
  if (!context?.model?.cells) return null; // not a notebook of JupyterLab's
  const index = [...context.model.cells].findIndex((cell) => cell.id === model.get("cell"));
  const panels = [...document.querySelectorAll(".jp-NotebookPanel")];
  const panel = panels.length > 1 ? panels.find((one) => shows(one, context.path)) : panels[0];
  return panel?.querySelector(`.jp-CodeCell[data-windowed-list-index="${index}"]`) ?? null;
}

// With several notebooks open, a panel's tab tells in its tooltip which file it shows.
function shows(panel, path) {
  const tab = document.getElementById(panel.getAttribute("aria-labelledby"));
  return (tab?.title ?? "").split("\n").some((line) => line.endsWith(` ${path}`));
}

function drawn(model) {
  const strip = document.createElement("div");
  strip.className = "nbgen-progress";
  const bar = document.createElement("div");
  bar.className = "nbgen-progress-bar";
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", "Progress of the pictures");
  const filled = bar.appendChild(document.createElement("div"));
  const words = document.createElement("span");
  words.className = "nbgen-progress-words";
  const stop = document.createElement("button");
  stop.type = "button";
  stop.textContent = "Stop";
  stop.title = "Stop, and keep the finished pictures";
  stop.addEventListener("click", () => {
    stop.disabled = true;
    stop.textContent = "Stopping";
    model.widget_manager.kernel.interrupt();
  });
  const row = document.createElement("div");
  row.className = "nbgen-progress-row";
  const pictures = document.createElement("div");
  pictures.className = "nbgen-progress-pictures";
  strip.append(row, pictures);
  row.append(bar, stop, words); // words last: their length changes, and the button should not move

  const draw = () => {
    const state = model.get("state");
    const known = state.fraction !== null;
    bar.classList.toggle("nbgen-unknown", !known);
    filled.style.width = known ? `${100 * state.fraction}%` : "";
    if (known) bar.setAttribute("aria-valuenow", Math.round(100 * state.fraction));
    words.textContent = state.words.join(" · ");
    stop.disabled ||= state.stopping;
    drawPictures(pictures, model.get("pictures"), state);
  };
  return [strip, draw];
}

// Finished pictures that are there stay as they are: drawn anew they would flicker. What is under way is a
// glimpse, which changes. A comparison is a grid that fills; anything else a row of the latest pictures.
function drawPictures(row, pictures, { columns, total }) {
  const known = new Map([...row.children].map((image) => [Number(image.dataset.place), image]));
  const images = pictures.map((picture) => drawnPicture(known.get(picture.place) ?? new Image(), picture));
  if (!columns) {
    row.replaceChildren(...images.sort((a, b) => a.dataset.place - b.dataset.place));
    return;
  }
  if (!row.style.gridTemplateColumns) {
    row.classList.add("nbgen-progress-grid");
    row.style.gridTemplateColumns = `repeat(${columns}, ${Math.max(14, Math.min(48, Math.floor(720 / columns) - 4))}px)`;
    row.replaceChildren(...Array.from({ length: total }, (_, place) => empty(place)));
  }
  for (const image of images) {
    const here = row.children[image.dataset.place];
    if (here !== image) here?.replaceWith(image);
  }
}

function empty(place) {
  const box = document.createElement("span");
  box.dataset.place = place;
  return box;
}

function drawnPicture(image, { place, jpeg, png, stamp }) {
  const drawn = image instanceof HTMLImageElement ? image : new Image(); // an empty box makes room for one
  const version = jpeg ? "finished" : `${stamp}`;
  if (drawn.dataset.version === version) return drawn;
  const type = jpeg ? "image/jpeg" : "image/png";
  const url = URL.createObjectURL(new Blob([jpeg ?? png], { type }));
  drawn.dataset.place = place;
  drawn.dataset.version = version;
  drawn.alt = "";
  drawn.onload = () => URL.revokeObjectURL(url);
  drawn.src = url;
  return drawn;
}

export default {
  initialize({ model }) {
    const [strip, draw] = drawn(model);
    const update = () => {
      draw();
      // Again at each update: a cell that is scrolled far away leaves the page and comes back.
      if (!strip.isConnected) {
        const cell = cellOf(model);
        cell?.insertBefore(strip, cell.querySelector(":scope > .jp-CellFooter"));
      }
    };
    const remove = () => strip.remove();
    update();
    model.on("change:state", update);
    model.on("change:pictures", update);
    model.on("comm_live_update", remove); // the kernel went away
    return remove;
  },
};
