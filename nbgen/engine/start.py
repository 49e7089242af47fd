"""Where a picture's path begins: at noise or at a known latent, what of it is kept, and what stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..recipe import Recipe


@dataclass(frozen=True, eq=False)
class Start:
    """The beginning of one picture. Tensors have a batch dimension of one, are float32, and lie on the CPU.

    noise: unit-normal, (1, …)
    generator: what drew it, for whatever is drawn along the way
    known: the latent of an input picture
    noised: whether the path begins at `known`, noised to the first timestep, instead of at the noise alone
    hole: (1, 1, h, w), 1 where something new is made; elsewhere the path is put back to `known` after each step
    beside: (1, channels, h, w), what the denoiser is given with every latent: of dedicated inpainting UNets, the
        hole and the latent of the picture without it
    """

    noise: Tensor
    generator: torch.Generator
    known: Tensor | None = None
    noised: bool = False
    hole: Tensor | None = None
    beside: Tensor | None = None


def first_step(recipe: Recipe, kind: str) -> int:
    """How many of the recipe's steps are left out, because its path begins part of the way down.

    The rounding is that of diffusers' pipelines, which differs between diffusion and flow-matching models.
    """
    if recipe.image is None or recipe.strength is None or recipe.steps is None:
        return 0
    taken = recipe.steps * recipe.strength
    return int(recipe.steps - taken) if kind == "flow" else recipe.steps - int(taken)


def calls_left_out(recipe: Recipe, kind: str, order: int, calls: int) -> int:
    """Those of the `calls` of a whole run that are left out; `order` is the number a step takes."""
    steps = first_step(recipe, kind)
    return calls if steps == recipe.steps else min(steps * order, calls)


class Begun:
    """The beginnings of the pictures of one trajectory, on its device."""

    def __init__(self, starts: Sequence[Start], device: torch.device) -> None:
        self.noise = torch.cat([start.noise for start in starts]).to(device)
        self._noised = [place for place, start in enumerate(starts) if start.noised]
        self._kept = [place for place, start in enumerate(starts) if start.hole is not None]
        self._known = {
            place: start.known.to(device) for place, start in enumerate(starts) if start.known is not None
        }
        self._holes = [start.hole.to(device) for start in starts if start.hole is not None]
        beside = [start.beside for start in starts if start.beside is not None]
        self.beside = torch.cat(beside).to(device) if beside else None

    def first(self, scheduler: Any, timesteps: Tensor, left_out: int) -> Tensor:
        """The latents that the first of `timesteps` is for; with none left, the known ones as they are."""
        if hasattr(scheduler, "set_begin_index"):
            # add_noise goes by it, and so does the first step, which else looks its timestep up: where the first
            # two fall together, as on bent schedules of a cosine, it would find the second, and run off the end.
            scheduler.set_begin_index(left_out)
        # init_noise_sigma is absent on flow-matching schedulers, whose paths start at unit noise.
        x = self.noise * getattr(scheduler, "init_noise_sigma", 1.0)
        if self._noised:
            x[self._noised] = self._at(scheduler, timesteps[:1], self._noised)
        return x

    def keep(self, x: Tensor, scheduler: Any, following: Tensor) -> Tensor:
        """`x` after a step, put back outside of each hole to the known latent as noisy as `following` (0 or 1
        timesteps) wants it.
        """
        if not self._kept:
            return x
        known = self._at(scheduler, following, self._kept)
        holes = torch.cat(self._holes)
        kept = x.clone()
        kept[self._kept] = (1 - holes) * known + holes * x[self._kept]
        return kept

    def _at(self, scheduler: Any, timestep: Tensor, places: list[int]) -> Tensor:
        known = torch.cat([self._known[place] for place in places])
        if not len(timestep):
            return known
        timesteps, noise = timestep.expand(len(places)), self.noise[places]
        if hasattr(scheduler, "add_noise"):
            return scheduler.add_noise(known, noise, timesteps)
        return scheduler.scale_noise(known, timesteps, noise)
