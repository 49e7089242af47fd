"""The words between a trajectory and the engine: what a trajectory asks, and what a model must offer.

A trajectory is a coroutine. It yields an `Ask` (some rows for the denoiser), is sent the answers, and returns
the finished latents. The engine gathers the asks of many trajectories into one forward.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from ..recipe import Recipe

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class Conditioning:
    """What one row of a forward is conditioned on, without a batch dimension.

    `name` stands for the content: equal names mean equal tensors. It is how the engine knows identical asks
    without comparing tensors. A row may be conditioned on something else from a part of the run on, which is
    `until` as a share of its steps.
    """

    name: Hashable
    tensors: dict[str, Tensor]
    until: float = 1.0
    then: Conditioning | None = None

    def at(self, part: float) -> Conditioning:
        """What conditions the row after `part` (0 to 1) of its steps."""
        return self if self.then is None or part < self.until else self.then


@dataclass(frozen=True, eq=False)
class Ask:
    """Rows that a trajectory wants the denoiser's answer for.

    latents: (rows, …), the model's input, already scaled by the scheduler
    timesteps: (rows,)
    conditionings: one a row
    lineages: one a row; equal (lineage, conditioning) means an identical row, None means unknown
    group: asks share a forward when their groups are equal (shapes, adapters)
    """

    latents: Tensor
    timesteps: Tensor
    conditionings: Sequence[Conditioning]
    lineages: Sequence[bytes | None]
    group: Hashable = None


@dataclass(frozen=True, eq=False)
class Step:
    """One step of one picture, for observers. The tensors are clones, float32, without a batch dimension.

    `x` is x_t in the model's own scaling, `x0` the estimate of the finished latent made from it;
    `conditional` and `unconditional` are the model's separate predictions (None where only one was asked).
    """

    index: int
    number: int
    total: int
    timestep: float
    x: Tensor
    x0: Tensor
    conditional: Tensor
    unconditional: Tensor | None


Watch = Callable[[int, int, int, float, Tensor, Tensor, Tensor, Tensor | None], None]
"""Called by a trajectory for each picture and step: place in the trajectory, then Step's fields in order."""

Trajectory = Generator[Ask, Tensor, Tensor]


class Drivable(Protocol):
    """What the engine needs of a model."""

    device: torch.device

    def together(self, recipe: Recipe) -> Hashable:
        """Recipes with equal values may be stepped together, in one trajectory."""

    def asks(self, recipe: Recipe) -> int:
        """The most rows that this recipe asks for in one tick."""

    def calls(self, recipe: Recipe) -> int:
        """Denoiser evaluations in the whole run; a guided one counts once."""

    def trajectory(self, recipes: Sequence[Recipe], watch: Watch | None) -> Trajectory:
        """The coroutine that makes these pictures; returns their finished latents, (pictures, …)."""

    def forward(
        self, group: Hashable, latents: Tensor, timesteps: Tensor, conditionings: Sequence[Conditioning]
    ) -> Tensor:
        """One denoiser forward: a pure function of its arguments."""

    def develop(self, recipes: Sequence[Recipe], latents: Tensor) -> np.ndarray:
        """The finished latents of these recipes, (n, …), as pixels, uint8 (n, height, width, 3).

        They have one shape, and all of them or none are seamless.
        """
