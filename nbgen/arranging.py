"""Which axis runs where: rows, columns, pages and inside a cell, without making anything again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .errors import RecipeError, brief
from .layout import Layout
from .show.pages import Page, Slot


@dataclass(frozen=True)
class Arrangement:
    """The number of the axis at each role, and the positions shown along each axis.

    `held` are axes shown at one position only. Every axis has exactly one role.
    """

    columns: int | None
    rows: int | None
    inside: int | None
    pages: tuple[int, ...]
    held: Mapping[int, int]
    shown: tuple[tuple[int, ...], ...]


def arrange(
    layout: Layout,
    *,
    rows: str | None = None,
    columns: str | None = None,
    inside: str | None = None,
    pages: Sequence[str] | str | None = (),
    drop: Mapping[str, Any] = MappingProxyType({}),
    hide: Mapping[str, Any] = MappingProxyType({}),
) -> Arrangement:
    """Axes by title or field to their places; those that are not named keep the order written.

    Of the axes left over, the last takes the columns if they are free, the one before it the rows, further ones
    are pages. `drop={"seed": 0}` shows one value of an axis and takes the axis out of the figure;
    `hide={"seed": [1, 2]}` leaves values out of it. Raises RecipeError for an unknown axis or value, an axis
    in two places, and where nothing is left to show.
    """
    for role, given in (("drop", drop), ("hide", hide)):
        if not isinstance(given, Mapping):
            raise RecipeError(
                f"{role} takes a dict of axes and values, as in {role}={{{layout.example()}}}, not {brief(given)}."
            )
    if isinstance(pages, str) or not isinstance(pages, Iterable):
        pages = [] if pages is None else [pages]
    held = layout.positions(drop)
    hidden = {layout.axis_number(name): _positions(layout, name, values) for name, values in hide.items()}
    shown = []
    for number, each in enumerate(layout.axes):
        left = (
            (held[number],)
            if number in held
            else tuple(place for place in range(len(each)) if place not in hidden.get(number, ()))
        )
        if not left:
            raise RecipeError(f"nothing is left of the axis {each.title!r}: hide fewer of its values.")
        shown.append(left)
    named = {"rows": rows, "columns": columns, "inside": inside}
    asked = {role: layout.axis_number(name) for role, name in named.items() if name is not None}
    page_numbers = tuple(layout.axis_number(name) for name in pages)
    taken = [*asked.values(), *page_numbers, *held]
    twice = [layout.axes[number].title for number in set(taken) if taken.count(number) > 1]
    if twice:
        raise RecipeError(
            f"the axis {twice[0]!r} can stand in one place only: rows, columns, inside, pages or drop."
        )
    rest = [number for number in range(len(layout.axes)) if number not in taken]
    if layout.inside and "inside" not in asked and len(layout.axes) - 1 in rest:
        asked["inside"] = rest.pop()
    for role in ("columns", "rows"):
        if role not in asked and rest:
            asked[role] = rest.pop()
    return Arrangement(
        asked.get("columns"),
        asked.get("rows"),
        asked.get("inside"),
        (*rest, *page_numbers),
        MappingProxyType(dict(held)),
        tuple(shown),
    )


def _positions(layout: Layout, name: str, values: Any) -> set[int]:
    each = values if isinstance(values, (list, range, set, frozenset)) else [values]
    return {next(iter(layout.positions({name: value}).values())) for value in each}


def pages_of(layout: Layout, arrangement: Arrangement | None = None) -> list[Page]:
    """The arranged grid as pages in reading order; a page on which every cell was skipped is left out."""
    chosen = arrangement or arrange(layout)
    held_title = [_place(layout, number, position) for number, position in chosen.held.items()]
    pages = []
    for places in itertools.product(*(chosen.shown[number] for number in chosen.pages)):
        fixed = {**chosen.held, **dict(zip(chosen.pages, places, strict=True))}
        slots = tuple(
            tuple(
                _slot(layout, chosen, {**fixed, **row, **column}) for column in _along(chosen, chosen.columns)
            )
            for row in _along(chosen, chosen.rows)
        )
        if any(number is not None for row in slots for slot in row for number in slot):
            title = ", ".join([_place(layout, number, fixed[number]) for number in chosen.pages] + held_title)
            pages.append(
                Page(
                    title,
                    *_titled(layout, chosen, chosen.rows),
                    *_titled(layout, chosen, chosen.columns),
                    slots,
                    *_titled(layout, chosen, chosen.inside),
                )
            )
    return pages


def _along(chosen: Arrangement, number: int | None) -> list[dict[int, int]]:
    return [{}] if number is None else [{number: position} for position in chosen.shown[number]]


def _slot(layout: Layout, chosen: Arrangement, places: Mapping[int, int]) -> Slot:
    return tuple(
        layout.numbers.get(tuple({**places, **inner}[number] for number in range(len(layout.axes))))
        for inner in _along(chosen, chosen.inside)
    )


def _titled(layout: Layout, chosen: Arrangement, number: int | None) -> tuple[str, tuple[str, ...]]:
    if number is None:
        return "", ()
    return layout.axes[number].title, tuple(
        layout.axes[number].labels[position] for position in chosen.shown[number]
    )


def _place(layout: Layout, number: int, position: int) -> str:
    return f"{layout.axes[number].title}: {layout.axes[number].labels[position]}"
