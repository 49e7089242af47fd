// Paint on a sheet with mouse, finger, pen or keys: a mask over its picture, or a sketch in colours.

import { copyText } from "./copying.js";
import { keepKeys } from "./keys.js";
import { overOutput } from "./over.js";
import { beginStroke, blankLayer, floodFill, layerToPng, paintedShare, pngToLayer, showLayer, strokeTo } from "./raster.js";
import { make } from "./elements.js";
import { turns } from "./turns.js";

const TINT = [255, 0, 190, 110]; // a colour that few pictures have much of, and that lets them through
const INKS = { black: "#000000", white: "#ffffff", grey: "#8a8f98", red: "#d62828", orange: "#f77f00", yellow: "#fcd34d",
  green: "#2a9d4a", sky: "#4ea8de", blue: "#1d4ed8", purple: "#7e3fb5", pink: "#f28bb2", brown: "#7a4a24" };
const LONGEST_HISTORY = 60;
const LONGEST_CODE = 200_000; // characters
const TOLERANCE = 60; // of 255: a fill runs up to the middle of a soft edge
const KEYS = "Keys on the sheet: arrows move, Space draws, Enter puts the pen down or up, B paint, E erase, F fill, [ ] size, Ctrl+Z undo, Ctrl+Y redo.";

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

function openPad(model, el) {
  const masking = model.get("masking");
  const [width, height] = [model.get("width"), model.get("height")];
  const layer = blankLayer(width, height, masking ? 1 : 3, masking ? [0] : [255, 255, 255]);
  const paper = { ...layer, data: layer.data.slice() }; // what the eraser leaves, and Clear
  let tool = "paint";
  let ink = "#000000";
  let size = Math.max(1, Math.round(Math.max(width, height) / (masking ? 8 : 40)));
  let stroke = null; // the one under way, {last, ...} as raster.js wants it
  let cursor = { x: width / 2, y: height / 2 };
  let penDown = false; // by Enter
  let own = null; // what this view has sent last
  const history = [];
  const { inTurn, whileOthersWait } = turns(); // a sheet that is decoded would cover what is done meanwhile
  let now = -1;
  const view = Math.random().toString(36).slice(2);

  const canvas = make("canvas", { width, height, tabIndex: 0, role: "application" });
  const painter = canvas.getContext("2d");
  const ring = make("div", { class: "nbgen-ring", "aria-hidden": "true" });
  const stage = make("div", { class: "nbgen-sheet" }, canvas, ring);
  const status = make("div", { class: "nbgen-status", role: "status", "aria-live": "polite" });
  const code = make("code");
  let beneath = "";

  const button = (label, title, press, more = {}) => make("button", { type: "button", textContent: label, title, onclick: press, ...more });
  const tools = Object.fromEntries([["paint", "Paint", "B"], ["erase", "Erase", "E"], ["fill", "Fill", "F"]].map(([name, label, key]) =>
    [name, button(label, `${label} (${key})`, () => take(name), { "aria-keyshortcuts": key })]));
  const undoing = button("Undo", "Undo (Ctrl+Z)", () => travel(-1));
  const redoing = button("Redo", "Redo (Ctrl+Y)", () => travel(1));
  const slider = make("input", { type: "range", min: 1, max: Math.max(8, Math.round(Math.max(width, height) / 2)), value: size, oninput: () => resize(Number(slider.value)) });
  const sizeSaid = make("span", { class: "nbgen-said" });
  const colours = masking ? [] : Object.entries(INKS).map(([name, value]) => make("button", {
    type: "button", class: "nbgen-ink", title: name, "aria-label": `Colour ${name}`, style: `--ink: ${value}`, value, onclick: () => dip(value),
  }));
  const mixed = make("input", { type: "color", value: ink, title: "Another colour", "aria-label": "Another colour", oninput: () => dip(mixed.value) });
  const copied = button("Copy as code", "The call that gives the same, painted parts and all", copy);

  el.classList.add("nbgen-studio", "nbgen-pad");
  el.append(
    make("div", { class: "nbgen-tools", role: "toolbar", "aria-label": masking ? "Paint a mask" : "Draw a sketch" },
      ...Object.values(tools),
      make("label", { class: "nbgen-size" }, "Size", slider, sizeSaid),
      undoing, redoing,
      button("Clear", masking ? "Nothing painted" : "The sheet as it was at first", () => alter((_, i) => paper.data[i], "Cleared.")),
      ...(masking ? [
        button("Paint all", "Everything painted", () => alter(() => 255, "All painted.")),
        button("Invert", "Painted and unpainted swapped", () => alter((value) => 255 - value, "Inverted.")),
      ] : [])),
    ...(masking ? [] : [make("div", { class: "nbgen-inks", role: "group", "aria-label": "Colours" }, ...colours, mixed)]),
    stage, status,
    make("div", { class: "nbgen-code" }, code, copied),
    make("div", { class: "nbgen-soft nbgen-hint", textContent: KEYS }));

  function take(name) {
    tool = name;
    for (const [each, made] of Object.entries(tools)) made.setAttribute("aria-pressed", String(each === tool));
    drawRing();
  }

  function dip(value) {
    ink = value;
    mixed.value = value;
    for (const made of colours) made.setAttribute("aria-pressed", String(made.value === value));
    if (tool === "erase") take("paint");
    drawRing();
  }

  function resize(wanted) {
    size = Math.min(Number(slider.max), Math.max(1, Math.round(wanted)));
    slider.value = size;
    sizeSaid.textContent = `${size} px`;
    drawRing();
  }

  const show = (area) => showLayer(painter, layer, masking && TINT, area);

  const begin = (...how) => inTurn(() => start(...how));

  function start(point, erasing, pressed) {
    if (stroke) return;
    model.send({ kind: "begun", view }); // Python waits for what has begun
    if (tool === "fill" && !erasing) {
      floodFill(layer, point, masking ? [255] : rgb(ink), masking ? 127 : TOLERANCE);
      keep("Filled.");
      return;
    }
    stroke = beginStroke(layer, erasing ? paper.data : masking ? [255] : rgb(ink), masking);
    stroke.last = point;
    go(point, pressed);
  }

  /** The stroke under way goes on to a point; `pressed`: how hard, of 1. */
  function go(point, pressed = 1) {
    inTurn(() => {
      if (!stroke) return;
      show(strokeTo(layer, stroke, stroke.last, point, size * pressed));
      stroke.last = point;
    });
  }

  const end = () => inTurn(() => {
    if (!stroke) return;
    stroke = null;
    keep("");
  });

  /** What is on the sheet now is a step of the history, and Python's. */
  function keep(words) {
    show();
    const bytes = layerToPng(layer);
    history.splice(now + 1, history.length, bytes);
    if (history.length > LONGEST_HISTORY) history.shift();
    now = history.length - 1;
    deliver(bytes);
    say(words);
  }

  /**
   * A message, not a change of state: those are held back while one is under way, and the next cell would be sent
   * first. The state of this page changes too, for other views of the same sheet.
   */
  function deliver(bytes) {
    own = bytes;
    model.set("sheet", new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    model.send({ kind: "sheet", view }, undefined, [bytes]);
  }

  function say(words) {
    undoing.disabled = now <= 0;
    redoing.disabled = now >= history.length - 1;
    const share = 100 * (masking ? paintedShare(layer) : 0);
    const painted = share > 0 && share < 1 ? "less than 1%" : `${Math.round(share)}%`;
    status.textContent = [words, masking ? `${painted} painted: that is what changes.` : ""].filter(Boolean).join(" ");
    canvas.setAttribute("aria-label", masking
      ? `Mask of ${width} by ${height} pixels, ${painted} painted. ${KEYS}` : `Sketch of ${width} by ${height} pixels. ${KEYS}`);
  }

  function travel(by) {
    inTurn(() => {
      if (stroke || !history[now + by]) return;
      now += by;
      deliver(history[now]);
      redraw(history[now], by < 0 ? "Undone." : "Redone.");
    });
  }

  const redraw = (bytes, words) => whileOthersWait(pngToLayer(bytes, layer), () => { show(); say(words); });

  function alter(value, words) {
    inTurn(() => {
      if (stroke) return;
      layer.data.set(layer.data.map(value));
      keep(words);
    });
  }

  async function copy() {
    const sheet = btoa(Array.from(history[now], (byte) => String.fromCharCode(byte)).join(""));
    const text = model.get("call").replace("…", () => `"data:image/png;base64,${sheet}"`);
    if (text.length > LONGEST_CODE) {
      say("This is too much for a cell: save it as a file, as .image.save(…) does.");
      return;
    }
    await copyText(text, status);
  }

  function drawRing() {
    const scale = canvas.clientWidth / width || 1;
    ring.style.width = ring.style.height = `${Math.max(4, size * scale)}px`;
    ring.style.left = `${cursor.x * scale}px`;
    ring.style.top = `${cursor.y * scale}px`;
    ring.classList.toggle("nbgen-down", penDown);
  }

  const pointOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) * width) / box.width, y: ((event.clientY - box.top) * height) / box.height };
  };
  const inside = (point) => ({ x: Math.min(width - 0.01, Math.max(0, point.x)), y: Math.min(height - 0.01, Math.max(0, point.y)) });
  const pressure = (event) => (event.pointerType === "pen" && event.pressure ? 0.3 + 1.4 * event.pressure : 1);

  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || (event.button !== 0 && event.button !== 5)) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    cursor = inside(pointOf(event));
    drawRing();
    begin(cursor, tool === "erase" || event.button === 5, pressure(event)); // 5 is the other end of a pen
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!event.isPrimary) return;
    cursor = inside(pointOf(event));
    drawRing();
    if (!event.buttons) return;
    // A quick hand is sampled more often than the page is drawn.
    const points = event.getCoalescedEvents?.() ?? [];
    for (const each of points.length ? points : [event]) go(pointOf(each), pressure(each));
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) canvas.addEventListener(name, end);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());

  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const commands = { b: () => take("paint"), e: () => take("erase"), f: () => take("fill"),
    "[": () => resize(size > 8 ? size * 0.8 : size - 1), "]": () => resize(size > 8 ? size * 1.25 : size + 1) };
  const historyKey = (event) => (event.ctrlKey || event.metaKey) && !event.altKey && ["z", "y"].includes(event.key.toLowerCase());
  function press(event) {
    const key = event.key.toLowerCase();
    if (historyKey(event)) travel(key === "y" || event.shiftKey ? 1 : -1);
    else if (event.ctrlKey || event.metaKey || event.altKey || event.target !== canvas) return;
    else if (moves[event.key]) {
      const far = event.shiftKey ? Math.max(width, height) / 8 : Math.max(1, size / 3);
      cursor = inside({ x: cursor.x + moves[event.key][0] * far, y: cursor.y + moves[event.key][1] * far });
      go(cursor);
      drawRing();
    } else if (event.key === " ") {
      if (!event.repeat) begin(cursor, tool === "erase");
    } else if (event.key === "Enter") {
      penDown = !penDown && tool !== "fill";
      if (penDown || tool === "fill") begin(cursor, tool === "erase");
      else end();
      say(penDown ? "Pen down." : "Pen up.");
      drawRing();
    } else if (commands[key]) commands[key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  el.addEventListener("keydown", press);
  canvas.addEventListener("keyup", (event) => { if (event.key === " " && !penDown) end(); });
  canvas.addEventListener("blur", () => { penDown = false; end(); drawRing(); });

  /** The sheet was changed elsewhere: by code, or in another view of it. */
  function changed() {
    inTurn(() => {
      const bytes = model.get("sheet");
      if (bytes.buffer === own?.buffer) return;
      const copied = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice();
      history.splice(now + 1, history.length, copied);
      now = history.length - 1;
      redraw(copied, "");
    });
  }

  const drawPicture = () => {
    const bytes = model.get("beneath");
    if (beneath) URL.revokeObjectURL(beneath);
    beneath = bytes.byteLength ? URL.createObjectURL(new Blob([bytes], { type: "image/png" })) : "";
    stage.style.backgroundImage = beneath && masking ? `url("${beneath}")` : "";
  };
  const drawUse = () => { code.textContent = model.get("use"); };
  // Few pixels are shown large and crisp.
  const shown = Math.min(512, Math.max(320, Math.max(width, height)));
  stage.style.width = `${(shown * width) / Math.max(width, height)}px`;
  stage.style.aspectRatio = `${width} / ${height}`;
  stage.classList.toggle("nbgen-crisp", Math.max(width, height) < 256);

  const fit = new ResizeObserver(drawRing);
  fit.observe(stage);
  const keysEnd = keepKeys(el, historyKey);
  model.on("change:sheet", changed);
  model.on("change:use", drawUse);
  drawPicture();
  drawUse();
  take("paint");
  if (!masking) dip(ink);
  resize(size);
  if (model.get("beneath").byteLength && !masking) whileOthersWait(pngToLayer(model.get("beneath"), paper));
  changed();
  return () => {
    fit.disconnect();
    keysEnd();
    model.off("change:sheet", changed);
    model.off("change:use", drawUse);
    if (beneath) URL.revokeObjectURL(beneath);
  };
}

export default overOutput(openPad);
