"""How far the pictures of a comparison are from their references, and what that is worth over several seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from ..errors import ModelError, RecipeError
from ..jobs import submit
from ..layout import Layout, find_reference
from ..models.base import Model
from ..models.loading import find
from ..picture import Picture
from ..recipe import ModelRef, Recipe
from ..show.measures import best, common_top, difference_map, distance, heat, paired_differences
from ..show.table import Table
from ..values import as_count
from .running import start
from .wishes import Wishes

_AT_ONCE = 64
"""Pictures held in memory while their agreement with words is measured."""
MOST_REPEATS = 100
"""How often one picture is made to be timed."""
LARGER_IS_BETTER = {"rmse": False, "psnr": True, "ssim": True}


def references(layout: Layout, reference: Any) -> list[int | None]:
    """For each cell the number of the cell it is measured against; `reference` None means the comparison's own."""
    chosen = layout.reference if reference is None else find_reference(layout, reference)
    if not chosen:
        raise RecipeError(
            'there is nothing to measure against: give a reference, as in grid.difference("heun") '
            'or compare(…, reference="heun").'
        )
    return [
        layout.numbers.get(tuple(chosen.get(place, position) for place, position in enumerate(cell.index)))
        for cell in layout.cells
    ]


def distances(against: list[int | None], pictures: Mapping[int, Picture]) -> dict[str, dict[int, float]]:
    """RMSE, PSNR and SSIM by cell number, for the cells whose picture and reference are both there."""
    found: dict[str, dict[int, float]] = {name: {} for name in LARGER_IS_BETTER}
    for number, other in comparable(against, pictures).items():
        here = distance(np.asarray(pictures[number].pixels()), np.asarray(pictures[other].pixels()))
        for name in found:
            found[name][number] = getattr(here, name)
    return found


def comparable(against: list[int | None], pictures: Mapping[int, Picture]) -> dict[int, int]:
    """The cells whose picture and reference are both there and of one size, and the reference's number.

    Raises RecipeError where there are others to compare, and none of them is of its reference's size.
    """
    there = {
        number: other
        for number, other in enumerate(against)
        if other is not None and number in pictures and other in pictures
    }
    sized = {
        number: other for number, other in there.items() if pictures[number].size == pictures[other].size
    }
    if any(number != other for number, other in there.items()) and not any(
        number != other for number, other in sized.items()
    ):
        raise RecipeError("no picture has the size of its reference, so there is no pixel-wise difference.")
    return sized


def agreements(pictures: Mapping[int, Picture]) -> dict[int, float]:
    """Text-image agreement by cell number, for pictures of plain prompts whose model can tell it."""
    of_model: dict[ModelRef, list[int]] = {}
    for number, picture in sorted(pictures.items()):
        recipe = picture.recipe
        if recipe is not None and recipe.model is not None and isinstance(recipe.prompt, str):
            of_model.setdefault(recipe.model, []).append(number)
    found: dict[int, float] = {}
    for ref, numbers in of_model.items():
        try:
            model = find(ref)
        except ModelError:  # it is not loaded any more: then nobody can tell
            continue
        for begin in range(0, len(numbers), _AT_ONCE):
            part = [pictures[number] for number in numbers[begin : begin + _AT_ONCE]]
            told = _agreement(model, part)
            if told is None:
                break
            found.update(zip(numbers[begin:], told, strict=False))
    return found


def _agreement(model: Model, pictures: Sequence[Picture]) -> Sequence[float] | None:
    """Asked on the model's own thread, which alone may use its tokenizer."""
    told: list[Sequence[float] | None] = []
    pixels = [np.asarray(picture) for picture in pictures]
    prompts = [str(picture.recipe.prompt) for picture in pictures if picture.recipe is not None]
    submit(model, lambda _: told.append(model.agreement(pixels, prompts))).result()
    return told[0]


def heat_maps(
    against: list[int | None], pictures: Mapping[int, Picture]
) -> tuple[dict[int, Callable[[], Image.Image]], float]:
    """Difference maps as pictures, made when they are drawn, and the upper end of the scale they all share."""
    pairs = {
        number: (pictures[number], pictures[other])
        for number, other in comparable(against, pictures).items()
        if other != number
    }
    if not pairs:
        raise RecipeError("no picture has a reference that was made, so there is no difference to show.")
    # One map at a time, twice, rather than all of them in memory: a thousand large ones would not fit.
    top = max(common_top([_map(*pair)]) for pair in pairs.values())
    return {number: partial(_coloured, *pair, top) for number, pair in pairs.items()}, top


def _map(one: Picture, other: Picture) -> Any:
    return difference_map(np.asarray(one.pixels()), np.asarray(other.pixels()))


def _coloured(one: Picture, other: Picture, top: float) -> Image.Image:
    return Image.fromarray(heat(_map(one, other), top))


def paired_table(
    layout: Layout,
    against: list[int | None],
    measured: Mapping[int, float],
    measure: str,
    baseline: Any,
    over: str,
) -> Table:
    """How each setting's `measured` values differ from the baseline setting's, paired over the axis `over`.

    What is its own reference takes no part: its distance, 0, says nothing.
    """
    along, seeds = find_reference(layout, baseline), layout.axis_number(over)
    if len(along) != 1 or seeds in along:
        raise RecipeError("the baseline must be a value of one axis, and `over` another axis.")
    axis_number, position = next(iter(along.items()))
    axis, base = layout.axes[axis_number], layout.axes[axis_number].labels[position]
    others = [number for number in range(len(layout.axes)) if number not in (axis_number, seeds)]
    rows = []
    for group in sorted({tuple(cell.index[number] for number in others) for cell in layout.cells}):
        fixed = dict(zip(others, group, strict=True))
        values = {}
        for place, label in enumerate(axis.labels):
            cells = [
                _cell(layout, {**fixed, axis_number: place, seeds: seed})
                for seed in range(len(layout.axes[seeds]))
            ]
            if any(number is not None and against[number] != number for number in cells):
                values[label] = [
                    math.nan if number is None else measured.get(number, math.nan) for number in cells
                ]
        if base not in values or not np.isfinite(values[base]).any():
            raise RecipeError(
                f"the baseline {base!r} has no {measure} of its own: choose another than the reference."
            )
        _, verdict = best(values, larger_is_better=LARGER_IS_BETTER[measure])
        where = {layout.axes[number].title: layout.axes[number].labels[at] for number, at in fixed.items()}
        rows += [
            {
                **where,
                axis.title: each.setting,
                f"{measure} less {base}'s": each.mean,
                "from": each.low,
                "to": each.high,
                "n": each.n,
                "verdict": verdict,
            }
            for each in paired_differences(values, base)
        ]
    if not rows:
        raise RecipeError(
            f"beside {base!r} there is only the reference, which takes no part: nothing to compare."
        )
    return Table(rows)


def _cell(layout: Layout, places: Mapping[int, int]) -> int | None:
    return layout.numbers.get(tuple(places[number] for number in range(len(layout.axes))))


def seconds_alone(layout: Layout, pictures: Mapping[int, Picture], repeats: int) -> dict[int, float]:
    """The median seconds that one picture of each cell's setting takes alone, on a warmed model.

    Cells that differ in words or seed only share a setting, which is timed once.
    """
    repeats = as_count("repeats", repeats, 1, MOST_REPEATS)
    measured: dict[Recipe, float] = {}
    found = {}
    for number in range(len(layout.cells)):
        recipe = pictures[number].recipe if number in pictures else None
        if recipe is None:
            continue
        setting = recipe.replace(prompt=None, negative=None, seed=0)
        if setting not in measured:
            measured[setting] = _timed(recipe, repeats)
        found[number] = measured[setting]
    return found


def _timed(recipe: Recipe, repeats: int) -> float:
    assert recipe.model is not None
    model, alone = find(recipe.model), Wishes(fresh=True, store=False, exact=True)
    walls = []
    for _ in range(repeats + 1):  # the first one warms up
        start(model, [recipe], alone).result()
        walls.append(model.last_stats.wall)
    return statistics.median(walls[1:])
