"""How many cells would a comparison have, and what would that many take?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .axes import Axis, length_of, varies

LIMIT = 10_000
"""Cells that a comparison may have unless `limit=` says otherwise."""
MOST_CELLS = 1_000_000
"""Cells that it may have whatever `limit=` says: each is checked before anything runs, which takes
minutes and gigabytes for so many."""

_LOOKED_AT = 32
"""Cells that a comparison which is too large is judged by."""
_GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it leave no axis out, as even steps would."""


def check_count(
    given: Sequence[Any],
    fields: Mapping[str, Any],
    n: Any,
    limit: int,
    rough: Callable[[int], str],
) -> str:
    """What is wrong where there would be too many cells, else ""; asked before as much as a label is made for each.

    rough: what so many cells would take, in words.
    """
    named = [(each.title, each) for each in given if isinstance(each, Axis)]
    named += [(name, value) for name, value in fields.items() if varies(value)]
    lengths = [(title, max(1, length_of(each))) for title, each in named]
    if hasattr(n, "__index__") and n.__index__() > 1:
        lengths.append(("n", n.__index__()))
    count = math.prod(length for _, length in lengths)
    if count <= min(limit, MOST_CELLS):
        return ""
    product = " × ".join(f"{length:,} ({title})" for title, length in lengths)
    remedy = (
        f"the limit is {limit:,}: vary less, or say limit={count}."
        if count <= MOST_CELLS
        else f"one comparison has at most {MOST_CELLS:,}: vary less, or compare in parts."
    )
    try:
        estimate = rough(count)
    except Exception:  # what is wrong with a cell is another matter than their number
        estimate = ""
    return f"{product} would be {count:,} cells{estimate}, and {remedy}"


def some_cells(given: Sequence[Any], fields: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """The fields of a few cells from all over a comparison, `n=` and swapped words left aside."""
    axes = [(each.changes, "") for each in given if isinstance(each, Axis)]
    for name, value in fields.items():
        if varies(value):
            axes.append((value.named(name).changes, "") if isinstance(value, Axis) else (value, name))
    fixed = {name: value for name, value in fields.items() if not varies(value)}
    cells = []
    for number in range(_LOOKED_AT):
        cell, place = dict(fixed), int(number * _GOLDEN % 1 * count)
        for values, name in reversed(axes):
            place, position = divmod(place, length_of(values))
            cell |= {name: values[position]} if name else values[position]
        cells.append(cell)
    return cells
