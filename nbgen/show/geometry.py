"""How large everything in a figure of a comparison is: cells, labels, headings, all in pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from .lettering import drawable, width_of
from .pages import Page
from .words import wrapped

WIDTH = 880
"""Pixels that the cells of a row share before they shrink: what a notebook shows unscaled."""

LARGEST, SMALLEST = 320, 20
"""Sides of a cell in pixels."""

USUAL_SMALLEST = 56
"""Below this a picture says little, so the figure grows wider instead."""

MOST_IN_A_LINE = 14
"""Columns of a table with a single row: a longer one goes on in the next line, as text does."""

HEIGHT, USUAL_SIDE = 1600, 128
"""Cells share this height until they are this small; then the figure grows longer."""

MOST_PIXELS = 24_000_000
GAP = 6
TICK, TITLE, HEADING, NOTE = 9.0, 9.5, 12.0, 8.0
"""Sizes of text in points."""

LINE, NOTE_LINE = 16.0, 14.0
"""Pixels from one line of text to the next."""

ROOM_FOR_A_REASON = 88
"""Pixels: a narrower cell has a number in it, and the reason stands below the figure."""

_LABEL_WIDTH = 190

_MOST_LINES = 6
"""Lines of a label."""


@dataclass(frozen=True)
class Tile:
    """What stands in one cell.

    `image` opens the picture when it is drawn and forgets it after; None where there is none, and `reason` then
    says why. `marked` outlines the cell: a reference.
    """

    image: Callable[[], Image.Image] | None
    size: tuple[int, int] = (1, 1)
    reason: str = ""
    caption: str = ""
    marked: bool = False


@dataclass(frozen=True)
class Geometry:
    """Sizes in pixels that every page of a figure shares, so that its tables line up."""

    cell: tuple[int, int]
    inner: tuple[int, int]
    across: int
    caption: int
    labels: float

    def place(self, row: int, column: int, inside: int = 0) -> tuple[int, int]:
        left = column * (self.cell[0] + GAP) + inside % self.across * (self.inner[0] + 2)
        top = row * (self.cell[1] + self.caption + GAP) + inside // self.across * (self.inner[1] + 2)
        return left, top

    def extent(self, page: Page) -> tuple[int, int]:
        """Width and height of the cells of a page together."""
        left, top = self.place(len(page.slots), len(page.slots[0]))
        return left - GAP, top - GAP


def tiles_of(page: Page, tiles: Sequence[Tile]) -> list[Tile]:
    """The tiles that a page shows."""
    return [tiles[number] for row in page.slots for slot in row for number in slot if number is not None]


def measure(pages: Sequence[Page], tiles: Sequence[Tile], width: int) -> Geometry:
    """Cells as large as they can be read and still share `width` and a screen or two of height."""
    shown = [tile for page in pages for tile in tiles_of(page, tiles)]
    sizes = [tile.size for tile in shown if tile.image is not None] or [(1, 1)]
    largest = max(size[0] for size in sizes), max(size[1] for size in sizes)
    together = max(len(slot) for page in pages for row in page.slots for slot in row)
    across = math.ceil(math.sqrt(together))
    columns = max(len(page.slots[0]) for page in pages)
    rows = sum(len(page.slots) for page in pages)
    labels = _label_width(pages)
    room = (width - labels) / columns - GAP
    # A small grid is drawn small: two cells of 320 pixels, not two that fill the page.
    side = min(LARGEST, max(room, USUAL_SMALLEST), max(HEIGHT / rows, USUAL_SIDE))
    side = max(SMALLEST, min(side, math.sqrt(MOST_PIXELS / (rows * columns))))
    inner = _fit(largest, (side - 2 * (across - 1)) / across)
    down = math.ceil(together / across)
    cell = inner[0] * across + 2 * (across - 1), inner[1] * down + 2 * (down - 1)
    # Captions have no room between pictures that share a cell.
    caption = 15 * max(
        (1 + tile.caption.count("\n") for tile in shown if tile.caption and together == 1), default=0
    )
    return Geometry(cell, inner, across, caption, labels)


def _fit(size: tuple[int, int], side: float) -> tuple[int, int]:
    """A picture's size in a square of `side`: enlarged by a whole factor, or reduced."""
    longest = max(size)
    if longest == 1:
        return max(4, int(side)), max(4, int(side))
    factor = side / longest
    factor = math.floor(factor) if factor >= 1 else factor
    return max(4, round(size[0] * factor)), max(4, round(size[1] * factor))


def _label_width(pages: Sequence[Page]) -> float:
    lines = [
        line
        for page in pages
        for label in page.row_labels
        for line in wrap(label, _LABEL_WIDTH, TICK, _MOST_LINES)
    ]
    lines += [line for page in pages for line in wrap(page.row_title, _LABEL_WIDTH, TITLE, 2)]
    return max((width_of(line, TICK) * 1.04 for line in lines), default=0.0) + (12 if lines else 0)


def wrap(text: str, width: float, points: float, lines: int) -> list[str]:
    """The text as lines that fit into `width` pixels at `points`."""
    return wrapped(drawable(text), width, lambda line: width_of(line, points), lines) if text else []


def column_labels(page: Page, geometry: Geometry) -> tuple[list[str], bool, float]:
    """The column labels as they are drawn, whether they stand upright, and their height in pixels."""
    width = geometry.cell[0]
    broken = any(
        width_of(word, TICK) > width for label in page.column_labels for word in drawable(label).split()
    )
    if broken and width < 110:
        lines = _apart(page.column_labels, 150, max(1, int(width // LINE)))
        height = 1.05 * max(width_of(line, TICK) for each in lines for line in each)
        return ["\n".join(each) for each in lines], True, height
    # Drawn text is a little wider than measured, and neighbours must not touch.
    lines = _apart(page.column_labels, width if width < 110 else width / 1.04 - 4, _MOST_LINES)
    return ["\n".join(each) for each in lines], False, max((len(each) for each in lines), default=0) * LINE


def row_labels(page: Page, geometry: Geometry) -> list[str]:
    """The row labels as they are drawn: as many lines as a row is high."""
    lines = min(_MOST_LINES, max(1, int(geometry.cell[1] // LINE)))
    return ["\n".join(each) for each in _apart(page.row_labels, _LABEL_WIDTH, lines)]


def _apart(labels: Sequence[str], width: float, lines: int) -> list[list[str]]:
    """The labels wrapped; those that would read the same once they are cut begin shortly before they differ."""
    drawn = [wrap(label, width, TICK, lines) for label in labels]
    alike: dict[tuple[str, ...], list[int]] = {}
    for number, each in enumerate(drawn):
        alike.setdefault(tuple(each), []).append(number)
    for numbers in alike.values():
        whole = {labels[number] for number in numbers}
        if len(whole) > 1:
            first = min(whole)
            same = next(
                (end for end, pair in enumerate(zip(first, max(whole), strict=False)) if len({*pair}) > 1),
                len(first),
            )
            start = first.rfind(" ", 0, max(0, same - 8)) + 1
            for number in numbers:
                drawn[number] = wrap("…" + labels[number][start:], width, TICK, lines)
    return drawn


def head_height(page: Page, geometry: Geometry) -> float:
    """Pixels above the cells of a page: its title, the title of the columns and their labels."""
    height = 28.0 if page.title else 0.0
    if page.column_labels:
        height += (20 if page.column_title else 0) + column_labels(page, geometry)[2] + 12
    elif page.row_title:
        height += 24
    return height


def footer_lines(
    page: Page, tiles: Sequence[Tile], reasons: list[str], geometry: Geometry, notes: Sequence[str]
) -> list[str]:
    """Lines below a page: what the numbers in failed cells mean, what stands inside a cell, what was skipped."""
    lines = []
    if len(page.inside_labels) > 1:
        lines.append(f"In each cell, {page.inside_title}: {', '.join(page.inside_labels)}")
    here = {tile.reason for tile in tiles_of(page, tiles) if tile.image is None}
    if geometry.inner[0] < ROOM_FOR_A_REASON:
        lines += [
            f"{reasons.index(reason) + 1}: {reason}" for reason in reasons if reason in here and reason
        ][:8]
    if any(number is None for row in page.slots for slot in row for number in slot):
        lines.append("Hatched: left out on purpose")
    width = max(geometry.labels + geometry.extent(page)[0], 200)
    return [part for line in [*lines, *notes] for part in wrap(line, width, NOTE, 3)]
