"""Large latents through a denoiser of a modest size: overlapping windows, each asked for, their answers joined.

The predictions of all windows are averaged at every step, so that the windows agree where they overlap
(Bar-Tal et al., "MultiDiffusion", arXiv 2302.08113; with weights that fall off towards a window's edge as in
Jiménez, "Mixture of Diffusers", arXiv 2302.02412).
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from .asks import Ask
from .noise import digest

STRIDE = 0.75
"""How far, in windows, a window lies from the next at most."""


class Windows:
    """Windows of `inner` over latents of `outer`, both (height, width)."""

    def __init__(self, outer: tuple[int, int], inner: tuple[int, int]) -> None:
        self._outer = outer
        self._inner = min(inner[0], outer[0]), min(inner[1], outer[1])
        tops, lefts = (_places(*pair) for pair in zip(self._outer, self._inner, strict=True))
        self._corners = [(top, left) for top in tops for left in lefts]
        down, across = (_falling_off(side) for side in self._inner)
        self._weight = down[:, None] * across

    def __len__(self) -> int:
        return len(self._corners)

    def ask(self, whole: Ask) -> Ask:
        """The ask for whole latents, for all windows of all of them."""
        return replace(
            whole,
            latents=torch.cat([self._cut(whole.latents, corner) for corner in self._corners]),
            timesteps=whole.timesteps.repeat(len(self)),
            conditionings=[*whole.conditionings] * len(self),
            lineages=[
                None if lineage is None else digest(lineage, corner, self._outer)
                for corner in self._corners
                for lineage in whole.lineages
            ],
        )

    def join(self, answers: Tensor) -> Tensor:
        """The answers for all windows as answers for whole latents."""
        parts = answers.chunk(len(self))
        weight = self._weight.to(answers)
        joined = answers.new_zeros((len(parts[0]), answers.shape[1], *self._outer))
        total = answers.new_zeros(self._outer)
        for corner, part in zip(self._corners, parts, strict=True):
            self._cut(joined, corner).add_(part * weight)
            self._cut(total, corner).add_(weight)
        return joined / total

    def _cut(self, latents: Tensor, corner: tuple[int, int]) -> Tensor:
        top, left = corner
        return latents[..., top : top + self._inner[0], left : left + self._inner[1]]


def _places(outer: int, inner: int) -> list[int]:
    """Where windows begin, evenly, the first and the last at the edges."""
    if inner >= outer:
        return [0]
    count = math.ceil((outer - inner) / (inner * STRIDE)) + 1
    return [round(number * (outer - inner) / (count - 1)) for number in range(count)]


def _falling_off(side: int) -> Tensor:
    """Weights of a window's places: 1 in the middle, and little, though never nothing, at the edges."""
    middle = (torch.arange(side) + 0.5) / side
    return torch.sin(middle * math.pi) ** 2 + 1e-3
