"""The Compare tab: axes and values picked by hand, what it would cost, the grid as it fills, and the viewer."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as widgets

from ..errors import NbgenError
from ..models.base import Model
from ..picture import Picture
from ..recipe import FIELDS
from ..verbs.comparing import compare, plan
from ..verbs.watching import listening
from .calls import Call
from .controls import grouped, row
from .panel import Panel
from .tabs import VerbTab
from .typed import NUMBERS, TEXTS, WORDS, example, values_of

_AXES = 3
_FIRST = (("sampler", "ddim, euler, dpm++2m"), ("seed", "0-1"), ("", ""))


class CompareTab(VerbTab):
    """Up to three axes; the last runs along columns, the one before along rows, the first are pages."""

    def __init__(self, studio: Panel) -> None:
        super().__init__(studio, compare, "grid = nbgen.compare", run="Compare", view="Open the viewer")
        self._start: Picture | None = None
        self._rows = [
            (
                widgets.Dropdown(description=f"Axis {number + 1}", layout={"width": "250px"}),
                widgets.Textarea(
                    description="Values", rows=1, continuous_update=False,
                    layout={"flex": "1 1 260px", "width": "auto", "min_width": "0"},
                    style={"description_width": "54px"},
                ),
            )
            for number in range(_AXES)
        ]  # fmt: skip
        self._from = widgets.Label()
        self._forget = widgets.Button(description="From the prompt instead", layout={"width": "auto"})
        self._cost = widgets.HTML()
        self._check = widgets.Button(description="What would it take?", layout={"width": "auto"})
        self._forget.on_click(lambda _: self.start_from(None))
        self._check.on_click(lambda _: self.check())
        for field, text in self._rows:
            field.observe(self._field_changed, "value")
            text.observe(lambda _: self.check(), "value")
        self._buttons.children += (self._check,)
        axes = grouped(row(self._from, self._forget), *(row(*axis) for axis in self._rows))
        self.box = self._laid_out(axes, grouped(self._buttons, self._cost))
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
            call = self.call()
            with listening():
                self._cost.value = html.escape(str(plan(*call.positional, **call.named)))
            self._show_code(call)
        except NbgenError as error:
            self._cost.value = html.escape(str(error))

    def call(self) -> Call:
        axes = {field.value: values_of(field.value, text.value) for field, text in self._rows if field.value}
        if self._start is not None:
            return Call((self._start,), axes)
        fields = {name: value for name, value in self._studio.fields().items() if name not in axes}
        if "seed" not in axes:
            fields["seed"] = self._studio.seed()
        prompt = [fields.pop("prompt")] if "prompt" in fields else []
        return Call(prompt, {**axes, **fields, "model": self._studio.model})

    def _field_changed(self, change: dict[str, Any]) -> None:
        for field, text in self._rows:
            if field is change["owner"]:
                text.placeholder = example(field.value) if field.value else ""
