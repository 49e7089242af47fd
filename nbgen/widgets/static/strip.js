// A row of pictures, and what can be done with the one that is chosen.

import { copyText } from "./copying.js";

function render({ model, el }) {
  el.classList.add("nbgen-studio", "nbgen-strip");
  const tools = el.appendChild(document.createElement("div"));
  tools.className = "nbgen-tools";
  tools.setAttribute("role", "toolbar");
  tools.setAttribute("aria-label", "What to do with the chosen picture");
  const list = el.appendChild(document.createElement("div"));
  list.className = "nbgen-list";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", model.get("title"));
  // A letter pressed here is no command for the notebook: "x" would cut the cell.
  list.setAttribute("data-lm-suppress-shortcuts", "true");
  const said = el.appendChild(document.createElement("div"));
  said.className = "nbgen-status nbgen-said-line";
  said.setAttribute("role", "status");

  const items = () => model.get("items");
  const chosen = () => items().find((item) => item.key === model.get("chosen"));
  const choose = (key) => {
    model.set("chosen", key);
    model.save_changes();
    draw();
  };

  const copy = (text, what) => copyText(text, said, what, `${what} copied.`);

  const press = (action) => {
    const item = chosen();
    if (!item) return;
    said.textContent = "";
    if (action.copies) copy(item[action.copies], action.label.replace(/^Copy /, "").replace(/^./, (c) => c.toUpperCase()));
    else model.send({ kind: "action", name: action.name, key: item.key });
  };

  const drawTools = () => {
    const groups = Map.groupBy(model.get("actions"), (action) => action.group);
    tools.replaceChildren(...[...groups.values()].map(drawGroup));
    tools.hidden = !chosen();
  };

  // Buttons that belong together stay on one line.
  const drawGroup = (actions) => {
    const group = document.createElement("span");
    group.append(
      ...actions.map((action) => {
        const made = document.createElement("button");
        made.type = "button";
        made.textContent = action.name === "star" && chosen()?.starred ? "★ Starred" : action.label;
        made.title = action.title;
        if (action.name === "star") made.setAttribute("aria-pressed", String(Boolean(chosen()?.starred)));
        made.dataset.action = action.name;
        made.setAttribute("data-lm-suppress-shortcuts", "true");
        made.addEventListener("click", () => press(action));
        return made;
      }),
    );
    return group;
  };

  const drawn = new Map(); // thumbnails stay: drawn anew they would flicker
  const draw = () => {
    const keys = new Set(items().map((item) => item.key));
    for (const [key, option] of drawn) {
      if (keys.has(key)) continue;
      URL.revokeObjectURL(option.firstChild.src);
      drawn.delete(key);
    }
    list.replaceChildren(...items().map(option));
    list.tabIndex = items().length ? 0 : -1;
    if (!items().length) list.textContent = model.get("empty");
    const current = drawn.get(model.get("chosen"));
    list.setAttribute("aria-activedescendant", current?.id ?? "");
    drawTools();
  };
  const view = Math.random().toString(36).slice(2);
  const option = (item, place) => {
    let made = drawn.get(item.key);
    if (!made) {
      made = document.createElement("div");
      made.setAttribute("role", "option");
      const image = made.appendChild(new Image());
      image.src = URL.createObjectURL(new Blob([item.thumb], { type: "image/png" }));
      image.alt = item.label;
      image.title = item.label;
      made.addEventListener("click", () => choose(item.key));
      drawn.set(item.key, made);
    }
    made.id = `nbgen-${view}-${place}`;
    made.classList.toggle("nbgen-starred", item.starred);
    made.setAttribute("aria-selected", String(item.key === model.get("chosen")));
    return made;
  };

  list.addEventListener("keydown", (event) => {
    const keys = items().map((item) => item.key);
    const at = keys.indexOf(model.get("chosen"));
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: keys.length - 1 }[event.key];
    if (to === undefined || !keys.length) return;
    event.preventDefault();
    event.stopPropagation();
    const next = keys[Math.max(0, Math.min(keys.length - 1, to))];
    choose(next);
    drawn.get(next)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  const told = (message) => {
    if (message.kind === "said") said.textContent = message.words;
  };
  model.on("change:items", draw);
  model.on("change:chosen", draw);
  model.on("change:actions", drawTools);
  model.on("msg:custom", told);
  draw();
  return () => {
    model.off("change:items", draw);
    model.off("change:chosen", draw);
    model.off("change:actions", drawTools);
    model.off("msg:custom", told);
    for (const made of drawn.values()) URL.revokeObjectURL(made.firstChild.src);
  };
}

export default { render };
