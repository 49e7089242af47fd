"""Is a comparison of samplers fair: a line for each with its calls, its first and last sigma, and its noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..engine.schedule import make_scheduler
from ..layout import Layout
from ..models.base import Model
from ..models.driven import DrivenModel
from ..recipe import ModelRef, Recipe
from ..sampling import BY_NAME


def audit(layout: Layout, models: Mapping[ModelRef, Model]) -> list[str]:
    """A line for each sampler and schedule that is compared; nothing where all cells have the same."""
    groups: dict[tuple[str, str | None], list[Recipe]] = {}
    for recipe in layout.recipes:
        if recipe.sampler is not None:
            groups.setdefault((recipe.sampler, recipe.schedule), []).append(recipe)
    if len(groups) < 2:
        return []
    noises = [{(recipe.seed, recipe.size) for recipe in recipes} for recipes in groups.values()]
    same = all(noise == noises[0] for noise in noises)
    return [
        _line(sampler, schedule, recipes, models, same) for (sampler, schedule), recipes in groups.items()
    ]


def _line(
    sampler: str,
    schedule: str | None,
    recipes: Sequence[Recipe],
    models: Mapping[ModelRef, Model],
    same: bool,
) -> str:
    name = sampler if schedule is None else f"{sampler} ({schedule})"
    calls = sorted({BY_NAME[sampler].calls(recipe.steps) for recipe in recipes if recipe.steps is not None})
    parts = [f"{' or '.join(map(str, calls))} call{'' if calls == [1] else 's'}"]
    model = models.get(recipes[0].model) if recipes[0].model is not None else None
    if isinstance(model, DrivenModel):
        found = {ends(recipe, model) for recipe in {recipe.steps: recipe for recipe in recipes}.values()}
        spacings = sorted({spacing for _, _, spacing in found if spacing})
        parts += [_sigmas(found), f"{' or '.join(spacings)} spacing" if spacings else ""]
    parts.append("same starting noise" if same else "other starting noise than the others")
    if BY_NAME[sampler].stochastic:
        parts.append("adds noise of its own at each step")
    return f"{name}: {', '.join(part for part in parts if part)}"


def ends(recipe: Recipe, model: DrivenModel) -> tuple[float, float, str]:
    """The sigma of the first and of the last denoiser call, √((1 − ᾱ)/ᾱ), and how timesteps are spaced."""
    scheduler: Any = make_scheduler(
        recipe, model.trained, model.kind, torch.device("cpu"), model.timing(recipe)
    )
    # Flow-matching models space sigmas, whatever a scheduler's configuration says of timesteps.
    spacing = None if model.kind == "flow" else scheduler.config.get("timestep_spacing")
    sigmas = getattr(scheduler, "sigmas", None)
    if sigmas is not None and len(sigmas):
        positive = [float(sigma) for sigma in sigmas if float(sigma) > 0]
        return max(positive), min(positive), str(spacing or "")
    alphas = scheduler.alphas_cumprod.double()
    at = [float(((1 - alphas[int(step)]) / alphas[int(step)]) ** 0.5) for step in scheduler.timesteps]
    return max(at), min(at), str(spacing or "")


def _sigmas(found: set[tuple[float, float, str]]) -> str:
    first, last = sorted({f"{end[0]:.3g}" for end in found}), sorted({f"{end[1]:.3g}" for end in found})
    return f"sigma {' or '.join(first)} to {' or '.join(last)}"
