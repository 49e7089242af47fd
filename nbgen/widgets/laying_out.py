"""Where does everything stand in the panel? Boxes that its style sheet knows by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets


def side_by_side(controls: Sequence[Any], result: Sequence[Any]) -> widgets.HBox:
    """What one asks for at the left, what comes of it at the right; one above the other where there is no room."""
    left, right = widgets.VBox(list(controls)), widgets.VBox(list(result))
    left.add_class("nbgen-side")
    right.add_class("nbgen-main")
    both = widgets.HBox([left, right])
    both.add_class("nbgen-create")
    return both


def panel_of(tabs: Mapping[str, Any]) -> tuple[widgets.VBox, widgets.Tab]:
    """The whole panel, and the tabs in it."""
    tab = widgets.Tab(list(tabs.values()), titles=tuple(tabs))
    for box in tabs.values():
        box.add_class("nbgen-tab")
    panel = widgets.VBox([tab])
    panel.add_class("nbgen-panel")
    return panel, tab
