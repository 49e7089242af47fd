"""A walk as a figure: frames above, and below a bar for how far each is from the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from PIL import Image

from .figure_files import ShownFigure
from .grid_figure import find_theme
from .lettering import drawable, families
from .smaller import at_most

_WIDTH = 8.8
_MARGIN, _GAP = 0.62, 0.06
_BARS, _FOOT, _HEAD = 1.15, 0.62, 0.34
_MOST = 256
"""Pixels a side of a frame in the figure."""


def walk_figure(
    frames: Sequence[Callable[[], Image.Image]],
    places: Sequence[int],
    steps: Sequence[float],
    *,
    title: str = "",
    note: str = "",
    theme: str = "light",
) -> ShownFigure:
    """Some frames of a walk, and all its steps.

    frames: functions that each return an image; places: the number, from 0, of each in the walk
    steps: how far each frame of the walk is from the next. Each frame shown stands above its own place.
    theme: "light", "dark" or "notebook" (transparent)
    """
    colours = find_theme(theme)
    images = [at_most(frame(), _MOST) for frame in frames]
    last = max(1, len(steps), *places)
    # As wide as fits between the two frames that stand closest.
    nearest = min((right - left for left, right in pairwise(places)), default=last) / last
    inner = _WIDTH - _MARGIN - 0.1
    side = min(1.6, (inner * nearest - _GAP) / (1 + nearest))
    tall = side * images[0].height / images[0].width
    height = _HEAD + tall + 0.12 + _BARS + _FOOT
    figure = ShownFigure(figsize=(_WIDTH, height), dpi=100, facecolor=colours.background)
    for image, place in zip(images, places, strict=True):
        left = _MARGIN + (inner - side) * place / last
        axes = figure.add_axes((left / _WIDTH, (_BARS + _FOOT + 0.12) / height, side / _WIDTH, tall / height))
        axes.set_axis_off()
        axes.imshow(np.asarray(image), interpolation="nearest" if max(image.size) < 128 else "antialiased")
    # Frame n stands with its middle at n, the step to its successor at n + ½.
    first, unit = _MARGIN + side / 2, (inner - side) / last
    bars = figure.add_axes((_MARGIN / _WIDTH, _FOOT / height, inner / _WIDTH, _BARS / height))
    bars.set_facecolor("none")
    bars.bar([number + 0.5 for number in range(len(steps))], steps, width=0.86, color=colours.accent)
    bars.set_xlim((_MARGIN - first) / unit, (_MARGIN + inner - first) / unit)
    if steps:
        mean = float(np.mean(steps))
        bars.axhline(mean, color=colours.text, linewidth=0.8, linestyle=(0, (4, 3)))
        bars.text(1.0, mean, "mean ", color=colours.text, fontsize=7.5, ha="right", va="bottom",
                  transform=bars.get_yaxis_transform())  # fmt: skip
    bars.set_ylabel("distance", fontsize=8.5, color=colours.text)
    bars.set_xticks(list(places), [str(place + 1) for place in places])
    bars.tick_params(labelsize=8, colors=colours.text)
    bars.spines[["top", "right"]].set_visible(False)
    bars.spines[["left", "bottom"]].set_color(colours.text)
    bars.set_xlabel(f"frame      {note}" if note else "frame", fontsize=8.5, color=colours.text)
    if title:
        figure.text(
            _MARGIN / _WIDTH,
            1 - 0.22 / height,
            drawable(title),
            fontsize=10.5,
            color=colours.text,
            va="center",
            family=families(),
        )
    return figure
