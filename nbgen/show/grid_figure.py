"""A comparison as one labelled figure: pages of rows and columns, legible at two cells and at four hundred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from PIL import Image, ImageDraw

from ..errors import RecipeError, brief
from .figure_files import ShownFigure
from .geometry import (
    HEADING,
    MOST_IN_A_LINE,
    NOTE,
    NOTE_LINE,
    ROOM_FOR_A_REASON,
    TICK,
    TITLE,
    WIDTH,
    Geometry,
    Tile,
    column_labels,
    footer_lines,
    head_height,
    measure,
    row_labels,
    tiles_of,
    wrap,
)
from .lettering import DPI, drawable, families
from .pages import Page, Slot, folded

_MARGIN, _BETWEEN_PAGES, _BETWEEN_LINES, _BAR_HEIGHT = 14, 26, 6, 52


@dataclass(frozen=True)
class Theme:
    """Colours as (red, green, blue, alpha) hexadecimal text."""

    background: str
    text: str
    soft: str
    empty: str
    hatch: str
    failed: str
    failed_text: str
    accent: str


THEMES: Mapping[str, Theme] = {
    "light": Theme("#ffffffff", "#1c2024", "#60646c", "#f4f5f6", "#dcdfe4", "#fdecec", "#b42318", "#0b68cb"),
    "dark": Theme("#16181cff", "#eceef0", "#a0a6ae", "#202329", "#3a3f47", "#3a1d1f", "#ff9d94", "#6cb2ff"),
    # Greys with equal contrast to white and to a dark notebook, on a transparent ground.
    "notebook": Theme(
        "#ffffff00", "#797979", "#797979", "#80808014", "#80808046", "#d1453b26", "#d1453b", "#2f83dd"
    ),
}


def find_theme(name: str) -> Theme:
    """The theme of this name, or RecipeError."""
    if not isinstance(name, str) or name not in THEMES:
        raise RecipeError(f"theme must be {' or '.join(map(repr, THEMES))}, not {brief(name)}.")
    return THEMES[name]


@dataclass(frozen=True)
class ColourBar:
    """What the colours of heat maps mean: from 0 to `top`, in the colours of matplotlib's map `name`."""

    title: str
    top: float
    name: str


def grid_figure(
    pages: Sequence[Page],
    tiles: Sequence[Tile],
    *,
    theme: str = "light",
    width: int = WIDTH,
    notes: Sequence[str] = (),
    bar: ColourBar | None = None,
) -> ShownFigure:
    """A matplotlib Figure of all pages, one below the other; the slots of the pages are numbers of `tiles`.

    Pictures are opened one at a time and drawn as thumbnails, so memory follows the size of the figure, not of
    the pictures. Small pictures are enlarged by whole factors with hard edges. `width` is in pixels, and a
    figure of many columns is wider. `theme` is "light", "dark" or "notebook" (transparent).
    """
    colours = find_theme(theme)
    pages = [line for page in pages for line in folded(page, MOST_IN_A_LINE)]
    geometry = measure(pages, tiles, width)
    reasons = list(
        dict.fromkeys(tile.reason for page in pages for tile in tiles_of(page, tiles) if not tile.image)
    )
    footers = [
        footer_lines(page, tiles, reasons, geometry, notes if page is pages[-1] else ()) for page in pages
    ]
    heads = [head_height(page, geometry) for page in pages]
    sizes = [geometry.extent(page) for page in pages]
    heights = [
        head + size[1] + (len(footer) * NOTE_LINE + 8 if footer else 0)
        for head, size, footer in zip(heads, sizes, footers, strict=True)
    ]
    full_width = max(geometry.labels + max(size[0] for size in sizes), 200) + 2 * _MARGIN
    # The lines of a folded table have no titles of their own, and stand close together.
    gaps = [_BETWEEN_PAGES if page.title or page.column_title else _BETWEEN_LINES for page in pages]
    full_height = sum(heights) + sum(gaps[1:]) + 2 * _MARGIN + (_BAR_HEIGHT if bar else 0)
    figure = ShownFigure(figsize=(full_width / DPI, full_height / DPI), dpi=DPI, facecolor=colours.background)

    def place(left: float, top: float, across: float, down: float) -> Axes:
        return figure.add_axes(
            (left / full_width, 1 - (top + down) / full_height, across / full_width, down / full_height)
        )

    top = float(_MARGIN)
    for page, gap, head, size, height, footer in zip(
        pages, gaps, heads, sizes, heights, footers, strict=True
    ):
        top += gap if page is not pages[0] else 0
        axes = place(_MARGIN + geometry.labels, top + head, *size)
        _Painter(axes, geometry, tiles, colours, reasons).draw(page, head, footer)
        top += height
    if bar is not None:
        axes = place(_MARGIN + geometry.labels, top + _BETWEEN_PAGES, min(220, max(sizes[0][0], 120)), 10)
        _draw_bar(axes, bar, colours)
    return figure


@dataclass(frozen=True)
class _Painter:
    """Draws one page: all its pictures as one image, and the text around and in it."""

    axes: Axes
    geometry: Geometry
    tiles: Sequence[Tile]
    colours: Theme
    reasons: Sequence[str]

    def draw(self, page: Page, head: float, footer: Sequence[str]) -> None:
        width, height = self.geometry.extent(page)
        canvas = Image.new("RGBA", (width, height), self.colours.background)
        self.axes.set_frame_on(False)
        for row, slots in enumerate(page.slots):
            for column, slot in enumerate(slots):
                self._draw_slot(canvas, slot, row, column)
        self.axes.imshow(
            np.asarray(canvas), extent=(0, width, height, 0), interpolation="none", aspect="auto"
        )
        self._label_axes(page, width, height)
        left = -self.geometry.labels
        if page.title:
            text = wrap(page.title, width - left, HEADING, 1)[0]
            self._write(left, 2 - head, text, HEADING, va="top", weight="bold")
        for number, line in enumerate(footer):
            self._write(left, height + 8 + NOTE_LINE * number, line, NOTE, self.colours.soft, va="top")

    def _label_axes(self, page: Page, width: int, height: int) -> None:
        columns, upright, above = column_labels(page, self.geometry)
        rows = row_labels(page, self.geometry)
        style: dict[str, Any] = {
            "fontsize": TICK,
            "linespacing": 1.2,
            "family": families(),
            "color": self.colours.text,
        }
        title: dict[str, Any] = {
            "fontsize": TITLE,
            "weight": "bold",
            "family": families(),
            "color": self.colours.soft,
            "labelpad": 0,
        }
        self.axes.tick_params(length=0, pad=5, top=False, labeltop=True, labelbottom=False)
        across = [
            self.geometry.place(0, column)[0] + self.geometry.cell[0] / 2 for column in range(len(columns))
        ]
        down = [self.geometry.place(row, 0)[1] + self.geometry.cell[1] / 2 for row in range(len(rows))]
        self.axes.set_xticks(across, columns, rotation=90 if upright else 0, **style)
        self.axes.set_yticks(down, rows, **style)
        if page.column_title:
            self.axes.set_xlabel(wrap(page.column_title, max(width, 120), TITLE, 1)[0], **title)
            self.axes.xaxis.set_label_position("top")
            self.axes.xaxis.set_label_coords(0.5, 1 + (above + 13) / height)
        if page.row_title:
            # In the corner above its labels, where it is read without turning one's head.
            text = "\n".join(wrap(page.row_title, self.geometry.labels, TITLE, 2))
            self.axes.set_ylabel(text, rotation=0, ha="right", va="bottom", **title)
            self.axes.yaxis.set_label_coords(-7 / width, 1 + 6 / height)
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)

    def _draw_slot(self, canvas: Image.Image, slot: Slot, row: int, column: int) -> None:
        if all(number is None for number in slot):
            _hatch(canvas, self.geometry.place(row, column), self.geometry.cell, self.colours)
            return
        for inside, number in enumerate(slot):
            corner = self.geometry.place(row, column, inside)
            if number is None:
                _hatch(canvas, corner, self.geometry.inner, self.colours)
            else:
                self._draw_tile(canvas, self.tiles[number], *corner)

    def _draw_tile(self, canvas: Image.Image, tile: Tile, left: int, top: int) -> None:
        width, height = self.geometry.inner
        if tile.image is not None:
            thumbnail = _thumbnail(tile.image(), self.geometry.inner)
            canvas.paste(
                thumbnail, (left + (width - thumbnail.width) // 2, top + (height - thumbnail.height) // 2)
            )
        else:
            fill = self.colours.failed if tile.reason else self.colours.empty
            ImageDraw.Draw(canvas).rectangle((left, top, left + width - 1, top + height - 1), fill=fill)
            self._explain(tile.reason, left, top)
        if tile.caption and self.geometry.caption:
            lines = [part for line in tile.caption.split("\n") for part in wrap(line, width + 4, NOTE, 1)]
            self._write(
                left + width / 2,
                top + height + 3,
                "\n".join(lines),
                NOTE,
                self.colours.soft,
                ha="center",
                va="top",
            )
        if tile.marked:
            frame = Rectangle((left - 2, top - 2), width + 4, height + 4)
            frame.set(fill=False, edgecolor=self.colours.accent, linewidth=1.8, clip_on=False, zorder=3)
            self.axes.add_patch(frame)

    def _explain(self, reason: str, left: int, top: int) -> None:
        """Why there is no picture, in its place; in a narrow cell a number that stands below the figure too."""
        width, height = self.geometry.inner
        if width >= ROOM_FOR_A_REASON:
            lines = wrap(reason or "not made", width - 12, NOTE, max(1, int((height - 12) // NOTE_LINE)))
            text = "\n".join(lines)
        else:
            text = str(self.reasons.index(reason) + 1) if reason else "…"
        colour = self.colours.failed_text if reason else self.colours.soft
        self._write(left + width / 2, top + height / 2, text, NOTE, colour, ha="center", va="center")

    def _write(self, x: float, y: float, text: str, points: float, colour: str = "", **style: Any) -> None:
        self.axes.text(
            x,
            y,
            text,
            fontsize=points,
            color=colour or self.colours.text,
            family=families(),
            linespacing=1.3,
            **style,
        )


def _thumbnail(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    factor = min(box[0] / image.width, box[1] / image.height)
    if factor >= 1:
        whole = int(factor)
        return image.convert("RGB").resize(
            (image.width * whole, image.height * whole), Image.Resampling.NEAREST
        )
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _hatch(canvas: Image.Image, corner: tuple[int, int], size: tuple[int, int], colours: Theme) -> None:
    """Fine diagonal lines: a place that is empty on purpose."""
    patch = Image.new("RGBA", size, colours.empty)
    draw = ImageDraw.Draw(patch)
    for start in range(-size[1], size[0], 9):
        draw.line((start, size[1], start + size[1], 0), fill=colours.hatch, width=1)
    canvas.paste(patch, corner)


def _draw_bar(axes: Axes, bar: ColourBar, colours: Theme) -> None:
    axes.imshow(np.linspace(0, 1, 256)[None], cmap=bar.name, aspect="auto", extent=(0, bar.top, 0, 1))
    style: dict[str, Any] = {"fontsize": NOTE, "family": families(), "color": colours.soft}
    axes.set_yticks([])
    axes.set_xticks(
        [0, bar.top / 2, bar.top], ["0", f"{bar.top / 2:.3g}", f"{bar.top:.3g} and more"], **style
    )
    axes.set_title(drawable(bar.title), loc="left", pad=4, **style)
    axes.tick_params(length=0, pad=3)
    axes.set_frame_on(False)
