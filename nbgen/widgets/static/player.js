// A walk, or two side by side, played in a cell: scrub, step, speed, there and back.

import { codeLine } from "./copying.js";
import { make } from "./elements.js";
import { keepKeys } from "./keys.js";
import { overOutput } from "./over.js";

function openPlayer(model, el) {
  const walks = model.get("walks").map(({ frames, kind, labels, name }) => ({
    labels, name,
    urls: frames.map((bytes) => URL.createObjectURL(new Blob([bytes], { type: kind }))),
  }));
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const count = walks[0].urls.length;
  let place = 0; // in the order played
  let playing = false;
  let since = 0;
  let request = 0;
  let onScreen = true;

  const shown = walks.map((walk) => {
    walk.images = walk.urls.map((src) => Object.assign(new Image(), { src }));
    const [width, height] = model.get("size");
    walk.canvas = make("canvas", { width, height, role: "img" });
    walk.caption = make("figcaption", { dir: "auto" });
    return make("figure", { class: Math.max(width, height) < 256 ? "nbgen-crisp" : "" }, walk.canvas, walk.caption);
  });
  const play = make("button", { type: "button", class: "nbgen-primary", onclick: () => run(!playing) });
  const scrub = make("input", { type: "range", min: 0, step: 1, "aria-label": "Frame", oninput: () => { run(false); go(Number(scrub.value)); } });
  const speed = make("input", { type: "range", min: 1, max: 60, step: 1, value: Math.round(model.get("fps")), oninput: tell });
  const pace = make("span", { class: "nbgen-said" });
  const back = make("input", { type: "checkbox", checked: model.get("boomerang"), onchange: () => { place = Math.min(place, count - 1); tell(); draw(); } });
  const status = make("div", { class: "nbgen-status", role: "status" });
  const code = codeLine("Copy code", status);
  const step = (label, title, by) => make("button", { type: "button", textContent: label, title, "aria-label": title, onclick: () => { run(false); go(place + by); } });
  el.classList.add("nbgen-studio", "nbgen-player");
  el.append(
    make("div", { class: "nbgen-walks" }, ...shown),
    make("div", { class: "nbgen-tools", role: "group", "aria-label": "Play" }, play, step("‹", "Frame before", -1), step("›", "Frame after", 1), scrub),
    make("div", { class: "nbgen-tools", role: "group", "aria-label": "How it plays" },
      make("label", {}, "Speed", speed, pace), make("label", {}, back, "Boomerang: there and back")),
    status, code.row);

  const length = () => (back.checked && count > 2 ? 2 * count - 2 : count);
  const frameAt = (at) => (at < count ? at : 2 * count - 2 - at);

  function draw() {
    const frame = frameAt(place);
    for (const walk of walks) {
      // The other walk is as far along as the first, whatever its number of frames.
      const own = Math.round((frame / Math.max(1, count - 1)) * (walk.images.length - 1));
      const image = walk.images[own];
      if (!image.complete) {
        image.onload = draw;
        continue;
      }
      walk.canvas.getContext("2d").drawImage(image, 0, 0, walk.canvas.width, walk.canvas.height);
      const words = `${walk.name} ${own + 1} of ${walk.images.length}${walk.labels[own] ? `: ${walk.labels[own]}` : ""}`;
      walk.caption.textContent = words;
      walk.canvas.setAttribute("aria-label", words);
      walk.canvas.dataset.frame = own;
    }
    scrub.max = length() - 1;
    scrub.value = place;
    scrub.setAttribute("aria-valuetext", `frame ${frame + 1} of ${count}`);
    const name = walks[0].name;
    code.show(playing ? `${name}${back.checked ? ".boomerang()" : ""}.save("walk.png", fps=${speed.value})` : `${name}[${frame}]`);
  }

  function go(to) {
    place = (to + length()) % length();
    draw();
    if (!playing) tell();
  }

  // What a person has chosen is Python's, not every frame that passes.
  function tell() {
    pace.textContent = `${speed.value} a second`;
    const state = { frame: frameAt(place), fps: Number(speed.value), boomerang: back.checked };
    for (const [name, value] of Object.entries(state)) model.set(name, value); // for other views in this page
    model.send({ kind: "state", state }); // a message is never held back: the next cell finds it done
  }

  function run(now) {
    if (playing === now) return;
    playing = now;
    play.textContent = playing ? "Pause" : "Play";
    since = performance.now();
    cancelAnimationFrame(request);
    if (playing) request = requestAnimationFrame(tick);
    else tell();
    draw();
  }

  function tick(time) {
    const due = Math.floor(((time - since) * Number(speed.value)) / 1000);
    if (due > 0) {
      since += (due * 1000) / Number(speed.value);
      place = (place + due) % length();
      if (onScreen) draw();
    }
    request = requestAnimationFrame(tick);
  }

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("textarea")) return;
    const onRange = event.target.matches("input[type=range]");
    const onButton = event.target.matches("button, input[type=checkbox]");
    const moves = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: count - 1 };
    if (event.key === " " && !onButton) run(!playing);
    else if (event.key in moves && !onRange) { run(false); go(moves[event.key]); }
    else return;
    event.preventDefault();
  }
  el.addEventListener("keydown", press);
  const observer = new IntersectionObserver(([entry]) => { onScreen = entry.isIntersecting; });
  observer.observe(el);
  const keysEnd = keepKeys(el);
  const moved = () => {
    if (model.get("frame") === frameAt(place)) return;
    run(false);
    place = Math.min(count - 1, Math.max(0, model.get("frame")));
    draw();
  };
  model.on("change:frame", moved);
  place = Math.min(count - 1, model.get("frame"));
  play.textContent = "Play";
  pace.textContent = `${speed.value} a second`;
  draw();
  if (!still && count > 1 && !model.get("frame")) run(true);
  return () => {
    cancelAnimationFrame(request);
    observer.disconnect();
    keysEnd();
    model.off("change:frame", moved);
    el.replaceChildren();
    for (const walk of walks) walk.urls.forEach((url) => URL.revokeObjectURL(url));
  };
}

export default overOutput(openPlayer);
