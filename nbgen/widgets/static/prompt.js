// The words, and the two buttons that matter: Generate (Ctrl+Enter anywhere in the panel) and Stop.

const WAIT = 250; // milliseconds without a key before the words are sent to be counted
const UNHEARD = 1500; // milliseconds after which a Stop that nobody answered is explained

function field(name, label, rows) {
  const box = document.createElement("label");
  box.className = "nbgen-words";
  const title = box.appendChild(document.createElement("span"));
  title.textContent = label;
  const area = box.appendChild(document.createElement("textarea"));
  area.rows = rows;
  area.name = name;
  area.spellcheck = false;
  return [box, area];
}

function button(text, kind, title) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = kind;
  made.textContent = text;
  made.title = title;
  made.setAttribute("data-lm-suppress-shortcuts", "true"); // "x" is no command for the notebook here
  return made;
}

function render({ model, el }) {
  el.classList.add("nbgen-studio", "nbgen-prompt");
  const [promptBox, prompt] = field("prompt", "Prompt", 3);
  const [negativeBox, negative] = field("negative", "Negative prompt", 1);
  const told = document.createElement("div");
  told.className = "nbgen-told";
  const generate = button("Generate", "nbgen-primary", "Generate (Ctrl+Enter)");
  const stop = button("Stop", "nbgen-stop", "Stop, and keep what is finished");
  const busy = document.createElement("span");
  busy.className = "nbgen-soft";
  busy.setAttribute("role", "status");
  const row = document.createElement("div");
  row.className = "nbgen-row nbgen-go";
  row.append(generate, stop, busy);
  el.append(promptBox, told, negativeBox, row);

  const words = () => ({ prompt: prompt.value, negative: negative.value });
  const start = () => {
    if (generate.disabled) return;
    clearTimeout(waiting);
    model.send({ kind: "generate", ...words() });
  };
  let waiting, unheard;
  const typed = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => model.send({ kind: "typed", ...words() }), WAIT);
  };
  prompt.addEventListener("input", typed);
  negative.addEventListener("input", typed);
  generate.addEventListener("click", start);
  stop.addEventListener("click", () => {
    model.send({ kind: "stop" });
    busy.textContent = "stopping";
    clearTimeout(unheard);
    unheard = setTimeout(() => {
      if (model.get("busy")) busy.textContent = "Not heard yet: a cell keeps the kernel busy. Interrupt it (■) to stop.";
    }, UNHEARD);
  });

  // The whole panel listens, wherever the keyboard is.
  const panel = () => el.closest(".nbgen-panel") ?? el;
  const pressed = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook would run the cell
    commit(document.activeElement);
    if (el.checkVisibility()) start();
    else mainButton()?.click(); // of the tab that is open
  };
  const mainButton = () => [...listening.querySelectorAll(".nbgen-verb .mod-primary:enabled")].find((one) => one.checkVisibility());
  // A number that is being typed counts: controls tell Python on "change" only.
  const commit = (active) => {
    if (active && active !== prompt && active !== negative) active.dispatchEvent(new Event("change", { bubbles: true }));
  };
  let listening;
  requestAnimationFrame(() => {
    listening = panel();
    listening.addEventListener("keydown", pressed, true);
  });

  // Without its kernel the panel is a picture of itself, and says so.
  const gone = () => {
    clearTimeout(waiting);
    generate.disabled = stop.disabled = true;
    busy.textContent = "The kernel is gone: run this cell again.";
  };
  model.on("comm_live_update", gone);

  const draw = () => {
    if (prompt.value !== model.get("prompt") && document.activeElement !== prompt) prompt.value = model.get("prompt");
    if (negative.value !== model.get("negative") && document.activeElement !== negative) {
      negative.value = model.get("negative");
    }
    promptBox.hidden = !model.get("reads");
    negativeBox.hidden = !model.get("denies");
    told.textContent = model.get("told");
    told.hidden = !model.get("told");
    stop.disabled = !model.get("busy");
    const waitingRuns = model.get("waiting");
    clearTimeout(unheard);
    busy.textContent = waitingRuns ? `${waitingRuns} more waiting` : "";
  };
  const recalled = (message) => {
    if (message.kind !== "words") return;
    prompt.value = message.prompt;
    negative.value = message.negative;
  };
  model.on("change", draw);
  model.on("msg:custom", recalled);
  prompt.value = model.get("prompt");
  negative.value = model.get("negative");
  prompt.placeholder = model.get("example");
  draw();
  return () => {
    model.off("change", draw);
    model.off("msg:custom", recalled);
    model.off("comm_live_update", gone);
    listening?.removeEventListener("keydown", pressed, true);
    clearTimeout(waiting);
    clearTimeout(unheard);
  };
}

export default { render };
