"""Text in figures: how wide it is, and which characters can be drawn."""

from __future__ import annotations

from functools import lru_cache

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.textpath import TextToPath

from .words import printable

DPI = 100
"""Pixels an inch in every figure here, so that one point is 100/72 pixels."""

_WANTED = (
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans Devanagari",
    "Noto Emoji",
    "Arial Unicode MS",
)
_MISSING = "□"


@lru_cache(maxsize=1)
def families() -> list[str]:
    """The installed fonts to draw with, later ones for the characters that earlier ones lack."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in _WANTED if name in installed]


@lru_cache(maxsize=1)
def _covered() -> frozenset[int]:
    covered: set[int] = set()
    for name in families():
        covered.update(FT2Font(font_manager.findfont(FontProperties(family=[name]))).get_charmap())
    return frozenset(covered)


def drawable(text: str) -> str:
    """The text with □ for what no installed font has, and with $ kept from being read as a formula."""
    covered = _covered()
    kept = "".join(
        character if ord(character) in covered or character in "\n\t" else _MISSING
        for character in printable(text)
    )
    return kept.replace("\t", " ").replace("$", r"\$")


@lru_cache(maxsize=4096)
def width_of(text: str, points: float, weight: str = "normal") -> float:
    """How many pixels wide one line of text is at `points`."""
    properties = FontProperties(family=families(), size=points, weight=weight)
    width, _, _ = _METRICS.get_text_width_height_descent(text.replace(r"\$", "$"), properties, ismath=False)
    return float(width) * DPI / 72


_METRICS = TextToPath()
