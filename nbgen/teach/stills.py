"""What do the still figures of the laboratories share? Their letters and inks, and how a chart is dressed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .distributions import EXTENT

SIZE = 10.5
"""Points; at 100 dots an inch, 14.6 pixels."""
DASHES = ("-", "--", ":", "-.", (0, (5, 2)))
INK, QUIET = "#1a1a1a", "#404040"
SQUARE = (-EXTENT, EXTENT, -EXTENT, EXTENT)
"""The plane."""


def named(figure: Figure, title: str, says: str) -> None:
    """A title above the figure, and below it a sentence about what is seen ("" for none)."""
    figure.suptitle(title, fontsize=12, x=0.01, ha="left", color=INK)
    if says:
        figure.supxlabel(says, fontsize=SIZE, x=0.01, ha="left", color=INK, wrap=True)


def square(axes: Axes) -> None:
    """Axes of the whole plane."""
    axes.set(xlim=SQUARE[:2], ylim=SQUARE[2:], aspect="equal")
    axes.tick_params(labelsize=SIZE)


def dress(axes: Axes, chart: Mapping[str, Any], *, legend: bool) -> None:
    """A chart's title and names of its axes, a faint grid, and a legend of its lines where there is one."""
    axes.set_xlabel(chart["xlabel"], fontsize=SIZE)
    axes.set_ylabel(chart.get("ylabel", ""), fontsize=SIZE)
    axes.set_title(chart["title"], fontsize=SIZE + 0.5, loc="left", color=INK)
    axes.tick_params(labelsize=SIZE)
    axes.grid(color="#888888", alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(fontsize=SIZE - 0.5, frameon=False)
