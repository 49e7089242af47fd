// Latent space: sliders that push a picture's styles, and the picture, one forward later.
import { laboratory, element, button, slider, menu } from "./live.js";

const PLACES = [["all", "all layers"], ["coarse", "coarse layers"], ["middle", "middle layers"], ["fine", "fine layers"]];

const latentLaboratory = laboratory((host, send) => {
  host.classList.add("nbgen-latent");
  let now = null;

  const top = element(host, "form", { class: "nbgen-row" });
  const words = element(element(top, "label", { text: "Words " }), "input", { type: "text", size: 30, spellcheck: "false" });
  words.placeholder = "anything";
  const ask = () => send("set", { prompt: words.value });
  top.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  words.addEventListener("change", ask);
  button(top, "Draw", () => {}, "Draw these words").type = "submit";

  const body = element(host, "div", { class: "nbgen-latent-body" });
  const left = element(body, "div");
  const canvas = element(left, "canvas", { class: "nbgen-latent-picture", role: "img" });
  const seeds = element(left, "div", { class: "nbgen-row" });
  const move = (by) => send("set", { seed: Math.max(0, Number(now?.seed ?? 0) + by) }, "seed");
  button(seeds, "← Seed", () => move(-1), "The seed before");
  const seed = element(seeds, "span");
  button(seeds, "Seed →", () => move(1), "The next seed");

  const right = element(body, "div", { class: "nbgen-latent-right" });
  const psi = slider(
    right, "Truncation ψ", { min: 0, max: 1.5, step: 0.05, show: (value) => value.toFixed(2) },
    (truncation) => send("set", { truncation }, "truncation"),
  );
  const where = menu(right, "Push", PLACES, (value) => send("where", { where: value }));
  const sliders = [];
  const box = element(right, "div", { class: "nbgen-latent-sliders" });
  const below = element(right, "div", { class: "nbgen-row" });
  button(below, "Reset", () => send("reset"), "No pushes, truncation 1");
  const name = element(element(below, "label", { text: "Name " }), "input", { type: "text", size: 12 });
  button(below, "Keep", () => send("keep", { as: name.value }), "Keep these pushes under a name");
  const kept = menu(below, "Kept", [], (value) => value && send("use", { kept: value }));
  const says = element(host, "p", { role: "status", "aria-live": "polite" });
  const pushed = element(host, "p", { class: "nbgen-quiet" });

  const paint = (picture) => {
    const [height, width] = picture.shape;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const image = new ImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel += 1) {
      image.data.set(picture.subarray(pixel * 3, pixel * 3 + 3), pixel * 4);
      image.data[pixel * 4 + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  };

  return {
    draw(state, arrays) {
      if (!arrays.picture) return;
      now = state;
      paint(arrays.picture);
      canvas.setAttribute("aria-label", `${state.prompt || "anything"}, seed ${state.seed}`);
      if (document.activeElement !== words) words.value = state.prompt;
      seed.textContent = `seed ${state.seed}`;
      psi.set(state.truncation);
      where.set(state.where);
      state.amounts.forEach((amount, number) => {
        sliders[number] ??= slider(
          box, `c${number}`, { min: -5, max: 5, step: 0.1, show: (value) => `${value > 0 ? "+" : ""}${value.toFixed(1)}σ` },
          (value) => send("push", { component: number, amount: value }, `push ${number}`),
        );
        sliders[number].set(amount);
      });
      kept.fill([["", "…"], ...state.kept]);
      kept.set("");
      kept.row.hidden = !state.kept.length;
      says.textContent = state.says;
      pushed.textContent = state.pushed ? `direction: ${state.pushed}` : "";
    },
  };
});

export default latentLaboratory;
