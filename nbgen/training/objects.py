"""Which emoji are objects of mini's world?  All that can be named and told apart: some 1,300 by rule.

The rule reads Unicode's `emoji-test.txt` from the first line to the last. Names decide first: no skin tones,
no flags of places, no keycaps and lettered signs, one form where a person comes as man, woman and neither.
Then pictures decide: what looks like an object already there is not another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFont

from nbgen.training.pictures import Glyph, World, draw_glyph, find_font, find_unicode_names

# Signs rather than things: told apart by a letter or an arrow on the same coloured square.
LEFT_OUT = frozenset("country-flag subdivision-flag keycap alphanum punctuation av-symbol".split())
# Words that begin a name and would be read as a number, a size or a place.
CLAIMED = frozenset("two three double large small medium left right".split())
PEOPLE = re.compile(r"(man|woman|men|women) (.+)")
MAX_WORDS = 5

LOOK_ALIKE = 9.0
"""Mean absolute difference (0 to 255, on white, at 16×16) under which two glyphs are the same picture."""


@dataclass(frozen=True)
class Candidate:
    """One line of `emoji-test.txt`: the glyph, with its subgroup."""

    glyph: Glyph
    subgroup: str


def read_candidates(path: Path | None = None) -> Iterator[Candidate]:
    """Every fully-qualified emoji without a skin tone, names as we write them, in the order of the file."""
    subgroup = ""
    for line in (path or find_unicode_names()).read_text(encoding="utf-8").splitlines():
        if line.startswith("# subgroup:"):
            subgroup = line.removeprefix("# subgroup:").strip()
        elif "; fully-qualified" in line and "skin tone" not in line:
            codes, rest = line.split(";", 1)
            name = rest.split(" # ", 1)[1].strip().split(" ", 2)[2]
            characters = "".join(chr(int(code, 16)) for code in codes.split())
            yield Candidate(Glyph(plain_name(name), characters), subgroup)


def plain_name(name: str) -> str:
    """A name as a person types it.

    >>> plain_name("Mrs. Claus"), plain_name("woman’s boot")
    ('mrs claus', "woman's boot")
    """
    return name.lower().replace("’", "'").replace(".", "")


def is_wanted(candidate: Candidate, names: frozenset[str]) -> bool:
    """Whether the name lets it through; `names` are all names there are."""
    name = candidate.glyph.name
    words = name.split()
    if candidate.subgroup in LEFT_OUT or re.search(r"[^\w' -]", name):
        return False
    if len(words) > MAX_WORDS or words[0] in CLAIMED or "o'clock" in words or name.endswith("-thirty"):
        return False
    person = PEOPLE.fullmatch(name)
    if person and {person[2], f"person {person[2]}", f"people {person[2]}"} & names:
        # "cook" and "person running" stand for everybody; of roles, the woman stays beside them.
        return person[1] == "woman" and candidate.subgroup == "person-role"
    return True


def choose(limit: int | None = None) -> tuple[list[Glyph], np.ndarray]:
    """The glyphs that are objects, in Unicode's order, and their pictures, uint8 (n, 64, 64, 4).

    `limit` stops after so many have been found (tests).
    """
    candidates = list(read_candidates())
    names = frozenset(candidate.glyph.name for candidate in candidates)
    font = ImageFont.truetype(str(find_font()), 109)  # the only size the bitmaps have
    chosen: dict[str, tuple[int, Glyph, np.ndarray]] = {}
    small = np.empty((len(candidates), 16 * 16 * 3), np.float32)
    # Of two that look alike the one with the shorter name stays: "bed" rather than "person in bed".
    for place in sorted(range(len(candidates)), key=lambda n: len(candidates[n].glyph.name.split())):
        if limit is not None and len(chosen) >= limit:
            break
        glyph = candidates[place].glyph
        drawn = draw_glyph(glyph, font) if is_wanted(candidates[place], names) else None
        if drawn is None or glyph.name in chosen:
            continue
        seen = np.asarray(reduced(drawn), np.float32).ravel()
        if chosen and np.abs(small[: len(chosen)] - seen).mean(axis=1).min() < LOOK_ALIKE:
            continue
        small[len(chosen)] = seen
        chosen[glyph.name] = (place, glyph, np.asarray(drawn))
    found = sorted(chosen.values(), key=lambda entry: entry[0])
    return [glyph for _, glyph, _ in found], np.stack([picture for _, _, picture in found])


def reduced(glyph: Image.Image) -> Image.Image:
    """A glyph on white at a quarter of its size."""
    white = Image.new("RGBA", glyph.size, "white")
    return Image.alpha_composite(white, glyph).convert("RGB").reduce(4)


def load_objects(limit: int | None = None) -> World:
    """The world of all objects; the same wherever font and names are the same."""
    glyphs, pictures = choose(limit)
    return World(tuple(glyph.name for glyph in glyphs), pictures)


def load_named(names: Sequence[str]) -> World:
    """The world of exactly these objects, in this order: what a model's `vocabulary.json` lists.

    Raises KeyError for a name that Unicode does not have.
    """
    by_name: dict[str, Glyph] = {}
    for candidate in read_candidates():
        by_name.setdefault(candidate.glyph.name, candidate.glyph)
    font = ImageFont.truetype(str(find_font()), 109)
    drawn = [draw_glyph(by_name[name], font) for name in names]
    missing = [name for name, picture in zip(names, drawn, strict=True) if picture is None]
    if missing:
        raise KeyError(f"the font cannot draw {', '.join(missing)}")
    return World(tuple(names), np.stack([np.asarray(picture) for picture in drawn]))
