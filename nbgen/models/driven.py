"""Diffusion models that the engine drives row by row: what all their families share."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..engine.asks import Conditioning, Trajectory, Watch
from ..engine.footprint import measured
from ..engine.knee import Knee, measure
from ..engine.memory import is_out_of_memory
from ..engine.noise import unit_noise
from ..engine.schedule import STEPS_BACK
from ..engine.start import Start, calls_left_out, first_step
from ..engine.trajectory import denoising, is_guided, stepping
from ..engine.windows import Windows
from ..errors import RecipeError
from ..recipe import ModelRef, Recipe
from ..sampling import BY_NAME, check_sampling, find_sampler, find_schedule
from .base import Model
from .words import Encodings

PAYS_FROM = 200
"""Denoiser rows from which measuring the knee pays for itself; below, one modest batch does."""
FIELDS = frozenset(
    {
        "prompt", "negative", "seed", "sampler", "schedule", "steps", "guidance", "guidance_interval",
        "guidance_rescale", "size", "options",
    }
)  # fmt: skip


class DrivenModel(Model):
    """A latent-diffusion model in pieces: encode words, denoise rows, decode latents.

    A family supplies `latent_shape`, `encode`, `forward` and `decode`; `trained` is the configuration of the
    scheduler that came with the model.
    """

    fields = FIELDS
    trained: Mapping[str, Any]
    autoencoder: Any = None
    """What decodes latents, where it is one of diffusers' autoencoders."""

    def __init__(self, ref: ModelRef, device: torch.device, *, rows: int | None = None) -> None:
        super().__init__(ref, device, rows=rows)
        self._encodings = Encodings()

    # What a family supplies.

    def latent_shape(self, recipe: Recipe) -> tuple[int, ...]:
        raise NotImplementedError

    def condition(self, recipe: Recipe) -> tuple[Conditioning, Conditioning]:
        raise NotImplementedError

    def forward(
        self, group: Hashable, latents: Tensor, timesteps: Tensor, conditionings: Sequence[Conditioning]
    ) -> Tensor:
        raise NotImplementedError

    def decode(self, latents: Tensor) -> np.ndarray:
        """Finished latents, (n, …), as pixels, uint8 (n, height, width, 3)."""
        raise NotImplementedError

    # What they share.

    def develop(self, recipes: Sequence[Recipe], latents: Tensor) -> np.ndarray:
        return self.decode(latents)

    def timing(self, recipe: Recipe) -> Mapping[str, Any]:
        """What the model's own pipeline tells a scheduler about when to be called, beside the number of steps."""
        return {}

    def group(self, recipe: Recipe) -> Hashable:
        return self.latent_shape(recipe)

    def together(self, recipe: Recipe) -> Hashable:
        begins = first_step(recipe, self.kind), recipe.image is None, not recipe.inverted
        return stepping(recipe), begins, self.latent_shape(recipe), self.group(recipe)

    def asks(self, recipe: Recipe) -> int:
        windows = self.windows(recipe)
        return (2 if is_guided(recipe) else 1) * (1 if windows is None else len(windows))

    def windows(self, recipe: Recipe) -> Windows | None:
        """The windows through which the denoiser sees its latents, None where it sees them whole."""
        return None

    def input_shape(self, recipe: Recipe) -> tuple[int, ...]:
        """The shape of a row of the denoiser's input, which is that of a latent where nothing stands beside it."""
        return self.latent_shape(recipe)

    def calls(self, recipe: Recipe) -> int:
        assert recipe.sampler is not None and recipe.steps is not None
        sampler = BY_NAME[recipe.sampler]
        calls = sampler.calls(recipe.steps)
        back = STEPS_BACK if recipe.inverted else 0
        return back + calls - calls_left_out(recipe, self.kind, 2 if sampler.second_order else 1, calls)

    def start(self, recipe: Recipe) -> Start:
        """Where its path begins: noise, where a family knows nothing else."""
        return Start(*unit_noise(recipe.seed, (1, *self.latent_shape(recipe))))

    def trajectory(self, recipes: Sequence[Recipe], watch: Watch | None) -> Trajectory:
        return denoising(self, recipes, watch)

    def resolve(self, **fields: Any) -> Recipe:
        """As every model's; a sampler's name may carry a schedule ("DPM++ 2M Karras")."""
        if isinstance(fields.get("sampler"), str):
            sampler, carried = find_sampler(fields["sampler"])
            given = find_schedule(fields.get("schedule"))
            if carried and given and carried != given:
                raise RecipeError(
                    f"sampler {fields['sampler']!r} says schedule {carried!r}, and schedule says {given!r}: give one."
                )
            fields = {**fields, "sampler": sampler.name, "schedule": given or carried}
        elif fields.get("sampler") is not None:
            find_sampler(fields["sampler"])  # raises: not a name
        if (
            isinstance(fields.get("guidance"), (int, float))
            and not isinstance(fields["guidance"], bool)
            and 0 <= fields["guidance"] < 1
        ):
            fields = {**fields, "guidance": 1.0}  # diffusers' pipelines too treat all of 0 to 1 as "off"
        return super().resolve(**fields)

    def check(self, recipe: Recipe) -> Recipe:
        """Sampler, schedule, options and prompt, in canonical form."""
        if recipe.prompt is None:
            raise RecipeError(
                "a prompt is needed, such as " + repr(self._example()) + ' ("" draws without words).'
            )
        assert recipe.sampler is not None and recipe.steps is not None
        sampler, carried = find_sampler(recipe.sampler)
        schedule = find_schedule(recipe.schedule) or carried
        options = check_sampling(sampler, schedule, dict(recipe.options), self.kind)
        most = dict(recipe.options).get("original_inference_steps", 50) if sampler.distilled else 1000
        if recipe.steps > most:
            raise RecipeError(
                f"sampler {sampler.name!r} takes at most {most} steps (1 to 8 is usual), not {recipe.steps}."
            )
        changes: dict[str, Any] = {"sampler": sampler.name, "schedule": schedule, "options": options}
        if not is_guided(recipe):
            # Without guidance these change nothing, and so must not change the key.
            changes |= {"negative": None, "guidance_rescale": 0.0, "guidance_interval": None}
        if recipe.guidance_interval == (0.0, 1.0):
            changes["guidance_interval"] = None
        return recipe.replace(**changes)

    def forget_what_it_read(self) -> None:
        super().forget_what_it_read()
        self._encodings.clear()

    def _example(self) -> str:
        return self.vocabulary.examples[0] if self.vocabulary else "a lighthouse at dusk"

    def knee(self, recipes: Sequence[Recipe]) -> Knee | None:
        """Measured on the first run that is large enough to gain by it, then kept."""
        rows = sum(self.asks(recipe) * self.calls(recipe) for recipe in recipes)
        if self._knee is None and rows >= PAYS_FROM:
            self._knee = self._measure_knee(recipes[0])
        return self._knee

    def _measure_knee(self, recipe: Recipe) -> Knee:
        shape, group = self.input_shape(recipe), self.group(recipe)
        condition = self.condition(recipe)[0]

        def seconds_for(rows: int) -> float:
            latents = torch.zeros((rows, *shape), device=self.device)
            timesteps = torch.full((rows,), 500.0, device=self.device)
            started = time.perf_counter()
            try:
                with torch.no_grad():
                    self.forward(group, latents, timesteps, [condition] * rows)
                    if self.device.type == "cuda":
                        torch.cuda.synchronize(self.device)
            except Exception as error:
                if is_out_of_memory(error):
                    raise MemoryError from None
                raise
            return time.perf_counter() - started

        return measure(seconds_for, self._bytes_a_row(seconds_for))

    def _bytes_a_row(self, forward: Any) -> int:
        """Measured; 0 where it cannot be, and the retry of the forward is what protects."""
        if self.device.type != "cuda":
            try:
                return measured(lambda: forward(1))
            except (RuntimeError, NotImplementedError, TypeError):
                return 0  # code that was compiled may not be looked into
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        forward(1)
        return torch.cuda.max_memory_allocated(self.device) - before
