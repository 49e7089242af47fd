// Two pictures without names: which is better? One question at a time, and the ranking at the end.

import { codeLine } from "./copying.js";
import { make } from "./elements.js";
import { keepKeys } from "./keys.js";
import { overOutput } from "./over.js";

const ANSWERS = [["left", "Left is better (←)"], ["tie", "No difference (↓)"], ["right", "Right is better (→)"]];
const KEYS = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "tie" };

function openBlind(model, el) {
  let urls = [];
  let waiting = null; // the number of the question that was answered and has not gone yet
  const status = make("div", { class: "nbgen-status", role: "status", "aria-live": "polite" });
  const copied = make("div", { class: "nbgen-status", role: "status" });
  const bar = make("progress", { "aria-label": "Questions answered" });
  const images = ["left", "right"].map((side) => make("img", { alt: `the ${side} one`, draggable: false, onclick: () => answer(side) }));
  const buttons = ANSWERS.map(([choice, label]) => make("button", { type: "button", value: choice, textContent: label, onclick: () => answer(choice) }));
  const undo = make("button", { type: "button", textContent: "Back (Backspace)", onclick: () => send("undo") });
  const code = codeLine("Copy code", copied);
  const question = make("div", { class: "nbgen-question" },
    make("div", { class: "nbgen-two" }, ...images),
    make("div", { class: "nbgen-tools", role: "group", "aria-label": "Which one is better?" }, ...buttons, undo));
  const result = make("div", { class: "nbgen-result" });
  el.classList.add("nbgen-studio", "nbgen-blind");
  el.tabIndex = -1;
  el.append(make("div", { class: "nbgen-row" }, bar, status), question, result, code.row, copied);

  function send(kind, more = {}) {
    const { number } = model.get("question");
    if (waiting === number) return;
    waiting = number;
    model.send({ kind, number, ...more });
  }

  function answer(choice) {
    if (model.get("question").pictures.length) send("vote", { choice });
  }

  function draw() {
    const { number, total, pictures, side } = model.get("question");
    const inside = el.contains(document.activeElement);
    waiting = null;
    for (const url of urls) URL.revokeObjectURL(url);
    urls = pictures.map((bytes) => URL.createObjectURL(new Blob([bytes], { type: "image/png" })));
    urls.forEach((url, place) => {
      images[place].src = url;
      images[place].style.imageRendering = side < 256 ? "pixelated" : "auto";
    });
    Object.assign(bar, { max: total, value: number });
    undo.disabled = number === 0;
    question.hidden = !pictures.length;
    status.textContent = pictures.length ? `Question ${number + 1} of ${total}: which one is better?` : `${total} questions answered.`;
    const { rows, by, verdict, code: call } = model.get("result");
    code.show(call ?? model.get("use"));
    result.hidden = !rows;
    if (rows) {
      result.replaceChildren(make("p", { class: "nbgen-verdict", textContent: verdict }), drawRows(rows, by));
      if (inside) el.focus({ preventScroll: true });
    }
  }

  const percent = (value) => `${Math.round(100 * value)}%`;

  function drawRows(rows, by) {
    const heads = [by, "preferred to the average", "", "wins", "ties", "losses"];
    const lines = rows.map((row) => {
      const [low, high] = [row.from ?? row.preferred, row.to ?? row.preferred];
      const words = row.from === null ? percent(row.preferred) : `${percent(row.preferred)} (${percent(low)} to ${percent(high)})`;
      const range = make("div", { class: "nbgen-range", "aria-hidden": "true" },
        make("span", { class: "nbgen-interval", style: `left: ${100 * low}%; width: ${100 * (high - low)}%` }),
        make("span", { class: "nbgen-point", style: `left: ${100 * row.preferred}%` }));
      return make("tr", {}, make("th", { scope: "row", textContent: row[by], dir: "auto" }), make("td", { textContent: words }), make("td", {}, range),
        ...["wins", "ties", "losses"].map((name) => make("td", { textContent: row[name] })));
    });
    return make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((name) => make("th", { scope: "col", textContent: name })))), make("tbody", {}, ...lines));
  }

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.target.matches("textarea")) return;
    if (KEYS[event.key]) answer(KEYS[event.key]);
    else if (event.key === "Backspace" && !undo.disabled) send("undo");
    else return;
    event.preventDefault();
  }
  el.addEventListener("keydown", press);
  const keysEnd = keepKeys(el);
  for (const name of ["question", "result", "use"]) model.on(`change:${name}`, draw);
  draw();
  return () => {
    keysEnd();
    for (const name of ["question", "result", "use"]) model.off(`change:${name}`, draw);
    for (const url of urls) URL.revokeObjectURL(url);
    el.replaceChildren();
  };
}

export default overOutput(openBlind);
