"""How many rows a tick should take: the measured knee of throughput, capped by memory and by time.

A forward of more rows costs less a row, up to a point; past it, rows only make the tick longer, and with it
the wait for the next preview and for a stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MOST_ROWS = 256
WORTHWHILE = 1.05
"""Doubling the rows has to raise throughput by this factor."""
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
    """Doubles the rows until throughput stops rising.

    `seconds_for(rows)` runs one warm forward of that many rows and returns its time, or raises MemoryError
    where it does not fit.
    """
    rows, best = 4, Knee(1, 0.0, bytes_a_row)
    seconds_for(1)  # the first forward pays for lazy initialisation
    while rows <= most:
        try:
            seconds = seconds_for(rows)
        except MemoryError:
            break
        a_row = seconds / rows
        if best.seconds_a_row and a_row * WORTHWHILE > best.seconds_a_row:
            break
        best = Knee(rows, a_row, bytes_a_row)
        rows *= 2
    return best
