"""What does mini's world look like?  Its background colours, and how one of its objects is drawn.

The pictures are emoji from one freely licensed font (Noto Color Emoji; artwork Apache-2.0, font SIL OFL 1.1),
with names from Unicode's own `emoji-test.txt`; `objects` says which. Because we compose the pictures ourselves,
every word of a caption can be checked against pixels.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 64
"""Width and height of mini's pictures, in pixels."""

BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "grey": (150, 150, 150),
    "black": (24, 24, 24),
    "red": (222, 60, 60),
    "orange": (250, 150, 50),
    "yellow": (250, 226, 90),
    "green": (70, 170, 80),
    "blue": (60, 110, 225),
    "purple": (130, 70, 175),
    "pink": (250, 170, 205),
}
"""Background colours by name, 8-bit sRGB. The first one is what a caption means that names none."""

FONT_PLACES = (
    "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",  # Debian, Ubuntu: fonts-noto-color-emoji
    "/usr/share/fonts/google-noto-color-emoji-fonts/NotoColorEmoji.ttf",  # Fedora
    "/usr/share/fonts/noto/NotoColorEmoji.ttf",  # Arch
)
UNICODE_PLACES = (
    "/usr/share/unicode/emoji/emoji-test.txt",  # Debian, Ubuntu: unicode-data; Arch: unicode-emoji
    "/usr/share/unicode/ucd/emoji/emoji-test.txt",
)


@dataclass(frozen=True)
class Glyph:
    """One object: its name in lower case and its characters, as `emoji-test.txt` has them."""

    name: str
    characters: str


def find_font() -> Path:
    """The path of NotoColorEmoji.ttf; `NBGEN_EMOJI_FONT` overrides the usual places."""
    return _find(
        os.environ.get("NBGEN_EMOJI_FONT"), FONT_PLACES, "NotoColorEmoji.ttf", "fonts-noto-color-emoji"
    )


def find_unicode_names() -> Path:
    """The path of Unicode's emoji-test.txt; `NBGEN_EMOJI_TEST` overrides the usual places."""
    return _find(os.environ.get("NBGEN_EMOJI_TEST"), UNICODE_PLACES, "emoji-test.txt", "unicode-data")


def _find(named: str | None, places: tuple[str, ...], what: str, package: str) -> Path:
    for place in (named, *places):
        if place and Path(place).is_file():
            return Path(place)
    raise FileNotFoundError(f"{what} was not found; on Debian it comes with the package {package}")


def draw_glyph(glyph: Glyph, font: ImageFont.FreeTypeFont, size: int = SIZE) -> Image.Image | None:
    """The glyph as a square RGBA picture, with a rim of 4%; None where the font cannot draw it."""
    canvas = Image.new("RGBA", (400, 200), (0, 0, 0, 0))
    ImageDraw.Draw(canvas).text((20, 20), glyph.characters, font=font, embedded_color=True)
    box = canvas.getbbox()
    # A joined sequence that the font does not know comes out as several glyphs side by side.
    if box is None or box[2] - box[0] > 150:
        return None
    cropped = canvas.crop(box)
    side = round(max(cropped.size) * 1.08)
    square = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    square.paste(cropped, ((side - cropped.width) // 2, (side - cropped.height) // 2))
    return square.resize((size, size), Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class World:
    """Everything that mini can be asked for: `names[i]` is drawn in `glyphs[i]`.

    `glyphs` is a uint8 array (objects, 64, 64, 4), RGBA with straight alpha.
    """

    names: tuple[str, ...]
    glyphs: np.ndarray

    def compose(self, objects: np.ndarray | list[int], colours: np.ndarray | list) -> np.ndarray:
        """Objects by number, each on its own background: uint8 (n, 64, 64, 3).

        `colours` is (n, 3), 8-bit sRGB.
        """
        glyphs = self.glyphs[np.asarray(objects)].astype(np.float32)
        alpha = glyphs[..., 3:] / 255
        ground = np.asarray(colours, dtype=np.float32).reshape(-1, 1, 1, 3)
        return np.rint(glyphs[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)

    def references(self, background: str) -> np.ndarray:
        """Every object on one named background: uint8 (objects, 64, 64, 3)."""
        return self.compose(np.arange(len(self.names)), [BACKGROUNDS[background]] * len(self.names))
