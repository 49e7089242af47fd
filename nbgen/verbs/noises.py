"""Ways between the noises that pictures start from: of seeds, and of pictures that are run backwards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..errors import RecipeError
from ..recipe import Mix, Recipe

Part = int | tuple[str, str]
"""A seed, or a picture's hash and the prompt under which it is run backwards."""


def arc(one: int | Mix, other: int | Mix, part: float) -> int | Mix:
    """The seed or mixture of seeds `part` of the way along the great circle from one noise to the other."""
    return _as_seed(_along(_direction(one), _direction(other), part))


def around(one: int | Mix, other: int | Mix, turn: float) -> int | Mix:
    """The noise on the circle through both: at 0 the one, at ¼ the other, and at 1 the first again."""
    turned = turn % 1.0
    if turned == 0:
        return one
    if turned == 0.25:
        return other
    angle = 2 * math.pi * turned
    return _as_seed(_sum((math.cos(angle), _direction(one)), (math.sin(angle), _direction(other))))


def noise_between(one: Recipe, other: Recipe, part: float) -> dict[str, Any]:
    """The fields of a recipe whose noise lies `part` of the way from the one's to the other's."""
    found = _along(_whole_direction(one), _whole_direction(other), part)
    length = math.sqrt(sum(weight * weight for weight in found.values()))
    pictures = {
        name[0]: (float(f"{weight / length:.12g}"), name[1])
        for name, weight in found.items()
        if isinstance(name, tuple) and weight
    }
    seeds = {name: weight for name, weight in found.items() if isinstance(name, int) and weight}
    return {"inverted": pictures, "seed": _as_seed(seeds) if seeds else 0}


def _along(first: Mapping[Any, float], second: Mapping[Any, float], part: float) -> dict[Any, float]:
    cosine = sum(weight * second.get(name, 0.0) for name, weight in first.items())
    angle = math.acos(max(-1.0, min(1.0, cosine)))
    if math.sin(angle) < 1e-6:
        raise RecipeError(
            "two of these stops start from the same noise, or from one and its negative: there is no way between."
        )
    return _sum(
        (math.sin((1 - part) * angle) / math.sin(angle), first),
        (math.sin(part * angle) / math.sin(angle), second),
    )


def _sum(*terms: tuple[float, Mapping[Any, float]]) -> dict[Any, float]:
    total: dict[Any, float] = {}
    for factor, direction in terms:
        for name, weight in direction.items():
            total[name] = total.get(name, 0.0) + round(factor * weight, 15)
    return total


def _as_seed(weights: Mapping[Any, float]) -> int | Mix:
    mixed = Mix.of(*((weight, seed) for seed, weight in weights.items()))
    assert not isinstance(mixed, str)
    return mixed


def _direction(seed: int | Mix) -> dict[Any, float]:
    """The weight of each seed, scaled to length 1: noises of different seeds count as orthogonal."""
    if not isinstance(seed, Mix):
        return {seed: 1.0}
    length = math.sqrt(sum(weight * weight for weight, _ in seed.parts))
    return {int(value): weight / length for weight, value in seed.parts}


def _whole_direction(recipe: Recipe) -> dict[Any, float]:
    """As `_direction`, of the pictures that a recipe starts from too; its seed has what they leave of 1."""
    found: dict[Any, float] = {(picture, words): weight for picture, (weight, words) in recipe.inverted}
    rest = 1 - sum(weight * weight for weight in found.values())
    if rest > 1e-9:
        found |= {seed: math.sqrt(rest) * weight for seed, weight in _direction(recipe.seed).items()}
    return found
