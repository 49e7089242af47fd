"""What does a comparison of 72 cells take in one batch, beside diffusers' own pipeline called cell by cell?

The stock pipeline is also given the largest batches that it takes: one sampler and one guidance scale a call,
the four seeds together. Same weights, steps, seeds and threads, nothing stored, no progress.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch

from ..models.base import Model
from ..show.table import Table
from ..verbs.comparing import compare
from .drawing import PROMPT
from .starting import resident_bytes, resident_rows
from .timing import in_turns, ratio, seconds

SAMPLERS: dict[str, str] = {
    "ddim": "DDIMScheduler",
    "euler": "EulerDiscreteScheduler",
    "heun": "HeunDiscreteScheduler",
    "dpm++2m": "DPMSolverMultistepScheduler",
    "deis": "DEISMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
}
SEEDS = (0, 1, 2, 3)
GUIDANCE = (2.0, 4.0, 7.0)
STEPS = 12

_MADE = """
import nbgen
grid = nbgen.compare({prompt!r}, seed=range({cells}), steps=4, sampler="ddim", guidance=1)
assert len(grid) == {cells} and grid._repr_mimebundle_()
"""
"""Makes, keeps and shows a grid.

Four steps, so that 72 cells are work enough to measure the knee for, as 1,000 are: what that takes is in both.
"""


@dataclass(frozen=True)
class Gridded:
    """Seconds are medians of the repeats; `difference` is the largest mean over a picture, in steps of 1/255."""

    grid: float
    cell_by_cell: float
    in_batches: float
    cell_by_cell_ratio: float
    in_batches_ratio: float
    seconds_a_cell: dict[int, float]
    difference: float


def measure(repeats: int, model: Model, pipe: Any) -> Gridded:
    """Time the 72 cells in one batch, cell by cell and in the stock pipeline's largest batches, in turns.

    `pipe` is a diffusers pipeline with the weights of `model`.
    """
    stock = _Stock(pipe)

    def ours(
        seeds: Sequence[int] = SEEDS,
        guidance: Sequence[float] = GUIDANCE,
        samplers: Sequence[str] = tuple(SAMPLERS),
    ) -> Any:
        return compare(
            PROMPT, sampler=list(samplers), guidance=list(guidance), seed=list(seeds), steps=STEPS,
            model=model, fresh=True, store=False,
        )  # fmt: skip

    def singly() -> list[np.ndarray]:
        return [
            stock.draw(name, scale, [seed])[0] for name in SAMPLERS for scale in GUIDANCE for seed in SEEDS
        ]

    def in_batches() -> list[np.ndarray]:
        return [
            picture for name in SAMPLERS for scale in GUIDANCE for picture in stock.draw(name, scale, SEEDS)
        ]

    # Warm all, and see that all did the same work.
    pairs = zip(ours(), singly(), strict=True)
    difference = max(float(np.abs(np.asarray(one).astype(float) - other).mean()) for one, other in pairs)
    in_batches()
    works = {"cell by cell": singly, "in batches": in_batches, "grid": ours}
    taken = in_turns(works, repeats)
    # Against the batches the race is near, and one turn differs from the next by a fifth: it is run oftener.
    near = in_turns({name: works[name] for name in ("in batches", "grid")}, 2 * repeats)
    near = {name: taken[name] + more for name, more in near.items()}
    grid = median(near["grid"])
    one = median(seconds(lambda: ours(SEEDS[:1], GUIDANCE[:1], ["dpm++2m"])) for _ in range(repeats + 1))
    eight = median(seconds(lambda: ours(SEEDS, GUIDANCE[:1], ["dpm++2m", "ddim"])) for _ in range(repeats))
    return Gridded(
        grid=grid,
        cell_by_cell=median(taken["cell by cell"]),
        in_batches=median(near["in batches"]),
        cell_by_cell_ratio=ratio(taken["cell by cell"], taken["grid"]),
        in_batches_ratio=ratio(near["in batches"], near["grid"]),
        seconds_a_cell={1: one, 8: eight / 8, 72: grid / 72},
        difference=difference,
    )


def peak_bytes(cells: int) -> int | None:
    """The most resident memory of a fresh Python that makes and shows a grid of mini; None on Windows."""
    return resident_bytes(_MADE.format(prompt=PROMPT, cells=cells))


def table(found: Gridded, peaks: dict[int, int | None]) -> Table:
    """One row a figure, and what is wanted."""
    rows: list[dict[str, Any]] = [
        {
            "figure": "72 cells against the stock pipeline, cell by cell",
            "nbgen": f"{found.grid:.1f} s",
            "stock": f"{found.cell_by_cell:.1f} s",
            "ratio": f"{found.cell_by_cell_ratio:.2f}×",
            "wanted": "≥ 3.0×",
        },
        {
            "figure": "72 cells against its largest batches (of four)",
            "nbgen": f"{found.grid:.1f} s",
            "stock": f"{found.in_batches:.1f} s",
            "ratio": f"{found.in_batches_ratio:.2f}×",
            "wanted": "≥ 1.5×",
        },
        {
            "figure": "  largest mean difference of a picture, in 1/255",
            "nbgen": f"{found.difference:.3f}",
            "wanted": "≤ 2",
        },
    ]
    rows += [
        {"figure": f"seconds a cell, {cells} cell{'' if cells == 1 else 's'}", "nbgen": f"{each:.2f} s"}
        for cells, each in found.seconds_a_cell.items()
    ]
    return Table(rows + resident_rows({f"{cells:,} cells": peak for cells, peak in peaks.items()}))


class _Stock:
    """diffusers' own pipeline, its scheduler changed as anybody would."""

    def __init__(self, pipe: Any) -> None:
        import diffusers

        pipe.set_progress_bar_config(disable=True)
        self._pipe = pipe
        trained = pipe.scheduler.config
        self._schedulers = {
            name: getattr(diffusers, scheduler).from_config(trained) for name, scheduler in SAMPLERS.items()
        }

    def draw(self, sampler: str, guidance: float, seeds: Sequence[int]) -> list[np.ndarray]:
        """A picture for each seed, uint8 (height, width, 3)."""
        self._pipe.scheduler = self._schedulers[sampler]
        made = self._pipe(
            [PROMPT] * len(seeds),
            num_inference_steps=STEPS,
            guidance_scale=guidance,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        )
        return [np.asarray(image) for image in made.images]
