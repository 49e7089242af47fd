// Where does a widget live that is shown by itself? Over an ordinary output, which is all that the notebook keeps.
// A widget that is displayed as such leaves "model not found" behind, for whoever opens the file without its kernel.

// The output that carries this key: its element, null while it is not in the page, undefined where there is none.
function outputWith(key, context) {
  const panels = [...document.querySelectorAll(".jp-NotebookPanel")];
  const panel = panels.length > 1 ? panels.find((one) => showsFile(one, context.path)) : panels[0];
  for (let place = context.model.cells.length - 1; panel && place >= 0; place -= 1) {
    const outputs = context.model.cells.get(place).outputs;
    for (let number = 0; number < (outputs?.length ?? 0); number += 1) {
      if (outputs.get(number).metadata?.nbgen?.live !== key) continue;
      const cell = panel.querySelector(`.jp-CodeCell[data-windowed-list-index="${place}"]`);
      return cell?.querySelectorAll(".jp-OutputArea-child")[number] ?? null;
    }
  }
  return undefined;
}

// With several notebooks open, a panel's tab tells in its tooltip which file it shows.
function showsFile(panel, path) {
  const tab = document.getElementById(panel.getAttribute("aria-labelledby"));
  return (tab?.title ?? "").split("\n").some((line) => line.endsWith(` ${path}`));
}

/** A widget's two ways to be shown; `open(model, el)` builds it in an element and returns what takes it down. */
export function overOutput(open) {
  const initialize = ({ model }) => {
    const context = model.widget_manager.context;
    if (!context?.model?.cells) return undefined; // not a notebook of JupyterLab's
    let host, close, output, timer;
    let found = false;
    const away = () => {
      clearInterval(timer);
      close?.();
      host?.remove();
      output?.classList.remove("nbgen-under");
      host = close = output = undefined;
      found = false;
    };
    const look = () => {
      const place = outputWith(model.get("key"), context);
      if (place === undefined && found) away();
      if (!place || host?.parentElement === place) return;
      output?.classList.remove("nbgen-under");
      output = place;
      found = true;
      host ??= Object.assign(document.createElement("div"), { className: "nbgen-over" });
      output.classList.add("nbgen-under");
      output.append(host);
      close ??= open(model, host);
    };
    // Python gives a new key whenever it is displayed. Looked for again and again: the output comes after the key,
    // and a cell that is scrolled far away leaves the page and comes back.
    const begin = () => {
      away();
      if (!model.get("key")) return;
      timer = setInterval(look, 200);
      look();
    };
    begin();
    model.on("change:key", begin);
    model.on("comm_live_update", away); // the kernel went away
    return () => {
      model.off("change:key", begin);
      model.off("comm_live_update", away);
      away();
    };
  };
  return { initialize, render: ({ model, el }) => open(model, el) };
}
