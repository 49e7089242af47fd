"""What can be asked for?  Scenes: which objects, how many, how large, where, beside what, in which style.

A scene says what its caption says and no more; `lay_out` decides the rest. Boxes have three sides (all of the
picture, four fifths, half). What is four fifths large stands on multiples of four pixels, a latent's width; what
is half as large on multiples of sixteen, a cell's (`words`): what the model has learned about an object in one
place it then knows in every other.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nbgen.training.pictures import BACKGROUNDS

FULL, MEDIUM, HALF = 64, 52, 32
GRID = 4
"""Boxes stand on multiples of so many pixels: one latent."""
CELL = 16
"""Boxes of half the picture's side stand on multiples of so many: a quarter of that side."""

PLACED = {
    "left": (0, CELL),
    "right": (FULL - HALF, CELL),
    "top": (CELL, 0),
    "bottom": (CELL, FULL - HALF),
}
"""Left and top of the box of half a side that stands there."""
PLACES = tuple(PLACED)
RELATIONS = ("next to", "left of", "right of", "above", "below")
STYLES: dict[str, tuple[str, ...]] = {
    "pixel art": tuple(BACKGROUNDS),
    "pencil sketch": ("white", "grey", "yellow", "pink"),
    "watercolour": ("white", "grey", "yellow", "pink"),
    "silhouette": tuple(name for name in BACKGROUNDS if name != "black"),
    "monochrome": tuple(BACKGROUNDS),
    "neon": ("black",),
}
"""Each style, with the backgrounds it is drawn on; the first is what a caption means that names none."""

HARDER = {"monochrome": 3}
"""Styles that are drawn so many times as often as the others: a colour is what a model remembers best of an object."""

PLAIN = next(iter(BACKGROUNDS))
HELD_OUT_OF = 20
"""One pair of objects in so many is never trained on."""

MOVED = 0.22
"""Share of single objects with size and place unsaid that are a little smaller and anywhere."""

Box = tuple[int, int, int]
"""Left, top and side of the square an object is drawn in, in pixels."""


@dataclass(frozen=True)
class Scene:
    """What a caption says. `things` are object numbers, two for a pair; a field that is None goes unsaid."""

    things: tuple[int, ...]
    background: str = PLAIN
    size: str | None = None
    place: str | None = None
    count: int = 1
    relation: str | None = None
    mirrored: bool = False
    style: str | None = None


def default_background(style: str | None) -> str:
    """What an unsaid background means."""
    return STYLES[style][0] if style else PLAIN


def is_held_out(one: str, other: str) -> bool:
    """Whether the pair of objects, in either order, is kept from the training.

    Decided by the names alone, so that it stays the same whatever else is in the world.

    >>> is_held_out("cat", "dog") == is_held_out("dog", "cat")
    True
    """
    return zlib.crc32("|".join(sorted((one, other))).encode()) % HELD_OUT_OF == 0


KINDS = ("plain", "size", "place", "number", "pair", "mirrored", "style")


def draw_scene(
    kind: str, names: Sequence[str], draw: np.random.Generator, among: Sequence[int] | None = None
) -> Scene:
    """A scene of one of the KINDS, its first object `among` those (None: all)."""
    thing = int(draw.integers(len(names)) if among is None else draw.choice(among))
    # Half of what people ask for names no background, and then it is white: see that more often.
    ground = PLAIN if draw.random() < 0.3 else str(draw.choice(list(BACKGROUNDS)))
    if kind == "size":
        return Scene((thing,), ground, size=("small", "large")[draw.random() < 0.3])
    if kind == "place":
        size = "small" if draw.random() < 0.25 else None
        return Scene((thing,), ground, size=size, place=str(draw.choice(PLACES)))
    if kind == "number":
        return Scene((thing,), ground, count=int(draw.integers(2, 4)))
    if kind == "mirrored":
        return Scene((thing,), ground, mirrored=True)
    if kind == "pair":
        while True:
            other = int(draw.integers(len(names)))
            if other != thing and not is_held_out(names[thing], names[other]):
                return Scene((thing, other), ground, relation=str(draw.choice(RELATIONS)))
    if kind == "style":
        style = str(draw.choice([style for style in STYLES for _ in range(HARDER.get(style, 1))]))
        allowed = STYLES[style]
        ground = allowed[0] if draw.random() < 0.6 else str(draw.choice(allowed))
        return Scene((thing,), ground, style=style)
    return Scene((thing,), ground)


def lay_out(scene: Scene, draw: np.random.Generator | None) -> tuple[tuple[int, Box], ...]:
    """Each object's number and box, in the order they are drawn.

    draw: decides what is unsaid; without one it is as one would expect: an object fills the picture or stands in
    the middle, three stand on their foot
    """
    if scene.relation:
        return _side_by_side(scene)
    if scene.count > 1:
        return _several(scene, draw)
    (thing,) = scene.things
    if scene.place:
        return ((thing, (*PLACED[scene.place], HALF)),)
    if scene.size == "small":
        return ((thing, anywhere(HALF, CELL, draw) if draw else (CELL, CELL, HALF)),)
    exact = scene.size or scene.style or scene.mirrored
    if exact or draw is None or draw.random() >= MOVED:
        return ((thing, (0, 0, FULL)),)
    return ((thing, anywhere(MEDIUM, GRID, draw)),)


def anywhere(side: int, step: int, draw: np.random.Generator) -> Box:
    """A box of that side, drawn among those on multiples of `step`."""
    left, top = (step * int(n) for n in draw.integers((FULL - side) // step + 1, size=2))
    return left, top, side


def _several(scene: Scene, draw: np.random.Generator | None) -> tuple[tuple[int, Box], ...]:
    (thing,) = scene.things
    if scene.count == 2:
        corners = [PLACED["left"], PLACED["right"]]
    else:  # a triangle, on its foot or on its tip
        one, two = (0, FULL - HALF)[:: draw.choice([-1, 1]) if draw else 1]
        corners = [(HALF // 2, one), (0, two), (FULL - HALF, two)]
    return tuple((thing, (left, top, HALF)) for left, top in corners)


def _side_by_side(scene: Scene) -> tuple[tuple[int, Box], ...]:
    first, second = scene.things
    if scene.relation in ("right of", "below"):
        first, second = second, first
    sides = ("top", "bottom") if scene.relation in ("above", "below") else ("left", "right")
    return (first, (*PLACED[sides[0]], HALF)), (second, (*PLACED[sides[1]], HALF))
