"""The Compare tab: axes and values picked by hand, what it would cost, the grid as it fills, and the viewer."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as widgets

from ..errors import NbgenError
from ..jobs import Job
from ..models.base import Model
from ..picture import Picture
from ..recipe import FIELDS
from ..verbs.comparing import compare, plan
from ..verbs.watching import listening
from .calls import Call, CodeBox
from .panel import Panel
from .parts import Stage
from .typed import NUMBERS, TEXTS, WORDS, example, values_of

_AXES = 3
_FIRST = (("sampler", "ddim, euler, dpm++2m"), ("seed", "0-1"), ("", ""))


class CompareTab:
    """Up to three axes; the last runs along columns, the one before along rows, the first are pages."""

    def __init__(self, studio: Panel) -> None:
        self._studio = studio
        self._start: Picture | None = None
        self.grid: Any = None
        self._rows = [
            (
                widgets.Dropdown(description=f"axis {number + 1}", style={"description_width": "60px"}),
                widgets.Textarea(
                    description="values",
                    rows=1,
                    continuous_update=False,
                    layout={"width": "420px"},
                    style={"description_width": "50px"},
                ),
            )
            for number in range(_AXES)
        ]
        self._from = widgets.Label()
        self._forget = widgets.Button(description="From the prompt instead", layout={"width": "auto"})
        self._cost = widgets.HTML()
        self._check = widgets.Button(description="What would it take?", layout={"width": "170px"})
        self._run = widgets.Button(description="Compare", button_style="primary")
        self._stop = widgets.Button(description="Stop")
        self._view = widgets.Button(description="Open the viewer", disabled=True, layout={"width": "auto"})
        self._insert = widgets.Button(description="Insert below", disabled=True)
        self._stage = Stage(wide=True)
        self._code = CodeBox()
        self._viewer = widgets.VBox()
        self._forget.on_click(lambda _: self.start_from(None))
        self._check.on_click(lambda _: self.check())
        self._run.on_click(lambda _: self.run())
        self._stop.on_click(lambda _: studio.stop())
        self._view.on_click(lambda _: self.view())
        self._insert.on_click(lambda _: self.grid is not None and studio.insert(self.grid))
        for field, text in self._rows:
            field.observe(self._field_changed, "value")
            text.observe(lambda _: self.check(), "value")
        self.box = widgets.VBox(
            [
                widgets.HBox([self._from, self._forget]),
                *(widgets.HBox(list(row)) for row in self._rows),
                widgets.HBox([self._run, self._stop, self._check]),
                self._cost,
                self._stage,
                widgets.HBox([self._view, self._insert]),
                self._viewer,
                self._code.box,
            ]
        )
        self.start_from(None)

    def fit(self, model: Model) -> None:
        """Only fields that this model has can be axes."""
        names = [name for name in FIELDS if name in model.fields and name in NUMBERS | TEXTS | WORDS]
        for (field, text), (first, values) in zip(self._rows, _FIRST, strict=True):
            field.options = [("none", ""), *((name, name) for name in names)]
            field.value = first if first in names else ""
            text.value = values if first in names else ""

    def start_from(self, picture: Picture | None) -> None:
        """Compare around this picture's settings; None goes back to those of the Create tab."""
        self._start = picture
        named = (
            f"Around the picture of {str(picture.recipe.prompt)[:60]!r}" if picture and picture.recipe else ""
        )
        self._from.value = named or "Prompt and settings are those of the Create tab."
        self._forget.layout.display = None if picture is not None else "none"

    def check(self) -> None:
        """Say how many cells it has and what they would take, or what is wrong."""
        try:
            call = self._call()
            with listening():
                self._cost.value = html.escape(str(plan(*call.positional, **call.named)))
            self._code.show(call, "grid = nbgen.compare")
        except NbgenError as error:
            self._cost.value = html.escape(str(error))

    def run(self) -> None:
        """What the Compare button does. Returns at once."""
        try:
            call = self._call()
        except NbgenError as error:
            self._stage.tell(error=str(error))
            return
        self._code.show(call, "grid = nbgen.compare")
        self._studio.run(
            lambda: compare(*call.positional, **call.named, wait=False), self._ended, self._stage
        )

    def view(self) -> None:
        """Open the viewer of the grid in the panel."""
        if self.grid is not None:
            self._studio.embed(self._viewer, [self.grid.view()])

    def _call(self) -> Call:
        axes = {field.value: values_of(field.value, text.value) for field, text in self._rows if field.value}
        if self._start is not None:
            return Call((self._start,), axes)
        fields = {name: value for name, value in self._studio.fields().items() if name not in axes}
        if "seed" not in axes:
            fields["seed"] = self._studio.seed()
        prompt = [fields.pop("prompt")] if "prompt" in fields else []
        return Call(prompt, {**axes, **fields, "model": self._studio.model})

    def _ended(self, job: Job) -> None:
        grid = job.partial()
        if grid is None:
            return
        self.grid = grid
        self._viewer.children = ()
        self._studio.remember(grid)
        self._stage.show_png(grid._repr_mimebundle_()["image/png"], repr(grid))
        self._view.disabled = self._insert.disabled = False

    def _field_changed(self, change: dict[str, Any]) -> None:
        for field, text in self._rows:
            if field is change["owner"]:
                text.placeholder = example(field.value) if field.value else ""
