"""Who called a verb: a cell, a panel, or plain code? It decides what is said, what is shown under way, and how often.

In a cell, what a person should know is printed, and progress shows beside it. A panel calls verbs in a widget's
callback, where nothing may be printed (it would land beneath whichever cell runs); it listens instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .. import unshown

CELL_TICK = 0.5
"""Seconds that a tick may take where somebody watches a cell: it is what a stop or a first preview waits for."""

PANEL_TICK = 0.25
"""The same in a panel, whose previews and Stop button people expect to answer at once."""

_heard: ContextVar[list[str] | None] = ContextVar("nbgen_heard", default=None)


@contextmanager
def listening() -> Iterator[list[str]]:
    """Inside, verbs print nothing: their sentences are in the list; and what they start is watched by a panel."""
    lines: list[str] = []
    token = _heard.set(lines)
    try:
        yield lines
    finally:
        _heard.reset(token)


def say(line: str) -> None:
    """Tell the person who called: printed in a cell or a script, handed to the panel that listens."""
    lines = _heard.get()
    if lines is None:
        print(line)
    else:
        lines.append(line)


def tick_seconds() -> float | None:
    """The longest a tick should take for who watches now; None where nobody does, for the best throughput."""
    if _heard.get() is not None:
        return PANEL_TICK
    watched = unshown.running_cell() is not None and os.environ.get("NBGEN_PROGRESS") not in ("none", "plain")
    return CELL_TICK if watched else None
