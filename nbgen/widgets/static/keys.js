// Whose key is it? A notebook has a command on nearly every letter: "x" cuts the cell, Space scrolls, Enter edits.

/**
 * Keys pressed inside `el` stay there, but for those with Ctrl, Meta or Alt (saving, running) and Shift+Enter.
 * `also(event)` names further ones that `el` wants. Returns a function that ends this.
 */
export function keepKeys(el, also = () => false) {
  const look = (event) => {
    if (!el.contains(event.target)) return;
    const commands = event.ctrlKey || event.metaKey || event.altKey || (event.key === "Enter" && event.shiftKey);
    // JupyterLab looks for this attribute on what has the focus, at the document, while the event is captured; the
    // window hears of it before.
    event.target.toggleAttribute("data-lm-suppress-shortcuts", !commands || also(event));
  };
  addEventListener("keydown", look, true);
  return () => removeEventListener("keydown", look, true);
}
