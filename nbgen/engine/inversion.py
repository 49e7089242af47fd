"""From a picture back to the noise that leads to it: DDIM run backwards, as the first part of a trajectory."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from ..recipe import Recipe
from .asks import Ask
from .noise import digest
from .schedule import backwards
from .start import Start

KEPT = 64
"""Noises kept, so that a picture that many frames lie near is run backwards once."""


class Inverting(Protocol):
    """What a diffusion model must offer beside what its trajectories need."""

    device: torch.device
    trained: Any
    noises: dict[Any, Tensor]

    def condition(self, recipe: Recipe) -> Any:
        """What the prompt and the negative prompt condition on."""

    def group(self, recipe: Recipe) -> Any:
        """Which forwards this recipe's rows may share."""

    def latent_of(self, recipe: Recipe, picture: str) -> Tensor:
        """The latent, (1, channels, height, width), of an input picture at this recipe's size."""


def from_noises(
    model: Inverting, recipes: Sequence[Recipe], starts: Sequence[Start]
) -> Generator[Ask, Tensor, list[Start]]:
    """The starts, with the noises of the pictures that `inverted` names mixed in.

    A picture x₀ is led back along the path of DDIM (Song et al., arXiv 2010.02502, section 4.3), unguided, under
    the prompt that stands beside it, in `STEPS_BACK` steps. Where the path is bent the way back is
    not quite the way: what comes out of such a noise is near the picture and not equal to it.
    """
    wanted: dict[tuple[Any, ...], Recipe] = {}
    for recipe in recipes:
        for picture, (_, words) in recipe.inverted:
            name = _name(recipe, picture, words)
            if name not in model.noises:
                plain = {"prompt": words, "negative": None, "guidance": 1.0, "mixing": None}
                wanted[name] = recipe.replace(**plain, inverted={picture: (1.0, words)})
    if wanted:
        found = yield from _backwards(model, list(wanted.values()))
        model.noises.update(zip(wanted, found.cpu().split(1), strict=True))
    made = [
        dataclasses.replace(start, noise=_mixed(model, recipe, start.noise)) if recipe.inverted else start
        for recipe, start in zip(recipes, starts, strict=True)
    ]
    while len(model.noises) > KEPT:
        model.noises.pop(next(iter(model.noises)))
    return made


def _backwards(model: Inverting, recipes: Sequence[Recipe]) -> Generator[Ask, Tensor, Tensor]:
    """The noises, (pictures, …), of one picture a recipe."""
    first = recipes[0]
    scheduler = backwards(model.trained, model.device)
    x = torch.cat([model.latent_of(recipe, recipe.inverted[0][0]) for recipe in recipes]).to(model.device)
    conditions = [model.condition(recipe)[0] for recipe in recipes]
    for number, timestep in enumerate(scheduler.timesteps):
        answers = yield Ask(
            latents=x,
            timesteps=timestep.expand(len(x)),
            conditionings=conditions,
            lineages=[
                digest("backwards", number, _name(recipe, *_only(recipe)), condition.name)
                for recipe, condition in zip(recipes, conditions, strict=True)
            ],
            group=model.group(first),
        )
        with torch.no_grad():
            x = scheduler.step(answers.float(), timestep, x).prev_sample
    return x


def _mixed(model: Inverting, recipe: Recipe, noise: Tensor) -> Tensor:
    """Σ wᵢnᵢ over the inverted noises, and the seed's own noise for what their squared weights leave of 1.

    Inverted noises are neither quite of width 1 nor quite independent of one another, so the sum is brought to the
    width that it would have if they were independent. One alone stays as it is.
    """
    parts = [
        (weight, model.noises[_name(recipe, picture, words)]) for picture, (weight, words) in recipe.inverted
    ]
    rest = 1 - sum(weight * weight for weight, _ in parts)
    if rest > 1e-9:
        parts.append((math.sqrt(rest), noise))
    if len(parts) == 1:
        return parts[0][0] * parts[0][1]
    total = torch.stack([weight * each for weight, each in parts]).sum(0)
    width = sum(weight * weight * float(each.square().mean()) for weight, each in parts)
    return total * math.sqrt(width / float(total.square().mean()))


def _name(recipe: Recipe, picture: str, words: str) -> tuple[Any, ...]:
    assert recipe.model is not None
    return picture, words, recipe.size, recipe.model.fingerprint


def _only(recipe: Recipe) -> tuple[str, str]:
    ((picture, (_, words)),) = recipe.inverted
    return picture, words
