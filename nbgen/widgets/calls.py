"""A verb's call as data: made by a panel, run by it, and shown as the code that does the same."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from ..models.base import Model
from ..models.catalogue import EMBEDDED
from ..picture import Picture
from ..session import default_model_name
from .controls import row, show

_WIDTH = 100


@dataclass(frozen=True)
class Call:
    """Arguments of a verb, as they would be written."""

    positional: Sequence[Any]
    named: Mapping[str, Any]

    def code(self, function: str) -> str:
        """Python that makes this call; what has no name in a notebook is said in a comment."""
        arguments = [_written(value) for value in self.positional]
        arguments += [
            f"{name}={_written(value)}" for name, value in self.named.items() if not _is_default(name, value)
        ]
        line = f"{function}({', '.join(arguments)})"
        if len(line) > _WIDTH:
            line = f"{function}(\n" + "".join(f"    {argument},\n" for argument in arguments) + ")"
        notes = (
            ["picture = ...  # the one you started from, e.g. studio.pictures[0]\n"]
            if self._starts_from()
            else []
        )
        return "import nbgen\n\n" + "".join(notes) + line + "\n"

    def _starts_from(self) -> bool:
        return any(isinstance(value, Picture) for value in (*self.positional, *self.named.values()))


class CodeBox:
    """The code of the latest call, closed until somebody wants to see it."""

    def __init__(self) -> None:
        self._text = widgets.HTML()
        # A toggle, as ipywidgets' Accordion cannot be opened by keys.
        self._open = widgets.ToggleButton(
            description="The same in code", icon="code", layout={"width": "auto"}
        )
        self._open.observe(lambda change: show(self._text, change["new"]), "value")
        self.box = widgets.VBox([row(self._open), self._text])
        self.box.add_class("nbgen-embedded")
        show(self._text, False)

    def show(self, call: Call, function: str) -> None:
        self.say(call.code(function))

    def say(self, code: str) -> None:
        """Show this code; it is escaped, as prompts may hold anything."""
        self._text.value = f'<pre style="white-space: pre-wrap; user-select: all">{html.escape(code)}</pre>'


def _is_default(name: str, value: Any) -> bool:
    return name == "model" and isinstance(value, Model) and value.ref.name == default_model_name()


def _written(value: Any) -> str:
    if isinstance(value, Model):
        return repr(value.ref.name) if value.ref.name in EMBEDDED else "model"
    return "picture" if isinstance(value, Picture) else repr(value)
