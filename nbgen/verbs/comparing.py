"""`compare` and `plan`: every combination of what varies, checked as a whole, made in one batch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import PurePath
from typing import Any, Literal, overload

from PIL import Image

from .. import session
from ..axes import Axis, label_of, varies
from ..combining import lay_out
from ..counting import LIMIT
from ..errors import RecipeError, brief
from ..jobs import Job
from ..layout import Layout
from ..models.base import Model
from ..models.residence import weightless
from ..picture import Picture, Pictures
from ..recipe import Mix, ModelRef, Recipe
from ..styling import styled
from ..values import as_count
from .auditing import audit
from .existing import compare_existing
from .grid import Grid
from .making import as_model, model_of, noted
from .picture_axes import axes_with_hashes, with_hashes
from .planning import Plan, estimate, roughly
from .running import start_each
from .waiting import deliver
from .watching import say
from .wishes import Wishes

_ARGUMENTS = frozenset(
    {"n", "style", "model", "where", "reference", "limit", "wait", "fresh", "store", "exact"}
)
_A_SAMPLERS_OWN = frozenset({"options", "schedule"})

Start = Any
"""A prompt, a Mix, a list of prompts, a Picture, a dict of pictures by name, or a folder of pictures as a Path."""


@overload
def compare(
    start: Start = ..., /, *axes: Axis, n: int | None = ..., where: Callable[..., bool] | None = ...,
    reference: Any = ..., limit: int = ..., wait: Literal[True] = ..., fresh: bool = ..., store: bool = ...,
    exact: bool = ..., **fields: Any,
) -> Grid: ...  # fmt: skip
@overload
def compare(
    start: Start = ..., /, *axes: Axis, n: int | None = ..., where: Callable[..., bool] | None = ...,
    reference: Any = ..., limit: int = ..., wait: Literal[False], fresh: bool = ..., store: bool = ...,
    exact: bool = ..., **fields: Any,
) -> Job: ...  # fmt: skip
def compare(
    start: Start = None,
    /,
    *axes: Axis,
    n: int | None = None,
    where: Callable[..., bool] | None = None,
    reference: Any = None,
    limit: int = LIMIT,
    wait: bool = True,
    fresh: bool = False,
    store: bool = True,
    exact: bool = False,
    **fields: Any,
) -> Grid | Job:
    """Pictures at every combination of what varies, as one labelled grid.

    A value fixes, a list varies: any field of a recipe (`model` too) may be one value or a list, a range or
    `nbgen.axis(…)`. The last axis runs along columns, the one before along rows, further ones are pages.

    start: the prompt, or a picture to start from; a dict of pictures by name or a folder (as a Path) compares
        pictures that exist already
    axes: axes without a keyword: `nbgen.axis("speed", {…})`, `nbgen.swap_words("cat", ["cat", "dog"])`
    n: pictures in each cell, with seeds seed, seed + 1, … (seed is 0 when left out)
    where: a function that says which cells to keep: `where=lambda sampler, steps: …`
    reference: a value, or a dict of several, that cells are measured against
    limit: the most cells that are not taken for a slip; at most 1,000,000 in any case
    wait, fresh, store, exact: as in `generate`

    Everything is checked before anything runs; RecipeError lists all problems at once. What the store has is
    taken from there, so that a run that was interrupted goes on where it stopped. A cell that fails says why
    in its place.

        grid = nbgen.compare("a cat face", sampler=["ddim", "dpm++2m", "heun"], seed=range(4), steps=12)
    """
    wishes = Wishes(wait, fresh, store, exact)
    if isinstance(start, (Mapping, PurePath)):
        return compare_existing(start, axes, fields, n, where, reference, wait)
    layout, models = _prepare(start, axes, fields, n, where, reference, limit)
    recipes = layout.recipes
    for line in [*_notes(recipes, models), *audit(layout, models)]:
        say(line)
    title = _title(layout)

    def make_grid(job: Job) -> Grid:
        reasons = {number: _reason(error) for number, error in job.errors.items()}
        return Grid(layout, job.finished, reasons, title, _in_common(recipes))

    groups = _by_model(recipes, models)
    job = start_each(groups, recipes, wishes, make_result=make_grid)
    if layout.axes and len(layout.cells) == math.prod(layout.shape):
        job.columns = layout.shape[-1]
    return deliver(job) if wait else job


def plan(
    start: Start = None,
    /,
    *axes: Axis,
    n: int | None = None,
    where: Callable[..., bool] | None = None,
    reference: Any = None,
    limit: int = LIMIT,
    wait: bool = True,
    fresh: bool = False,
    store: bool = True,
    exact: bool = False,
    **fields: Any,
) -> Plan:
    """What `compare` with the same arguments would do: cells, what is stored, denoiser calls, time, memory.

    Nothing is made, and there is nothing to wait for. Raises what `compare` would.
    """
    if isinstance(start, (Mapping, PurePath)):
        raise RecipeError("these pictures exist already: there is nothing to plan.")
    wishes = Wishes(wait, fresh, store, exact)
    layout, models = _prepare(start, axes, fields, n, where, reference, limit)
    return estimate(_by_model(layout.recipes, models), layout.recipes, wishes)


def _prepare(
    start: Start,
    axes: Sequence[Axis],
    fields: Mapping[str, Any],
    n: int | None,
    where: Callable[..., bool] | None,
    reference: Any,
    limit: int,
) -> tuple[Layout, dict[ModelRef, Model]]:
    """The checked layout, and the models that take part."""
    limit = as_count("limit", limit, 1)
    for each in axes:
        if not isinstance(each, Axis):
            raise RecipeError(
                f"after the prompt come axes (nbgen.axis, nbgen.swap_words) or fields by name, not {brief(each)}."
            )
    given, base = _given(start, fields)
    given, axes = with_hashes(given), axes_with_hashes(axes)
    choices = _model_choices(axes, given)
    # Several models may not fit into memory together: their cells are checked before their weights are read.
    with weightless() if len(choices) > 1 else contextlib.nullcontext():
        chosen = {id(choice): as_model(choice) for choice in choices}
    carried = start.recipe if isinstance(start, Picture) else None
    default = next(iter(chosen.values())) if chosen else model_of(carried, None)
    models = list(chosen.values()) or [default]
    known = frozenset().union(*(model.fields for model in models)) | _ARGUMENTS
    written = {*given, *(name for each in axes for name in each.fields)}

    def resolve(**values: Any) -> Recipe:
        model = chosen.get(id(values.pop("model", None)), default)
        values = styled(values, model.fields)
        if values.get("sampler") is not base.get("sampler") and values.get("sampler") != base.get("sampler"):
            # They belong to the sampler of the picture or the defaults that this starts from.
            values = {
                name: value
                for name, value in values.items()
                if name in written or name not in _A_SAMPLERS_OWN
            }
        # What those bring along, and this model does not have, goes too.
        return model.resolve(
            **{name: value for name, value in values.items() if name in written or name in model.fields}
        )

    with contextlib.ExitStack() as stack:
        for model in models:
            stack.enter_context(model.settled())
        layout = lay_out(
            axes, given, known=known, resolve=resolve, base={"seed": 0, **base}, n=n, where=where,
            reference=reference, limit=limit, rough=partial(roughly, {model.ref: model for model in models}),
        )  # fmt: skip
        return layout, {model.ref: model for model in models}


def _given(start: Start, fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the call itself says, the prompt first, and what it starts from."""
    base = session.default_fields()
    given = {name: value for name, value in fields.items() if value is not None or name == "negative"}
    if start is None:
        return given, base
    if isinstance(start, Picture):
        if start.recipe is None:
            raise RecipeError(
                "this picture carries no recipe, so there is nothing to start from: give a prompt."
            )
        return given, {**base, **start.recipe.replace(model=None).written()}
    several = start if isinstance(start, (list, Pictures)) else [start]
    if any(isinstance(each, (Picture, Image.Image)) or getattr(each, "ndim", 0) > 1 for each in several):
        raise RecipeError(
            "pictures that exist already are compared under names: "
            'nbgen.compare({"one": picture, "other": picture}), or a folder of them as a Path.'
        )
    if isinstance(start, (str, Mix)) or varies(start):
        if "prompt" in given:
            raise RecipeError("the prompt is given twice: first, and as prompt=.")
        return {"prompt": start, **given}, base
    raise RecipeError(
        "compare starts from a prompt, a list of prompts, a picture, a dict of pictures or a folder (a Path), "
        f"not {start!r:.60}."
    )


def _model_choices(axes: Sequence[Axis], given: Mapping[str, Any]) -> list[Any]:
    """Every value that `model` takes, as it was written."""
    value = given.get("model")
    found: list[Any] = [value]
    if varies(value):
        found = list(value.values if isinstance(value, Axis) else value or ())
    changing = [*axes, *(each for name, each in given.items() if isinstance(each, Axis) and name != "model")]
    found += [change["model"] for each in changing for change in each.changes if "model" in change]
    return [each for each in found if each is not None]


def _by_model(recipes: Sequence[Recipe], models: Mapping[ModelRef, Model]) -> list[tuple[Model, list[int]]]:
    groups: dict[ModelRef, list[int]] = {}
    for place, recipe in enumerate(recipes):
        assert recipe.model is not None
        groups.setdefault(recipe.model, []).append(place)
    return [(models[ref], places) for ref, places in groups.items()]


def _notes(recipes: Sequence[Recipe], models: Mapping[ModelRef, Model]) -> list[str]:
    """What a person should know before looking, such as words that a model cannot follow; each once."""
    different = {(*noted(recipe), recipe.model): recipe for recipe in recipes}.values()
    return list(
        dict.fromkeys(
            note for recipe in different if recipe.model for note in models[recipe.model].notes(recipe)
        )
    )


def _title(layout: Layout) -> str:
    """What all cells have in common in words, else what varies."""
    prompts = {recipe.prompt for recipe in layout.recipes}
    if len(prompts) == 1 and None not in prompts:
        return str(prompts.pop())
    return "comparison of " + (", ".join(each.title for each in layout.axes) or "one picture")


def _in_common(recipes: Sequence[Recipe]) -> tuple[str, ...]:
    """A line for below the figure: the settings that every cell shares."""
    said = []
    for name in ("prompt", "model", "sampler", "schedule", "steps", "guidance", "size", "seed"):
        values = {getattr(recipe, name) for recipe in recipes}
        value = next(iter(values))
        if len(values) == 1 and value is not None:
            said.append(
                label_of(value)
                if name in ("prompt", "model", "sampler", "size")
                else f"{name} {label_of(value)}"
            )
    return (" · ".join(said),) if said else ()


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
