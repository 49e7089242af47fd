"""A walk: pictures in order along a path, which play in the cell, are saved as animations, and are measured."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, overload

import numpy as np
from PIL import Image

from .. import metadata as meta
from .. import unshown
from ..axes import label_of
from ..errors import RecipeError
from ..files import as_path, make_folder, write_file
from ..picture import Picture, Pictures
from ..show import animation
from ..show.figure_files import ShownFigure
from ..show.walk_figure import walk_figure
from ..show.walking import (
    AT_A_TIME,
    Distances,
    Pixels,
    gini,
    neighbour_distances,
    on_the_cross_fade,
    root_mean_square,
    sharpness_at_the_middle,
)
from ..show.words import one_line
from ..values import as_count

FPS = 12.0
"""Frames a second, where nobody says otherwise."""


class Walk(Sequence[Picture]):
    """Pictures in order along a path. Plays in the cell; slices are Walks again.

    `loop` says that the first picture follows on the last. `distances` measures how far pictures are from one
    another: a function of two lists of uint8 arrays (height, width, 3) that returns a number for each pair. Left
    out, it is the root mean square over the pixels; `nbgen.interpolate` hands over one that sees what the model
    sees.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        *,
        loop: bool = False,
        fps: float = FPS,
        distances: Distances = root_mean_square,
        notes: Sequence[str] = (),
    ) -> None:
        self.notes = tuple(notes)
        self._pictures = tuple(pictures)
        if not self._pictures:
            raise RecipeError("a walk needs at least one picture.")
        sizes = dict.fromkeys(picture.size for picture in self._pictures)
        if len(sizes) > 1:
            said = " and ".join(f"{width}×{height}" for width, height in sizes)
            raise RecipeError(f"the pictures of a walk have one size, and these have {said}.")
        self.loop = loop
        self.fps = _as_fps(fps)
        self._distances = distances

    def __len__(self) -> int:
        return len(self._pictures)

    def __iter__(self) -> Iterator[Picture]:
        return iter(self._pictures)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> Walk: ...
    def __getitem__(self, index: int | slice) -> Picture | Walk:
        if isinstance(index, slice):
            return self._with(self._pictures[index], loop=False)
        return self._pictures[index]

    @property
    def pictures(self) -> Pictures:
        """The same pictures as a contact sheet shows them."""
        return Pictures(self)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame, in pixels."""
        return self[0].size

    # Other walks from this one.

    def reverse(self) -> Walk:
        """The same way back."""
        return self._with(self._pictures[::-1], loop=self.loop)

    def boomerang(self) -> Walk:
        """There and back again, as a loop; the two ends are shown once."""
        return self._with((*self._pictures, *self._pictures[-2:0:-1]), loop=True)

    def join(self, other: Walk) -> Walk:
        """This walk and then the other. A picture that ends the one and begins the other is shown once."""
        if not isinstance(other, Walk):
            raise RecipeError(f"a walk is joined with a walk, not with {type(other).__name__}.")
        seam = 1 if self[-1].key == other[0].key else 0
        return self._with((*self._pictures, *other._pictures[seam:]), loop=False)

    # What it looks like.

    def strip(self, n: int = 8) -> Image.Image:
        """`n` frames, evenly chosen, side by side in one picture; both ends are among them."""
        places = self._spread(as_count("n", n, 1))
        return Pictures(self[place] for place in places).sheet(
            columns=len(places), labels=[str(place + 1) for place in places]
        )

    def figure(self, *, theme: str = "light") -> ShownFigure:
        """A matplotlib Figure: frames above, and below a bar for each step, as high as the frames are apart."""
        places = self._spread(_evenly(len(self)))
        return walk_figure(
            [self[place].pixels for place in places],
            places,
            self.steps,
            title=self._title(),
            note=f"smoothness {self.smoothness:.2f} · mean step {self.consistency:.3g} · "
            f"largest {self.largest_step:.3g}" + "".join(f"\n{note}" for note in self.notes),
            theme=theme,
        )

    def save(
        self, path: str | os.PathLike[str], *, fps: float | None = None, metadata: str = "recipe"
    ) -> Path:
        """Write the walk and return the path; its ending says how.

        .png and .webp play with every pixel kept, .gif with 256 colours, .mp4 (with the extra `video`) as H.264.
        A name without an ending is a folder: one numbered PNG a frame, each with its recipe. In a .png or .webp
        stands the recipe of the first frame, which is what `nbgen.read` gives. Raises PictureFileError where it
        cannot be written.
        """
        target, fps = as_path(path), self.fps if fps is None else _as_fps(fps)
        level = meta.check_level(metadata)
        if not target.suffix:
            return self._save_frames(target, level)
        first = self[0]
        plain = first.cost.to_plain() if level == "full" else None
        write = partial(
            animation.write,
            frames=[picture.pixels for picture in self],
            suffix=target.suffix,
            fps=fps,
            info=meta.png_info(first.recipe, plain, level),
            sidecar=meta.sidecar(first.recipe, plain, level, "WEBP"),
        )
        return write_file(target, write)

    def view(self, beside: Walk | None = None) -> Any:
        """A player in the cell: scrub, step, speed, there and back; `beside` plays another walk next to it.

        `player.picture` is the frame at which it was stopped. The notebook keeps the animation.
        """
        from ..widgets.viewing import Player

        return Player(self, beside)

    # What is measured.

    @cached_property
    def steps(self) -> tuple[float, ...]:
        """How far each frame is from the next; in a loop, also the last from the first."""
        return neighbour_distances(len(self), self._array, self._distances, loop=self.loop)

    @property
    def consistency(self) -> float:
        """The mean distance between neighbours: smaller is closer together."""
        return float(np.mean(self.steps)) if self.steps else 0.0

    @property
    def smoothness(self) -> float:
        """1 less the Gini coefficient of the neighbours' distances: 1 where all steps are equally large."""
        return 1.0 - gini(self.steps)

    @property
    def largest_step(self) -> float:
        """The distance of the two neighbours that are farthest apart."""
        return max(self.steps, default=0.0)

    @cached_property
    def off_the_cross_fade(self) -> float:
        """How far the frames between the ends are from the nearest cross-fade of the ends, on the average.

        Scores of smoothness favour a plain cross-fade; this one is 0 for it, so read the two together. Of a
        loop, its first half is measured, since its ends are neighbours.
        """
        last = self._half() - 1
        if last < 2:
            return 0.0
        ends = self._array(0), self._array(last)
        found: list[float] = []
        for start in range(1, last, AT_A_TIME):
            frames = [self._array(number) for number in range(start, min(start + AT_A_TIME, last))]
            found += self._distances(frames, on_the_cross_fade(frames, ends))
        return float(np.mean(found))

    @cached_property
    def sharpness_at_the_middle(self) -> float:
        """How sharp the middle third is, as a share of the ends; a cross-fade falls below 1.

        Of a loop, its first half is measured.
        """
        return sharpness_at_the_middle(self._half(), self._array)

    def _half(self) -> int:
        """How many frames lead from the one end to the other."""
        return len(self) // 2 + 1 if self.loop else len(self)

    def _array(self, number: int) -> Pixels:
        return np.asarray(self._pictures[number])

    def _with(self, pictures: Sequence[Picture], *, loop: bool) -> Walk:
        return Walk(pictures, loop=loop, fps=self.fps, distances=self._distances, notes=self.notes)

    def _spread(self, n: int) -> list[int]:
        count = min(n, len(self))
        return sorted({round(place * (len(self) - 1) / max(1, count - 1)) for place in range(count)})

    def _save_frames(self, folder: Path, level: str) -> Path:
        make_folder(folder)
        digits = max(4, len(str(len(self))))
        for number, picture in enumerate(self, 1):
            picture.save(folder / f"{number:0{digits}}.png", level)
        return folder

    def _title(self) -> str:
        """What the walk leads from and to, in words."""
        ends = [self[0].recipe, self[len(self) // 2 if self.loop else -1].recipe]
        if any(recipe is None for recipe in ends):
            return ""
        for name in ("prompt", "seed", "guidance", "truncation"):
            first, last = (getattr(recipe, name) for recipe in ends)
            if first != last:
                said = [f'"{each}"' if isinstance(each, str) else label_of(each) for each in (first, last)]
                way = f"{said[0]} → … → {said[0]}" if self.loop else f"{said[0]} → {said[1]}"
                return one_line(way if name == "prompt" else f"{name} {way}", 100)
        return ""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        unshown.shown(self)
        frames = [picture.pixels for picture in self]
        return {"image/png": animation.shown_png(frames, self.fps), "text/plain": repr(self)}

    def __repr__(self) -> str:
        width, height = self.size
        parts = [
            f"{len(self)} frame{'' if len(self) == 1 else 's'}",
            *([self._title()] if self._title() else []),
        ]
        return f"Walk({', '.join(parts)}, {width}×{height}{', loop' if self.loop else ''})"


def _evenly(count: int) -> int:
    """How many of `count` frames a figure shows: all of a few, else 7 to 12 that are equally far apart, or else 10."""
    if count <= 12:
        return count
    return next((shown for shown in range(12, 6, -1) if (count - 1) % (shown - 1) == 0), 10)


def _as_fps(fps: object) -> float:
    if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 0.1 <= fps <= 100:
        raise RecipeError(f"fps is how many frames are shown a second, from 0.1 to 100, not {fps!r:.40}.")
    return float(fps)
