"""Which samplers can take the place of a pipeline's own, where that is sensible at all?

It is where the pipeline has one scheduler, of a kind that nbgen knows, and works on latents: schedulers differ in
what they do to pixels (clipping), and pipelines of several stages or distilled ones are made for theirs.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..engine.schedule import scheduler_config
from ..errors import SamplerError
from ..recipe import Recipe
from ..sampling import BY_NAME, STEP_OPTIONS, check_sampling, find_sampler, find_schedule
from .assembled import sampling_of
from .calling import parts_of, whole
from .signature import Signature

_FIELDS = frozenset({"sampler", "schedule", "options"})
_TIMING = ("sigmas", "mu")


@dataclass(frozen=True)
class Samplers:
    """kind: "flow" or "diffusion"; own: the sampler that came with the pipeline, empty where it stays as it is."""

    kind: str
    scheduler: Any = None
    own: Mapping[str, Any] = field(default_factory=dict)
    scales: bool = True
    """Whether the pipeline scales its noise and the denoiser's input as the scheduler says."""

    @classmethod
    def of(cls, pipe: Any) -> Samplers:
        schedulers = {name: part for name, part in parts_of(pipe).items() if hasattr(part, "set_timesteps")}
        scheduler = schedulers.get("scheduler")
        kind = "flow" if any(map(_is_flow, schedulers.values())) else "diffusion"
        alone = len(schedulers) == 1 and scheduler is not None and len(whole(pipe)) == 1
        decoder = getattr(pipe, "vae", None) or getattr(pipe, "vqvae", None)
        if not alone or decoder is None:
            return cls(kind)
        own = sampling_of(scheduler, kind)
        sampler = BY_NAME[own["sampler"]]
        known = sampler.scheduler_class(kind).__name__ == type(scheduler).__name__
        if not known or sampler.distilled:
            return cls(kind)
        chosen = {"sampler": own["sampler"], "schedule": own["schedule"]}
        return cls(kind, scheduler, chosen, _scales(type(pipe)))

    @property
    def fields(self) -> frozenset[str]:
        return _FIELDS if self.own else frozenset()

    def named(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields with sampler and schedule under nbgen's names; another sampler drops the own one's schedule."""
        found = dict(fields)
        if not self.own or found.get("sampler") is None:
            return found
        sampler, carried = find_sampler(found["sampler"])
        given = find_schedule(found.get("schedule"))
        if carried and given and carried != given:
            raise SamplerError(
                f"sampler {found['sampler']!r} says schedule {carried!r}, and schedule says {given!r}: give one."
            )
        return {**found, "sampler": sampler.name, "schedule": given or carried}

    def check(self, recipe: Recipe, signature: Signature) -> Recipe:
        """Sampler, schedule and options in canonical form; SamplerError for what this pipeline cannot run."""
        if not self.own or recipe.sampler is None:
            return recipe
        sampler, carried = find_sampler(recipe.sampler)
        schedule = find_schedule(recipe.schedule) or carried
        options = check_sampling(sampler, schedule, dict(recipe.options), self.kind)
        stepped = [name for name in options if name in STEP_OPTIONS]
        if stepped:
            how = f": give it as extra={{{stepped[0]!r}: …}}." if signature.takes(stepped[0]) else "."
            raise SamplerError(
                f"{signature.pipeline} does not hand option {stepped[0]!r} to its scheduler{how}"
            )
        found = recipe.replace(sampler=sampler.name, schedule=schedule, options=options)
        if sampler.name != self.own["sampler"]:
            if sampler.needs == "torchsde":
                raise SamplerError(
                    f"sampler {sampler.name!r} takes its noise from outside the pipeline's generators, so "
                    f"{signature.pipeline} could not make the same picture twice."
                )
            if not self.scales and self._needs_scaling(found):
                raise SamplerError(
                    f"{signature.pipeline} does not scale its latents as sampler {sampler.name!r} needs it, and would "
                    "draw noise; ddim, ddpm and dpm++2m need no scaling."
                )
            lacking = [
                name
                for name in self._timing(recipe)
                if name not in _timed_by(sampler.scheduler_class(self.kind))
            ]
            if lacking:
                raise SamplerError(
                    f"{signature.pipeline} hands {lacking[0]} to its scheduler; sampler {sampler.name!r} takes none."
                )
        return found

    def schedulers(self, recipe: Recipe) -> dict[str, Any]:
        """The scheduler that a call runs with, by its part's name; nothing where it is a copy of the pipeline's own."""
        chosen = {"sampler": recipe.sampler, "schedule": recipe.schedule}
        if not self.own or recipe.sampler is None or (chosen == dict(self.own) and not recipe.options):
            return {}
        made, config = scheduler_config(recipe, dict(self.scheduler.config), self.kind)
        return {"scheduler": made(**config)}

    def _needs_scaling(self, recipe: Recipe) -> bool:
        """Whether the sampler works on latents of another size than the noise's, as those in sigmas do."""
        (scheduler,) = self.schedulers(recipe).values()
        scheduler.set_timesteps(recipe.steps or 10)
        return abs(float(getattr(scheduler, "init_noise_sigma", 1.0)) - 1) > 1e-6

    def _timing(self, recipe: Recipe) -> list[str]:
        """What the scheduler is told of its timesteps beside their number."""
        asked = [name for name, _ in recipe.extra if name in ("timesteps", "sigmas")]
        own = _timed_by(type(self.scheduler))
        return [*asked, *(name for name in _TIMING if self.kind == "flow" and name in own)]


def _scales(pipeline: type) -> bool:
    """Read from the pipeline's own source, the only place where it stands; False where there is none to read."""
    source = ""
    for kind in pipeline.__mro__:
        if kind.__name__ != "DiffusionPipeline":
            with contextlib.suppress(OSError, TypeError):
                source += inspect.getsource(kind)
    return "init_noise_sigma" in source and "scale_model_input" in source


def _is_flow(scheduler: Any) -> bool:
    config = scheduler.config
    return (
        type(scheduler).__name__.startswith("FlowMatch")
        or bool(config.get("use_flow_sigmas"))
        or config.get("prediction_type") == "flow_prediction"
    )


def _timed_by(scheduler: Any) -> Any:
    return inspect.signature(scheduler.set_timesteps).parameters
