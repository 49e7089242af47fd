"""A panel of ordinary controls over an output of the notebook, which is all that a file without its kernel shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import traitlets

from .overlay import Overlay, script, style


class Frame(Overlay):
    """Shows `panel`; the notebook keeps what `still()` gives, a MIME bundle."""

    _esm = script("over.js", "framed.js")
    _css = style("over.css")

    panel = traitlets.Instance(widgets.Widget).tag(sync=True, **widgets.widget_serialization)

    def __init__(self, panel: widgets.Widget, still: Callable[[], dict[str, Any]]) -> None:
        self._still = still
        super().__init__(panel=panel)

    def still(self) -> dict[str, Any]:
        return self._still()
