"""Points with their intervals, a line each: which of them are apart from one another?"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from .words import one_line

_POINT = "#0072B2"  # of Okabe and Ito's palette, as the curves


def interval_figure(
    labels: Sequence[str],
    values: Sequence[tuple[float, float | None, float | None]],
    *,
    title: str = "",
    axis: str = "",
    note: str = "",
) -> Figure:
    """A matplotlib Figure: for each label a value from 0 to 1 and the ends of its interval (None where there is none).

    The first label stands on top; a line marks one half.
    """
    figure = Figure(figsize=(6.4, 1.5 + 0.36 * len(labels)), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for place, (value, low, high) in enumerate(values):
        if low is not None and high is not None:
            axes.plot(
                [low, high], [place, place], color=_POINT, linewidth=3, alpha=0.45, solid_capstyle="round"
            )
        axes.plot(value, place, "o", color=_POINT, markersize=8)
    axes.axvline(0.5, color="#888888", linewidth=1, linestyle=":")
    axes.set(xlim=(0, 1), ylim=(len(labels) - 0.5, -0.5), xlabel=axis)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.set_yticks(range(len(labels)), [one_line(label, 40) for label in labels])
    axes.grid(axis="x", color="#888888", alpha=0.2)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if title:
        axes.set_title(title, fontsize=11, loc="left")
    if note:
        figure.supxlabel(note, fontsize=8.5, color="#555555", x=0.02, ha="left", wrap=True)
    return figure
