// ipywidgets' own controls, said aloud: a slider has no name there, and a toggle does not tell whether it is pressed.

function put(element, name, value) {
  if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Name what is in `el` now and whatever comes into it; returns a function that ends this. */
export function nameControls(el) {
  let waiting = 0;
  const look = () => {
    waiting = 0;
    for (const slider of el.querySelectorAll(".widget-slider")) {
      const name = slider.querySelector(".widget-label")?.textContent ?? "";
      const readout = slider.querySelector(".widget-readout");
      put(slider.querySelector("[role=slider]"), "aria-label", name);
      put(readout, "role", "textbox");
      put(readout, "aria-label", `${name}, in figures`);
    }
    for (const toggle of el.querySelectorAll(".widget-toggle-button")) {
      put(toggle, "aria-pressed", String(toggle.classList.contains("mod-active")));
    }
  };
  // At most once a frame: a run under way changes words ten times a second.
  const observer = new MutationObserver(() => { waiting ||= requestAnimationFrame(look); });
  observer.observe(el, { childList: true, subtree: true, attributeFilter: ["class"] });
  look();
  return () => {
    cancelAnimationFrame(waiting);
    observer.disconnect();
  };
}
