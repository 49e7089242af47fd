// Dialogs that look closer: one picture with its recipe, and two pictures wiped, blinked or subtracted.

import { describe, make, picture } from "./elements.js";

/** Show one cell large, with its recipe. `step(down, right)` moves to a neighbour and returns its cell number. */
export function lookAt(root, data, number, { step, mark, closed }) {
  const place = make("h2", { dir: "auto" });
  const stage = make("div", { class: "stage" });
  const recipe = make("pre", { class: "recipe", tabIndex: 0, dir: "auto" });
  const copied = make("span", { class: "soft", role: "status" });
  let current = number;
  let actual = false;

  function show() {
    const cell = data.cells[current];
    place.textContent = describe(data, cell);
    recipe.textContent = cell.recipe || "no recipe is known";
    copied.textContent = "";
    if (cell.picture === null) {
      stage.replaceChildren(make("p", { class: "reason", textContent: cell.reason || "not made", dir: "auto" }));
      return;
    }
    const image = picture(data, cell, { class: actual ? "actual" : "fitted", title: "Click: actual size or fitted" });
    image.addEventListener("click", () => { actual = !actual; show(); });
    stage.replaceChildren(image);
  }

  const copy = make("button", {
    type: "button",
    textContent: "Copy recipe",
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(recipe.textContent);
        copied.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(recipe); // without the clipboard, selected is the next best thing
        copied.textContent = "selected: copy it with your keyboard";
      }
    },
  });
  const dialog = make("dialog", { class: "look", "aria-label": "One picture" },
    make("header", {}, place, closeButton()),
    make("div", { class: "beside" }, stage,
      make("section", {}, recipe,
        make("p", { class: "buttons" }, copy,
          make("button", { type: "button", textContent: "Mark to compare (Space)", onclick: () => { mark(current); dialog.close(); } }), copied))),
    make("footer", { class: "soft", textContent: "← → ↑ ↓ other pictures · Space marks · Esc closes" }));
  dialog.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (moves[event.key] && event.target !== recipe) {
      current = step(...moves[event.key]) ?? current;
      show();
    } else if (event.key === " " && event.target.tagName !== "BUTTON") {
      mark(current);
      dialog.close();
    } else {
      return;
    }
    event.preventDefault();
  });
  show();
  // The browser gives the focus back to where it was; it belongs to the picture that was looked at last.
  open(root, dialog, () => closed(current));
}

/** Show two cells over one another: "wipe", "blink" or "difference". */
export function lookAtTwo(root, data, numbers, mode, closed) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let cells = numbers.map((number) => data.cells[number]);
  let timer = 0;
  const stage = make("div", { class: "stage pair" });
  const text = make("p", { class: "soft", role: "status", dir: "auto" });
  const names = make("h2", { dir: "auto" });
  const slider = make("input", { type: "range" });
  const label = make("label", {}, make("span"), slider);
  const modes = make("div", { class: "modes", role: "group", "aria-label": "How to compare" },
    ...[["wipe", "Wipe (1)"], ["blink", "Blink (2)"], ["difference", "Difference (3)"]].map(([name, title]) =>
      make("button", { type: "button", value: name, textContent: title, onclick: () => { mode = name; show(); } })));

  function show() {
    clearInterval(timer);
    const [first, second] = cells;
    names.replaceChildren(make("b", { textContent: "A " }), describe(data, first), make("b", { textContent: "  B " }), describe(data, second));
    for (const button of modes.children) button.setAttribute("aria-pressed", String(button.value === mode));
    const [width, height] = data.sizes[first.picture];
    stage.style.setProperty("--ratio", width / height);
    const below = picture(data, first, { class: "layer" });
    const above = picture(data, second, { class: "layer" });
    const other = data.sizes[second.picture];
    const stretched = other[0] !== width || other[1] !== height ? " Sizes differ: B is stretched to A's." : "";
    ({ wipe, blink, difference })[mode](below, above, stretched);
  }

  function wipe(below, above, stretched) {
    const line = make("div", { class: "line" });
    control("A left, B right", 0, 100, 50, 1, (value) => {
      above.style.clipPath = `inset(0 0 0 ${value}%)`;
      line.style.left = `${value}%`;
    });
    stage.replaceChildren(below, above, line, tag("A", "left"), tag("B", "right"));
    text.textContent = `Drag across the picture, or use ← and →.${stretched}`;
  }

  function blink(below, above, stretched) {
    const sign = tag("A", "left");
    stage.replaceChildren(below, above, sign);
    const flip = () => {
      above.hidden = !above.hidden;
      sign.textContent = above.hidden ? "A" : "B";
    };
    above.hidden = true;
    control("Seconds each", 0.1, 2, 0.6, 0.1, (value) => {
      clearInterval(timer);
      if (!still) timer = setInterval(flip, value * 1000);
    });
    stage.flip = () => { clearInterval(timer); flip(); };
    text.textContent = `${still ? "Space flips." : "Space stops and flips."}${stretched}`;
  }

  async function difference(below, above, stretched) {
    const [width, height] = [below.width, below.height];
    const canvas = make("canvas", { class: "layer", width, height, role: "img" });
    stage.replaceChildren(canvas, tag("B − A", "left"));
    await Promise.all([below.decode(), above.decode()]);
    const [one, two] = [below, above].map((image) => pixels(image, width, height));
    const painter = canvas.getContext("2d");
    const drawn = painter.createImageData(width, height);
    let squares = 0;
    for (let i = 0; i < one.length; i++) if (i % 4 !== 3) squares += (one[i] - two[i]) ** 2;
    const error = Math.sqrt(squares / (one.length * 3 / 4)) / 255;
    text.textContent = `Root mean square difference ${error.toFixed(4)} (0 is equal, 1 is black against white). Black is equal.${stretched}`;
    canvas.setAttribute("aria-label", text.textContent);
    const start = Math.min(16, Math.max(1, Math.round(0.25 / Math.max(error, 0.001))));
    control("Strengthened", 1, 16, start, 1, (value) => {
      for (let i = 0; i < one.length; i++) drawn.data[i] = i % 4 === 3 ? 255 : Math.min(255, Math.abs(one[i] - two[i]) * value);
      painter.putImageData(drawn, 0, 0);
    });
  }

  function control(title, min, max, value, step, change) {
    Object.assign(slider, { min, max, step });
    slider.value = value;
    label.firstChild.textContent = title;
    slider.oninput = () => change(Number(slider.value));
    slider.oninput();
  }

  function drag(event) {
    if (mode !== "wipe" || (event.type === "pointermove" && !event.buttons)) return;
    const box = stage.getBoundingClientRect();
    slider.value = (100 * (event.clientX - box.left)) / box.width;
    slider.oninput();
  }
  stage.addEventListener("pointerdown", drag);
  stage.addEventListener("pointermove", drag);

  const dialog = make("dialog", { class: "look two", "aria-label": "Two pictures" },
    make("header", {}, names, closeButton()),
    make("div", { class: "tools" }, modes, label, make("button", { type: "button", textContent: "Swap A and B (X)", onclick: swap })),
    stage, text);
  function swap() {
    cells = [cells[1], cells[0]];
    show();
  }
  dialog.addEventListener("keydown", (event) => {
    const named = { 1: "wipe", 2: "blink", 3: "difference", w: "wipe", b: "blink", d: "difference" }[event.key.toLowerCase()];
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (named) { mode = named; show(); }
    else if (event.key.toLowerCase() === "x") swap();
    else if (event.key === " " && mode === "blink") stage.flip();
    else if (by && event.target !== slider) { slider.value = Number(slider.value) + by * Number(slider.step) * (mode === "wipe" ? 5 : 1); slider.oninput(); }
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("close", () => clearInterval(timer));
  show();
  open(root, dialog, closed);
}

function open(root, dialog, closed) {
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  root.append(dialog);
  dialog.tabIndex = -1;
  dialog.showModal();
  dialog.focus(); // not the first button, which Space would press
}

function closeButton() {
  return make("button", { type: "button", class: "close", "aria-label": "Close", textContent: "×", onclick: (event) => event.target.closest("dialog").close() });
}

function tag(text, side) {
  return make("span", { class: `tag ${side}`, textContent: text });
}

function pixels(image, width, height) {
  const canvas = make("canvas", { width, height });
  const painter = canvas.getContext("2d", { willReadFrequently: true });
  painter.drawImage(image, 0, 0, width, height);
  return painter.getImageData(0, 0, width, height).data;
}
