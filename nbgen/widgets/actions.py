"""What can be done with a picture in a strip: each a button, each the same verb that code calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from ..errors import NbgenError
from ..jobs import Job
from ..models.base import Model
from ..picture import Picture
from ..storage import default_store
from ..verbs.editing import outpaint, upscale
from ..verbs.varying import vary
from .painting import mask
from .panel import Panel
from .parts import Strip

SUBTLE, STRONG = 0.15, 0.5
"""How far varied pictures lie from theirs, as `vary`'s amount."""
_VARIED = 4


@dataclass(frozen=True)
class Action:
    """A button: `needs` is the field that a model must have for it, "" for none; `copies` what the page copies."""

    name: str
    label: str
    title: str
    needs: str = ""
    copies: str = ""


ACTIONS: Sequence[Action] = (
    Action("subtle", "Vary subtle", "Four pictures close to this one", "seed"),
    Action("strong", "Vary strong", "Four pictures around this one", "seed"),
    Action("upscale", "Upscale", "Twice as large, details drawn anew", "image"),
    Action("image", "Use as image", "The next pictures start from this one", "image"),
    Action("mask", "Paint a mask", "Say which part of this picture may change", "mask"),
    Action("outpaint", "Outpaint", "Draw what lies around it", "mask"),
    Action("compare", "Compare with…", "Open the Compare tab with this picture as the start"),
    Action("recall", "Recall settings", "Put every control as this picture has it"),
    Action("star", "☆ Star", "Pruning spares it, and History finds it"),
    Action("collect", "Collect…", "Put it into a collection of yours"),
    Action("recipe", "Copy recipe", "The recipe as JSON", copies="recipe"),
    Action("code", "Copy code", "The Python call that makes this picture", copies="code"),
    Action("insert", "Insert below", "Keep it in the notebook, as an output beneath the panel"),
)


class Actions:
    """Answers the buttons of one strip. `extra` is where an action shows a control of its own."""

    def __init__(self, studio: Panel, strip: Strip) -> None:
        self._studio, self._strip = studio, strip
        self.extra = widgets.VBox()
        strip.handlers["action"] = self._act

    def fit(self, model: Model) -> None:
        """Only what this model can do."""
        self._strip.actions = [
            {"name": action.name, "label": action.label, "title": action.title, "copies": action.copies}
            for action in ACTIONS
            if not action.needs or action.needs in model.fields
        ]

    def describe(self, picture: Picture) -> dict[str, Any]:
        """What the page copies of a picture, and whether it has a star."""
        recipe = picture.recipe
        return {
            "starred": default_store().starred(picture.key),
            "recipe": json.dumps(recipe.to_plain(), indent=1, ensure_ascii=False)
            if recipe is not None
            else "",
            "code": recipe.code() if recipe is not None else "",
        }

    def _act(self, message: dict[str, Any]) -> None:
        picture = self._studio.find(str(message.get("key")))
        name = str(message.get("name"))
        if picture is None:
            self._studio.tell(error="this picture is gone from the store: the strip shows only what it was.")
            return
        try:
            self._do(name, picture)
        except NbgenError as error:
            self._studio.tell(error=str(error))

    def _do(self, name: str, picture: Picture) -> None:
        studio = self._studio
        if name in ("subtle", "strong"):
            amount = SUBTLE if name == "subtle" else STRONG
            self._run(lambda: vary(picture, _VARIED, amount, wait=False))
        elif name == "upscale":
            self._run(lambda: upscale(picture, 2, wait=False))
        elif name == "outpaint":
            across, down = (max(8, side // 4 // 8 * 8) for side in picture.size)
            self._run(lambda: outpaint(picture, left=across, right=across, top=down, bottom=down, wait=False))
        elif name == "image":
            studio.start_from(picture)
            self._strip.say("The next pictures start from this one.")
        elif name == "mask":
            self._paint(picture)
        elif name == "compare":
            studio.compare_with(picture)
        elif name == "recall" and picture.recipe is not None:
            studio.recall(picture.recipe)
        elif name == "star":
            on = not default_store().starred(picture.key)
            picture.star(on)
            self._strip.items = [
                {**item, "starred": on} if item["key"] == picture.key else item for item in self._strip.items
            ]
        elif name == "collect":
            self._collect(picture)
        elif name == "insert":
            studio.insert(picture)
            self._strip.say("Inserted beneath the panel.")

    def _run(self, begin: Callable[[], Job]) -> None:
        self._studio.run(begin, self._studio.keep)

    def _collect(self, picture: Picture) -> None:
        """A field for the collection's name, which offers those there are."""
        name = widgets.Combobox(
            description="collection", options=list(default_store().collections()), ensure_option=False,
            placeholder="a name, new or known",
        )  # fmt: skip
        put = widgets.Button(description="Put it there", button_style="primary")

        def do(_: Any) -> None:
            try:
                picture.collect(name.value)
            except NbgenError as error:
                self._studio.tell(error=str(error))
                return
            self._strip.say(f"Put into {name.value!r}.")
            self.extra.children = ()

        put.on_click(do)
        self._studio.embed(self.extra, [widgets.HBox([name, put])])

    def _paint(self, picture: Picture) -> None:
        """A mask painter over the picture; the button beneath it takes what was painted."""
        painter = mask(picture)
        use = widgets.Button(description="Change only what is painted", button_style="primary")
        use.layout.width = "auto"
        close = widgets.Button(description="Close")

        def take(_: Any) -> None:
            self._studio.start_from(picture, painter)
            self.extra.children = ()

        def leave(_: Any) -> None:
            self.extra.children = ()

        use.on_click(take)
        close.on_click(leave)
        self._studio.embed(self.extra, [painter, widgets.HBox([use, close])])
