"""Many pictures as one labelled sheet: a PNG for a cell, a matplotlib Figure for a paper."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..errors import RecipeError, brief
from .words import wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 880
"""Pixels that a sheet is wide at most, so that a notebook shows it unscaled and small pictures stay crisp."""
LARGEST, SMALLEST = 256, 64
"""Pixels a side: small pictures are enlarged to at most the one, and no column is narrower than the other."""
MOST = 400
"""Pictures drawn at most; the last caption says how many more there are."""

_GAP, _EDGE = 8, 1
_LINE, _FONT_SIZE, _CAPTION_LINES, _ABOVE, _BELOW = 16, 13, 3, 3, 5
_GREY = (121, 121, 121, 255)
"""The grey with equal contrast, 4.3 to 1, to white and to a dark notebook's #111."""
_POINTS = 9
_HAIR = (128, 128, 128, 64)
"""A line around each picture, so that a white one ends somewhere on a white page."""

Drawable = Any
"""A PIL image, a uint8 array, or a function without arguments that returns one: loaded one at a time."""


def contact_sheet(
    pictures: Sequence[Drawable], labels: Sequence[str], columns: int | None = None
) -> Image.Image:
    """All pictures in reading order, captions underneath, as an RGBA image on a transparent ground.

    Small pictures are enlarged by a whole factor with nearest neighbour, large ones reduced to their cell.
    Captions are wrapped to three lines. Only one picture is loaded at a time.
    """
    if not pictures:
        raise RecipeError("a contact sheet needs at least one picture.")
    labels = _texts(labels)
    count = _columns(min(len(pictures), MOST), columns)
    room = max(8, (WIDTH - 2 * _EDGE + _GAP) // count - _GAP)
    thumbnails = [_fitted(_load(picture), room) for picture in pictures[:MOST]]
    width = max(min(SMALLEST, room), *(thumbnail.width for thumbnail in thumbnails))
    measure = caption_font().getlength
    captions = [wrapped(label, width, measure, _CAPTION_LINES) if label else [] for label in labels[:MOST]]
    captions += [[]] * (len(thumbnails) - len(captions))
    if len(pictures) > MOST:
        captions[-1] = [*captions[-1][: _CAPTION_LINES - 1], f"… {len(pictures) - MOST:,} more"]
    rows = [slice(start, start + count) for start in range(0, len(thumbnails), count)]
    tall = [max(thumbnail.height for thumbnail in thumbnails[row]) for row in rows]
    deep = [max(_depth(lines) for lines in captions[row]) for row in rows]
    across = min(count, len(thumbnails))
    size = (
        across * (width + _GAP) - _GAP + 2 * _EDGE,
        sum(tall) + sum(deep) + _GAP * (len(rows) - 1) + 2 * _EDGE,
    )
    sheet = Image.new("RGBA", size, (0, 0, 0, 0))
    top = _EDGE
    for row, height, depth in zip(rows, tall, deep, strict=True):
        for column, (picture, lines) in enumerate(zip(thumbnails[row], captions[row], strict=True)):
            left = _EDGE + column * (width + _GAP)
            _place(sheet, picture, left + (width - picture.width) // 2, top + height - picture.height)
            _write(sheet, lines, left + width / 2, top + height + _ABOVE)
        top += height + depth + _GAP
    return Sheet.of(sheet)


class Sheet(Image.Image):
    """An image whose PNG in a notebook is packed well: Pillow's own is quick, and a fifth larger."""

    @classmethod
    def of(cls, image: Image.Image) -> Sheet:
        made = cls()
        made.im, made._mode, made._size = image.im, image.mode, image.size
        return made

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.save(buffer, "PNG", compress_level=9)
        return buffer.getvalue()

    def __repr__(self) -> str:
        return f"<Sheet mode={self.mode} size={self.width}x{self.height}>"


def contact_figure(pictures: Sequence[Drawable], labels: Sequence[str], columns: int | None = None) -> Figure:
    """The same arrangement as a matplotlib Figure, one Axes a picture, captions underneath; at most 400."""
    from matplotlib.figure import Figure

    shown, labels = pictures[:MOST], _texts(labels)
    count = _columns(max(1, len(shown)), columns)
    rows = max(1, math.ceil(len(shown) / count))
    side, gap = min(2.6, 10 / count), 0.08  # inches
    letters = int((side - gap) * 72 / (0.6 * _POINTS))  # a letter of DejaVu Sans is about 0.6 em wide
    captions = [_caption(label, letters) for label in labels[: len(shown)]]
    deep = (
        max((caption.count("\n") + 1 for caption in captions if caption), default=0) * 1.25 * _POINTS + 8
    ) / 72
    width, height = side * count, (side + deep) * rows
    # Places are worked out here: matplotlib's own layouts take half a minute for some hundred pictures.
    figure = Figure(figsize=(width, height))
    for index, picture in enumerate(shown):
        left, top = index % count * side + gap / 2, height - index // count * (side + deep) - gap / 2
        size = side - gap
        ax = figure.add_axes((left / width, (top - size) / height, size / width, size / height))
        ax.set_axis_off()
        image = _load(picture)
        ax.imshow(
            np.asarray(_fitted(image, 512) if max(image.size) > 512 else image), interpolation="nearest"
        )
        caption = captions[index] if index < len(captions) else ""
        ax.set_title(caption, fontsize=_POINTS, y=-0.02, verticalalignment="top")
    return figure


def _texts(labels: Sequence[Any]) -> list[str]:
    """Captions, which may be given as numbers."""
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise RecipeError(f"labels is a list of captions, one a picture, not {brief(labels)}.")
    return ["" if label is None else str(label) for label in labels]


def _caption(label: str, letters: int) -> str:
    # A dollar sign would start a formula.
    return "\n".join(wrapped(label, max(4, letters), len, _CAPTION_LINES)).replace("$", r"\$")


def _place(sheet: Image.Image, picture: Image.Image, left: int, top: int) -> None:
    corners = (left - _EDGE, top - _EDGE, left + picture.width, top + picture.height)
    ImageDraw.Draw(sheet).rectangle(corners, outline=_HAIR)
    sheet.paste(picture, (left, top))


def _write(sheet: Image.Image, lines: Sequence[str], middle: float, top: int) -> None:
    for number, line in enumerate(lines):
        left = middle - caption_font().getlength(line) / 2
        ImageDraw.Draw(sheet).text((left, top + number * _LINE), line, fill=_GREY, font=caption_font())


def _depth(lines: Sequence[str]) -> int:
    """Pixels that a caption takes underneath its picture."""
    return _ABOVE + len(lines) * _LINE + _BELOW if lines else 0


def _columns(count: int, asked: int | None) -> int:
    """How many stand side by side: a few more columns than rows, and a last row that is well filled."""
    if asked is not None:
        if isinstance(asked, bool) or not hasattr(asked, "__index__") or asked.__index__() < 1:
            raise RecipeError(f"columns must be a whole number from 1, not {brief(asked)}.")
        return min(asked.__index__(), count)
    if count <= 5:  # a short series reads best in one line
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
        return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    factor = max(1, min(room, LARGEST) // longest)
    return (
        image
        if factor == 1
        else image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    )


def _load(picture: Drawable) -> Image.Image:
    loaded = picture() if callable(picture) and not isinstance(picture, Image.Image) else picture
    image = loaded if isinstance(loaded, Image.Image) else Image.fromarray(np.asarray(loaded))
    return image.convert("RGB") if image.mode != "RGB" else image


@functools.cache
def caption_font(size: int = _FONT_SIZE) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Matplotlib's own font, which has every letter of most languages; Pillow's small one has no ñ."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    try:
        # The basic layout: the other one depends on a library that is not everywhere, so sheets would differ.
        return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    except OSError:  # a distribution's matplotlib may come without its fonts
        return ImageFont.load_default(size)
