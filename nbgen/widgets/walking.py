"""The Interpolate tab: stops, frames and pace picked by hand, the walk as it is made, and its player."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from ..errors import NbgenError
from ..jobs import Job
from ..verbs.interpolating import interpolate
from ..verbs.pacing import PACES
from .calls import Call, CodeBox
from .panel import Panel
from .parts import Stage

_MOST_FRAMES = 240


class WalkTab:
    """Stops, one a line: prompts, or whole numbers for seeds."""

    def __init__(self, studio: Panel) -> None:
        self._studio = studio
        self.walk: Any = None
        wide = {"description_width": "60px"}
        self._stops = widgets.Textarea(
            description="stops", rows=3, placeholder="one prompt a line, or one seed a line", style=wide,
            layout={"width": "420px"}, continuous_update=False,
        )  # fmt: skip
        self._frames = widgets.BoundedIntText(
            description="frames", value=24, min=2, max=_MOST_FRAMES, style=wide
        )
        self._pace = widgets.Dropdown(description="pace", options=list(PACES), style=wide)
        self._loop = widgets.Checkbox(description="loop", indent=False)
        self._run = widgets.Button(description="Interpolate", button_style="primary")
        self._stop = widgets.Button(description="Stop")
        self._view = widgets.Button(description="Open the player", disabled=True, layout={"width": "auto"})
        self._insert = widgets.Button(description="Insert below", disabled=True)
        self._stage = Stage(wide=True)
        self._player = widgets.VBox()
        self._code = CodeBox()
        self._run.on_click(lambda _: self.run())
        self._stop.on_click(lambda _: studio.stop())
        self._view.on_click(lambda _: self.view())
        self._insert.on_click(lambda _: self.walk is not None and studio.insert(self.walk))
        self.box = widgets.VBox(
            [
                self._stops,
                widgets.HBox([self._frames, self._pace, self._loop]),
                widgets.HBox([self._run, self._stop]),
                self._stage,
                widgets.HBox([self._view, self._insert]),
                self._player,
                self._code.box,
            ]
        )

    def run(self) -> None:
        """What the Interpolate button does. Returns at once."""
        try:
            call = self._call()
        except NbgenError as error:
            self._stage.tell(error=str(error))
            return
        self._code.show(call, "walk = nbgen.interpolate")
        self._studio.run(
            lambda: interpolate(*call.positional, **call.named, wait=False), self._ended, self._stage
        )

    def view(self) -> None:
        """Open the player of the walk in the panel."""
        if self.walk is not None:
            self._studio.embed(self._player, [self.walk.view()])

    def _call(self) -> Call:
        lines = [line.strip() for line in self._stops.value.splitlines() if line.strip()]
        seeds = bool(lines) and all(line.isdigit() for line in lines)
        stops: list[Any] = [int(line) for line in lines] if seeds else list(lines)
        fields = self._studio.fields()
        prompt = fields.pop("prompt", None)
        if seeds:
            fields = {**fields, **({"prompt": prompt} if prompt is not None else {})}
        else:
            fields["seed"] = self._studio.seed()
        chosen = {"frames": self._frames.value, "pace": self._pace.value}
        if self._loop.value:
            chosen["loop"] = True
        return Call((stops,), {**chosen, **fields, "model": self._studio.model})

    def _ended(self, job: Job) -> None:
        walk = job.partial()
        if walk is None or len(walk) < 2:
            return
        self.walk = walk
        self._player.children = ()
        self._studio.remember(walk)
        self._stage.show_png(walk._repr_mimebundle_()["image/png"], repr(walk))
        self._view.disabled = self._insert.disabled = False
