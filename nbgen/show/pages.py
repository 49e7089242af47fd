"""What stands where in a figure: pages of rows and columns, as plain data that figures and files are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

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
