"""How smoothly does a walk go, and is it one at all or a cross-fade: distances and arrays in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import RecipeError

Pixels = NDArray[np.uint8]
Distances = Callable[[Sequence[Pixels], Sequence[Pixels]], Sequence[float]]
"""How far each picture of the first list is from the one at its place in the second."""

AT_A_TIME = 16
"""Frames held in memory while a walk is measured."""


def gini(distances: Sequence[float]) -> float:
    """How unevenly a total is shared out: 0 where all are equal, towards 1 where one has it all.

    Σᵢ Σⱼ |xᵢ − xⱼ| / (2 n Σ x). 0 for nothing at all.
    """
    values = np.sort(np.asarray(distances, dtype=np.float64))
    total = float(values.sum())
    if total <= 0:
        return 0.0
    ranks = np.arange(1, len(values) + 1)
    return float(((2 * ranks - len(values) - 1) * values).sum() / (len(values) * total))


def on_the_cross_fade(frames: Sequence[Pixels], ends: tuple[Pixels, Pixels]) -> list[Pixels]:
    """For each frame the picture most like it, pixel by pixel, among all blends of the two ends.

    The nearest blend, and not the one at the same fraction: a walk that merely fades unevenly would otherwise
    seem to be more than a fade.
    """
    first, last = ends[0].astype(np.float64), ends[1].astype(np.float64)
    way = last - first
    length = float((way * way).sum())
    found = []
    for frame in frames:
        part = float(((frame - first) * way).sum()) / length if length > 0 else 0.0
        blend = first + min(1.0, max(0.0, part)) * way
        found.append((blend + 0.5).astype(np.uint8))
    return found


def sharpness(pixels: Pixels) -> float:
    """The root mean square of the Laplacian of the brightness, on pixels from 0 to 1; 0 for a flat picture."""
    grey = pixels.astype(np.float64).mean(axis=2) / 255
    if min(grey.shape) < 3:
        return 0.0
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(np.sqrt(np.mean(laplacian**2)))


def sharpness_at_the_middle(count: int, frame: Callable[[int], Pixels]) -> float:
    """How sharp the middle third of `count` frames is, as a share of what the ends are; a cross-fade falls below 1.

    frame: gives one of them by its number; they are asked for one at a time
    """
    ends = (sharpness(frame(0)) + sharpness(frame(count - 1))) / 2
    middle = range(count // 3, count - count // 3) or range(count)
    return float(np.mean([sharpness(frame(number)) for number in middle])) / ends if ends > 0 else math.nan


def neighbour_distances(
    count: int, frame: Callable[[int], Pixels], distances: Distances, *, loop: bool = False
) -> tuple[float, ...]:
    """How far each of `count` frames is from the next; in a loop, also the last from the first.

    frame: gives one of them by its number; few are in memory at a time
    """
    steps = count if loop and count > 1 else count - 1
    found: list[float] = []
    for start in range(0, steps, AT_A_TIME):
        numbers = range(start, min(start + AT_A_TIME, steps))
        frames = [frame(number % count) for number in (*numbers, numbers[-1] + 1)]
        measured = list(distances(frames[:-1], frames[1:]))
        if len(measured) != len(numbers):
            raise RecipeError(
                f"distances returns one number for each pair, and for {len(numbers)} pairs it returned {len(measured)}."
            )
        found += measured
    return tuple(float(distance) for distance in found)


def root_mean_square(ones: Sequence[Pixels], others: Sequence[Pixels]) -> list[float]:
    """The plain distance of pictures, on pixels from 0 to 1."""
    pairs = zip(ones, others, strict=True)
    return [float(np.sqrt(np.mean((one / 255.0 - other / 255.0) ** 2))) for one, other in pairs]
