"""The Interpolate tab: stops, frames and pace picked by hand, the walk as it is made, and its player."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from ..verbs.interpolating import interpolate
from ..verbs.pacing import PACES
from .calls import Call
from .controls import grouped, row
from .panel import Panel
from .tabs import VerbTab

_MOST_FRAMES = 240


class WalkTab(VerbTab):
    """Stops, one a line: prompts, or whole numbers for seeds."""

    def __init__(self, studio: Panel) -> None:
        super().__init__(
            studio, interpolate, "walk = nbgen.interpolate", run="Interpolate", view="Open the player"
        )
        self._stops = widgets.Textarea(
            description="Stops", rows=3, placeholder="one prompt a line, or one seed a line",
            layout={"width": "auto"}, continuous_update=False,
        )  # fmt: skip
        self._frames = widgets.BoundedIntText(
            description="Frames", value=24, min=2, max=_MOST_FRAMES, layout={"width": "180px"}
        )
        self._pace = widgets.Dropdown(
            description="Pace", options=list(PACES), layout={"width": "200px"}, style={"description_width": "40px"}
        )  # fmt: skip
        self._loop = widgets.Checkbox(description="Back to the first", indent=False)
        chosen = grouped(self._stops, row(self._frames, self._pace, self._loop))
        self.box = self._laid_out(chosen, grouped(self._buttons))

    def call(self) -> Call:
        lines = [line.strip() for line in self._stops.value.splitlines() if line.strip()]
        seeds = bool(lines) and all(line.isdigit() for line in lines)
        stops: list[Any] = [int(line) for line in lines] if seeds else list(lines)
        fields = self._studio.fields()
        if not seeds:
            fields.pop("prompt", None)  # the stops are prompts
            fields["seed"] = self._studio.seed()
        chosen = {"frames": self._frames.value, "pace": self._pace.value}
        if self._loop.value:
            chosen["loop"] = True
        return Call((stops,), {**chosen, **fields, "model": self._studio.model})
