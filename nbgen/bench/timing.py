"""How long does something take, fairly: warmed up, repeated, and what is compared done in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turns(works: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each work, `repeats` times; the order is turned around each time.

    Whatever else the machine does, and however warm it is, then falls on all of them alike.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    for repeat in range(repeats):
        for name in list(works)[:: -1 if repeat % 2 else 1]:
            taken[name].append(seconds(works[name]))
    return taken


def ratio(slow: list[float], fast: list[float]) -> float:
    """How many times faster: the median of the ratios of neighbours in time."""
    return median(one / other for one, other in zip(slow, fast, strict=True))
