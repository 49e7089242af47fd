"""A figure as bytes: PNG, WebP and PDF, and a figure that shows itself in a notebook without pyplot."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..errors import PictureFileError, did_you_mean

LARGEST_WEBP = 16_383
"""Pixels a side that the WebP format can hold."""


class ShownFigure(Figure):
    """A matplotlib Figure that a notebook shows as a PNG without pyplot ever being imported."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        return figure_bytes(self, ".png")


def figure_bytes(
    figure: Figure,
    suffix: str,
    *,
    info: PngInfo | None = None,
    xmp: bytes | None = None,
    document: Mapping[str, str] | None = None,
) -> bytes:
    """The figure as the content of a file that ends in `suffix`: ".png", ".webp" or ".pdf".

    `info` are the text chunks of a PNG, `xmp` the metadata of a WebP and `document` the information of a PDF (Title,
    Subject, Keywords). Nothing else is said in the file: no date, no program, no user. Raises PictureFileError for
    another suffix and for what the format cannot hold.
    """
    writers: Mapping[str, Callable[[], bytes]] = {
        ".png": lambda: _png(figure, info),
        ".webp": lambda: _webp(figure, xmp),
        ".pdf": lambda: _pdf(figure, document or {}),
    }
    if suffix.lower() not in writers:
        raise PictureFileError(
            f"a figure is saved as .png, .webp or .pdf, not {suffix!r}: {did_you_mean(suffix, writers)}"
        )
    return writers[suffix.lower()]()


def small_png(figure: Figure) -> bytes:
    """The figure as a PNG of 256 colours, a third as large: for cells with many pictures, kept in a notebook."""
    buffer = io.BytesIO()
    image = as_image(figure).convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def as_image(figure: Figure) -> Image.Image:
    """The figure's own pixels: RGB, or RGBA where its ground is transparent."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    size = canvas.get_width_height()
    image = Image.frombuffer("RGBA", size, canvas.buffer_rgba(), "raw", "RGBA", 0, 1)
    transparent = image.getchannel("A").getextrema() != (255, 255)
    return image if transparent else image.convert("RGB")


def _png(figure: Figure, info: PngInfo | None) -> bytes:
    buffer = io.BytesIO()
    as_image(figure).save(buffer, "PNG", pnginfo=info, compress_level=6)
    return buffer.getvalue()


def _webp(figure: Figure, xmp: bytes | None) -> bytes:
    image = as_image(figure)
    if max(image.size) > LARGEST_WEBP:
        raise PictureFileError(
            f"a WebP has at most {LARGEST_WEBP:,} pixels a side, and this figure has {max(image.size):,}: "
            "save it as .png."
        )
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=90, **({"xmp": xmp} if xmp else {}))
    return buffer.getvalue()


def _pdf(figure: Figure, document: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    silent = {"Creator": None, "Producer": None, "CreationDate": None}
    figure.savefig(buffer, format="pdf", metadata={**silent, **document})
    return buffer.getvalue()
