// A whole panel of ordinary controls, over an output or as a widget of its own.

import { keepKeys } from "./keys.js";
import { nameControls } from "./naming.js";
import { overOutput } from "./over.js";

function open(model, el) {
  let shown;
  let closed = false;
  const put = async () => {
    const manager = model.widget_manager;
    const child = await manager.get_model(model.get("panel").replace("IPY_MODEL_", ""));
    const view = await manager.create_view(child);
    if (closed) {
      view.remove();
      return;
    }
    shown = view;
    const widget = view.luminoWidget;
    // JupyterLab's widgets must be told when they are in the page: tabs and sliders measure themselves then.
    if (widget) widget.constructor.attach(widget, el);
    else el.append(view.el);
  };
  put();
  const namesEnd = nameControls(el);
  // Ctrl+Enter is the panel's own: the notebook would run the cell, and build another panel.
  const keysEnd = keepKeys(el, (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey));
  return () => {
    closed = true;
    namesEnd();
    keysEnd();
    if (shown?.luminoWidget) shown.luminoWidget.dispose();
    else shown?.remove();
  };
}

export default overOutput(open);
