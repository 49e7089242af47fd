"""How did a training go?  One picture that a lesson can show: the loss, and what was painted at each stage.

The loop writes down every loss (`<name>.csv`) and a sample sheet every ten minutes; `report` puts them together,
with the nearest picture of the training beside each sample of the last sheet.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from nbgen.training.judging import Judge
from nbgen.training.scenes import Scene

REPORT = "report.png"
"""Its name in the folder of a training."""
NEAREST = "evaluation-nearest.png"
"""The sheet of `beside_nearest` among those that `evaluate` draws."""


def read_losses(path: Path) -> np.ndarray:
    """(step, seconds, loss) for each line that the loop wrote, (n, 3); where a training went back, the later one."""
    rows: dict[int, tuple[float, float, float]] = {}
    with path.open(encoding="utf-8") as file:
        for step, seconds, loss in csv.reader(file):
            rows = (
                {known: row for known, row in rows.items() if known < int(step)}
                if int(step) in rows
                else rows
            )
            rows[int(step)] = (float(step), float(seconds), float(loss))
    return np.array(sorted(rows.values())).reshape(-1, 3)


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """The mean over `width` neighbours, as many as there are at the ends."""
    ones = np.ones(min(width, len(values)))
    return np.convolve(values, ones, "same") / np.convolve(np.ones(len(values)), ones, "same")


def report(folder: Path, name: str = "denoiser", *, sheets: int = 4) -> Figure:
    """The loss over steps and hours, at most `sheets` sample sheets, spread evenly over the training, and the nearest.

    Raises FileNotFoundError where no training of that name has been in `folder`.
    """
    losses = read_losses(folder / f"{name}.csv")
    paths = sorted((folder / "sheets").glob(f"{name}-*.png"))
    chosen = (
        [paths[n] for n in sorted({round(n) for n in np.linspace(0, len(paths) - 1, sheets)})]
        if paths
        else []
    )
    titles = [f"step {int(path.stem.rsplit('-', 1)[1]):,}" for path in chosen]
    if name == "denoiser" and (folder / "sheets" / NEAREST).exists():
        chosen.append(folder / "sheets" / NEAREST)
        titles.append("drawn prompts (left of each pair) and the nearest pictures of the training (right)")
    pictures = [Image.open(path) for path in chosen]
    heights = [2.6, *(9 * picture.height / picture.width for picture in pictures)]
    figure = Figure(figsize=(9.5, sum(heights) + 0.4 * len(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    axes[0].plot(losses[:, 0], losses[:, 2], color="0.8", linewidth=0.6)
    axes[0].plot(losses[:, 0], smooth(losses[:, 2], 51), color="tab:blue")
    hours = losses[-1, 1] / 3600 if len(losses) else 0
    axes[0].set(xlabel="step", ylabel="loss", title=f"{name}: {len(losses):,} steps noted, {hours:.1f} hours")
    axes[0].set_yscale("log")
    for place, title, picture in zip(axes[1:], titles, pictures, strict=True):
        place.imshow(np.asarray(picture))
        place.set_title(title, fontsize=9)
        place.set_axis_off()
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a report as a PNG of 256 colours: it ships beside the model card, and a third of the bytes is enough."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=110)
    Image.open(drawn).convert("RGB").quantize(256).save(path, optimize=True)


def beside_nearest(pictures: np.ndarray, scenes: Sequence[Scene], judge: Judge) -> np.ndarray:
    """Each picture with the picture to its right that training could draw and that is nearest: (n, 64, 128, 3).

    Of one object each: scenes with pairs or several are shown beside their nearest single object.
    """
    rows = []
    for picture, scene in zip(pictures, scenes, strict=True):
        seen = judge.one(picture, scene.background)
        rows.append(
            np.concatenate(
                [picture, judge.composer.draw(Scene(seen.things, scene.background), seen.found)], axis=1
            )
        )
    return np.stack(rows)
