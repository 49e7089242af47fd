"""The laboratory's state as a still figure: what the notebook keeps, and what there is where no kernel runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..show.curves import COLOURS, MARKERS
from ..show.figure_files import ShownFigure
from .stills import DASHES, INK, QUIET, SIZE, SQUARE, dress, named, square

_LEVELS = (0.02, 0.1, 0.3, 0.6, 0.9)


def figure(state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """A frame of the laboratory, drawn: the plane on the left, its chart on the right."""
    made = ShownFigure(figsize=(9.6, 4.9), dpi=100, layout="constrained")
    left, right = made.subplots(1, 2, width_ratios=(1.12, 1))
    _plane(left, state, arrays)
    _chart(right, state["chart"], arrays)
    named(made, f"{state['distribution']}: {state['view']}", state["says"])
    return made


def _plane(axes: Axes, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    density = arrays["density"]
    # Flat bands, which are a tenth of the file that a smooth shade would be.
    shades = np.linspace(0, 1, 11)
    axes.contourf(np.sqrt(density), shades, extent=SQUARE, cmap="Blues", vmin=0, vmax=1.9)
    view = state["view"]
    if view != "sampling":
        axes.contour(density, _LEVELS, extent=SQUARE, colors=QUIET, linewidths=0.6)
    for number in range(4):
        if f"path{number}" in arrays:
            colour = COLOURS[number + (view == "field")]
            ways = arrays[f"path{number}"]
            axes.plot(ways[..., 0], ways[..., 1], color=colour, linewidth=0.9, alpha=0.6)
    if "at" in arrays:
        x, y = arrays["at"].T
        for number in range(3):
            if f"arrow{number}" in arrays:
                u, v = arrays[f"arrow{number}"].T
                colour = COLOURS[number - 1] if number else QUIET
                axes.quiver(
                    x,
                    y,
                    u,
                    v,
                    color=colour,
                    angles="xy",
                    scale_units="xy",
                    scale=1,
                    width=0.0035,
                    headwidth=4,
                )
    legend = state["legend"]
    dots = [entry for entry in legend if entry["mark"] in ("dot", "square")]
    for number, entry in enumerate(dots):
        if f"points{number}" not in arrays:
            continue
        big = view == "field" or entry["mark"] == "square"
        marker = MARKERS[number] if view == "sampling" else "s" if entry["mark"] == "square" else "o"
        colour, alpha = COLOURS[entry["colour"]], 1 if big else 0.7
        x, y = arrays[f"points{number}"].T
        axes.scatter(x, y, s=36 if big else 5, alpha=alpha, color=colour, marker=marker, linewidths=0)
    square(axes)
    for entry in legend:
        colour = QUIET if entry["colour"] < 0 else COLOURS[entry["colour"]]
        usual = MARKERS[legend.index(entry)] if view == "sampling" else "o"
        marker = {"arrow": r"$\rightarrow$", "square": "s"}.get(entry["mark"], usual)
        axes.plot([], [], linestyle="", marker=marker, color=colour, markersize=8, label=entry["text"])
    axes.legend(
        fontsize=SIZE - 0.5, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.07), handletextpad=0.2,
        labelspacing=0.25, borderpad=0.1,
    )  # fmt: skip


def _chart(axes: Axes, chart: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    for number, series in enumerate(chart["series"]):
        axes.plot(
            arrays[f"x{number}"], arrays[f"y{number}"], color=COLOURS[number], linestyle=DASHES[number % 5],
            linewidth=2.4 if series["strong"] else 1.2, label=series["label"],
        )  # fmt: skip
    if "line" in chart:
        axes.axvline(chart["line"], color=QUIET, linewidth=1)
    if "dot" in chart:
        axes.plot(*chart["dot"], "o", color=INK, markersize=8)
    for mark in chart.get("marks", ()):
        axes.plot(mark["x"], mark["y"], MARKERS[mark["colour"]], color=COLOURS[mark["colour"]], markersize=9)
    if chart.get("log"):
        axes.set(xscale="log", yscale="log")
    elif chart.get("logy"):
        axes.set(yscale="log")
    if "ylim" in chart:
        axes.set_ylim(*chart["ylim"])
    for axis, bent in ((axes.xaxis, chart.get("log")), (axes.yaxis, chart.get("log") or chart.get("logy"))):
        if bent:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
    dress(axes, chart, legend=bool(chart["series"]))
