// The picture that the next ones start from: dropped, chosen or pasted here, and given back with one press.

function made(kind, properties, ...children) {
  const element = Object.assign(document.createElement(kind), properties);
  element.append(...children);
  return element;
}

function render({ model, el }) {
  el.classList.add("nbgen-studio", "nbgen-starting");
  const file = made("input", { type: "file", accept: "image/png,image/jpeg,image/webp", className: "nbgen-unseen" });
  file.setAttribute("aria-label", "Start from a picture");
  const image = made("img", { alt: "the picture that the next ones start from" });
  const title = made("span", { className: "nbgen-starting-title" });
  const words = made("span", { className: "nbgen-soft" });
  const place = made("label", { className: "nbgen-place" }, file, image, made("span", { className: "nbgen-place-words" }, title, words));
  const without = made("button", { type: "button", textContent: "×", title: "Start from words alone", className: "nbgen-icon" });
  without.setAttribute("aria-label", "Start from words alone");
  without.setAttribute("data-lm-suppress-shortcuts", "true");
  const problem = made("div", { className: "nbgen-problem" });
  problem.setAttribute("role", "alert");
  el.append(made("div", { className: "nbgen-starting-row" }, place, without), problem);

  let url = "";
  const draw = () => {
    const bytes = model.get("thumb");
    const shown = Boolean(bytes?.byteLength);
    if (url) URL.revokeObjectURL(url);
    url = shown ? URL.createObjectURL(new Blob([bytes], { type: "image/png" })) : "";
    image.hidden = without.hidden = !shown;
    if (shown) image.src = url;
    title.textContent = shown ? "Starts from this picture" : "Start from a picture";
    words.textContent = shown ? model.get("words") : "Drop it here, or choose a file";
    place.classList.toggle("nbgen-held", shown);
  };

  const send = async (chosen) => {
    problem.textContent = "";
    if (!chosen) return;
    if (chosen.size > model.get("most")) {
      problem.textContent = "This file is too large for the page: write studio.set(image=\"its path\") in a cell.";
      return;
    }
    model.send({ kind: "file" }, undefined, [await chosen.arrayBuffer()]);
  };
  file.addEventListener("change", () => {
    send(file.files[0]);
    file.value = ""; // the same file again is a choice, too
  });
  without.addEventListener("click", () => {
    model.send({ kind: "without" });
    file.focus();
  });
  const over = (on) => (event) => {
    event.preventDefault();
    event.stopPropagation(); // the notebook takes files, too
    place.classList.toggle("nbgen-dropping", on);
  };
  place.addEventListener("dragenter", over(true));
  place.addEventListener("dragover", over(true));
  place.addEventListener("dragleave", over(false));
  place.addEventListener("drop", (event) => {
    over(false)(event);
    send(event.dataTransfer.files[0]);
  });
  el.addEventListener("paste", (event) => send(event.clipboardData.files[0]));
  model.on("change:thumb change:words", draw);
  draw();
  return () => {
    model.off("change:thumb change:words", draw);
    if (url) URL.revokeObjectURL(url);
  };
}

export default { render };
