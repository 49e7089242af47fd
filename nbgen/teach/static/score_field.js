// The laboratory of score and flow: what a person can press, and how each view is drawn.
import { Plane } from "./plane.js";
import { Chart, key } from "./chart.js";
import { laboratory, element, button, slider, menu, tabs } from "./live.js";

const VIEWS = [
  ["forward", "Forward"], ["field", "Field"], ["sampling", "Sampling"], ["guidance", "Guidance"], ["learning", "Learning"],
];
const SHAPES = ["dot", "ring", "cross", "square"];
const LEVELS = [0.02, 0.1, 0.3, 0.6, 0.9];
const HELP = {
  field: "Press into the plane to put a particle there, drag it, let go. Keys: arrows move it, N puts a new one, Enter lets go.",
  drawing: "Draw with the mouse, as many strokes as you like. Keys: arrows move the cross, Space puts a point, Enter is Use it.",
};

const flowLaboratory = laboratory((host, send) => {
  host.classList.add("nbgen-flow");
  const set = (fields, slot = "") => send("set", fields, slot);
  let now = null; // the last frame: { state, arrays }
  let drawing = null; // points of a drawing under way, or null
  let cursor = [0, 0];
  let pressed = false;

  const choose = tabs(host, "What to look at", VIEWS, (view) => set({ view }));
  const body = element(host, "div", { class: "nbgen-flow-body" });
  const left = element(body, "div", { class: "nbgen-flow-left" });
  const right = element(body, "div", { class: "nbgen-flow-right" });
  const again = () => now && draw(now.state, now.arrays);
  const plane = new Plane(left, { label: "The plane", onResize: again });
  const legend = element(left, "ul", { class: "nbgen-legend" });

  const row = element(right, "div", { class: "nbgen-row" });
  const distributions = menu(row, "Data", [], (distribution) => set({ distribution }));
  const draws = button(row, "Draw", () => startDrawing(), "Draw a distribution by hand");
  const uses = button(row, "Use it", () => useDrawing());
  const drops = button(row, "Cancel", () => stopDrawing());
  const schedules = menu(row, "Noise", [], (schedule) => set({ schedule }));
  const arrows = menu(row, "Arrows", ["score", "velocity", "denoised"], (kind) => set({ arrows: kind }));
  const targets = menu(row, "Learns", ["epsilon", "x0", "v", "flow"], (target) => set({ target }));
  const sets = menu(
    row, "From", [["0", "endless data"], ["8", "8 points"], ["30", "30 points"], ["200", "200 points"]],
    (data) => set({ data: Number(data) }),
  );
  const classes = menu(row, "Towards", [], (towards) => set({ towards }));

  const buttons = element(right, "div", { class: "nbgen-row" });
  const plays = button(buttons, "Play", () => send("play", { on: !now?.state.playing }));
  button(buttons, "Step", () => send("step", { count: 1 }));
  const restarts = button(buttons, "Restart", () => send("restart"));
  const measures = button(buttons, "Measure errors", () => send("measure"), "At 5, 10, 20 and 40 steps");
  const codes = button(buttons, "Copy code", () => send("code"), "About thirty lines of plain torch");

  const number = (value) => value.toFixed(2);
  const time = slider(right, "Time t", { min: 0, max: 1, step: 0.01, show: number }, (t) => set({ t }, "t"));
  const way = slider(
    right, "On the way", { min: 0, max: 1, step: 0.01, show: (part) => `${Math.round(100 * part)}%` },
    (value) => send("position", { value }, "position"),
  );
  const scale = slider(right, "Scale", { min: 0, max: 12, step: 0.5, show: String }, (guidance) => set({ guidance }, "w"));
  const counts = slider(
    right, "Points", { min: 100, max: 2000, step: 100, show: String }, (points) => set({ points }, "points"),
  );
  const runs = element(right, "div", { class: "nbgen-runs" });
  const says = element(right, "p", { role: "status", "aria-live": "polite", class: "nbgen-says" });
  const help = element(right, "p", { class: "nbgen-quiet" });
  const chart = new Chart(right, { label: "Chart", height: 230, onResize: again });
  const lines = element(right, "ul", { class: "nbgen-legend" });
  const code = element(host, "textarea", { class: "nbgen-code", rows: 12, readonly: "", "aria-label": "The code", hidden: "" });

  // Drawing by hand.

  const startDrawing = () => {
    drawing = [];
    cursor = [0, 0];
    plane.canvas.focus();
    again();
  };
  const stopDrawing = () => {
    drawing = null;
    again();
  };
  const useDrawing = () => {
    send("drawn", {}, "", [new Float32Array(drawing).buffer]);
    stopDrawing();
  };
  const addPoint = ([x, y], gap = 0.07) => {
    const [before, beside] = drawing.slice(-2);
    if (drawing.length && Math.hypot(x - before, y - beside) < gap) return;
    drawing.push(x, y);
    again();
  };

  // The pointer, and the keys that do the same.

  plane.canvas.addEventListener("pointerdown", (event) => {
    if (!drawing && now?.state.view !== "field") return;
    plane.canvas.setPointerCapture(event.pointerId);
    pressed = true;
    if (drawing) addPoint(plane.at(event), 0);
    else send("grab", { at: plane.at(event) });
  });
  plane.canvas.addEventListener("pointermove", (event) => {
    if (!pressed) return;
    if (drawing) addPoint(plane.at(event));
    else send("drag", { at: plane.at(event) }, "drag");
  });
  plane.canvas.addEventListener("pointerup", (event) => {
    if (pressed && !drawing) send("release", { at: plane.at(event) });
    pressed = false;
  });
  plane.canvas.addEventListener("pointercancel", () => { pressed = false; });
  plane.canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
    const field = now?.state.view === "field";
    if (!drawing && !field) return;
    const move = moves[event.key];
    if (move) {
      const edge = (value) => Math.max(-plane.extent, Math.min(plane.extent, value));
      cursor = [edge(cursor[0] + move[0]), edge(cursor[1] + move[1])];
      if (drawing) again();
      else if (now.state.particles) send("drag", { at: cursor }, "drag");
    } else if (event.key === " " && drawing) addPoint(cursor, 0);
    else if (event.key === "Enter" && drawing) useDrawing();
    else if (event.key === "Escape" && drawing) stopDrawing();
    else if (event.key === "Enter") send("release", {});
    else if (event.key.toLowerCase() === "n" && field) {
      cursor = [1.5, 1.5];
      send("grab", { at: cursor });
    } else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has keys of its own
  });

  // Runs: a sampler and its number of steps each.

  const drawRuns = ({ sampler, steps, menus }) => {
    const told = JSON.stringify([sampler, steps, menus.samplers]);
    if (runs.dataset.told === told || runs.contains(document.activeElement)) return;
    runs.dataset.told = told;
    runs.replaceChildren();
    const change = (place, name, count) => {
      const names = sampler.toSpliced(place, 1, ...(name ? [name] : []));
      const counted = steps.toSpliced(place, 1, ...(name ? [count] : []));
      document.activeElement?.blur();
      set({ sampler: names, steps: counted });
    };
    sampler.forEach((name, place) => {
      const line = element(runs, "div", { class: "nbgen-row" });
      const chosen = menu(line, `${place + 1}.`, menus.samplers, (value) => change(place, value, steps[place]));
      chosen.set(name);
      const input = element(line, "input", { type: "number", min: 1, max: 200, "aria-label": `Steps of ${name}` });
      input.value = steps[place];
      input.addEventListener("change", () => change(place, name, Number(input.value)));
      element(line, "span", { text: "steps" });
      if (sampler.length > 1) button(line, "Remove", () => change(place, null));
    });
    if (sampler.length < 4) {
      const free = menus.samplers.find((name) => !sampler.includes(name)) ?? sampler[0];
      button(runs, "Add a sampler", () => set({ sampler: [...sampler, free], steps: [...steps, steps[0]] }));
    }
  };

  // Drawing a frame.

  const drawPlane = (state, arrays) => {
    plane.fit();
    plane.clear();
    const series = plane.look.series;
    if (arrays.density) {
      const [rows, columns] = arrays.density.shape;
      plane.heat(arrays.density.map(Math.sqrt), columns, rows);
      plane.axes();
      if (state.view !== "sampling") plane.contours(arrays.density, columns, rows, LEVELS);
    }
    for (let place = 0; arrays[`path${place}`]; place += 1) {
      const [steps, ways] = arrays[`path${place}`].shape;
      for (let way_ = 0; way_ < ways; way_ += 1) {
        const xy = new Float32Array(2 * steps);
        for (let step = 0; step < steps; step += 1) {
          xy.set(arrays[`path${place}`].subarray(2 * (step * ways + way_), 2 * (step * ways + way_) + 2), 2 * step);
        }
        plane.path(xy, { colour: series[place + (state.view === "field" ? 1 : 0)], width: 1.2, alpha: 0.65 });
      }
    }
    const first = { guidance: 2, learning: 2, field: 1 }[state.view] ?? 0;
    const marked = { field: 6, learning: 1.7, forward: 1.7 }[state.view] ?? 1.9;
    if (state.view !== "field") drawPoints(state, arrays, series, first, marked);
    for (let place = 0; arrays[`arrow${place}`]; place += 1) {
      const colour = place ? series[place - 1] : plane.look.arrow;
      plane.arrows(arrays.at, arrays[`arrow${place}`], { colour, width: place ? 1.8 : 1.3 });
    }
    if (state.view === "field") drawPoints(state, arrays, series, first, marked);
    if (drawing) {
      plane.points(new Float32Array(drawing), { colour: series[1], size: 4, alpha: 1 });
      plane.points(new Float32Array(cursor), { colour: plane.look.ink, size: 6, alpha: 1, shape: "cross" });
    }
  };
  const drawPoints = (state, arrays, series, first, size) => {
    for (let place = 0; arrays[`points${place}`]; place += 1) {
      const training = state.view === "learning" && place === 1;
      plane.points(arrays[`points${place}`], {
        colour: series[training ? 1 : first + place], size: training ? 4 : size, alpha: state.view === "field" ? 1 : 0.7,
        shape: training ? "square" : state.view === "sampling" ? SHAPES[place] : "dot",
      });
    }
  };

  const drawLegend = (entries) => {
    const { series, arrow } = plane.look;
    const marks = { dot: "●", square: "■", arrow: "→", ring: "○", cross: "×" };
    legend.replaceChildren(...entries.map((entry, place) => {
      const item = document.createElement("li");
      const shape = now.state.view === "sampling" ? SHAPES[place] : entry.mark;
      const mark = element(item, "span", { text: marks[shape], "aria-hidden": "true" });
      mark.style.color = entry.colour < 0 ? arrow : series[entry.colour];
      item.append(` ${entry.text}`);
      return item;
    }));
  };

  const write = (target, text) => { if (target.textContent !== text) target.textContent = text; };

  const draw = (state, arrays) => {
    now = { state, arrays };
    if (!state.view) return;
    const view = state.view;
    choose(view);
    distributions.fill(state.menus.distributions);
    distributions.set(state.distribution);
    schedules.fill(state.menus.schedules);
    schedules.set(state.schedule);
    classes.fill(state.menus.classes);
    classes.set(state.towards);
    arrows.set(state.arrows);
    targets.set(state.target);
    sets.set(String(state.data));
    time.set(state.t);
    way.set(state.position);
    scale.set(state.guidance);
    counts.set(state.points);
    drawRuns(state);
    arrows.row.hidden = view !== "field";
    targets.row.hidden = sets.row.hidden = view !== "learning";
    classes.row.hidden = scale.row.hidden = view !== "guidance";
    runs.hidden = measures.hidden = view !== "sampling";
    time.row.hidden = view === "sampling";
    way.row.hidden = !["sampling", "guidance"].includes(view);
    counts.row.hidden = view === "field";
    draws.hidden = Boolean(drawing);
    uses.hidden = drops.hidden = !drawing;
    write(plays, state.playing ? "Pause" : view === "learning" ? "Train" : "Play");
    plays.setAttribute("aria-pressed", String(Boolean(state.playing)));
    write(says, state.says);
    write(help, (drawing ? HELP.drawing : HELP[view]) ?? "");
    plane.canvas.setAttribute("aria-label", `${state.distribution}, ${view}. ${state.says}`);
    drawPlane(state, arrays);
    drawLegend(state.legend);
    chart.canvas.setAttribute("aria-label", state.chart.title);
    chart.draw(state.chart, state.chart.series.map((_, place) => [arrays[`x${place}`], arrays[`y${place}`]]));
    key(lines, state.chart.series);
    restarts.title = view === "learning" ? "A fresh network" : "Back to the beginning";
    if (state.code && code.value !== state.code) {
      code.value = state.code;
      code.hidden = false;
      navigator.clipboard?.writeText(state.code).catch(() => {}); // it stands below either way
    }
    codes.setAttribute("aria-expanded", String(!code.hidden));
  };

  return { draw, dispose: () => { plane.dispose(); chart.dispose(); } };
});

export default flowLaboratory;
