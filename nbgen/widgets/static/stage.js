// The large picture: the chosen one at rest, what is being made while something is, and how far it is.

function render({ model, el }) {
  el.classList.add("nbgen-studio", "nbgen-stage");
  el.classList.toggle("nbgen-wide", model.get("wide"));
  const frame = el.appendChild(document.createElement("figure"));
  const image = frame.appendChild(new Image());
  const caption = frame.appendChild(document.createElement("figcaption"));
  const bar = el.appendChild(document.createElement("div"));
  bar.className = "nbgen-bar";
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", "Progress");
  const filled = bar.appendChild(document.createElement("div"));
  const status = el.appendChild(document.createElement("div"));
  status.className = "nbgen-status";
  // Numbers that change ten times a second are to be looked at; what is read out is the beginning and the end.
  const announced = el.appendChild(document.createElement("div"));
  announced.className = "nbgen-unseen";
  announced.setAttribute("role", "status");
  const problem = el.appendChild(document.createElement("div"));
  problem.className = "nbgen-problem";
  problem.setAttribute("role", "alert");

  let url = "";
  const show = (bytes, type, size) => {
    const old = url;
    url = URL.createObjectURL(new Blob([bytes], { type }));
    image.onload = () => old && URL.revokeObjectURL(old);
    // Few pixels stay crisp squares; many are scaled smoothly.
    image.style.imageRendering = size && size < 256 ? "pixelated" : "auto";
    image.src = url;
  };

  const still = () => {
    const bytes = model.get("picture");
    image.hidden = !bytes?.byteLength;
    frame.hidden = image.hidden && !model.get("empty");
    if (bytes?.byteLength) show(bytes, "image/png", model.get("side"));
    image.alt = model.get("caption");
    caption.textContent = image.hidden ? model.get("empty") : model.get("caption");
    frame.classList.remove("nbgen-live");
  };
  const draw = () => {
    const { fraction, words, error } = model.get("state");
    bar.hidden = !model.get("busy");
    bar.classList.toggle("nbgen-unknown", fraction === null);
    filled.style.width = fraction === null ? "" : `${100 * fraction}%`;
    if (fraction !== null) bar.setAttribute("aria-valuenow", Math.round(100 * fraction));
    status.textContent = words;
    const news = model.get("busy") ? "Drawing" : words;
    if (announced.textContent !== news) announced.textContent = news;
    problem.textContent = error;
    problem.hidden = !error;
  };

  // One frame at a time: the next is sent when this one was seen, so nothing ever piles up.
  const received = (message, buffers) => {
    if (message.kind !== "frame") return;
    image.hidden = frame.hidden = false;
    image.alt = "";
    caption.textContent = message.caption;
    frame.classList.add("nbgen-live");
    show(buffers[0], "image/jpeg", 0);
    el.dataset.frames = Number(el.dataset.frames ?? 0) + 1;
    model.send({ kind: "seen", number: message.number });
  };

  let visible;
  let live = true;
  const gone = () => (live = false); // the kernel went away: nobody is there to be told
  model.on("comm_live_update", gone);
  const tell = (now) => {
    if (now === visible || !live) return;
    visible = now;
    model.send({ kind: "visible", view, visible });
  };
  const view = Math.random().toString(36).slice(2);
  let onScreen = false;
  const look = () => tell(onScreen && document.visibilityState === "visible");
  const observer = new IntersectionObserver(([entry]) => {
    onScreen = entry.isIntersecting;
    look();
  });
  observer.observe(el);
  document.addEventListener("visibilitychange", look);

  const stillAgain = () => still();
  model.on("change:picture", stillAgain);
  model.on("change:shown", stillAgain);
  model.on("change:state", draw);
  model.on("change:busy", draw);
  model.on("msg:custom", received);
  still();
  draw();
  return () => {
    observer.disconnect();
    document.removeEventListener("visibilitychange", look);
    model.off("change:picture", stillAgain);
    model.off("change:shown", stillAgain);
    model.off("change:state", draw);
    model.off("change:busy", draw);
    model.off("msg:custom", received);
    model.off("comm_live_update", gone);
    tell(false);
    if (url) URL.revokeObjectURL(url);
  };
}

export default { render };
