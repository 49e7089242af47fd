"""Which thread answers a widget? The one that its message was sent to, also while a cell runs.

JupyterLab sends widget messages to a subshell of the kernel, so that they are answered while a cell runs.
ipykernel 7.4 then hands each to the shell that last *wrote* to that widget instead, meant for replies to
requests. A widget that a cell has made, or that a worker thread updates, would so be answered by the main shell:
not before the running cell ends. nbgen's panels send no requests, and opt out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ipywidgets import Widget


def answer_anywhere(*widgets: Widget) -> None:
    """From now on, messages of these widgets and of all inside them are answered where the page sent them."""
    for widget in _all_of(widgets, set()):
        if hasattr(widget.comm, "_reply_subshell_for"):
            widget.comm._reply_subshell_for = _as_sent


def _as_sent(data: Any, subshell_id: str | None) -> str | None:
    return subshell_id


def _all_of(widgets: Iterable[Widget], seen: set[int]) -> Iterator[Widget]:
    for widget in widgets:
        if id(widget) in seen:
            continue
        seen.add(id(widget))
        yield widget
        # Layouts and styles are widgets of their own, and only ever written to.
        yield from _all_of(getattr(widget, "children", ()), seen)
