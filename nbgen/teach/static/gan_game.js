// The GAN game: what a person can press, and how the two players are drawn.
import { Plane } from "./plane.js";
import { Chart, key } from "./chart.js";
import { laboratory, element, button, slider, menu } from "./live.js";

const WIDTHS = ["16", "32", "64", "128"];
const KEYS = "Keys on a plane: Space plays and pauses, → one step, ← one step back, D and G one step of that player.";
const GAN_LEGEND = [
  ["●", 0, "real"], ["×", 1, "generated"], ["→", -1, "where a generated point is pulled"],
  ["■", 0, "D says real"], ["■", 1, "D says fake"], ["┅", -2, "perfect D: even odds"],
];

// A slider for numbers over several powers of ten.
function powers(parent, label, low, high, change) {
  const places = { min: Math.log10(low), max: Math.log10(high), step: 0.05 };
  const written = (place) => String(Number((10 ** place).toPrecision(2)));
  const made = slider(parent, label, { ...places, show: written }, (place) => change(Number(written(place))));
  return { ...made, set: (value) => made.set(Math.log10(Math.max(value, low))) };
}

const ganLaboratory = laboratory((host, send) => {
  host.classList.add("nbgen-gan");
  const set = (fields, slot = "") => send("set", fields, slot);
  const show = (fields) => send("show", fields);
  let now = null;

  const top = element(host, "div", { class: "nbgen-row" });
  const presets = menu(top, "Game", [], (preset) => preset && send("preset", { preset }));
  const data = menu(top, "Data", [], (distribution) => set({ distribution }));
  const besides = menu(top, "Beside it", [], (value) => send("beside", JSON.parse(value)));

  const body = element(host, "div", { class: "nbgen-gan-body" });
  const again = () => now && draw(now.state, now.arrays);
  const sides = [0, 1].map((number) => {
    const side = element(body, "div", { class: `nbgen-gan-side nbgen-gan-${number}` });
    const title = element(side, "h4");
    const plane = new Plane(side, { label: "The plane", onResize: again });
    plane.canvas.addEventListener("keydown", pressedKey);
    return { side, title, plane, lines: [0, 1].map(() => element(side, "p")) };
  });
  const tools = element(sides[0].side, "div", { class: "nbgen-row" });
  const panel = element(body, "div", { class: "nbgen-gan-panel" });
  const charts = element(body, "div", { class: "nbgen-gan-charts" });

  const buttons = element(panel, "div", { class: "nbgen-row" });
  const play = button(buttons, "Play", () => send("play", { on: !fast() }));
  const slow = button(buttons, "Slow", () => send("play", { on: !slowly(), slow: true }), "One move at a time");
  element(buttons, "span", { text: "Step:" });
  const moves = ["D", "G", "both"].map((move) => {
    const made = button(buttons, move === "both" ? "Both" : move, () => send("step", { move }));
    made.setAttribute("aria-label", `One step of ${move}`);
    return [move, made];
  });
  const time = slider(
    panel, "Step", { min: 0, max: 1, step: 1 }, (step) => send("rewind", { step }, "rewind"),
  );
  time.input.title = "Back to any step, and forwards again";
  button(top, "Restart", () => send("restart"), "Step 0, with the settings of now");
  const surfaces = menu(
    tools, "Shade",
    [["discriminator", "D"], ["perfect", "perfect D"], ["difference", "D − perfect D"], ["none", "nothing"]],
    (surface) => show({ surface }),
  );
  const toggles = [["arrows", "Arrows"], ["bent", "Bent grid"], ["perfect", "Perfect D"]].map(([name, text]) => {
    return [name, button(tools, text, () => show({ [name]: !now.state.shown[name] }))];
  });
  button(tools, "Copy code", () => send("code"), "This run in plain torch");
  const rules = element(panel, "div", { class: "nbgen-row" });
  const losses = menu(rules, "Loss", [], (loss) => set({ loss }));
  const penalties = menu(rules, "Penalty", [], (penalty) => set({ penalty }));
  const strength = powers(panel, "Penalty γ", 0.01, 100, (value) => set({ strength: value }, "strength"));
  const k = slider(panel, "k: D's steps", { min: 1, max: 20, step: 1 }, (value) => set({ k: value }, "k"));
  const rates = ["d", "g"].map((one) => {
    const name = `${one}_learning_rate`;
    return [name, powers(panel, `${one.toUpperCase()}'s rate`, 1e-5, 1, (value) => set({ [name]: value }, name))];
  });
  const networks = element(panel, "details");
  element(networks, "summary", { text: "Networks, noise, seed; keys" });
  const nets = element(networks, "div", { class: "nbgen-row" });
  const layers = [["0", "affine"], ["1", "1 layer"], ["2", "2 layers"], ["3", "3 layers"]];
  const choices = [
    ["g_layers", menu(nets, "G", layers, (value) => set({ g_layers: Number(value) }))],
    ["g_width", menu(nets, "of", WIDTHS, (value) => set({ g_width: Number(value) }))],
    ["d_layers", menu(nets, "D", layers, (value) => set({ d_layers: Number(value) }))],
    ["d_width", menu(nets, "of", WIDTHS, (value) => set({ d_width: Number(value) }))],
    ["noise_dim", menu(nets, "Noise dimensions", ["1", "2", "8", "32"], (value) => set({ noise_dim: Number(value) }))],
    ["batch", menu(nets, "Batch", ["16", "64", "128", "256"], (value) => set({ batch: Number(value) }))],
    ["seed", menu(nets, "Seed", [..."0123456789"], (value) => set({ seed: Number(value) }))],
  ];
  element(networks, "p", { class: "nbgen-quiet", text: KEYS });
  const drawings = [0, 1].map(() => {
    const box = element(charts, "div");
    return [new Chart(box, { label: "Chart", height: 140, onResize: again }), element(box, "ul", { class: "nbgen-legend" })];
  });
  const says = element(host, "p", { role: "status", "aria-live": "polite" });
  const legend = element(host, "ul", { class: "nbgen-legend" });
  const code = element(host, "textarea", { class: "nbgen-code", rows: 12, readonly: "", "aria-label": "The code", hidden: "" });

  const fast = () => Boolean(now?.state.playing && !now.state.slow);
  const slowly = () => Boolean(now?.state.playing && now.state.slow);

  function pressedKey(event) {
    const step = now?.state.sides?.[0].step ?? 0;
    const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (pressed === " ") send("play", { on: !now?.state.playing });
    else if (pressed === "ArrowRight") send("step", { move: "both" });
    else if (pressed === "ArrowLeft") send("rewind", { step: Math.max(0, step - 1) });
    else if (pressed === "d" || pressed === "g") send("step", { move: pressed.toUpperCase() });
    else return;
    event.preventDefault();
  }

  const drawPlane = (state, arrays, number) => {
    const { plane, title, lines, side } = sides[number];
    const told = state.sides[number];
    side.hidden = !told;
    if (!told) return;
    plane.fit();
    plane.clear();
    const { series, ink, quiet } = plane.look;
    const surface = arrays[`surface${number}`];
    const [rows, columns] = surface.shape;
    if (state.shown.surface !== "none") plane.signs(surface, columns, rows, 0.6);
    plane.axes();
    if (state.shown.surface !== "none") plane.contours(surface, columns, rows, [0], { colour: quiet });
    if (state.shown.bent) drawBent(plane, arrays[`bent${number}`]);
    plane.points(arrays[`real${number}`], { colour: series[0], size: 1.8, alpha: 0.65 });
    plane.points(arrays[`fake${number}`], { colour: series[1], size: 2.2, alpha: 0.85, shape: "cross" });
    if (state.shown.arrows) plane.arrows(arrays[`at${number}`], arrays[`pull${number}`], { colour: ink });
    if (state.shown.perfect) {
      plane.context.setLineDash([7, 4]);
      plane.contours(arrays[`perfect${number}`], columns, rows, [0], { colour: ink, width: 2.2 });
      plane.context.setLineDash([]);
    }
    write(title, told.title);
    title.hidden = !told.title;
    told.lines.forEach((line, place) => write(lines[place], line));
    plane.canvas.setAttribute("aria-label", `Step ${told.step}. ${told.title} ${told.lines.join(". ")}`);
  };

  // What the generator makes of a square grid of noise: close lines are where it puts much.
  const drawBent = (plane, bent) => {
    const [lines, length] = bent.shape;
    const colour = plane.look.quiet;
    for (let line = 0; line < lines; line += 1) {
      plane.path(bent.subarray(line * length * 2, (line + 1) * length * 2), { colour, width: 0.8, alpha: 0.7 });
    }
    for (let column = 0; lines > 1 && column < length; column += 1) {
      const down = new Float32Array(lines * 2);
      for (let line = 0; line < lines; line += 1) down.set(bent.subarray((line * length + column) * 2, (line * length + column) * 2 + 2), line * 2);
      plane.path(down, { colour, width: 0.8, alpha: 0.7 });
    }
  };

  const drawLegend = (state, look) => {
    const there = GAN_LEGEND.filter(([, , text]) => {
      if (text.startsWith("where")) return state.shown.arrows;
      if (text.startsWith("D says")) return state.shown.surface === "discriminator";
      return !text.startsWith("perfect") || state.shown.perfect;
    });
    legend.replaceChildren(...there.map(([mark, colour, text]) => {
      const item = document.createElement("li");
      const sign = element(item, "span", { text: mark, "aria-hidden": "true" });
      sign.style.color = colour < 0 ? look.ink : look.series[colour];
      item.append(` ${text}`);
      return item;
    }));
  };

  // The differences that are offered; the one there is stands among them.
  const offered = ({ settings, difference, since }) => {
    const value = (differs, from = 0) => JSON.stringify({ difference: differs, since: from });
    const list = [
      [value({}), "nothing"],
      [value({ penalty: "R1 and R2" }), "penalty R1 and R2"],
      [value({ k: 5 }), "k = 5"],
      [value({ loss: "relativistic" }), "relativistic loss"],
      [value({ loss: "Wasserstein" }), "Wasserstein loss"],
      [value({ noise_dim: 1 }), "1 noise dimension"],
      [value({ g_layers: 0 }), "affine generator"],
    ].filter(([known], place) => {
      const differs = Object.entries(JSON.parse(known).difference);
      return !place || differs.some(([name, wanted]) => settings[name] !== wanted);
    });
    const here = value(difference, since);
    if (!list.some(([known]) => known === here)) {
      const [[name, wanted]] = Object.entries(difference);
      list.push([here, `${name.replaceAll("_", " ")}: ${wanted}${since ? ` from step ${since}` : ""}`]);
    }
    return [list, here];
  };

  const write = (target, text) => { if (target.textContent !== text) target.textContent = text; };

  const draw = (state, arrays) => {
    now = { state, arrays };
    if (!state.sides) return;
    const { settings, menus } = state;
    host.classList.toggle("nbgen-gan-two", state.sides.length > 1);
    presets.fill([["", "your own"], ...menus.presets]);
    presets.set(state.preset);
    data.fill(menus.distributions);
    data.set(settings.distribution);
    const [list, here] = offered(state);
    besides.fill(list);
    besides.set(here);
    losses.fill(menus.losses);
    losses.set(settings.loss);
    penalties.fill(menus.penalties);
    penalties.set(settings.penalty);
    strength.row.hidden = settings.penalty === "none";
    strength.set(settings.strength);
    k.set(settings.k);
    for (const [name, one] of rates) one.set(settings[name]);
    for (const [name, one] of choices) {
      const value = String(settings[name]);
      const known = [...one.select.options].map((option) => [option.value, option.textContent]);
      if (!known.some(([option]) => option === value)) one.fill([...known, [value, value]]);
      one.set(value);
    }
    time.input.max = Math.max(1, state.sides[0].furthest);
    time.set(state.sides[0].step);
    write(play, fast() ? "Pause" : "Play");
    play.setAttribute("aria-pressed", String(fast()));
    write(slow, slowly() ? "Pause" : "Slow");
    slow.setAttribute("aria-pressed", String(slowly()));
    for (const [move, one] of moves) one.setAttribute("aria-pressed", String(slowly() && state.moved === move));
    surfaces.set(state.shown.surface);
    for (const [name, one] of toggles) one.setAttribute("aria-pressed", String(state.shown[name]));
    write(says, state.says);
    sides.forEach((_, number) => drawPlane(state, arrays, number));
    drawLegend(state, sides[0].plane.look);
    state.charts.forEach((chart, place) => {
      const [drawing, words] = drawings[place];
      const lines = chart.series.map((_, number) => [arrays[`x${chart.first + number}`], arrays[`y${chart.first + number}`]]);
      drawing.canvas.setAttribute("aria-label", chart.title);
      drawing.draw(chart, lines);
      if (chart.series.length > 1) key(words, chart.series);
      words.hidden = chart.series.length === 1;
    });
    if (state.code && code.value !== state.code) {
      code.value = state.code;
      code.hidden = false;
      navigator.clipboard?.writeText(state.code).catch(() => {}); // it stands below either way
    }
  };

  return {
    draw,
    dispose: () => {
      for (const { plane } of sides) plane.dispose();
      for (const [drawing] of drawings) drawing.dispose();
    },
  };
});

export default ganLaboratory;
