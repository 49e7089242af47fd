"""What does mini's world look like?  Its objects, its background colours, and how a picture is drawn.

The pictures are emoji: some four hundred nameable objects from one freely licensed font (Noto Color
Emoji; artwork Apache-2.0, font SIL OFL 1.1), with names from Unicode's own `emoji-test.txt`. Because we
compose the pictures ourselves, every word of a caption can be checked against pixels.
"""

from __future__ import annotations

import os
import re
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

# Whole subgroups of emoji-test.txt whose members a person can name at sight. Left out: people (skin and
# gender variants), flags, keycaps, clock faces, signs, arrows, zodiac, geometric shapes, alphabets.
SUBGROUPS = frozenset(
    """face-smiling face-unwell face-hat face-negative face-costume heart animal-mammal animal-bird
    animal-amphibian animal-reptile animal-marine animal-bug plant-flower plant-other food-fruit
    food-vegetable food-prepared food-asian food-marine food-sweet drink dishware place-geographic
    place-building transport-ground transport-water transport-air sport game musical-instrument
    clothing tool science household time phone computer light_&_video sky_&_weather writing office
    lock award-medal event""".split()
)

# Words in names that announce a variant of an object already there, or a thing that cannot be named at sight.
VARIANT_WORDS = frozenset(
    """with behind oncoming front-facing pointing tilted japanese decorative open closed cloud tear-off
    spiral linked old two-hump guide service low gibbous quarter suit exclamation index woman’s
    man’s one-piece sign station motorway national derelict dotted mount growing beating sparkling
    mending two decoration increasing decreasing departure arrival small upside-down black white new
    tram mountain suspension aerial railway love department convenience office done letter round
    film optical video manual motorized pager trackball construction classical building revolving
    tickets medal heavy leafy steaming rosette microbe seat twelve-thirty one-thirty two-thirty
    three-thirty four-thirty five-thirty six-thirty seven-thirty eight-thirty nine-thirty ten-thirty
    eleven-thirty""".split()
)
NEWEST = 5.0
"""Emoji version (2017); later ones are seldom the first thing that a word brings to mind."""

MAX_WORDS = 2
# Mean absolute difference (0 to 255) under which two glyphs on white count as the same picture.
SAME_PICTURE = 12.0


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


def read_glyphs(path: Path | None = None) -> list[Glyph]:
    """Every glyph that the rule above lets through, in the order of the file, before any is drawn."""
    glyphs = []
    subgroup = ""
    for line in (path or find_unicode_names()).read_text(encoding="utf-8").splitlines():
        if line.startswith("# subgroup:"):
            subgroup = line.removeprefix("# subgroup:").strip().replace(" ", "_")
        elif "; fully-qualified" in line and subgroup in SUBGROUPS:
            codes, rest = line.split(";", 1)
            _, version, name = rest.split(" # ", 1)[1].strip().lower().split(" ", 2)
            if _is_nameable(name) and float(version.removeprefix("e")) <= NEWEST:
                glyphs.append(Glyph(name, "".join(chr(int(code, 16)) for code in codes.split())))
    return glyphs


def _is_nameable(name: str) -> bool:
    words = name.split()
    plain = re.fullmatch(r"[a-z]+(-[a-z]+)*( [a-z]+(-[a-z]+)*)*", name) is not None
    return plain and len(words) <= MAX_WORDS and not VARIANT_WORDS.intersection(words)


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


def load_world(limit: int | None = None) -> World:
    """Read the names, draw the glyphs, leave out near-duplicates; the same wherever the font is the same.

    `limit` keeps only the first so many objects (tests).
    """
    font = ImageFont.truetype(str(find_font()), 109)  # the only size the bitmaps have
    names: list[str] = []
    kept: list[np.ndarray] = []
    on_white = np.empty((0, SIZE, SIZE, 3), np.float32)
    for glyph in read_glyphs():
        drawn = draw_glyph(glyph, font)
        if drawn is None or glyph.name in names:
            continue
        pixels = np.asarray(drawn)
        white = _on_white(pixels)
        # Three clouds, nine yellow faces: whoever comes first in Unicode's order stays.
        if len(names) and np.abs(on_white - white).mean(axis=(1, 2, 3)).min() < SAME_PICTURE:
            continue
        names.append(glyph.name)
        kept.append(pixels)
        on_white = np.concatenate([on_white, white[None]])
        if limit is not None and len(names) >= limit:
            break
    return World(tuple(names), np.stack(kept))


def _on_white(glyph: np.ndarray) -> np.ndarray:
    alpha = glyph[..., 3:].astype(np.float32) / 255
    return glyph[..., :3] * alpha + 255 * (1 - alpha)
