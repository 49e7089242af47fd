"""What of a recipe has no control of its own? It is carried along, said in a line, and given back with a press."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from ..recipe import Recipe
from .controls import icon_button, show


class Further:
    """Fields such as adapters or tile, which came with a recipe or from code."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self._words = widgets.HTML(layout=widgets.Layout(flex="1 1 0", min_width="0"))
        self._drop = icon_button(widgets.Button, "times", "Without these")
        self._drop.on_click(lambda _: self.put({}))
        self.box = widgets.HBox([self._words, self._drop])
        self.box.add_class("nbgen-line")
        self.put({})

    def put(self, fields: Mapping[str, Any]) -> None:
        """Carry these fields, instead of those before; what is neutral says nothing."""
        neutral = Recipe()
        self.fields = {name: value for name, value in fields.items() if value != getattr(neutral, name)}
        words = ", ".join(f"{name} = {value!r:.80}" for name, value in self.fields.items())
        self._words.value = f"Also <b>{html.escape(words)}</b>" if words else ""
        show(self.box, bool(self.fields))

    def without(self, name: str) -> None:
        """Let one of them go."""
        if name in self.fields:
            self.put({key: value for key, value in self.fields.items() if key != name})
