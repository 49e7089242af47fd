"""How is a GAN's training going?  Rows of pictures above, the curves of both players below."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from nbgen.training.sheets import contact_sheet

WIDTH = 1560


def curves(history: Sequence[Sequence[float]], names: Sequence[str]) -> Figure:
    """One small plot for each column of the history after the first, which is the step; smoothed over a dozen rows."""
    figure = Figure(figsize=(WIDTH / 100, 2.4), dpi=100, layout="constrained")
    rows = np.array(history, dtype=float).reshape(-1, len(names) + 1)
    for place, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), place + 1)
        values = rows[:, place + 1]
        axes.plot(rows[:, 0], values, color="#56B4E9", alpha=0.4, linewidth=0.8)
        width = min(12, len(values))
        if width > 1:
            smooth = np.convolve(values, np.ones(width) / width, mode="valid")
            axes.plot(rows[width - 1 :, 0], smooth, color="#0072B2", linewidth=1.4)
        axes.set_title(name, fontsize=9, loc="left")
        axes.tick_params(labelsize=7)
        axes.grid(color="#888888", alpha=0.2)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def sheet_of(pictures: np.ndarray, figure: Figure, columns: int = 24) -> Image.Image:
    """uint8 pictures (n, 64, 64, 3), `columns` to a row, and the figure below them."""
    above = contact_sheet(pictures, columns=columns)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    below = Image.open(file).convert("RGB")
    sheet = Image.new("RGB", (max(above.width, below.width), above.height + below.height), "white")
    sheet.paste(above, (0, 0))
    sheet.paste(below, (0, above.height))
    return sheet
