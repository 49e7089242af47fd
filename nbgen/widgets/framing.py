"""A panel of ordinary controls over an output of the notebook, which is all that a file without its kernel shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import traitlets
from PIL import Image, ImageDraw, ImageFont

from ..pixels import png_bytes
from .overlay import Overlay, script, style


def sign(words: str) -> bytes:
    """A line of grey text as a PNG.

    A panel keeps a picture from the first moment on: JupyterLab then only ever changes the picture, where another
    kind of output would be built anew, and the panel over it would lose its keyboard for a moment.
    """
    font = ImageFont.load_default(16)
    left, top, right, bottom = font.getbbox(words)
    image = Image.new("RGBA", (int(right - left) + 16, int(bottom - top) + 16), (255, 255, 255, 0))
    ImageDraw.Draw(image).text((8 - left, 8 - top), words, font=font, fill=(121, 121, 121, 255))
    return png_bytes(image)


class Frame(Overlay):
    """Shows `panel`; the notebook keeps what `still()` gives, a MIME bundle."""

    _esm = script("over.js", "keys.js", "naming.js", "framed.js")
    _css = style("over.css", "panel.css")

    panel = traitlets.Instance(widgets.Widget).tag(sync=True, **widgets.widget_serialization)

    def __init__(self, panel: widgets.Widget, still: Callable[[], dict[str, Any]]) -> None:
        self._still = still
        super().__init__(panel=panel)

    def still(self) -> dict[str, Any]:
        return self._still()
