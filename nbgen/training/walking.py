"""Where does a guided UNet get to in a few steps?  For whoever learns from what it gives: student and decoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor


@dataclass(frozen=True)
class Walk:
    """DDIM (Song et al., 2010.02502) with classifier-free guidance, between any two timesteps.

    steps: how many from the one to the other, each with two rows of the UNet for one of the latents
    """

    unet: UNet2DConditionModel
    noising: DDPMScheduler
    guidance: float
    steps: int = 4

    def __call__(self, x: Tensor, begin: Tensor, end: Tensor, words: Tensor, nothing: Tensor) -> Tensor:
        """From latents x (n, 4, 16, 16) at timesteps `begin` (n) to those at `end` (n); -1 is no noise.

        words, nothing: what the text encoder makes of the captions and of "", (n, length, width) both
        """
        both = torch.cat([nothing, words])
        for n in range(self.steps):
            here = begin + (end - begin) * n // self.steps
            there = begin + (end - begin) * (n + 1) // self.steps
            answers = self.unet(torch.cat([x, x]), torch.cat([here, here]), both).sample.float()
            without, with_words = answers.chunk(2)
            x = self.jump(x, without + self.guidance * (with_words - without), here, there)
        return x

    def jump(self, x: Tensor, v: Tensor, here: Tensor, there: Tensor) -> Tensor:
        """One step (eq. 12) with a v-prediction."""
        (a, s), (b, r) = self.levels(here), self.levels(there)
        return b * (a * x - s * v) + r * (a * v + s * x)

    def velocity(self, x: Tensor, here: Tensor, reached: Tensor, there: Tensor) -> Tensor:
        """The v with which one step from `x` ends at `reached`."""
        (a, s), (b, r) = self.levels(here), self.levels(there)
        return (reached - (a * b + r * s) * x) / (r * a - b * s)

    def levels(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """√ᾱ and √(1 − ᾱ), (n, 1, 1, 1); the end, -1, is what DDIM with `set_alpha_to_one=False` ends at."""
        alphas = self.noising.alphas_cumprod.to(timesteps.device)[timesteps.clamp(min=0)].view(-1, 1, 1, 1)
        return alphas.sqrt(), (1 - alphas).sqrt()
