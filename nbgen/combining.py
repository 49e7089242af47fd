"""From axes to cells: every combination, in reading order, checked as a whole before anything runs."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from .axes import Axis, field_axis, label_of, replace_word, varies
from .counting import LIMIT, check_count, some_cells
from .errors import RecipeError
from .layout import Cell, Index, Layout, find_reference, in_words, listed
from .names import check_fields

MOST_PROBLEMS = 12

_SINGLE = frozenset({"prompt", "negative", "seed", "sampler", "schedule", "steps", "guidance", "model"})
"""Fields whose value is never a tuple or an array of its own."""


def lay_out(
    given: Sequence[Axis] = (),
    fields: Mapping[str, Any] = MappingProxyType({}),
    *,
    known: Collection[str],
    resolve: Callable[..., Any] = dict,
    base: Mapping[str, Any] = MappingProxyType({}),
    n: int | None = None,
    where: Callable[..., bool] | None = None,
    reference: Any = None,
    limit: int = LIMIT,
    rough: Callable[[Sequence[Any], int], str] = lambda some, count: "",
) -> Layout:
    """The cells of a comparison, each with its recipe, or one RecipeError that lists everything that is wrong.

    `given` are axes without a keyword and `fields` the keywords in the order written, the prompt first. `base`
    are fields to start from (those of a picture), which both override. `known` are the fields the model has and
    the arguments the verb takes; `resolve(**fields)` makes one recipe. `where` keeps a cell where it returns
    True; it takes the fields and axis titles that it names as parameters. `rough` says what so many cells would
    take, from some of their recipes.
    """
    problems = check_fields([name for name, value in fields.items() if not isinstance(value, Axis)], known)
    too_many = check_count(
        given,
        fields,
        n,
        limit,
        lambda count: rough(
            [resolve(**{**base, **cell}) for cell in some_cells(given, fields, count)], count
        ),
    )
    if too_many:
        _raise([*problems, too_many])
    axes, fixed = _split(
        given,
        {name: value for name, value in fields.items() if name in known or isinstance(value, Axis)},
        problems,
    )
    for each in axes:
        problems += check_fields(each.fields, known)
    start = {**base, **fixed}
    _check_overlaps(axes, fixed, problems)
    repeated = n is not None and _add_repeats(axes, start, n, problems)
    grid = Layout(tuple(axes), (), inside=repeated)
    kept = _keep(grid, _combinations(grid, start, problems), where, problems)
    positions: dict[int, int] = {}
    try:
        positions = find_reference(grid, reference) if reference is not None else {}
    except RecipeError as error:
        problems.append(str(error))
    cells, errors = _resolve(grid, kept, resolve, known)
    _raise(problems, errors)
    layout = Layout(grid.axes, tuple(cells), MappingProxyType(positions), repeated)
    if positions and all(layout.reference_of(number) is None for number in range(len(cells))):
        raise RecipeError(f"the reference {in_words(reference)} is in no cell: where= skips all of it.")
    return layout


def _split(
    given: Sequence[Axis], fields: Mapping[str, Any], problems: list[str]
) -> tuple[list[Axis], dict[str, Any]]:
    axes: list[Axis] = []
    fixed: dict[str, Any] = {}
    # Axes without a keyword stand right after the prompt, which is written first.
    prompt = [(name, value) for name, value in fields.items() if name == "prompt" == next(iter(fields))]
    rest = [(name, value) for name, value in fields.items() if not prompt or name != "prompt"]
    written: list[tuple[str, Any]] = [*prompt, *(("", each) for each in given), *rest]
    for name, value in written:
        if isinstance(value, Axis):
            try:
                axes.append(value.named(name) if name else value)
            except RecipeError as error:
                problems.append(str(error))
        elif not name:
            problems.append(
                f"after the prompt come axes (nbgen.axis, nbgen.swap_words) or fields by name, not {value!r:.60}."
            )
        elif name in _SINGLE and _seems_several(value):
            problems.append(
                f"{name} is one value or a list, and this is a {type(value).__name__}: "
                f"to vary it, write {name}=list(…)."
            )
        elif not varies(value):
            fixed[name] = value
        elif len(value) == 0:
            problems.append(f"{name}={value!r} is an empty axis: give it at least one value.")
        else:
            axes.append(field_axis(name, value))
    return axes, fixed


def _seems_several(value: Any) -> bool:
    return isinstance(value, (tuple, set, frozenset)) or getattr(value, "ndim", 0) > 0


def _add_repeats(axes: list[Axis], start: Mapping[str, Any], n: Any, problems: list[str]) -> bool:
    """The axis of seeds that `n=` stands for, at the end of `axes`; says whether there is one."""
    if isinstance(n, bool) or not hasattr(n, "__index__") or n.__index__() < 1:
        problems.append(f"n, the pictures in each cell, must be a whole number from 1, not {n!r:.40}.")
        return False
    seeded = [each.title for each in axes if "seed" in each.fields]
    if seeded:
        problems.append(
            f"n={n} means seed … seed+{n - 1}, and the axis {seeded[0]!r} gives seeds too: leave one of them out."
        )
        return False
    first = start.get("seed", 0)
    if isinstance(first, bool) or not hasattr(first, "__index__"):
        problems.append(f"n={n} counts seeds up from one whole number, and seed is {first!r:.60}.")
        return False
    if n > 1:
        axes.append(field_axis("seed", range(first.__index__(), first.__index__() + n.__index__())))
    return bool(n > 1)


def _check_overlaps(axes: Sequence[Axis], fixed: Mapping[str, Any], problems: list[str]) -> None:
    for one, other in itertools.combinations(axes, 2):
        for name in one.fields:
            if name in other.fields:
                problems.append(
                    f"{name} is on two axes, {one.title!r} and {other.title!r}: a field varies along one."
                )
        if one.title == other.title and not set(one.fields) & set(other.fields):
            problems.append(f"two axes are called {one.title!r}: give one another title.")
    for each in axes:
        for field in each.fields:
            if field in fixed and all(field in change for change in each.changes):
                problems.append(
                    f"{field}={label_of(fixed[field])} contradicts the axis {each.title!r}, "
                    f"which sets {field} at every position."
                )


def _combinations(grid: Layout, start: Mapping[str, Any], problems: list[str]) -> list[Cell]:
    cells = []
    absent: dict[str, None] = {}
    swapping = [(number, each) for number, each in enumerate(grid.axes) if each.word is not None]
    for index in itertools.product(*(range(length) for length in grid.shape)):
        fields = dict(start)
        for each, position in zip(grid.axes, index, strict=True):
            fields.update(each.changes[position])
        for number, each in swapping:
            prompt = fields.get("prompt")
            swapped = (
                replace_word(prompt, str(each.word), each.values[index[number]])
                if isinstance(prompt, str)
                else None
            )
            if swapped is None:
                absent[
                    f"swap_words looks for {each.word!r}, which is not in the prompt {in_words(prompt)}."
                ] = None
            else:
                fields["prompt"] = swapped
        cells.append(Cell(index, fields))
    problems += absent
    return cells


def _keep(
    grid: Layout, cells: list[Cell], where: Callable[..., bool] | None, problems: list[str]
) -> list[Cell]:
    """The cells for which `where` returns True."""
    if where is None:
        return cells
    if not callable(where):
        problems.append(
            f"where= takes a function that says which cells to keep, as in lambda steps: steps > 4, not {where!r:.60}."
        )
        return cells
    kept = []
    for cell in cells:
        titles = {
            each.title: each.values[position] for each, position in zip(grid.axes, cell.index, strict=True)
        }
        offered = {**titles, **cell.fields}
        try:
            names = _parameters(where, offered)
            if where(**{name: offered[name] for name in names}):
                kept.append(cell)
        except RecipeError as error:
            problems.append(str(error))
            return cells
        except Exception as error:  # the user's own function: say where, and go on to the other problems
            problems.append(
                f"where= failed at {grid.describe(cell.index) or 'the only cell'}: {type(error).__name__}: {error}"
            )
            return cells
    if not kept:
        problems.append("where= skips every cell: nothing is left to compare.")
    return kept


def _parameters(where: Callable[..., bool], offered: Mapping[str, Any]) -> list[str]:
    names = []
    for parameter in inspect.signature(where).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            return list(offered)
        if parameter.name in offered:
            names.append(parameter.name)
        elif parameter.default is parameter.empty:
            raise RecipeError(
                f"where= asks for {parameter.name!r}, which this comparison does not set: "
                f"it sets {listed(list(offered))}."
            )
    return names


def _resolve(
    grid: Layout, cells: Sequence[Cell], resolve: Callable[..., Any], known: Collection[str]
) -> tuple[list[Cell], dict[str, RecipeError]]:
    """Each cell with its recipe, and the errors met, one for each different sentence."""
    resolved = []
    errors: dict[str, RecipeError] = {}
    places: dict[str, list[Index]] = {}
    for cell in cells:
        try:
            resolved.append(
                replace(
                    cell,
                    recipe=resolve(**{name: value for name, value in cell.fields.items() if name in known}),
                )
            )
        except RecipeError as error:
            errors.setdefault(str(error), error)
            places.setdefault(str(error), []).append(cell.index)
    said = {}
    for sentence, met in errors.items():
        found = places[sentence]
        first = grid.describe(found[0])
        if len(found) < len(cells) and first:
            sentence += f" ({_count(len(found), 'cell')}, the first at {first})"
        said[sentence] = met
    return resolved, said


def _raise(problems: Sequence[str], errors: Mapping[str, RecipeError] = MappingProxyType({})) -> None:
    sentences = list(dict.fromkeys([*problems, *errors]))
    if not sentences:
        return
    if len(sentences) == 1:
        kind = type(errors[sentences[0]]) if sentences[0] in errors else RecipeError
        raise kind(sentences[0]) from None
    shown = [f"  {number}. {sentence}" for number, sentence in enumerate(sentences[:MOST_PROBLEMS], 1)]
    more = [f"  … and {len(sentences) - MOST_PROBLEMS} more."] if len(sentences) > MOST_PROBLEMS else []
    raise RecipeError(
        "\n".join([f"{len(sentences)} things are wrong with this comparison:", *shown, *more])
    ) from None


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
