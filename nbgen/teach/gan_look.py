"""What is known of a run where it stands: measurements, surfaces and arrows, each made once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch

from .distributions import grid
from .gan_measures import (
    CELLS,
    COUNTED,
    Densities,
    arrows,
    densities,
    distance_to_optimal,
    modes_covered,
    near_data,
    probability,
    scores,
)
from .gan_players import LOSSES
from .gan_run import Run

SHOWN = 1000
"""Points of each kind that are shown."""
PULLED = 160
"""Fakes with an arrow."""

SURFACES = ("discriminator", "perfect", "difference", "none")


class Look:
    """Everything measured on one run at one step, each thing once and only where it is asked for."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.both: Densities = densities(run)
        self.scores = scores(run, grid(CELLS))
        self.chances = probability(run, self.scores, self.both)
        self.fakes = run.samples(COUNTED)

    @cached_property
    def measured(self) -> dict[str, Any]:
        """Numbers: see `GanLab.state`."""
        distribution = self.run.settings.distribution
        return {
            "modes": modes_covered(distribution, self.fakes),
            "near_data": float(near_data(distribution, self.fakes).double().mean()),
            "divergence": self.both.divergence,
            "distance_to_optimal": distance_to_optimal(self.chances, self.both),
        }

    def pulls(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The first fakes and their arrows, (`PULLED`, 2) each; a paired loss compares with the first reals."""
        fakes = self.fakes[:SHOWN]
        real = reals(self.run) if LOSSES[self.run.settings.loss].paired else None
        return fakes[:PULLED], arrows(self.run, real, fakes)[:PULLED]

    def surface(self, kind: str) -> np.ndarray:
        """From -1 (fake for certain) to 1 (real for certain), (CELLS, CELLS); a critic's scores by rank of size."""
        if kind == "perfect":
            values = 2 * self.both.optimal - 1
        elif self.chances is None:
            centred = self.scores.double() - self.scores.double().median()
            values = centred / centred.abs().max().clamp(min=1e-12)
            values = torch.zeros_like(values) if kind == "difference" else values
        elif kind == "difference":
            weights = (self.both.p + self.both.q).sqrt()
            values = (self.chances.double() - self.both.optimal) * 2 * weights / weights.max()
        else:
            values = 2 * self.chances.double() - 1
        return values.reshape(CELLS, CELLS).float().numpy()


def reals(run: Run, count: int = SHOWN) -> torch.Tensor:
    """Points of the data, the same at every step."""
    return run.reals(count, torch.Generator().manual_seed(run.settings.seed + 1))


def state(look: Look) -> dict[str, Any]:
    """A run as plain values."""
    run = look.run
    moved = [
        next((one for one in reversed(losses[: run.step]) if not math.isnan(one)), None)
        for losses in (run.d_losses, run.g_losses)
    ]
    return {
        "step": run.step,
        "furthest": run.furthest,
        "settings": run.settings.plain(),
        "d_loss": moved[0],
        "g_loss": moved[1],
        **look.measured,
        "of_modes": run.settings.distribution.modes or None,
        "densities": named(look.both),
    }


def named(both: Densities) -> str:
    """Where q came from, in words."""
    if not both.exact:
        return f"q estimated from {COUNTED:,} fakes, p and q blurred by {both.blur:g}"
    return "q exact" + (f", p and q blurred by {both.blur:.2g}" if both.blur else "")


def said(side: Mapping[str, Any]) -> list[str]:
    """What the measurements of a run say, in two lines."""
    modes = "" if side["modes"] is None else f"{side['modes']} of {side['of_modes']} modes covered, "
    first = f"{modes}divergence {side['divergence']:.3f} ({'exact' if 'exact' in side['densities'] else 'estimated'})"
    far = side["distance_to_optimal"]
    second = "the critic's scores are no chances" if far is None else f"D is {far:.3f} from the perfect D"
    return [first, f"{second}, mean arrow {side['pull']:.2g}"]
