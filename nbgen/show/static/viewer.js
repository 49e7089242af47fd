// A comparison that can be rearranged. mount(root, data) builds it inside `root` and returns a function that removes it;
// `keys` is where key presses are heard: `root` in a notebook, the document where nothing else is on the page.
// `arranged(state, marks)` is called whenever something moved or was marked.

import { ROLES, assignRole, finder, pagesOf, startingState, transpose } from "./arranging.js";
import { describe, make, picture } from "./elements.js";
import { lookAt, lookAtTwo } from "./looking.js";

const SMALLEST = 24;
const LARGEST = 640;
const HELP = [
  ["Arrows", "move between pictures"], ["Enter", "the full picture and its recipe"], ["Space", "mark a picture to compare, A then B"],
  ["C", "compare A and B: wipe"], ["B", "compare A and B: blink"], ["D", "compare A and B: difference"],
  ["+ − 0", "larger, smaller, fitted"], ["T", "swap rows and columns"], ["[ ]", "page before, page after"], ["Esc", "close, or clear the marks"],
];

export function mount(root, data, keys = root, arranged = () => {}) {
  const state = startingState(data);
  const find = finder(data);
  const marks = [null, null];
  let size = 0; // 0 fits the width
  let current = data.cells.findIndex((cell) => cell.picture !== null);
  let places = new Map(); // cell number -> [line, place in the line], for the arrow keys
  let lines = [];

  const tools = make("div", { class: "tools", role: "toolbar", "aria-label": "Arrange" });
  const tray = make("div", { class: "tray", role: "status" });
  const main = make("main", { tabIndex: -1 });
  const zoom = make("input", { type: "range", min: SMALLEST, max: LARGEST, "aria-label": "Size of the pictures", oninput: () => resize(Number(zoom.value)) });
  const theme = make("button", { type: "button", textContent: "Light / dark", onclick: switchTheme });
  root.classList.add("nbgen-viewer");
  root.replaceChildren(
    make("header", { class: "head" },
      make("div", { class: "title" },
        make("div", { class: "push" }, make("h1", { textContent: data.title, dir: "auto" }),
          make("span", { class: "soft", textContent: data.notes.join(" · "), dir: "auto" })),
        make("label", { class: "zoom" }, "Size", zoom), theme,
        make("button", { type: "button", textContent: "Keys (?)", onclick: showHelp })),
      tools),
    main, tray);

  function draw() {
    drawTools();
    drawPages();
    drawTray();
  }

  function drawTools() {
    tools.replaceChildren(...data.axes.map((axis, number) => {
      const role = make("select", { "aria-label": `Where ${axis.title} runs`, onchange: () => { assignRole(state, number, role.value); draw(); } },
        ...ROLES.map((each) => make("option", { value: each, textContent: each === "inside" ? "inside cells" : each, selected: state.roles[number] === each })));
      const page = state.roles[number] !== "pages" ? null : make("select", {
        "aria-label": `Page of ${axis.title}`, class: "page-of", onchange: () => { state.page[number] = Number(page.value); drawPages(); },
      }, make("option", { value: -1, textContent: "all pages" }),
      ...axis.labels.map((label, position) => make("option", { value: position, textContent: label, selected: state.page[number] === position })));
      return make("div", { class: "axis" }, make("b", { textContent: axis.title, dir: "auto" }), role, page, drawValues(axis, number));
    }), make("button", { type: "button", class: "swap", textContent: "Swap rows and columns (T)", onclick: () => { transpose(state); draw(); } }));
  }

  function drawValues(axis, number) {
    const summary = make("summary");
    const count = () => {
      const left = axis.labels.length - state.hidden[number].size;
      summary.textContent = left === axis.labels.length ? `${left} shown` : `${left} of ${axis.labels.length}`;
    };
    count();
    const boxes = axis.labels.map((label, position) => make("label", { dir: "auto" },
      make("input", {
        type: "checkbox", checked: !state.hidden[number].has(position),
        onchange: (event) => {
          state.hidden[number][event.target.checked ? "delete" : "add"](position);
          count();
          drawPages();
        },
      }), label));
    return make("details", { class: "values" }, summary, make("div", { class: "list" }, ...boxes));
  }

  function drawPages() {
    const pages = pagesOf(data, state, find);
    places = new Map();
    lines = [];
    main.replaceChildren(...(pages.length ? pages.map(drawPage) : [make("p", { class: "soft", textContent: "Nothing is shown: choose values again." })]));
    if (!places.has(current)) current = places.keys().next().value ?? -1;
    arranged(state, marks);
    const entry = button(current);
    if (entry) entry.tabIndex = 0;
    resize(size);
  }

  function drawPage(page) {
    const table = make("table");
    if (page.title) table.append(make("caption", { textContent: page.title, dir: "auto" }));
    if (page.columns) {
      const head = make("thead");
      const corner = page.rows ? [make("td")] : [];
      head.append(make("tr", {}, ...corner, make("th", { class: "axis-title", colSpan: page.columns.labels.length }, make("span", { textContent: page.columns.title, dir: "auto" }))));
      const names = page.rows ? [make("td", { class: "axis-title corner", textContent: page.rows.title, dir: "auto" })] : [];
      head.append(make("tr", { class: "labels" }, ...names, ...page.columns.labels.map((label) => make("th", { scope: "col", textContent: label, title: label, dir: "auto" }))));
      table.append(head);
    }
    const body = make("tbody");
    page.slots.forEach((slots, row) => {
      const line = [];
      lines.push(line);
      const cells = slots.map((slot) => make("td", {}, make("div", { class: slot.length > 1 ? "several" : "one" }, ...slot.map((number) => {
        if (number === undefined) return make("span", { class: "cell skipped", role: "img", "aria-label": "left out on purpose", title: "left out on purpose" });
        places.set(number, [lines.length - 1, line.length]);
        line.push(number);
        return drawCell(number);
      }))));
      const title = page.rows ? [make("th", { scope: "row", title: page.rows.labels[row] }, make("span", { textContent: page.rows.labels[row], dir: "auto" }))] : [];
      body.append(make("tr", {}, ...title, ...cells));
    });
    table.append(body);
    const most = Math.ceil(Math.sqrt(Math.max(...page.slots.flat().map((slot) => slot.length))));
    table.style.setProperty("--across", most);
    return table;
  }

  function drawCell(number) {
    const cell = data.cells[number];
    const content = cell.picture === null
      ? make("span", { class: cell.reason ? "reason" : "waiting", textContent: cell.reason || "not made", dir: "auto" })
      : picture(data, cell, { loading: "lazy" });
    const letter = marks.indexOf(number);
    const entry = make("button", {
      type: "button", class: `cell${letter >= 0 ? " marked" : ""}`, tabIndex: -1, value: number, title: [describe(data, cell), cell.reason].filter(Boolean).join(": "),
      onclick: (event) => { current = number; if (event.shiftKey) mark(number); else look(number); },
      onfocus: () => { moveTo(number, false); },
    }, content);
    if (letter >= 0) entry.append(make("span", { class: "tag left", textContent: "AB"[letter] }));
    return entry;
  }

  function drawTray() {
    const names = marks.map((number, index) => (number === null ? null : make("span", { dir: "auto" }, make("b", { textContent: `${"AB"[index]} ` }), describe(data, data.cells[number]))));
    const both = marks[0] !== null && marks[1] !== null;
    tray.hidden = !names[0] && !names[1];
    tray.replaceChildren(...names.filter(Boolean), make("span", { class: "push" }),
      ...(both ? [["wipe", "Wipe (C)"], ["blink", "Blink (B)"], ["difference", "Difference (D)"]].map(([mode, title]) =>
        make("button", { type: "button", textContent: title, onclick: () => compare(mode) })) : [make("span", { class: "soft", textContent: "Mark another: Space, or click with Shift." })]),
      make("button", { type: "button", textContent: "Clear (Esc)", onclick: clear }));
  }

  function resize(wanted) {
    size = wanted;
    const columns = Math.max(1, ...lines.map((line) => line.length));
    const labels = main.querySelector("tbody th")?.offsetWidth ?? 0;
    const largest = lines.length === 1 ? 384 : lines.length < 4 ? 256 : 160;
    const fitted = Math.min(largest, Math.max(48, (main.clientWidth - labels - 32) / columns - 6));
    const side = size || fitted;
    root.style.setProperty("--size", `${Math.round(side)}px`);
    const widest = Math.max(1, ...data.sizes.map(([width]) => width));
    root.classList.toggle("sharp", side >= widest);
    root.style.setProperty("--ratio", data.sizes.length ? data.sizes[0][0] / data.sizes[0][1] : 1);
    zoom.value = side;
  }

  const button = (number) => main.querySelector(`button.cell[value="${number}"]`);

  function moveTo(number, focus = true) {
    const before = button(current);
    if (before) before.tabIndex = -1;
    current = number;
    const entry = button(number);
    if (!entry) return;
    entry.tabIndex = 0;
    if (focus) entry.focus();
  }

  /** The cell number that many lines down and places right of the current one, clamped at the edges. */
  function step(down, right) {
    const place = places.get(current);
    if (!place) return undefined;
    let row = place[0];
    do row += down; while (lines[row] && !lines[row].length);
    const line = lines[row];
    if (!line) return undefined;
    const next = line[Math.min(Math.max(place[1] + right, 0), line.length - 1)];
    moveTo(next);
    return next;
  }

  function look(number) {
    lookAt(root, data, number, { step, mark, closed: moveTo });
  }

  function mark(number) {
    const had = marks.indexOf(number);
    if (had >= 0) marks[had] = null;
    else if (data.cells[number].picture !== null) marks[marks[0] === null ? 0 : 1] = number;
    refresh();
  }

  function clear() {
    marks.fill(null);
    refresh();
  }

  function refresh() {
    const focused = main.contains(document.activeElement);
    const [left, top] = [main.scrollLeft, main.scrollTop];
    drawPages();
    drawTray();
    main.scrollTo(left, top);
    if (focused) moveTo(current);
  }

  function compare(mode) {
    if (marks[0] !== null && marks[1] !== null) lookAtTwo(root, data, marks, mode, () => moveTo(current));
  }

  function turnPage(by) {
    const number = state.roles.indexOf("pages");
    if (number < 0) return;
    const count = data.axes[number].labels.length;
    state.page[number] = Math.min(Math.max(state.page[number] + by, -1), count - 1);
    draw();
  }

  function switchTheme() {
    const dark = getComputedStyle(root).colorScheme === "dark" || (getComputedStyle(root).colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    root.style.colorScheme = dark ? "light" : "dark";
  }

  function showHelp() {
    const dialog = make("dialog", { class: "help", "aria-label": "Keys" },
      make("header", {}, make("h2", { textContent: "Keys" }), make("button", { type: "button", class: "close", "aria-label": "Close", textContent: "×", onclick: () => dialog.close() })),
      make("dl", {}, ...HELP.flatMap(([key, what]) => [make("dt", {}, make("kbd", { textContent: key })), make("dd", { textContent: what })])));
    dialog.addEventListener("close", () => dialog.remove());
    root.append(dialog);
    dialog.showModal();
  }

  function closeLists(event) {
    for (const list of tools.querySelectorAll("details[open]")) if (!list.contains(event.target)) list.open = false;
  }

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || root.querySelector("dialog[open]")) return;
    if (event.target.closest?.("select, input, summary, details")) return;
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const onButton = event.target.closest?.("button:not(.cell)");
    const actions = {
      "+": () => resize(Math.min(LARGEST, Number(zoom.value) * 1.25)), "=": () => resize(Math.min(LARGEST, Number(zoom.value) * 1.25)),
      "-": () => resize(Math.max(SMALLEST, Number(zoom.value) / 1.25)), 0: () => resize(0),
      t: () => { transpose(state); draw(); moveTo(current); }, "[": () => turnPage(-1), "]": () => turnPage(1),
      c: () => compare("wipe"), b: () => compare("blink"), d: () => compare("difference"), "?": showHelp, Escape: clear,
    };
    if (moves[event.key]) step(...moves[event.key]);
    else if (event.key === " " && !onButton) mark(current);
    else if (event.key === "Enter" && !onButton) look(current);
    else if (actions[event.key.toLowerCase()] ?? actions[event.key]) (actions[event.key.toLowerCase()] ?? actions[event.key])();
    else return;
    event.preventDefault();
  }

  const fit = new ResizeObserver(() => { if (!size) resize(0); });
  keys.addEventListener("keydown", press);
  root.addEventListener("click", closeLists);
  draw();
  fit.observe(main);
  return () => {
    fit.disconnect();
    keys.removeEventListener("keydown", press);
    root.removeEventListener("click", closeLists);
    root.replaceChildren();
  };
}
