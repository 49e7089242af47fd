"""Lines on logarithmic axes with a band where there is one: errors against what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

# Okabe and Ito's palette, told apart by colour-blind readers, without the yellow that white paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True)
class Curve:
    """One line: x ascending, y beside it, `low` and `high` the ends of a band (None for a plain line)."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def log_log(curves: Sequence[Curve], xlabel: str, ylabel: str, title: str = "", note: str = "") -> Figure:
    """A matplotlib Figure of curves on logarithmic axes; `note` stands below, wrapped."""
    figure = Figure(figsize=(7.2, 4.6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for place, curve in enumerate(curves):
        colour = COLOURS[place % len(COLOURS)]
        marker = MARKERS[place % len(MARKERS)]
        axes.plot(
            curve.x, curve.y, color=colour, marker=marker, markersize=5, label=curve.label,
            linestyle="--" if curve.low is not None else "-",
        )  # fmt: skip
        if curve.low is not None and curve.high is not None:
            axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
    axes.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    xs = sorted({x for curve in curves for x in curve.x})
    axes.set_xticks(_sparse(xs))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="both", color="#888888", alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    if title:
        axes.set_title(title, fontsize=11, loc="left")
    if note:
        figure.supxlabel(note, fontsize=8.5, color="#555555", x=0.02, ha="left", wrap=True)
    return figure


def _sparse(values: Sequence[float]) -> list[float]:
    """Those values that stand far enough apart on a logarithmic axis to be written."""
    kept: list[float] = []
    for value in values:
        if not kept or value >= kept[-1] * 1.25:
            kept.append(value)
    return kept
