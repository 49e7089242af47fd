"""How do ordinary controls become a panel's? The kinds it uses, in rows and groups that its style sheet knows."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets


def slider(kind: Any, name: str, low: float, high: float, step: float, form: str = "d", **more: Any) -> Any:
    """A slider that tells when it is let go."""
    return kind(
        description=name, min=low, max=high, step=step, readout_format=form, continuous_update=False, **more
    )


def number(name: str, low: int, high: int) -> Any:
    """A whole number to type."""
    return widgets.BoundedIntText(description=name, min=low, max=high, value=low)


def icon_button(kind: Any, icon: str, tooltip: str) -> Any:
    """A button that is all sign; the tooltip is its name for those who do not see it."""
    made = kind(icon=icon, tooltip=tooltip, layout=widgets.Layout(width="34px", flex="0 0 auto"))
    made.add_class("nbgen-icon")
    return made


def row(*controls: Any) -> widgets.HBox:
    """Controls side by side, which wrap where there is no room."""
    made = widgets.HBox(list(controls))
    made.add_class("nbgen-line")
    return made


def grouped(*controls: Any) -> widgets.VBox:
    """Controls that belong together, set off from the next ones."""
    made = widgets.VBox(list(controls))
    made.add_class("nbgen-group")
    return made


def embedding() -> widgets.VBox:
    """A place for what opens on demand."""
    made = widgets.VBox()
    made.add_class("nbgen-embedded")
    return made


def show(control: Any, shown: bool) -> None:
    """Whether a control is there for people; hidden ones keep what they hold."""
    control.layout.display = None if shown else "none"


def close_all(*controls: Any) -> None:
    """Let go of these controls, of all inside them and of what they look like: ipywidgets keeps each until then."""
    for control in controls:
        close_all(*getattr(control, "children", ()))
        for part in (control, getattr(control, "layout", None), getattr(control, "style", None)):
            if part is not None:
                part.close()


def widened(control: Any, value: Any) -> Any:
    """The control, its range as wide as this value asks: a slider would put it at its end without a word."""
    if isinstance(value, (int, float)) and hasattr(control, "max"):
        control.max, control.min = max(control.max, value), min(control.min, value)
    return control
