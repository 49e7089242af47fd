"""The cells of a comparison, and how one is found: by values, by reference, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .axes import Axis, label_of
from .errors import RecipeError, brief

Index = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Cell:
    """One place of the grid: its position along each axis, the fields that the call sets there, and its recipe."""

    index: Index
    fields: Mapping[str, Any]
    recipe: Any = None


@dataclass(frozen=True, eq=False)
class Layout:
    """Axes in the order written, and the cells that `where` keeps, in reading order (the last axis runs fastest).

    `inside` says that the last axis came from `n=`: its pictures stand together in one cell of a figure.
    `reference` holds a position for each axis (by number) along which cells are measured.
    """

    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    reference: Mapping[int, int] = field(default_factory=dict)
    inside: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(each) for each in self.axes)

    @property
    def recipes(self) -> list[Any]:
        return [cell.recipe for cell in self.cells]

    @cached_property
    def numbers(self) -> dict[Index, int]:
        """The number of the cell at each index; a cell that `where` skips has none."""
        return {cell.index: number for number, cell in enumerate(self.cells)}

    def axis_number(self, name: str) -> int:
        """The axis with this title, or that varies this field."""
        for found in (
            [number for number, each in enumerate(self.axes) if each.title == name],
            [number for number, each in enumerate(self.axes) if name in each.fields],
        ):
            if found:
                return found[0]
        raise RecipeError(f"no axis is called {name!r}: this comparison has {self._titles()}.")

    def positions(self, chosen: Mapping[str, Any]) -> dict[int, int]:
        """Axis number -> position for choices like {"sampler": "heun", "seed": 0}."""
        found = {}
        for name, value in chosen.items():
            number = self.axis_number(name)
            position = self.axes[number].position(value)
            if position is None:
                raise RecipeError(
                    f"{label_of(value)} is not on the axis {self.axes[number].title!r}: "
                    f"it has {listed(self.axes[number].labels)}."
                )
            found[number] = position
        return found

    def at(self, **chosen: Any) -> int:
        """The number of the one cell at these values; an axis with a single position need not be named."""
        found = self.positions(chosen)
        missing = [
            each.title for number, each in enumerate(self.axes) if number not in found and len(each) > 1
        ]
        if missing:
            raise RecipeError(f"several cells are meant: name also {' and '.join(missing)}.")
        index = tuple(found.get(number, 0) for number in range(len(self.axes)))
        if index not in self.numbers:
            raise RecipeError(f"the cell at {self.describe(index)} was skipped by where=.")
        return self.numbers[index]

    def reference_of(self, number: int) -> int | None:
        """The number of the cell that cell `number` is measured against; None where there is none."""
        if not self.reference:
            return None
        index = self.cells[number].index
        return self.numbers.get(
            tuple(self.reference.get(place, position) for place, position in enumerate(index))
        )

    def describe(self, index: Index) -> str:
        """A place in words: "sampler heun, seed 2"."""
        return ", ".join(
            f"{each.title} {each.labels[position]}" for each, position in zip(self.axes, index, strict=True)
        )

    def example(self) -> str:
        """A value of an axis as a choice is written: `'seed': 0`."""
        each = self.axes[-1] if self.axes else None
        return "'seed': 0" if each is None else f"{each.title!r}: {brief(each.values[0], 40)}"

    def _titles(self) -> str:
        return listed([each.title for each in self.axes]) if self.axes else "none"


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a sentence, at most `most` of them."""
    shown = ", ".join(names[:most])
    return f"{shown}, … ({len(names)} in all)" if len(names) > most else shown


def find_reference(grid: Layout, reference: Any) -> dict[int, int]:
    """Axis number -> position of a reference: a value on one axis, or a dict of several. RecipeError elsewhere."""
    if isinstance(reference, Mapping):
        try:
            return grid.positions(reference)
        except RecipeError as error:
            raise RecipeError(f"the reference is not in the grid: {error}") from None
    found = {
        number: position
        for number, each in enumerate(grid.axes)
        if (position := each.position(reference)) is not None
    }
    if len(found) > 1:
        titles = [grid.axes[number].title for number in found]
        raise RecipeError(
            f"the reference {in_words(reference)} is on several axes ({listed(titles)}): "
            f"say which, as in reference=dict({titles[0]}={reference!r})."
        )
    if not found:
        places = "; ".join(str(each) for each in grid.axes) or "nothing"
        raise RecipeError(f"the reference {in_words(reference)} is not in the grid, which has {places:.300}.")
    return found


def in_words(value: Any) -> str:
    """A value for a sentence: texts in quotes, anything else by its label."""
    return repr(value)[:80] if isinstance(value, (str, type(None))) else label_of(value)
