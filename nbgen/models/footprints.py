"""What a run will take of memory: a model's weights, and the activations of its fullest tick and of its decoder."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch

from ..engine.batching import MODEST_ROWS, MOST_DECODED
from ..engine.footprint import foreseen
from ..engine.knee import MEMORY_SHARE, MOST_ROWS
from ..engine.memory import free_bytes
from ..recipe import Recipe
from .base import Model
from .driven import PAYS_FROM, DrivenModel

_TOGETHER = 4
"""Rows that are foreseen together: a single one is laid out in memory otherwise than those of a batch."""


@dataclass(frozen=True)
class Footprint:
    """Bytes: of the weights, of the activations of one row of a forward, and of the decoding of one picture.

    The latter two are 0 where they cannot be foreseen.
    """

    weights: int
    a_row: int = 0
    a_picture: int = 0


_known: weakref.WeakKeyDictionary[Model, dict[Hashable, Footprint]] = weakref.WeakKeyDictionary()


def footprint(model: Model, recipe: Recipe) -> Footprint:
    """What this recipe takes on this model. Only on the thread that runs the model; nothing is computed."""
    if not isinstance(model, DrivenModel) or (model.residence is not None and not model.residence.here):
        return Footprint(model.weights())
    of_model, shape = _known.setdefault(model, {}), model.latent_shape(recipe)
    if shape not in of_model:
        condition, group = model.condition(recipe)[0], model.group(recipe)

        def forward() -> None:
            latents = torch.zeros((_TOGETHER, *model.input_shape(recipe)), device=model.device)
            timesteps = torch.full((_TOGETHER,), 500.0, device=model.device)
            model.forward(group, latents, timesteps, [condition] * _TOGETHER)

        def decode() -> None:
            vae = model.autoencoder
            if vae is not None:
                vae.decode(torch.zeros((_TOGETHER, *shape), device=vae.device, dtype=vae.dtype))

        rows, pictures = foreseen(forward) or 0, foreseen(decode) or 0
        of_model[shape] = Footprint(model.weights(), rows // _TOGETHER, pictures // _TOGETHER)
    return of_model[shape]


def needed(model: Model, recipes: Sequence[Recipe], *, exact: bool) -> int:
    """About the most bytes that a run of these recipes takes; weights only where no more can be foreseen.

    Only on the thread that runs the model.
    """
    largest = max(recipes, key=lambda recipe: (recipe.size or (0, 0))[0] * (recipe.size or (0, 0))[1])
    found = footprint(model, largest)
    decoded = 1 if exact else min(MOST_DECODED, len(recipes))
    return found.weights + max(_rows(model, recipes, found, exact) * found.a_row, decoded * found.a_picture)


def _rows(model: Model, recipes: Sequence[Recipe], found: Footprint, exact: bool) -> int:
    """The most rows of a tick: measured, or as many as the measurement could come to."""
    asked = [model.asks(recipe) for recipe in recipes]
    if exact:
        return max(asked)
    free = free_bytes(model.device)
    if model.rows is not None:
        most = model.rows
    elif (knee := model.knee([])) is not None:
        most = knee.limit(free, None)
    elif sum(model.calls(recipe) * rows for recipe, rows in zip(recipes, asked, strict=True)) < PAYS_FROM:
        most = MODEST_ROWS
    else:
        most = min(MOST_ROWS, int(free * MEMORY_SHARE / found.a_row)) if found.a_row else MOST_ROWS
    return max(1, min(most, sum(asked)))
