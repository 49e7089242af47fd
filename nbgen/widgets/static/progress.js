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
    drawPictures(pictures, model.get("pictures"));
  };
  return [strip, draw];
}

// Pictures that are there stay as they are: drawn anew they would flicker.
function drawPictures(row, pictures) {
  const known = new Map([...row.children].map((image) => [Number(image.dataset.place), image]));
  const images = pictures.map(({ place, jpeg }) => {
    if (known.has(place)) return known.get(place);
    const image = new Image();
    image.dataset.place = place;
    image.alt = "";
    image.src = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
    image.onload = () => URL.revokeObjectURL(image.src);
    return image;
  });
  row.replaceChildren(...images);
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
