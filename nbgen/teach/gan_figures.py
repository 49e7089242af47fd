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
from .distributions import EXTENT

_SIZE = 10.5
"""Points; at 100 dots an inch, 14.6 pixels."""
_DASHES = ("-", "--", ":", "-.")
_INK, _QUIET = "#1a1a1a", "#404040"
_SIGNS = LinearSegmentedColormap.from_list("signs", ["#EAA06C", "#FFFFFF", "#7FB8DA"])
"""Vermilion for fake, blue for real, at half strength."""
_SQUARE = (-EXTENT, EXTENT, -EXTENT, EXTENT)


def figure(words: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Figure:
    """A frame of the laboratory, drawn: a plane for each run, and beside them or below them the two charts."""
    sides = words["sides"]
    made = Figure(figsize=(9.6, 4.9 if len(sides) == 1 else 8.0), dpi=100, layout="constrained")
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
            {name: arrays[f"{name}{number}"] for name in _PARTS},
        )
    for number, chart in enumerate(words["charts"]):
        _chart(places[f"chart {number}"], chart, arrays)
    name = words["preset"] or words["settings"]["distribution"]
    made.suptitle(
        f"The GAN game, step {sides[0]['step']}: {name}", fontsize=12, x=0.01, ha="left", color=_INK
    )
    if words["says"]:
        made.supxlabel(words["says"], fontsize=_SIZE, x=0.01, ha="left", color=_INK, wrap=True)
    return made


_NAMED = {"real": "real", "fake": "generated"}
_PARTS = ("real", "fake", "at", "pull", "bent", "surface", "perfect")


def _plane(
    axes: Axes, side: Mapping[str, Any], shown: Mapping[str, Any], parts: Mapping[str, np.ndarray]
) -> None:
    if shown["surface"] != "none":
        # Flat bands, which are a tenth of the file that a smooth shade would be.
        bands = np.linspace(-1, 1, 13)
        axes.contourf(parts["surface"].clip(-1, 1), bands, extent=_SQUARE, cmap=_SIGNS, vmin=-1, vmax=1)
        axes.contour(parts["surface"], [0], extent=_SQUARE, colors=_QUIET, linewidths=0.8)
    if shown["perfect"]:
        axes.contour(parts["perfect"], [0], extent=_SQUARE, colors=_INK, linewidths=1.8, linestyles="dashed")
    if shown["bent"]:
        bent = parts["bent"]
        lines = [*bent, *bent.transpose(1, 0, 2)] if len(bent) > 1 else [*bent]
        axes.add_collection(LineCollection(lines, colors=_QUIET, linewidths=0.6, alpha=0.55))
    kinds = (("real", "o", 5, 0.55, 0.0), ("fake", "x", 12, 0.7, 0.8))
    for colour, (name, marker, size, alpha, width) in zip(COLOURS, kinds, strict=False):
        x, y = parts[name].T
        axes.scatter(
            x, y, s=size, color=colour, alpha=alpha, marker=marker, linewidths=width, label=_NAMED[name]
        )
    if shown["arrows"]:
        axes.quiver(
            *parts["at"].T, *parts["pull"].T, color=_INK, angles="xy", scale_units="xy", scale=1, width=0.0035,
            headwidth=4,
        )  # fmt: skip
    axes.set(xlim=(-EXTENT, EXTENT), ylim=(-EXTENT, EXTENT), aspect="equal")
    axes.tick_params(labelsize=_SIZE)
    if side["title"]:
        axes.set_title(side["title"], fontsize=_SIZE + 0.5, color=_INK)
    axes.set_xlabel("\n".join(side["lines"]), fontsize=_SIZE, color=_INK)
    axes.legend(fontsize=_SIZE - 0.5, loc="upper right", handletextpad=0.1, borderpad=0.3, markerscale=1.8)


def _chart(axes: Axes, chart: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    for place, series in enumerate(chart["series"], chart["first"]):
        colour = series["colour"]
        axes.plot(
            arrays[f"x{place}"], arrays[f"y{place}"], color=COLOURS[colour], linestyle=_DASHES[colour],
            linewidth=2.0 if series["strong"] else 1.2, label=series["label"],
        )  # fmt: skip
    axes.axvline(chart["line"], color=_QUIET, linewidth=1)
    if "ylim" in chart:
        axes.set_ylim(*chart["ylim"])
    axes.set_xlabel(chart["xlabel"], fontsize=_SIZE)
    axes.set_title(chart["title"], fontsize=_SIZE + 0.5, loc="left", color=_INK)
    axes.tick_params(labelsize=_SIZE)
    axes.grid(color="#888888", alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    if len(chart["series"]) > 1:
        axes.legend(fontsize=_SIZE - 0.5, frameon=False)
