"""From a recipe to a fresh diffusers scheduler, and from its state to an estimate of the finished latent."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..recipe import Recipe
from ..sampling import BY_NAME, STEP_OPTIONS, scheduler_options
from .noise import noise_seed

_TRAINED = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
)
_CHOSEN = (
    "rescale_betas_zero_snr", "timestep_spacing", "steps_offset", "shift", "use_dynamic_shifting", "base_shift",
    "max_shift", "base_image_seq_len", "max_image_seq_len", "shift_terminal", "time_shift_type", "flow_shift",
)  # fmt: skip
ALWAYS = {
    # Latents are not pictures: clipping them to ±1, some schedulers' default, ruins them. The last alpha is
    # the first one of training, as Stable Diffusion's own configuration has it.
    "clip_sample": False,
    "set_alpha_to_one": False,
}


def scheduler_config(recipe: Recipe, trained: Mapping[str, Any], kind: str) -> tuple[type, dict[str, Any]]:
    """The diffusers class and the full configuration for this recipe.

    `trained` is the configuration of the scheduler that came with the model. Only what the model was trained
    with is taken from it, so that a sampler does the same whichever scheduler was shipped.
    """
    assert recipe.sampler is not None
    sampler = BY_NAME[recipe.sampler]
    scheduler = sampler.scheduler_class(kind)
    # What the model's maker left unsaid is each scheduler's own default, as in diffusers' `from_config`.
    unsaid = trained.get("_use_default_values", ())
    said = [name for name in _CHOSEN if name not in unsaid]
    config = {name: trained[name] for name in (*_TRAINED, *said) if trained.get(name) is not None}
    if kind == "flow":
        # One number under two names: schedulers made for flow matching call it `shift`, the others `flow_shift`.
        named = [name for name in ("flow_shift", "shift") if trained.get(name) is not None]
        shift = next((trained[name] for name in named if name not in unsaid), None)
        config |= {"shift": shift, "flow_shift": shift} if shift is not None else {}
    config |= ALWAYS | scheduler_options(sampler, recipe.schedule, dict(recipe.options), kind)
    return scheduler, taken_by(scheduler, config)


def taken_by(scheduler: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that this scheduler's class knows."""
    known = inspect.signature(scheduler).parameters
    return {name: value for name, value in config.items() if name in known}


def make_scheduler(
    recipe: Recipe,
    trained: Mapping[str, Any],
    kind: str,
    device: torch.device,
    timing: Mapping[str, Any] | None = None,
) -> Any:
    """A fresh scheduler with its timesteps set. Schedulers hold state, so no two trajectories share one.

    timing: what the model's pipeline says of its timesteps: `mu`, by which a larger picture's are shifted, and
        `sigmas`, those it wants visited (arXiv 2403.03206, section 5.3.2)
    """
    scheduler, config = scheduler_config(recipe, trained, kind)
    taken: Any = inspect.signature(scheduler.set_timesteps).parameters  # type: ignore[attr-defined]
    timing = dict(timing or {})
    if "mu" in timing and "mu" not in taken:
        # exp(μ) / (exp(μ) + 1/t − 1) is what a constant shift of exp(μ) makes of t.
        config["shift"] = _constant_shift(timing["mu"], trained)
    if config.get("use_flow_sigmas"):
        timing.pop("sigmas", None)  # as diffusers' pipelines: these schedulers space their own sigmas
    made = scheduler(**config)
    chosen = {name: value for name, value in timing.items() if name in taken}
    made.set_timesteps(recipe.steps, device=device, **chosen)
    return made


STEPS_BACK = 100
"""Steps from a picture to its noise. It is part of what `inverted` means in a recipe: another number, other pictures.

On mini, pictures come back with an error of about 0.03 from 50 steps, 0.025 from 100, and 0.2 from 20.
"""


def backwards(trained: Mapping[str, Any], device: torch.device) -> Any:
    """The scheduler that undoes DDIM, from the picture to the noise."""
    from diffusers import DDIMInverseScheduler

    unsaid = trained.get("_use_default_values", ())
    config = {name: trained[name] for name in _TRAINED if trained.get(name) is not None} | ALWAYS
    spacing = trained.get("timestep_spacing") if "timestep_spacing" not in unsaid else None
    config["timestep_spacing"] = "trailing" if spacing == "trailing" else "leading"
    config["steps_offset"] = trained.get("steps_offset", 0)
    made = DDIMInverseScheduler(**taken_by(DDIMInverseScheduler, config))
    made.set_timesteps(STEPS_BACK, device=device)
    return made


def _constant_shift(mu: float, trained: Mapping[str, Any]) -> float:
    return mu if trained.get("time_shift_type") == "linear" else math.exp(mu)


def step_keywords(scheduler: Any, recipe: Recipe, generators: list[torch.Generator]) -> dict[str, Any]:
    """What every `scheduler.step` of this trajectory is called with, beside prediction, timestep and sample."""
    taken = inspect.signature(scheduler.step).parameters
    keywords = {name: value for name, value in recipe.options if name in STEP_OPTIONS and name in taken}
    if "generator" in taken:
        keywords["generator"] = generators
    return keywords


def seed_brownian_motion(scheduler: Any, seeds: list[Any], sample: Tensor) -> None:
    """Gives DPMSolverSDE, which ignores generators, one Brownian tree a picture, drawn on the CPU.

    It has to come after `set_timesteps`, which forgets the tree.
    """
    from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler

    sigmas = scheduler.sigmas[scheduler.sigmas > 0]
    tree = BrownianTreeNoiseSampler(
        sample.cpu(), sigmas.min().item(), scheduler.sigmas.max().item(), [noise_seed(seed) for seed in seeds]
    )

    def noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        with warnings.catch_warnings():
            # The tree rounds its own ends, then remarks that the ends it is asked for lie outside.
            warnings.filterwarnings("ignore", message="Should have t")
            return tree(sigma.cpu(), sigma_next.cpu()).to(sample.device)

    scheduler.noise_sampler = noise


class Estimate:
    """x₀ from the model's input and its prediction, for any sampler.

    Many schedulers do not give their estimate, and `step` must not be called twice, so it is computed here from
    the variance-preserving input z = αx₀ + σε that every diffusers scheduler hands to the model, with α and σ
    interpolated in log sigma between whole timesteps, as the schedulers do. On the straight paths of flow
    matching z = (1 − σ)x₀ + σε, and σ is the scheduler's own, since some round their timesteps.
    """

    def __init__(self, scheduler: Any, prediction_type: str) -> None:
        self.prediction_type = prediction_type
        if prediction_type == "flow":
            pairs = zip(scheduler.timesteps, scheduler.sigmas, strict=False)
            self._flow_sigmas = {float(timestep): float(sigma) for timestep, sigma in pairs}
        else:
            alphas = scheduler.alphas_cumprod.double().cpu()
            self._log_sigmas = ((1 - alphas) / alphas).sqrt().log()

    def __call__(self, z: Tensor, timestep: float, prediction: Tensor) -> Tensor:
        if self.prediction_type == "flow":
            return z - self._flow_sigmas[timestep] * prediction
        sigma = self._sigma(timestep)
        alpha = (1 + sigma * sigma) ** -0.5
        if self.prediction_type == "v_prediction":
            return alpha * z - sigma * alpha * prediction
        if self.prediction_type == "sample":
            return prediction
        return (z - sigma * alpha * prediction) / alpha

    def _sigma(self, timestep: float) -> float:
        last = len(self._log_sigmas) - 1
        low = min(max(int(timestep), 0), last)
        part = min(max(timestep - low, 0.0), 1.0)
        log_sigma = (1 - part) * self._log_sigmas[low] + part * self._log_sigmas[min(low + 1, last)]
        return float(log_sigma.exp())
