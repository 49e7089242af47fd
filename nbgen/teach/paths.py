"""Which ways do samplers take through the plane, and how far from the exact solution do they end?

The samplers are nbgen's own, driven as the engine drives them; the model is a mixture whose answers are exact, so
that every error is the sampler's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ..analytic import GaussianMixture
from ..engine.trajectory import denoising
from ..errors import SamplerError
from ..recipe import Recipe
from ..sampling import BY_NAME
from .distributions import Distribution
from .noising import Schedule
from .threads import one_thread

MOST_STEPS = 200


@dataclass(frozen=True, eq=False)
class Path:
    """One sampler's way. points: (steps + 1, n, 2), first the noise, last the samples.

    calls: denoiser evaluations. The points are what the model is shown, αx₀ + σε, whatever the scheduler's scaling.
    """

    label: str
    recipe: Recipe
    points: Tensor
    calls: int
    stochastic: bool

    @property
    def end(self) -> Tensor:
        return self.points[-1]

    def at(self, part: float) -> Tensor:
        """The points after a part of the steps, 0 to 1; straight between two steps."""
        place = part * (len(self.points) - 1)
        low = min(int(place), len(self.points) - 2)
        return self.points[low] + (place - low) * (self.points[low + 1] - self.points[low])


class Samplers:
    """Runs samplers on one mixture and schedule from the `count` starts of one seed."""

    def __init__(self, distribution: Distribution, schedule: Schedule, count: int, seed: int) -> None:
        self.schedule = schedule
        self.seed = seed
        self.model = GaussianMixture(
            points=count, mixture=distribution.mixture, trained=schedule.trained, kind=schedule.kind
        )
        self._reference: dict[int, Tensor] = {}

    def recipe(self, sampler: str, steps: int) -> Recipe:
        """What will run; "dpm++2m karras" carries a schedule of steps. Raises SamplerError and RecipeError."""
        recipe = self.model.resolve(sampler=sampler, steps=steps, seed=self.seed)
        row = BY_NAME[str(recipe.sampler)]
        if self.schedule.name == "zero-SNR" and not _rescales(row.scheduler_class("diffusion")):
            raise SamplerError(
                f"sampler {row.name!r} cannot start at a signal-to-noise ratio of zero: choose 'ddim', 'euler', "
                "'euler_a', 'dpm++2m' or another schedule."
            )
        return recipe

    def run(self, sampler: str, steps: int) -> Path:
        """One sampler from the seed's noise to the end."""
        recipe = self.recipe(sampler, steps)
        row = BY_NAME[str(recipe.sampler)]
        points = self._run(recipe)
        if row.second_order:  # every other call is a trial step
            points = torch.cat([points[:-1:2], points[-1:]])
        label = row.name if recipe.schedule is None else f"{row.name} {recipe.schedule}"
        return Path(label, recipe, points, self.model.calls(recipe), row.stochastic)

    def reference(self, steps: int) -> Tensor:
        """Where the exact probability-flow ODE ends, (n, 2): Heun with `steps` steps on its usual spacing.

        On the zero-SNR schedule, which Heun does not know, Euler with 999 steps.
        """
        if steps not in self._reference:
            if self.schedule.name == "zero-SNR":
                fields = {"sampler": "euler", "steps": 999}
            elif self.schedule.kind == "flow":
                fields = {"sampler": "heun", "steps": steps}
            else:
                fields = {"sampler": "heun", "schedule": "linspace", "steps": steps}
            self._reference[steps] = self._run(self.model.resolve(seed=self.seed, **fields))[-1]
        return self._reference[steps]

    def has_reference(self, steps: int) -> bool:
        """Whether `reference` would answer at once."""
        return steps in self._reference

    def error(self, path: Path, reference_steps: int) -> float:
        """The root of the mean square distance, per coordinate, between the path's end and the exact one."""
        return float(((path.end - self.reference(reference_steps)) ** 2).mean().sqrt())

    def _run(self, recipe: Recipe) -> Tensor:
        seen: list[Tensor] = []
        trajectory = denoising(
            self.model, [recipe], lambda place, number, total, timestep, x, *rest: seen.append(x)
        )
        with torch.no_grad(), one_thread():
            ask = next(trajectory)
            while True:
                answer = self.model.forward(ask.group, ask.latents, ask.timesteps, ask.conditionings)
                try:
                    ask = trajectory.send(answer)
                except StopIteration as stop:
                    return torch.stack([*seen, stop.value[0]])


@lru_cache
def _rescales(scheduler: type) -> bool:
    import inspect

    return "rescale_betas_zero_snr" in inspect.signature(scheduler).parameters


def errors(
    samplers: Samplers, names: Sequence[str], steps: Sequence[int], reference_steps: int
) -> list[dict[str, object]]:
    """One row a sampler and number of steps: its label, steps, calls, and error to the exact solution."""
    rows: list[dict[str, object]] = []
    for name in names:
        for number in steps:
            path = samplers.run(name, number)
            error = samplers.error(path, reference_steps)
            rows.append({"sampler": path.label, "steps": number, "calls": path.calls, "error": error})
    return rows
