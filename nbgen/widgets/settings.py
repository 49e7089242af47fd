"""The ordinary controls of a panel: one for each field that the chosen model has, at that model's defaults."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from ..errors import RecipeError
from ..models.base import Model
from ..picture import Picture, as_image
from ..recipe import Recipe, canonical_seed
from ..sampling import BY_NAME, SAMPLERS, find_sampler
from ..styling import list_styles
from ..values import as_whole
from .parts import thumbnail

_WIDE = {"description_width": "90px"}
_SHAPES = (
    ("square", 1, 1),
    ("portrait 3:4", 3, 4),
    ("landscape 4:3", 4, 3),
    ("tall 9:16", 9, 16),
    ("wide 16:9", 16, 9),
)
MOST_COUNT = 64
"""Pictures that one press of Generate makes at most."""


class Settings:
    """Controls for everything but the words. `values()` is what a verb is called with; `box` is what shows."""

    def __init__(self, model: Model) -> None:
        self._controls: dict[str, Any] = {
            "sampler": widgets.Dropdown(description="sampler", options=[("", None)]),
            "schedule": widgets.Dropdown(description="schedule", options=[("the model's own", "")]),
            "steps": _slider(widgets.IntSlider, "steps", 1, 100, 1),
            "guidance": _slider(widgets.FloatSlider, "guidance", 1, 20, 0.1),
            "distilled_guidance": _slider(widgets.FloatSlider, "distilled", 0, 20, 0.1),
            "truncation": _slider(widgets.FloatSlider, "truncation", 0, 1.5, 0.05),
            "strength": _slider(widgets.FloatSlider, "strength", 0, 1, 0.05, value=0.6),
        }
        styles = [("none", ""), *((style.name, style.name) for style in list_styles())]
        self._style = widgets.Dropdown(description="style", options=styles)
        self._shape = widgets.Dropdown(description="size", options=[("square", None)])
        self._width = _number("width", 8, 4096)
        self._height = _number("height", 8, 4096)
        self._seed = widgets.Text(description="seed", value="0", continuous_update=False)
        self._dice = widgets.Button(icon="random", tooltip="Draw another seed", description="Dice")
        self._lock = widgets.ToggleButton(
            icon="lock",
            description="Lock",
            value=False,
            tooltip="Keep this seed: otherwise each Generate draws one",
        )
        self._count = widgets.BoundedIntText(description="count", value=1, min=1, max=MOST_COUNT)
        self._upload = widgets.FileUpload(
            accept="image/png,image/jpeg,image/webp", multiple=False, description="Start from a picture",
            layout=widgets.Layout(width="200px"),
        )  # fmt: skip
        self._no_image = widgets.Button(
            description="Without it", icon="times", tooltip="Start from words alone"
        )
        self._glance = widgets.Image(format="png", layout=widgets.Layout(width="64px", height="64px"))
        self._image: Any = None
        self._mask: Any = None
        self.on_error: Callable[[str], None] = lambda sentence: None
        self._dice.on_click(lambda _: self.roll())
        self._shape.observe(self._shaped, "value")
        self._controls["sampler"].observe(self._sampled, "value")
        self._upload.observe(self._uploaded, "value")
        self._no_image.on_click(lambda _: self.start_from(None))
        for control in [
            *self._controls.values(),
            self._style,
            self._shape,
            self._width,
            self._height,
            self._seed,
            self._count,
        ]:
            control.style = _WIDE
            control.layout.width = "300px"
        for control in (self._dice, self._lock):
            control.layout.width = "90px"
        for control in (self._width, self._height):
            control.layout.width = "148px"
        self._seed_row = widgets.VBox([self._seed, widgets.HBox([self._dice, self._lock])])
        self._size_rows = widgets.VBox([self._shape, widgets.HBox([self._width, self._height])])
        self._image_rows = widgets.VBox(
            [self._upload, widgets.HBox([self._glance, self._no_image]), self._controls["strength"]]
        )
        self.box = widgets.VBox(
            [
                self._style, self._controls["sampler"], self._controls["schedule"], self._controls["steps"],
                self._controls["guidance"], self._controls["distilled_guidance"], self._controls["truncation"],
                self._size_rows, self._seed_row, self._count, self._image_rows,
            ]
        )  # fmt: skip
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
            _show(control, name in model.fields and name != "strength")
            if (
                name in model.fields
                and defaults.get(name) is not None
                and name not in ("schedule", "strength")
            ):
                control.value = defaults[name]
        self._sampled()
        if "schedule" in model.fields:
            self._controls["schedule"].value = defaults.get("schedule") or ""
        _show(self._style, "prompt" in model.fields)
        size = defaults.get("size")
        _show(self._size_rows, "size" in model.fields and size is not None and "sampler" in model.fields)
        if size is not None:
            self._shapes(size)
        _show(self._image_rows, "image" in model.fields)
        self.start_from(None)

    def values(self) -> dict[str, Any]:
        """The fields as they stand, without words and seed. Raises RecipeError for a picture that cannot be read."""
        found = {
            name: control.value
            for name, control in self._controls.items()
            if name in self._model.fields and name != "strength" and control.value not in (None, "")
        }
        if self._style.value and "prompt" in self._model.fields:
            found["style"] = self._style.value
        if self._size_rows.layout.display != "none":
            found["size"] = self._width.value, self._height.value
        if self._image is not None and "image" in self._model.fields:
            found |= {"image": self._image, "strength": self._controls["strength"].value}
            if self._mask is not None and "mask" in self._model.fields:
                found["mask"] = self._mask
        return found

    @property
    def names(self) -> frozenset[str]:
        """The fields that have a control here for this model, and `count`."""
        return (frozenset(self._controls) | {"seed", "size", "image", "mask"}) & self._model.fields | {
            "count"
        }

    def set(self, **fields: Any) -> None:
        """Put controls as these fields say. Raises RecipeError, changing nothing, for what cannot be."""
        canonical = {name: value for name, value in fields.items() if name not in ("image", "mask", "count")}
        if isinstance(canonical.get("sampler"), str):
            canonical["sampler"] = find_sampler(canonical["sampler"])[0].name
        recipe = Recipe(**canonical)
        count = as_whole("count", fields.get("count", self.count))
        if not 1 <= count <= MOST_COUNT:
            raise RecipeError(f"count must be from 1 to {MOST_COUNT}, not {count}.")
        if fields.get("image") is not None:
            self.start_from(fields["image"], fields.get("mask"))
        self._count.value = count
        self._put({name: getattr(recipe, name) for name in canonical})

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
        """Every control as this recipe has it, its seed locked; its words hold their style already."""
        self._style.value = ""
        self._put({name: getattr(recipe, name) for name in (*self._controls, "size", "seed")})

    def _put(self, values: Mapping[str, Any]) -> None:
        # In the controls' order: a sampler first says which schedules there are.
        for name, control in self._controls.items():
            if name in self._model.fields and (
                values.get(name) is not None or (name == "schedule" and name in values)
            ):
                control.value = values[name] if values[name] is not None else ""
        if values.get("size") is not None:
            self._width.value, self._height.value = values["size"]
        if isinstance(values.get("seed"), int):
            self._seed.value = str(values["seed"])
            self._lock.value = True

    def start_from(self, image: Any, mask: Any = None) -> None:
        """Start from this picture (a Picture, an image, an array) and change only where the mask is white."""
        self._image, self._mask = image, mask
        shown = image is not None
        if shown:
            self._glance.value = thumbnail(Picture(as_image(image)))
        for control in (self._glance, self._no_image, self._controls["strength"]):
            _show(control, shown)

    def _shapes(self, size: tuple[int, int]) -> None:
        """Shapes of about as many pixels as the model's own size, in the multiples that it makes."""
        step = 8 if min(size) % 64 else 64 if min(size) > 256 else 8
        area = size[0] * size[1]
        options = []
        for name, across, down in _SHAPES:
            scale = (area / (across * down)) ** 0.5
            width, height = (max(step, round(side * scale / step) * step) for side in (across, down))
            options.append((f"{name}, {width}×{height}", (width, height)))
        self._shape.options = [*options, ("other", None)]
        self._shape.value = options[0][1]
        self._width.step = self._height.step = step
        self._width.value, self._height.value = options[0][1]

    def _shaped(self, change: Mapping[str, Any]) -> None:
        if change["new"] is not None:
            self._width.value, self._height.value = change["new"]

    def _sampled(self, _: Any = None) -> None:
        """Only schedules that the sampler takes."""
        sampler = BY_NAME.get(self._controls["sampler"].value or "")
        schedule = self._controls["schedule"]
        kept = schedule.value
        kind = "flow" if self._model.kind == "flow" else "diffusion"
        names = sampler.schedules_for(kind) if sampler is not None else ()
        schedule.options = [("the model's own", ""), *((name, name) for name in names)]
        schedule.value = kept if kept in names else ""

    def _uploaded(self, change: Mapping[str, Any]) -> None:
        if not change["new"]:
            return
        try:
            self.start_from(as_image(bytes(change["new"][0]["content"])))
        except ValueError as error:  # a file that is no picture
            self.on_error(str(error))
        self._upload.value = ()


def _slider(kind: Any, name: str, low: float, high: float, step: float, **more: Any) -> Any:
    return kind(description=name, min=low, max=high, step=step, continuous_update=False, **more)


def _number(name: str, low: int, high: int) -> Any:
    return widgets.BoundedIntText(description=name, min=low, max=high, value=low)


def _show(control: Any, shown: bool) -> None:
    control.layout.display = None if shown else "none"
