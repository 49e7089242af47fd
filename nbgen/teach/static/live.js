// The page's half of a laboratory: hung over the still picture that the notebook keeps, drawn frame by frame.
import { onTheme } from "./plane.js";
import { overOutput } from "../../widgets/static/over.js";

// Float32Array, Int32Array or Uint8Array by name; copied, since buffers need not start at a multiple of four.
function unpacked(described, buffers) {
  const kinds = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };
  return Object.fromEntries(described.map(({ name, dtype, shape }, place) => {
    const { buffer, byteOffset, byteLength } = buffers[place];
    const values = new kinds[dtype](buffer.slice(byteOffset, byteOffset + byteLength));
    return [name, Object.assign(values, { shape })];
  }));
}

// The notebook has keys of its own: arrows walk through cells, D twice deletes one. Keys pressed in a laboratory are its
// own, but for Escape, and those with a modifier that run or save.
function keepKeys(event) {
  const runs = event.key === "Enter" && event.shiftKey;
  if (!(event.ctrlKey || event.metaKey || event.altKey || runs || event.key === "Escape")) event.stopPropagation();
}

// `build(host, send)` makes a laboratory's elements in `host` and returns { draw(state, arrays), dispose() }.
// `send(name, fields, slot, buffers)` asks Python for something; of requests with equal slots only the latest counts.
export function laboratory(build) {
  const open = (model, host) => {
    const view = crypto.randomUUID?.() ?? String(Math.random());
    const say = (message, buffers) => {
      try {
        model.send({ ...message, from: view }, undefined, buffers);
      } catch {
        // The kernel is gone, and nobody is there to be told.
      }
    };
    host.classList.add("nbgen-laboratory");
    host.setAttribute("role", "group");
    host.setAttribute("aria-label", model.get("title"));
    host.addEventListener("keydown", keepKeys);
    const send = (name, fields = {}, slot = "", buffers = []) => say({ kind: "do", name, ...fields, slot }, buffers);
    const built = build(host, send);
    const problem = host.appendChild(document.createElement("p"));
    problem.className = "nbgen-problem";
    problem.setAttribute("role", "alert");
    problem.hidden = true;

    let last = null;
    let asked = false;
    const draw = () => {
      asked = false;
      if (!last) return;
      if (problem.textContent !== last.state.problem) problem.textContent = last.state.problem;
      problem.hidden = !last.state.problem;
      built.draw(last.state, last.arrays);
      host.dataset.frame = last.number;
      if (!last.told) say({ kind: "drawn", number: last.number });
      last.told = true;
    };
    const soon = () => {
      if (!asked) requestAnimationFrame(draw);
      asked = true;
    };
    const received = (message, buffers) => {
      if (message.kind !== "frame") return;
      last = { ...message, arrays: unpacked(message.arrays, buffers) };
      soon();
    };
    model.on("msg:custom", received);
    const stopTheme = onTheme(soon);
    const watcher = new IntersectionObserver((entries) => {
      say({ kind: "visible", visible: entries.at(-1).isIntersecting });
    });
    watcher.observe(host);
    host.redraw = soon;
    return () => {
      watcher.disconnect();
      stopTheme();
      model.off("msg:custom", received);
      host.removeEventListener("keydown", keepKeys);
      say({ kind: "visible", visible: false });
      built.dispose?.();
    };
  };

  return overOutput(open);
}

// Small makers of elements, so that a laboratory's script reads as a list of what is there.

export function element(parent, tag, { text, ...attributes } = {}) {
  const made = parent.appendChild(document.createElement(tag));
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function button(parent, text, press, title = "") {
  const made = element(parent, "button", { type: "button", text, title });
  made.addEventListener("click", press);
  return made;
}

// A labelled slider with its value beside it; `change(value)` is called while it is dragged.
export function slider(parent, label, { min, max, step, show = String }, change) {
  const row = element(parent, "label", { class: "nbgen-slider" });
  element(row, "span", { text: label });
  const input = element(row, "input", { type: "range", min, max, step });
  const value = element(row, "output");
  let held = 0;
  input.addEventListener("input", () => {
    held = performance.now();
    value.textContent = show(Number(input.value));
    change(Number(input.value));
  });
  return {
    row,
    input,
    // Python's answer to an earlier position must not pull the handle away from the hand that holds it.
    set(number) {
      if (performance.now() - held < 400) return;
      input.value = number;
      value.textContent = show(number);
    },
  };
}

// A labelled menu; options are strings or [value, text].
export function menu(parent, label, options, change) {
  const row = element(parent, "label", { class: "nbgen-menu" });
  element(row, "span", { text: label });
  const select = element(row, "select");
  const fill = (list) => {
    const wanted = JSON.stringify(list);
    if (select.dataset.options === wanted) return;
    select.dataset.options = wanted;
    select.replaceChildren();
    for (const option of list) {
      const [value, text] = Array.isArray(option) ? option : [option, option];
      element(select, "option", { value, text });
    }
  };
  fill(options);
  select.addEventListener("change", () => change(select.value));
  return { row, select, fill, set: (value) => (select.value = value) };
}

// Tabs that arrow keys walk through; `change(value)` is called with the chosen one.
export function tabs(parent, label, options, change) {
  const list = element(parent, "div", { class: "nbgen-tabs", role: "tablist", "aria-label": label });
  const made = options.map(([value, text]) => {
    const tab = element(list, "button", { type: "button", role: "tab", text });
    tab.addEventListener("click", () => change(value));
    return [value, tab];
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const here = made.findIndex(([, tab]) => tab === document.activeElement);
    const [value, tab] = made[(here + step + made.length) % made.length];
    event.preventDefault();
    tab.focus();
    change(value);
  });
  return (chosen) => {
    for (const [value, tab] of made) {
      tab.setAttribute("aria-selected", String(value === chosen));
      tab.tabIndex = value === chosen ? 0 : -1;
    }
  };
}
