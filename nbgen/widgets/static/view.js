// The comparison that can be rearranged, in a cell, and the code that gives the same arrangement or a marked picture.

import { codeLine, pythonArguments, pythonDict } from "./copying.js";
import { make } from "./elements.js";
import { keepKeys } from "./keys.js";
import { overOutput } from "./over.js";
import { mount } from "./viewer.js";

function codeOf(name, data, state, marks) {
  const title = (number) => data.axes[number].title;
  const marked = marks.filter((number) => number !== null).map((number) =>
    `${name}.at(${pythonArguments(data.cells[number].at.map((place, axis) => [title(axis), data.axes[axis].labels[place]]))})`);
  if (marked.length) return marked.join("\n");
  const given = ["rows", "columns", "inside"].filter((role) => state.roles.includes(role)).map((role) => [role, title(state.roles.indexOf(role))]);
  const pages = state.roles.flatMap((role, number) => (role === "pages" ? [title(number)] : []));
  if (pages.length) given.push(["pages", pages]);
  const hidden = state.hidden.flatMap((places, number) => (places.size ? [[title(number), [...places].map((place) => data.axes[number].labels[place])]] : []));
  const hide = hidden.length ? [`hide=${pythonDict(hidden)}`] : [];
  return `${name}.arrange(${[...(given.length ? [pythonArguments(given)] : []), ...hide].join(", ")})`;
}

function openView(model, el) {
  const kinds = model.get("kinds");
  const urls = model.get("pictures").map((bytes, place) => URL.createObjectURL(new Blob([bytes], { type: kinds[place] })));
  const data = { ...model.get("data"), pictures: urls };
  const root = make("div");
  const status = make("div", { class: "nbgen-status", role: "status" });
  const code = codeLine("Copy code", status);
  el.classList.add("nbgen-view");
  el.append(root, make("div", { class: "nbgen-studio" }, code.row, status));
  const arranged = (state, marks) => code.show(codeOf(model.get("use"), data, state, marks));
  const unmount = mount(root, data, root, arranged);
  const keysEnd = keepKeys(el);
  return () => {
    keysEnd();
    unmount();
    el.replaceChildren();
    for (const url of urls) URL.revokeObjectURL(url);
  };
}

export default overOutput(openView);
