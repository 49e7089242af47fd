"""What stands where in a figure: pages of rows and columns, as plain data that figures and files are drawn from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

Slot = tuple[int | None, ...]
"""The numbers of the pictures that share one place; None where a cell was skipped on purpose."""


@dataclass(frozen=True)
class Page:
    """One table of a figure. A title of "" means that nothing varies that way.

    `slots[row][column]` holds the pictures that stand together at one place, one unless pictures are grouped
    inside a cell. `inside_labels` say what those are.
    """

    title: str
    row_title: str
    row_labels: tuple[str, ...]
    column_title: str
    column_labels: tuple[str, ...]
    slots: tuple[tuple[Slot, ...], ...]
    inside_title: str = ""
    inside_labels: tuple[str, ...] = ()


def folded(page: Page, most: int) -> Iterator[Page]:
    """A page of one long row as lines of at most `most` columns, about equally long, as text is broken into lines.

    Only the first keeps the titles: the others go on where it ends.
    """
    columns = len(page.column_labels)
    if len(page.slots) != 1 or columns <= most:
        yield page
        return
    across = math.ceil(columns / math.ceil(columns / most))
    for begin in range(0, columns, across):
        line = slice(begin, begin + across)
        part = replace(page, column_labels=page.column_labels[line], slots=(page.slots[0][line],))
        yield part if begin == 0 else replace(part, title="", row_title="", column_title="")
