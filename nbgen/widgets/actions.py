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
from ..verbs.comparing import compare as comparison
from ..verbs.editing import outpaint, upscale
from ..verbs.varying import vary
from ..verbs.watching import listening
from .controls import embedding, row
from .painting import mask
from .panel import Panel
from .parts import Strip, caption_of

SUBTLE, STRONG = 0.15, 0.5
"""How far varied pictures lie from theirs, as `vary`'s amount."""
_VARIED = 4


@dataclass(frozen=True)
class Action:
    """A button: `needs` is the field that a model must have for it, "" for none; `copies` what the page copies.

    Buttons of one `group` stand together.
    """

    name: str
    label: str
    title: str
    group: int
    needs: str = ""
    copies: str = ""


ACTIONS: Sequence[Action] = (
    Action("subtle", "Vary subtle", "Four pictures close to this one", 0, "seed"),
    Action("strong", "Vary strong", "Four pictures around this one", 0, "seed"),
    Action("upscale", "Upscale", "Twice as large, details drawn anew", 0, "image"),
    Action("image", "Use as image", "The next pictures start from this one", 1, "image"),
    Action("mask", "Paint a mask", "Say which part of this picture may change", 1, "mask"),
    Action("outpaint", "Outpaint", "Draw what lies around it", 1, "mask"),
    Action("compare", "Compare with…", "Beside another result, or with other settings", 2),
    Action("recall", "Recall settings", "Put every control as this picture has it", 2),
    Action("star", "☆ Star", "Pruning spares it, and History finds it", 3),
    Action("collect", "Collect…", "Put it into a collection of yours", 3),
    Action("recipe", "Copy recipe", "The recipe as JSON", 4, copies="recipe"),
    Action("code", "Copy code", "The Python call that makes this picture", 4, copies="code"),
    Action("insert", "Insert below", "Keep it in the notebook, as an output beneath the panel", 4),
)


class Actions:
    """Answers the buttons of one strip. `extra` is where an action shows a control of its own."""

    def __init__(self, studio: Panel, strip: Strip) -> None:
        self._studio, self._strip = studio, strip
        self.extra = embedding()
        strip.handlers["action"] = self._act

    def fit(self, model: Model) -> None:
        """Only what this model can do."""
        self._strip.actions = [
            {name: getattr(action, name) for name in ("name", "label", "title", "group", "copies")}
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
            self._compare(picture)
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
            description="Collection", options=list(default_store().collections()), ensure_option=False,
            placeholder="a name, new or known",
        )  # fmt: skip
        put = _button("Put it there", primary=True)

        def do(_: Any) -> None:
            try:
                picture.collect(name.value)
            except NbgenError as error:
                self._studio.tell(error=str(error))
                return
            self._strip.say(f"Put into {name.value!r}.")
            self._close()

        put.on_click(do)
        self._studio.embed(self.extra, [row(name, put, self._closing())])

    def _compare(self, picture: Picture) -> None:
        """Beside which other picture, in the viewer; or the same one with other settings, in the Compare tab."""
        others = {
            f"{number}: {caption_of(other)}": other
            for number, other in enumerate(self._studio.shown(self._strip), 1)
            if other.key != picture.key
        }
        settings = _button("Other settings of it…")
        controls, place = [settings, self._closing()], embedding()

        def do(_: Any) -> None:
            try:
                with listening():
                    view = comparison({"this": picture, "other": others[which.value]}).view()
            except NbgenError as error:
                self._studio.tell(error=str(error))
                return
            self._studio.embed(place, [view])

        def leave(_: Any) -> None:
            self._close()
            self._studio.compare_with(picture)

        settings.on_click(leave)
        if others:
            which = widgets.Dropdown(description="With", options=list(others), layout={"width": "320px"})
            look = _button("Side by side", primary=True)
            look.on_click(do)
            controls = [which, look, *controls]
        self._studio.embed(self.extra, [row(*controls), place])

    def _close(self) -> None:
        self._studio.embed(self.extra, [])

    def _closing(self) -> widgets.Button:
        button = _button("Close")
        button.on_click(lambda _: self._close())
        return button

    def _paint(self, picture: Picture) -> None:
        """A mask painter over the picture; the button beneath it takes what was painted."""
        painter = mask(picture)
        use = _button("Change only what is painted", primary=True)

        def take(_: Any) -> None:
            try:
                self._studio.start_from(picture, painter.image)
            except NbgenError as error:
                self._studio.tell(error=str(error))
                return
            self._strip.say("The next pictures change only what is painted.")
            self._close()

        use.on_click(take)
        self._studio.embed(self.extra, [painter, row(use, self._closing())])


def _button(words: str, *, primary: bool = False) -> widgets.Button:
    return widgets.Button(
        description=words, button_style="primary" if primary else "", layout=widgets.Layout(width="auto")
    )
