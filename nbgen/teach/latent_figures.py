"""Tables of small pictures with a word beside each row and above each column, and a curve below where there is one."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..show.curves import COLOURS
from ..show.figure_files import ShownFigure
from .stills import INK

_SIZE = 10
_CELL = 0.92
"""Inches a picture: 92 pixels at 100 dots an inch."""
_LETTERS, _LINE = 12, 0.16
"""Letters that stand side by side above a picture, and the height of a line of them in inches."""


def picture_table(
    pictures: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str, cell: float = _CELL
) -> Figure:
    """uint8 pictures (rows, columns, height, width, 3) as a Figure; a white picture stands for an empty cell."""
    columns = ["\n".join(textwrap.wrap(name, _LETTERS)) for name in columns]
    figure = ShownFigure(figsize=_size(pictures, rows, columns, title, cell), dpi=100, layout="constrained")
    _table(figure, pictures, rows, columns, title)
    return figure


def curve_below(
    pictures: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[float],
    x: str,
    y: str,
) -> Figure:
    """A table of pictures, and below each column the curve's value there."""
    width, height = _size(pictures, rows, columns, "", _CELL)
    figure = ShownFigure(figsize=(width, height + 1.9), dpi=100, layout="constrained")
    above, below = cast(Any, figure.subfigures(2, 1, height_ratios=(height, 1.9)))
    _table(above, pictures, rows, columns, "")
    axes = below.subplots()
    places = [float(name) for name in columns]
    axes.plot(places, values, marker="o", color=COLOURS[0])
    _plain(axes, x, y)
    axes.set_ylim(bottom=0)
    return figure


def way_to(
    sought: np.ndarray, path: np.ndarray, found: np.ndarray, steps: Sequence[int], errors: Sequence[float]
) -> Figure:
    """A picture, what an optimisation made on the way to it, and its errors."""
    shown = np.linspace(0, len(path) - 1, min(6, len(path))).round().astype(int)
    table = np.stack([sought, *path[shown], found])[None]
    width, height = _size(table, [""], ["step"], "", _CELL)
    figure = ShownFigure(figsize=(width, height + 1.9), dpi=100, layout="constrained")
    above, below = cast(Any, figure.subfigures(2, 1, height_ratios=(height, 1.9)))
    _table(above, table, [""], ["sought", *(f"step {steps[place]}" for place in shown), "best"], "")
    axes = below.subplots()
    axes.plot(steps, errors, marker="o", color=COLOURS[0])
    _plain(axes, "step", "mean absolute error")
    axes.set_ylim(bottom=0)
    return figure


def state_figure(
    picture: np.ndarray, words: Sequence[str], names: Sequence[str], amounts: Sequence[float]
) -> Figure:
    """The laboratory as a still: its picture, what it is, and how far it was pushed along each direction."""
    figure = ShownFigure(figsize=(7.6, 3.3), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    left.imshow(picture, interpolation="nearest")
    left.set_axis_off()
    left.set_title("\n".join(words), fontsize=_SIZE, loc="left", color=INK)
    places = np.arange(len(names))
    right.barh(places, amounts, color=COLOURS[0], height=0.5)
    right.axvline(0, color="#888888", linewidth=0.8)
    right.set_yticks(places, list(names), fontsize=_SIZE)
    right.invert_yaxis()
    most = max(3.0, *(abs(amount) for amount in amounts)) if amounts else 3.0
    right.set_xlim(-most, most)
    right.set_xlabel("pushed, in standard deviations", fontsize=_SIZE)
    right.spines[["top", "right", "left"]].set_visible(False)
    return figure


def _size(
    pictures: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str, cell: float
) -> tuple[float, float]:
    wide = 0.75 if any(rows) else 0.1
    words = 0.12 + _LINE * max(name.count("\n") + 1 for name in columns)
    return wide + cell * pictures.shape[1], (0.35 if title else 0.1) + words + cell * 1.02 * pictures.shape[0]


def _table(
    figure: Figure, pictures: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str
) -> None:
    places = figure.subplots(*pictures.shape[:2], squeeze=False)
    for row, name in enumerate(rows):
        for column, above in enumerate(columns):
            axes = places[row][column]
            picture = pictures[row, column]
            axes.set_xticks([])
            axes.set_yticks([])
            empty = bool((picture == 255).all()) and not (name and above)
            axes.spines[:].set_visible(not empty)
            axes.spines[:].set(color="#bbbbbb", linewidth=0.6)
            if not empty:
                axes.imshow(picture, interpolation="nearest")
            if row == 0 and above:
                axes.set_title(above, fontsize=_SIZE, color=INK)
            if column == 0 and name:
                axes.set_ylabel(name, fontsize=_SIZE, color=INK, rotation=0, ha="right", va="center")
    if title:
        figure.suptitle(title, fontsize=_SIZE + 1, x=0.01, ha="left", color=INK)


def _plain(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=_SIZE)
    axes.set_ylabel(y, fontsize=_SIZE)
    axes.grid(color="#888888", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
