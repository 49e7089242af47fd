"""Where along the way each frame of a walk stands: even in the parameter, eased, or even to the eye."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

from ..errors import RecipeError
from ..values import as_number

Easing = Callable[[float], float]

EASINGS: dict[str, Easing] = {
    "linear": lambda t: t,
    "in": lambda t: t * t,
    "out": lambda t: t * (2 - t),
    "in-out": lambda t: t * t * (3 - 2 * t),
}
"""Ways to begin and to end: "in" begins slowly, "out" ends slowly, "in-out" does both."""

PACES = ("uniform", "perceptual")

_TOO_FAR = 1.25
"""Steps, as a share of an even one, above which a stretch is looked into."""
_MOST_PARTS = 4

FINEST = 1 << 16
"""Places between the ends that a frame may stand at where it is not at an even fraction."""


def as_easing(easing: str | Easing | None) -> Easing | None:
    """The function that an easing's name means; None for "linear". RecipeError for an unknown name."""
    if easing is None or easing == "linear":
        return None
    if isinstance(easing, str) and easing in EASINGS:
        return EASINGS[easing]
    if not callable(easing):
        known = ", ".join(map(repr, EASINGS))
        raise RecipeError(f"easing must be {known} or a function from 0…1 to 0…1, not {easing!r:.40}.")
    return easing


def even(count: int, loop: bool, easing: Easing | None = None) -> list[Fraction]:
    """`count` places from 0 to 1, exact fractions, so that a finer walk finds those that it shares.

    A loop leaves out the last, which would be the first again.
    """
    parts = count if loop else count - 1
    places = [Fraction(number, parts) for number in range(count)]
    return places if easing is None else [_eased(place, easing) for place in places]


def even_to_the_eye(
    known: Sequence[Fraction],
    distances: Sequence[float],
    count: int,
    loop: bool,
    easing: Easing | None = None,
) -> list[Fraction]:
    """`count` places between which equally much changes, by what was measured at the `known` ones.

    known: places from 0 to 1, ascending, both ends included
    distances: how far the picture at each is from the one at the next, one fewer than places

    The cumulative distance, linear between the known places, is inverted. Where nothing changes at all, the
    places are even.
    """
    total = math.fsum(distances)
    if not total > 0 or not math.isfinite(total):
        return even(count, loop, easing)
    sums = [0.0]
    for distance in distances:
        sums.append(sums[-1] + distance / total)
    return [_inverted(float(place), known, sums) for place in even(count, loop, easing)]


def leaps(known: Sequence[Fraction], distances: Sequence[float], count: int) -> list[Fraction]:
    """Places to look at next: inside each stretch where more changes than between two of `count` even frames."""
    step = math.fsum(distances) / (count - 1)
    found = []
    for (left, right), distance in zip(pairwise(known), distances, strict=True):
        if distance > _TOO_FAR * step > 0:
            parts = min(_MOST_PARTS, math.ceil(distance / step))
            found += [_rounded(float(left + (right - left) * part / parts)) for part in range(1, parts)]
    return [place for place in dict.fromkeys(found) if place not in known]


def _inverted(wanted: float, known: Sequence[Fraction], sums: Sequence[float]) -> Fraction:
    if wanted <= 0:
        return known[0]
    for (left, right), (low, high) in zip(pairwise(known), pairwise(sums), strict=True):
        if wanted < high:
            return _rounded(float(left) + float(right - left) * (wanted - low) / (high - low))
    return known[-1]


def _eased(place: Fraction, easing: Easing) -> Fraction:
    value = as_number("what easing returns", easing(float(place)))
    if not -1e-9 <= value <= 1 + 1e-9:
        raise RecipeError(
            f"easing must stay between 0 and 1, and at {float(place):.3g} this one gives {value:.3g}."
        )
    return _rounded(value)


def _rounded(value: float) -> Fraction:
    return Fraction(round(min(1.0, max(0.0, value)) * FINEST), FINEST)
