"""Who called a verb: a cell, a panel, or plain code? It decides what is said, what is shown under way, and how often.

In a cell, what a person should know is printed, and progress shows beside it. A panel calls verbs in a widget's
callback, where nothing may be printed (it would land beneath whichever cell runs); it listens instead.
"""

from __future__ import annotations

import os

from .. import unshown
from ..saying import is_heard, listening, say

__all__ = ["CELL_TICK", "PANEL_TICK", "listening", "say", "tick_seconds"]

CELL_TICK = 0.5
"""Seconds that a tick may take where somebody watches a cell: it is what a stop or a first preview waits for."""

PANEL_TICK = 0.25
"""The same in a panel, whose previews and Stop button people expect to answer at once."""


def tick_seconds() -> float | None:
    """The longest a tick should take for who watches now; None where nobody does, for the best throughput."""
    if is_heard():
        return PANEL_TICK
    watched = unshown.running_cell() is not None and os.environ.get("NBGEN_PROGRESS") not in ("none", "plain")
    return CELL_TICK if watched else None
