"""The path from noise to a finished latent, as a coroutine that asks for predictions.

One trajectory carries pictures that share sampler, options and timesteps; one fresh scheduler steps them
together. Prompts, seeds and guidance scales differ freely between its pictures.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from ..recipe import Recipe
from .asks import Ask, Conditioning, Trajectory, Watch
from .guidance import guided, in_interval
from .inversion import Inverting, from_noises
from .noise import digest
from .schedule import Estimate, make_scheduler, seed_brownian_motion, step_keywords
from .start import Begun, Start, calls_left_out
from .windows import Windows


class Denoising(Protocol):
    """What a diffusion model must offer for its trajectories."""

    device: torch.device
    kind: str
    trained: Mapping[str, Any]

    def start(self, recipe: Recipe) -> Start:
        """Where its path begins."""

    def condition(self, recipe: Recipe) -> tuple[Conditioning, Conditioning]:
        """What the prompt and the negative prompt condition on."""

    def timing(self, recipe: Recipe) -> Mapping[str, Any]:
        """What the scheduler is told of its timesteps beside their number."""

    def group(self, recipe: Recipe) -> Hashable:
        """Which forwards this recipe's rows may share."""

    def windows(self, recipe: Recipe) -> Windows | None:
        """The windows through which the denoiser sees its latents, None where it sees them whole."""


def is_guided(recipe: Recipe) -> bool:
    """Guidance of 1 or less is off: one row a call, as in diffusers' pipelines."""
    return recipe.guidance is not None and recipe.guidance > 1


def denoising(model: Denoising, recipes: Sequence[Recipe], watch: Watch | None = None) -> Trajectory:
    """Makes the pictures of `recipes`, which share sampler, schedule, steps, options and their first step.

    Yields one Ask a denoiser call and returns the finished latents, (pictures, channels, height, width), in
    float32 whatever the model's dtype: the schedulers' arithmetic loses too much in half precision.
    """
    first = recipes[0]
    scheduler = make_scheduler(first, model.trained, model.kind, model.device, model.timing(first))
    starts = [model.start(recipe) for recipe in recipes]
    if any(recipe.inverted for recipe in recipes):
        starts = yield from from_noises(cast(Inverting, model), recipes, starts)
    begun = Begun(starts, model.device)
    left_out = calls_left_out(first, model.kind, scheduler.order, len(scheduler.timesteps))
    timesteps = scheduler.timesteps[left_out:]
    x = begun.first(scheduler, timesteps, left_out)
    keywords = step_keywords(scheduler, first, [start.generator for start in starts])
    if hasattr(scheduler, "noise_sampler_seed"):
        seed_brownian_motion(scheduler, [recipe.seed for recipe in recipes], x)

    readings = [model.condition(recipe) for recipe in recipes]
    lineages = [_first_lineage(recipe, scheduler, timesteps) for recipe in recipes]
    estimate = Estimate(scheduler, "flow" if model.kind == "flow" else scheduler.config.prediction_type)
    total = len(timesteps)
    windows = model.windows(first)

    for number, timestep in enumerate(timesteps):
        done = (left_out + number) / (left_out + total)
        conditions = [(positive.at(done), negative.at(done)) for positive, negative in readings]
        scaled = scheduler.scale_model_input(x, timestep) if hasattr(scheduler, "scale_model_input") else x
        pairs = [
            place
            for place, recipe in enumerate(recipes)
            if is_guided(recipe)
            and in_interval(recipe.guidance_interval, left_out + number, left_out + total)
        ]
        rows = [*range(len(recipes)), *pairs]
        seen = scaled if begun.beside is None else torch.cat([scaled, begun.beside], dim=1)
        ask = Ask(
            latents=seen[rows] if pairs else seen,
            timesteps=timestep.expand(len(rows)),
            conditionings=[pair[0] for pair in conditions] + [conditions[place][1] for place in pairs],
            lineages=[lineages[place] for place in rows],
            group=model.group(first),
        )
        answers = yield ask if windows is None else windows.ask(ask)
        # Everything below is this trajectory's own; gradients are switched off here and not by the caller,
        # because a context that spans a yield would leak into whoever runs next.
        with torch.no_grad():
            answers = answers.float() if windows is None else windows.join(answers.float())
            conditional, unconditional = answers[: len(recipes)], answers[len(recipes) :]
            prediction = conditional
            if pairs:
                prediction = _guide(conditional, unconditional, pairs, [recipes[place] for place in pairs])
            if watch is not None:
                estimates = estimate(scaled, float(timestep), prediction)
                for place in range(len(recipes)):
                    other = unconditional[pairs.index(place)].clone() if place in pairs else None
                    watch(
                        place, number, total, float(timestep), scaled[place].clone(), estimates[place].clone(),
                        conditional[place].clone(), other,
                    )  # fmt: skip
            x = scheduler.step(prediction, timestep, x, **keywords).prev_sample
            x = begun.keep(x, scheduler, timesteps[number + 1 : number + 2])
        for place, recipe in enumerate(recipes):
            negative = (
                (conditions[place][1].name, recipe.guidance, recipe.guidance_rescale)
                if place in pairs
                else None
            )
            lineages[place] = digest(lineages[place], stepping(recipe), conditions[place][0].name, negative)
    return x


def stepping(recipe: Recipe) -> tuple[Any, ...]:
    """The part of a recipe that its scheduler is made from: equal parts, equal timesteps and arithmetic."""
    return recipe.sampler, recipe.schedule, recipe.steps, recipe.options


def _first_lineage(recipe: Recipe, scheduler: Any, timesteps: Tensor) -> bytes:
    """What the first input to the denoiser follows from.

    Pure noise is scaled by the sampler's first sigma alone: samplers that agree in it ask the same first question.
    """
    if recipe.image is None and not recipe.inverted and len(timesteps):
        sigma = float(getattr(scheduler, "init_noise_sigma", 1.0))
        return digest(_start(recipe), float(timesteps[0]), sigma)
    return digest(_start(recipe), stepping(recipe))


def _start(recipe: Recipe) -> tuple[Any, ...]:
    """The part of a recipe that its first latent is made from."""
    return (
        recipe.seed, recipe.size, recipe.image, recipe.strength, recipe.mask, recipe.feather, recipe.tile,
        recipe.inverted,
    )  # fmt: skip


def _guide(conditional: Tensor, unconditional: Tensor, pairs: list[int], recipes: list[Recipe]) -> Tensor:
    shape = (-1, *([1] * (conditional.ndim - 1)))
    scale = torch.tensor([recipe.guidance for recipe in recipes], device=conditional.device).view(shape)
    rescales = [recipe.guidance_rescale for recipe in recipes]
    rescale = torch.tensor(rescales, device=conditional.device).view(shape) if any(rescales) else None
    combined = guided(unconditional, conditional[pairs], scale, rescale)
    if len(pairs) == len(conditional):
        return combined
    prediction = conditional.clone()
    prediction[pairs] = combined
    return prediction
