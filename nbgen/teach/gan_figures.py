"""The game as a still figure: what the notebook keeps, and what there is where no kernel runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from ..show.curves import COLOURS
from ..show.figure_files import ShownFigure
from .stills import DASHES, INK, QUIET, SIZE, SQUARE, dress, named, square

_SIGNS = LinearSegmentedColormap.from_list("signs", ["#EAA06C", "#FFFFFF", "#7FB8DA"])
"""Vermilion for fake, blue for real, at half strength."""


def figure(words: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """A frame of the laboratory, drawn: a plane for each run, and beside them or below them the two charts."""
    sides = words["sides"]
    made = ShownFigure(figsize=(9.6, 4.9 if len(sides) == 1 else 8.0), dpi=100, layout="constrained")
    if len(sides) == 1:
        mosaic, ratios = [["plane 0", "chart 0"], ["plane 0", "chart 1"]], {"width_ratios": (1.12, 1)}
    else:
        mosaic, ratios = [["plane 0", "plane 1"], ["chart 0", "chart 1"]], {"height_ratios": (1.7, 1)}
    places: dict[Any, Axes] = made.subplot_mosaic(mosaic, gridspec_kw=ratios)  # type: ignore[arg-type]
    for number, side in enumerate(sides):
        _plane(
            places[f"plane {number}"],
            side,
            words["shown"],
            {part: arrays[f"{part}{number}"] for part in _PARTS},
        )
    for number, chart in enumerate(words["charts"]):
        _chart(places[f"chart {number}"], chart, arrays)
    played = words["preset"] or words["settings"]["distribution"]
    named(made, f"The GAN game, step {sides[0]['step']}: {played}", words["says"])
    return made


_NAMED = {"real": "real", "fake": "generated"}
_PARTS = ("real", "fake", "at", "pull", "bent", "surface", "perfect")


def _plane(
    axes: Axes, side: Mapping[str, Any], shown: Mapping[str, Any], parts: Mapping[str, np.ndarray]
) -> None:
    if shown["surface"] != "none":
        # Flat bands, which are a tenth of the file that a smooth shade would be.
        bands = np.linspace(-1, 1, 13)
        axes.contourf(parts["surface"].clip(-1, 1), bands, extent=SQUARE, cmap=_SIGNS, vmin=-1, vmax=1)
        axes.contour(parts["surface"], [0], extent=SQUARE, colors=QUIET, linewidths=0.8)
    if shown["perfect"]:
        axes.contour(parts["perfect"], [0], extent=SQUARE, colors=INK, linewidths=1.8, linestyles="dashed")
    if shown["bent"]:
        bent = parts["bent"]
        lines = [*bent, *bent.transpose(1, 0, 2)] if len(bent) > 1 else [*bent]
        axes.add_collection(LineCollection(lines, colors=QUIET, linewidths=0.6, alpha=0.55))
    kinds = (("real", "o", 5, 0.55, 0.0), ("fake", "x", 12, 0.7, 0.8))
    for colour, (kind, marker, size, alpha, width) in zip(COLOURS, kinds, strict=False):
        x, y = parts[kind].T
        axes.scatter(
            x, y, s=size, color=colour, alpha=alpha, marker=marker, linewidths=width, label=_NAMED[kind]
        )
    if shown["arrows"]:
        axes.quiver(
            *parts["at"].T, *parts["pull"].T, color=INK, angles="xy", scale_units="xy", scale=1, width=0.0035,
            headwidth=4,
        )  # fmt: skip
    square(axes)
    if side["title"]:
        axes.set_title(side["title"], fontsize=SIZE + 0.5, color=INK)
    axes.set_xlabel("\n".join(side["lines"]), fontsize=SIZE, color=INK)
    axes.legend(fontsize=SIZE - 0.5, loc="upper right", handletextpad=0.1, borderpad=0.3, markerscale=1.8)


def _chart(axes: Axes, chart: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    for place, series in enumerate(chart["series"], chart["first"]):
        colour = series["colour"]
        axes.plot(
            arrays[f"x{place}"], arrays[f"y{place}"], color=COLOURS[colour], linestyle=DASHES[colour],
            linewidth=2.0 if series["strong"] else 1.2, label=series["label"],
        )  # fmt: skip
    axes.axvline(chart["line"], color=QUIET, linewidth=1)
    if "ylim" in chart:
        axes.set_ylim(*chart["ylim"])
    dress(axes, chart, legend=len(chart["series"]) > 1)
