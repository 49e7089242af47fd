"""The ordinary controls of a panel: one for each field that the chosen model has, at that model's defaults."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from ..errors import NbgenError, RecipeError
from ..models.base import Model
from ..recipe import FIELDS, Recipe, canonical_seed
from ..sampling import BY_NAME, SAMPLERS
from ..styling import list_styles, styled
from ..values import as_whole
from .controls import grouped, icon_button, number, row, show, slider, widened
from .further import Further
from .starting import StartingPicture

_SHAPES = (
    ("square", 1, 1),
    ("portrait 3:4", 3, 4),
    ("landscape 4:3", 4, 3),
    ("tall 9:16", 9, 16),
    ("wide 16:9", 16, 9),
)
MOST_COUNT = 64
"""Pictures that one press of Generate makes at most."""
_ELSEWHERE = ("prompt", "negative", "model", "image", "mask")
"""Fields whose controls are other parts of the panel."""
_OWN = ("seed", "size", *_ELSEWHERE)
"""Those and the ones whose controls are no sliders or lists."""


class Settings:
    """Controls for everything but the words. `values()` is what a verb is called with; `box` is what shows.

    Fields without a control of their own (adapters, tile, guidance_interval, …) are carried along when a recipe has
    them, and said in a line that gives them back.
    """

    def __init__(self, model: Model, tell: Callable[[str], None]) -> None:
        self._controls: dict[str, Any] = {
            "sampler": widgets.Dropdown(description="Sampler", options=[("", None)]),
            "schedule": widgets.Dropdown(description="Schedule", options=[("the model's own", "")]),
            "steps": slider(widgets.IntSlider, "Steps", 1, 100, 1),
            "guidance": slider(widgets.FloatSlider, "Guidance", 1, 20, 0.1, ".1f"),
            "distilled_guidance": slider(widgets.FloatSlider, "Distilled", 0, 20, 0.1, ".1f"),
            "truncation": slider(widgets.FloatSlider, "Truncation", 0, 1.5, 0.05, ".2f"),
            "strength": slider(widgets.FloatSlider, "Strength", 0, 1, 0.05, ".2f", value=0.6),
        }
        self._shaping = False
        self._style = widgets.Dropdown(description="Style", options=_styles())
        self._shape = widgets.Dropdown(description="Size", options=[("square", None)])
        self._width = number("Width", 8, 4096)
        self._height = number("Height", 8, 4096)
        self._seed = widgets.Text(description="Seed", value="0", continuous_update=False)
        self._dice = icon_button(widgets.Button, "random", "Draw another seed")
        self._lock = icon_button(
            widgets.ToggleButton, "lock", "Keep this seed: otherwise each Generate draws one"
        )
        self._count = widgets.BoundedIntText(description="Count", value=1, min=1, max=MOST_COUNT)
        self._start = StartingPicture(self._started, tell)
        self._further = Further()
        self._dice.on_click(lambda _: self.roll())
        self._shape.observe(self._shaped, "value")
        for side in (self._width, self._height):
            side.observe(self._sided, "value")
        self._controls["sampler"].observe(self._sampled, "value")
        for control in (*self._controls.values(), self._style, self._shape, self._seed, self._count):
            control.layout.width = "auto"
        self._seed.layout.flex = "1 1 0"
        self._sides = row(self._width, self._height)
        self._framing = grouped(self._shape, self._sides)
        self._picturing = grouped(self._start, self._controls["strength"])
        self.box = widgets.VBox(
            [
                grouped(
                    self._style, *(self._controls[name] for name in self._controls if name != "strength")
                ),
                self._framing,
                grouped(row(self._seed, self._dice, self._lock), self._count),
                self._picturing,
                self._further.box,
            ]
        )
        self.box.add_class("nbgen-settings")
        self.fit(model)

    def fit(self, model: Model) -> None:
        """Show the fields that this model has, and put them at its defaults. The seed stays."""
        self._model = model
        defaults = model.defaults
        kind = "flow" if model.kind == "flow" else "diffusion"
        usable = [(sampler.label, sampler.name) for sampler in SAMPLERS if sampler.unavailable(kind) is None]
        if "sampler" in model.fields:
            self._controls["sampler"].options = usable
        for name, control in self._controls.items():
            show(control, name in model.fields and name != "strength")
            default = defaults.get(name)
            if name in model.fields and default is not None and name not in ("schedule", "strength"):
                widened(control, default).value = default
        self._sampled()
        if "schedule" in model.fields:
            self._controls["schedule"].value = defaults.get("schedule") or ""
        # A GAN's words are a closed list, which has none of a style's.
        show(self._style, "prompt" in model.fields and model.kind != "gan")
        size = defaults.get("size")
        show(self._framing, "size" in model.fields and size is not None and "sampler" in model.fields)
        if size is not None:
            self._shapes(size)
        show(self._picturing, "image" in model.fields)
        self._start.put(None)
        self._further.put({})

    def values(self) -> dict[str, Any]:
        """The fields as they stand, without words and seed."""
        found = {
            name: control.value
            for name, control in self._controls.items()
            if name in self._model.fields and name != "strength" and control.value not in (None, "")
        }
        if self._style.value and "prompt" in self._model.fields:
            found["style"] = self._style.value
        if self._framing.layout.display != "none":
            found["size"] = self._width.value, self._height.value
        if self._start.image is not None and "image" in self._model.fields:
            found |= {"image": self._start.image, "strength": self._controls["strength"].value}
            if self._start.mask is not None and "mask" in self._model.fields:
                found["mask"] = self._start.mask
        return {**found, **self._further.fields}

    def known(self, model: Model) -> frozenset[str]:
        """What `set` takes where the panel has this model: its fields, and the panel's own."""
        return model.fields | {"count", "model"} | ({"style"} if "prompt" in model.fields else set())

    def check(self, model: Model, fields: Mapping[str, Any]) -> Recipe:
        """What these fields would make on this model. Raises RecipeError and PictureFileError."""
        count = as_whole("count", fields.get("count", self.count))
        if not 1 <= count <= MOST_COUNT:
            raise RecipeError(f"count must be from 1 to {MOST_COUNT}, not {count}.")
        asked = {name: value for name, value in fields.items() if name not in ("count", "model")}
        if model is self._model:
            # What these fields are about, where they do not say it themselves.
            if "image" not in asked and ("mask" in asked or "strength" in asked):
                asked["image"] = self._start.image
            if "sampler" not in asked and "schedule" in asked:
                asked["sampler"] = self._controls["sampler"].value
        unsaid = [
            name
            for name, value in asked.items()
            if value is None or (isinstance(value, str) and not value and name != "negative")
        ]
        asked = {name: value for name, value in asked.items() if name not in unsaid}
        return model.resolve(**styled({**_wordless(model), **asked}, model.fields))

    def set(self, fields: Mapping[str, Any], recipe: Recipe) -> None:
        """Put controls as these fields say, which `check` has made this recipe of. None: the model's default."""
        self._count.value = as_whole("count", fields.get("count", self.count))
        if "style" in fields:
            self._style.options = _styles()  # there may be new ones
            self._style.value = getattr(fields["style"], "name", fields["style"]) or ""
        if "image" in fields or "mask" in fields:
            self._start.put(recipe.image, recipe.mask)
        said = {name for name in fields if name in FIELDS and name not in _ELSEWHERE}
        if "sampler" in said:
            said.add("schedule")  # "DPM++ 2M Karras" names both
        if fields.get("seed", 0) is None:
            said.discard("seed")
            self._lock.value = False
        self._put({name: getattr(recipe, name) for name in said})
        own = {name: getattr(recipe, name) for name in said - {*self._controls, *_OWN}}
        self._further.put({**self._further.fields, **own})

    @property
    def seed(self) -> int:
        """The seed that stands in its field. Raises RecipeError where that is none."""
        text = self._seed.value.strip()
        if not text.isdigit():
            raise RecipeError(f"seed must be a whole number from 0, not {text!r:.40}.")
        return canonical_seed(int(text))

    @property
    def count(self) -> int:
        return int(self._count.value)

    def next_seed(self) -> int:
        """The seed for this press of Generate: the one that stands there if it is locked, else a new one."""
        if not self._lock.value:
            self.roll()
        return self.seed

    def roll(self) -> None:
        """Draw another seed."""
        self._seed.value = str(secrets.randbelow(2**32))

    def recall(self, recipe: Recipe) -> None:
        """Every control as this recipe has it, its seed locked; its words hold their style already.

        Raises PictureFileError where the picture that it starts from is gone from the store.
        """
        self._start.put(recipe.image if isinstance(recipe.image, str) else None, recipe.mask)
        self._style.value = ""
        self._put({name: getattr(recipe, name) for name in (*self._controls, "size", "seed")})
        others = self._model.fields - {*self._controls, *_OWN}
        self._further.put({name: getattr(recipe, name) for name in FIELDS if name in others})

    def start_from(self, image: Any, mask: Any = None) -> None:
        """Start from this picture, and change it only where the mask is white. Raises PictureFileError, RecipeError."""
        self._start.put(image, mask)

    def _put(self, values: Mapping[str, Any]) -> None:
        # In the controls' order: a sampler first says which schedules there are.
        for name, control in self._controls.items():
            if name in self._model.fields and (
                values.get(name) is not None or (name == "schedule" and name in values)
            ):
                widened(control, values[name]).value = values[name] if values[name] is not None else ""
        if values.get("size") is not None:
            for control, side in zip((self._width, self._height), values["size"], strict=True):
                widened(control, side).value = side
        if isinstance(values.get("seed"), int):
            self._seed.value = str(values["seed"])
            self._lock.value = True

    def _started(self) -> None:
        """A picture came or went: how much of it is to change, and the size that the model makes of it."""
        show(self._controls["strength"], self._start.image is not None)
        if self._start.image is None or "size" not in self._model.fields:
            return
        try:
            size = self._model.resolve(**_wordless(self._model), image=self._start.image).size
        except NbgenError:
            return  # what is wrong with it is said when it is used
        self._put({"size": size})

    def _shapes(self, size: tuple[int, int]) -> None:
        """Shapes of about as many pixels as the model's own size, in the multiples that it makes."""
        step = 8 if min(size) % 64 else 64 if min(size) > 256 else 8
        area = size[0] * size[1]
        options: dict[tuple[int, int], str] = {}  # of small pictures, two shapes may be the same pixels
        for name, across, down in _SHAPES:
            scale = (area / (across * down)) ** 0.5
            width, height = (max(step, round(side * scale / step) * step) for side in (across, down))
            options.setdefault((width, height), f"{name}, {width}×{height}")
        first = next(iter(options))
        self._shape.options = [*((name, size) for size, name in options.items()), ("other", None)]
        self._shape.value = first
        self._width.step = self._height.step = step
        self._width.value, self._height.value = first

    def _shaped(self, change: Mapping[str, Any]) -> None:
        if change["new"] is not None:
            self._shaping = True
            self._width.value, self._height.value = change["new"]
            self._shaping = False

    def _sided(self, _: Any) -> None:
        """The name of the shape that the two sides make."""
        size = self._width.value, self._height.value
        if not self._shaping:  # the width of a shape that was chosen; its height is next
            self._shape.value = size if size in [value for _, value in self._shape.options] else None

    def _sampled(self, _: Any = None) -> None:
        """Only schedules that the sampler takes."""
        sampler = BY_NAME.get(self._controls["sampler"].value or "")
        schedule = self._controls["schedule"]
        kept = schedule.value
        kind = "flow" if self._model.kind == "flow" else "diffusion"
        names = sampler.schedules_for(kind) if sampler is not None else ()
        schedule.options = [("the model's own", ""), *((name, name) for name in names)]
        schedule.value = kept if kept in names else ""
        self._further.without("options")  # they were the other sampler's


def _wordless(model: Model) -> dict[str, Any]:
    """Words for a recipe that is only looked at."""
    return {"prompt": ""} if "prompt" in model.fields else {}


def _styles() -> list[tuple[str, str]]:
    return [("none", ""), *((style.name, style.name) for style in list_styles())]
