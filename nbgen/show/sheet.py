"""Many pictures as one labelled sheet: a PNG for a cell, a matplotlib Figure for a paper."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .words import printable, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 880
"""Pixels that a sheet is wide at most, so that a notebook shows it unscaled and small pictures stay crisp."""
LARGEST, SMALLEST = 256, 64
"""Pixels a side: small pictures are enlarged to at most the one, and no column is narrower than the other."""
MOST = 400
"""Pictures drawn at most; the last line of a sheet says how many more there are."""

_GAP, _LINE, _FONT_SIZE, _CAPTION_LINES = 8, 16, 13, 3
_GREY = (121, 121, 121, 255)
"""The grey with equal contrast, 4.3 to 1, to white and to a dark notebook's #111."""

Drawable = Any
"""A PIL image, a uint8 array, or a function without arguments that returns one: loaded one at a time."""


def contact_sheet(pictures: Sequence[Drawable], labels: Sequence[str], columns: int | None = None) -> Image.Image:
    """All pictures in reading order, captions underneath, as an RGBA image on a transparent ground.

    Small pictures are enlarged by a whole factor with nearest neighbour, large ones reduced to their cell.
    Captions are wrapped to three lines. Only one picture is loaded at a time.
    """
    shown = list(pictures[:MOST])
    if not shown:
        raise ValueError("a contact sheet needs at least one picture.")
    captions = [labels[index] if index < len(labels) else "" for index in range(len(shown))]
    count = _columns(len(shown), columns)
    first = _load(shown[0])
    room = max(SMALLEST, (WIDTH - _GAP * (count - 1)) // count) if columns is None else max(8, (WIDTH - _GAP * (count - 1)) // count)
    thumbnails = [_fitted(first, room), *(_fitted(_load(picture), room) for picture in shown[1:])]
    width = max(thumbnail.width for thumbnail in thumbnails)
    font, measure = _font(), _measure()
    lines = [wrapped(caption, width, measure, _CAPTION_LINES) if caption else [] for caption in captions]
    rows = [range(start, min(start + count, len(shown))) for start in range(0, len(shown), count)]
    pitch = [
        (max(thumbnails[index].height for index in row), max(len(lines[index]) for index in row) * _LINE) for row in rows
    ]
    more = len(pictures) - len(shown)
    height = sum(tall + caption + _GAP for tall, caption in pitch) - _GAP + (_LINE + _GAP if more else 0)
    across = min(count, len(shown))
    sheet = Image.new("RGBA", (width * across + _GAP * (across - 1), height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(sheet)
    top = 0
    for row, (tall, caption) in zip(rows, pitch, strict=True):
        for column, index in enumerate(row):
            left = column * (width + _GAP)
            picture = thumbnails[index]
            sheet.paste(picture, (left + (width - picture.width) // 2, top + tall - picture.height))
            for number, line in enumerate(lines[index]):
                middle = left + (width - measure(line)) / 2
                draw.text((middle, top + tall + 2 + number * _LINE), line, fill=_GREY, font=font)
        top += tall + caption + _GAP
    if more:
        draw.text((0, top), f"and {more:,} more", fill=_GREY, font=font)
    return sheet


def contact_figure(pictures: Sequence[Drawable], labels: Sequence[str], columns: int | None = None) -> Figure:
    """The same arrangement as a matplotlib Figure, captions as titles underneath; at most 400 pictures."""
    from matplotlib.figure import Figure

    shown = pictures[:MOST]
    count = min(_columns(max(1, len(shown)), columns), max(1, len(shown)))
    rows = max(1, math.ceil(len(shown) / count))
    side = min(2.6, 10 / count)
    figure = Figure(figsize=(side * count, (side + 0.35) * rows), layout="constrained")
    axes = figure.subplots(rows, count, squeeze=False)
    for index, ax in enumerate(axes.flat):
        ax.set_axis_off()
        if index < len(shown):
            pixels = np.asarray(_fitted(_load(shown[index]), 512))
            ax.imshow(pixels, interpolation="nearest")
            # A dollar sign would start a formula.
            caption = printable(labels[index] if index < len(labels) else "")[:120].replace("$", r"\$")
            ax.set_title(caption, fontsize=9, y=-0.02, verticalalignment="top", wrap=True)
    return figure


def _columns(count: int, asked: int | None) -> int:
    """How many pictures stand side by side: some more columns than rows, and a last row that is not nearly empty."""
    if asked is not None:
        if asked < 1:
            raise ValueError(f"columns must be at least 1, not {asked}.")
        return asked
    if count <= 4:
        return count
    most = (WIDTH + _GAP) // (SMALLEST + _GAP)
    columns = min(most, math.ceil(1.25 * math.sqrt(count)))
    return math.ceil(count / math.ceil(count / columns))


def _fitted(image: Image.Image, room: int) -> Image.Image:
    """The image at the size it has in a cell: a whole multiple, or reduced, or as it is."""
    longest = max(image.size)
    if longest > room:
        factor = room / longest
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        return image.resize(size, Image.Resampling.LANCZOS)
    factor = max(1, min(room, LARGEST) // longest)
    return image if factor == 1 else image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def _load(picture: Drawable) -> Image.Image:
    loaded = picture() if callable(picture) and not isinstance(picture, Image.Image) else picture
    image = loaded if isinstance(loaded, Image.Image) else Image.fromarray(np.asarray(loaded))
    return image.convert("RGB") if image.mode != "RGB" else image


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    try:
        # The basic layout: the other one depends on a library that is not everywhere, so sheets would differ.
        return ImageFont.truetype(str(path), _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
    except OSError:  # a distribution's matplotlib may come without its fonts
        return ImageFont.load_default(_FONT_SIZE)


def _measure() -> Callable[[str], float]:
    font = _font()
    return lambda text: font.getlength(text)
