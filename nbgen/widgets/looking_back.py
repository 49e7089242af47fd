"""The History tab: what the store holds, found by words, stars and collections, with the same buttons as results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from ..errors import NbgenError
from ..models.base import Model
from ..picture import Picture
from ..storage import default_store
from ..verbs.remembering import history
from .actions import Actions
from .controls import row
from .panel import Panel
from .parts import Stage, Strip

MOST = 60
"""Pictures shown at a time; more words find fewer."""


class HistoryTab:
    """A search line over a strip of what was made before."""

    def __init__(self, studio: Panel) -> None:
        self._studio = studio
        self.pictures: Sequence[Picture] = ()
        self._filling = False
        self._text = widgets.Text(
            description="Words", placeholder="words of the prompt", continuous_update=False,
            layout={"flex": "1 1 220px", "width": "auto"}, style={"description_width": "46px"},
        )  # fmt: skip
        self._starred = widgets.Checkbox(description="Starred only", indent=False)
        self._collection = widgets.Dropdown(
            description="Collection", options=[("all", "")], style={"description_width": "70px"},
            layout={"width": "240px"},
        )  # fmt: skip
        self._look = widgets.Button(description="Search", icon="search", layout={"width": "auto"})
        self._size = widgets.Label()
        self._stage = Stage()
        self._strip = Strip(title="History", empty="Nothing found.")
        self._actions = Actions(studio, self._strip)
        self._strip.observe(self._chosen, "chosen")
        self._text.observe(lambda _: self.look(), "value")
        self._starred.observe(lambda _: self.look(), "value")
        self._collection.observe(lambda _: self.look(), "value")
        self._look.on_click(lambda _: self.look())
        self.box = widgets.VBox(
            [
                row(self._text, self._look, self._collection, self._starred),
                self._size,
                self._strip,
                self._actions.extra,
                self._stage,
            ]
        )

    def fit(self, model: Model) -> None:
        """Only what this model can do with a picture."""
        self._actions.fit(model)

    def look(self) -> None:
        """Search the store anew."""
        if self._filling:
            return
        self._fill_collections()
        try:
            self.pictures = history(
                self._text.value, starred=True if self._starred.value else None,
                collection=self._collection.value or None, limit=MOST,
            )  # fmt: skip
        except NbgenError as error:
            self._stage.tell(error=str(error))
            return
        self._stage.tell()
        self._strip.fill(self.pictures, self._actions.describe)
        keys = [picture.key for picture in self.pictures]
        if self._strip.chosen not in keys:
            self._strip.chosen = keys[0] if keys else ""
        files, size = default_store().size()
        found = "picture" if len(self.pictures) == 1 else "pictures"
        self._size.value = (
            f"{len(self.pictures)} {found}; the store holds {files:,} files, {size / 1e6:,.1f} MB"
        )

    def _fill_collections(self) -> None:
        names, chosen = default_store().collections(), self._collection.value
        self._filling = (
            True  # new options choose the first of them for a moment, which is no wish of anybody's
        )
        self._collection.options = [("all", ""), *((f"{name} ({names[name]})", name) for name in names)]
        self._collection.value = chosen if chosen in names else ""
        self._filling = False

    def _chosen(self, change: dict[str, Any]) -> None:
        self._stage.show(self._studio.find(change["new"]))
