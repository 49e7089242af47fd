"""What has the panel made so far? Its pictures, newest first, in the strip that shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

from ..picture import Picture, Pictures
from ..pixels import png_bytes
from .framing import sign
from .parts import Strip

MOST_KEPT = 60
"""Pictures in the strip of results; the History tab has the others."""
MOST_IN_FILE = 12
"""Results on the sheet that the notebook keeps of the panel, the latest."""
MOST_BYTES = 700_000
"""Bytes of that sheet as a PNG: a third more as text, and the file stays below a mebibyte."""


class Results:
    """A list of pictures and its strip."""

    def __init__(self) -> None:
        self.strip = Strip(title="Results", empty="What you generate appears here.")
        self.pictures: list[Picture] = []

    def add(self, made: Sequence[Picture], describe: Callable[[Picture], dict[str, Any]]) -> None:
        """These come first, and the first of them is chosen; what is older than `MOST_KEPT` goes."""
        new = {picture.key: picture for picture in made}
        self.pictures = [*new.values(), *(old for old in self.pictures if old.key not in new)][:MOST_KEPT]
        self.strip.fill(self.pictures, describe)
        self.strip.chosen = made[0].key

    def still(self, words: str) -> dict[str, Any]:
        """What the notebook keeps of the panel: a sheet of the latest, or a line where there are none."""
        kept: dict[str, Any] = {"image/png": sign("nbgen studio: run this cell to open it")}
        if self.pictures:
            sheet = Pictures(self.pictures[:MOST_IN_FILE]).sheet()
            kept["image/png"] = png = png_bytes(sheet)
            while len(png) > MOST_BYTES:
                scale = 0.9 * (MOST_BYTES / len(png)) ** 0.5
                width, height = (max(1, round(side * scale)) for side in sheet.size)
                sheet = sheet.resize((width, height), Image.Resampling.LANCZOS)
                kept["image/png"] = png = png_bytes(sheet)
        return {**kept, "text/plain": words}
