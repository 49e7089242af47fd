"""How many rows a tick should take: the measured knee of throughput, capped by memory and by time.

A forward of more rows costs less a row, up to a point; past it, rows only make the tick longer, and with it
the wait for the next preview and for a stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MOST_ROWS = 256
GAIN = 1.02
"""A doubling that lowers the time a row by less than this factor gains nothing."""
WORTHWHILE = 1.05
"""Fewer rows are taken where they cost at most this factor more a row than the best number does."""
QUICK_ROWS, QUICK_SECONDS = 32, 1.0
"""So many rows are taken where they are this quick, gain or not: a mood of the machine then moves no small batch."""
MEMORY_SHARE = 0.7
"""The part of the free memory that one tick's activations may take."""


@dataclass(frozen=True)
class Knee:
    """rows: past which throughput stops rising; seconds_a_row: at that size; bytes_a_row: 0 where unknown."""

    rows: int
    seconds_a_row: float
    bytes_a_row: int = 0

    def limit(self, free_bytes: int, tick_seconds: float | None) -> int:
        """The rows a tick may take now: at least 1, whatever the caps say."""
        rows = self.rows
        if tick_seconds is not None and self.seconds_a_row > 0:
            rows = min(rows, int(tick_seconds / self.seconds_a_row))
        if self.bytes_a_row > 0:
            rows = min(rows, int(free_bytes * MEMORY_SHARE / self.bytes_a_row))
        return max(1, rows)


def measure(seconds_for: Callable[[int], float], bytes_a_row: int = 0, most: int = MOST_ROWS) -> Knee:
    """The fewest rows with nearly the best throughput, found by doubling until that rises no more.

    `seconds_for(rows)` runs one warm forward of that many rows and returns its time, or raises MemoryError
    where it does not fit. Two doublings without a gain end the search: one might be the machine's mood.
    """
    seconds_for(1)  # the first forward pays for lazy initialisation
    found: dict[int, float] = {}
    rows, idle = 4, 0
    while rows <= most and idle < 2:
        try:
            a_row = seconds_for(rows) / rows
        except MemoryError:
            most = rows - 1
            break
        idle = idle + 1 if found and a_row * GAIN > min(found.values()) else 0
        found[rows] = a_row
        rows *= 2
    if not found:
        return Knee(1, 0.0, bytes_a_row)
    best = min(found.values())
    chosen = min(rows for rows, a_row in found.items() if a_row <= best * WORTHWHILE)
    if found[chosen] * QUICK_ROWS < QUICK_SECONDS and most >= QUICK_ROWS:
        chosen = max(chosen, QUICK_ROWS)
    return Knee(chosen, found.get(chosen, best), bytes_a_row)
