"""What the tests of families share: diffusers' own pipelines as the oracle, and latents as nbgen makes them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import diffusers
import torch

from nbgen.engine.batching import Engine, Finished
from tests.engine.stock import CURVES, distance, stock_latents

__all__ = ["distance", "flow_scheduler", "flow_stock", "latent", "latents", "stock_latents", "with_scheduler"]


def latents(model: Any, recipes: list[Any], **options: Any) -> list[torch.Tensor]:
    """The finished latents of the recipes, made as one batch, each (1, channels, height, width)."""
    made = sorted(Engine(model, recipes, **options).run(), key=lambda each: each.index)
    finished = [each for each in made if isinstance(each, Finished)]
    assert len(finished) == len(recipes), made
    return [each.latent[None] for each in finished]


def latent(model: Any, **fields: Any) -> torch.Tensor:
    return latents(model, [model.resolve(**{"seed": 11, "steps": 4, **fields})])[0]


@contextlib.contextmanager
def with_scheduler(pipe: Any, scheduler: Any) -> Iterator[None]:
    kept, pipe.scheduler = pipe.scheduler, scheduler
    try:
        yield
    finally:
        pipe.scheduler = kept


class DynamicHeun(diffusers.FlowMatchHeunDiscreteScheduler):
    """Diffusers' Heun as its FLUX pipeline would have to call it: it knows neither `mu` nor `sigmas`.

    A dynamic shift is exp(mu)/(exp(mu) + 1/t - 1) in diffusers' Euler, which is a constant shift of exp(mu).
    """

    def set_timesteps(self, num_inference_steps=None, device=None, sigmas=None, mu=None) -> None:
        self.__init__(shift=math.exp(mu))
        steps = num_inference_steps if sigmas is None else len(sigmas)
        super().set_timesteps(steps, device=device)


class ConstantHeun(diffusers.FlowMatchHeunDiscreteScheduler):
    """Diffusers' Heun, passing over what its FLUX pipeline hands to every scheduler."""

    def set_timesteps(self, num_inference_steps=None, device=None, sigmas=None, mu=None) -> None:
        super().set_timesteps(num_inference_steps if sigmas is None else len(sigmas), device=device)


class ConstantDPM(diffusers.DPMSolverMultistepScheduler):
    """Diffusers' DPM++, which asserts where FLUX hands `mu` to a model without dynamic shifting."""

    def set_timesteps(self, num_inference_steps=None, device=None, mu=None, timesteps=None) -> None:
        super().set_timesteps(num_inference_steps, device=device)


def flow_scheduler(pipe: Any, sampler: str, schedule: str | None) -> Any:
    """Diffusers' scheduler for a flow-matching pipeline, built as its documentation says."""
    config = pipe.scheduler.config
    changes: dict[str, Any] = {CURVES[schedule]: True} if schedule else {}
    if sampler == "euler":
        return diffusers.FlowMatchEulerDiscreteScheduler.from_config(config, **changes)
    dynamic = config.use_dynamic_shifting
    if sampler == "heun":
        return (DynamicHeun if dynamic else ConstantHeun).from_config(config)
    changes |= {
        "use_flow_sigmas": True,
        "prediction_type": "flow_prediction",
        "flow_shift": config.shift,
    }
    if sampler == "unipc":
        return diffusers.UniPCMultistepScheduler.from_config(config, **changes)
    dpm = diffusers.DPMSolverMultistepScheduler if dynamic else ConstantDPM
    return dpm.from_config(config, **changes)


def flow_stock(
    pipe: Any, prompt: str, seed: int, steps: int, *, sampler: str = "euler", schedule: str | None = None,
    size: tuple[int, int] = (32, 32), **arguments: Any,
) -> torch.Tensor:  # fmt: skip
    """Latents (1, channels, height, width) of a flow-matching pipeline; FLUX's packed ones are unpacked."""
    with with_scheduler(pipe, flow_scheduler(pipe, sampler, schedule)), torch.no_grad():
        made = pipe(
            prompt, num_inference_steps=steps, width=size[0], height=size[1], output_type="latent",
            generator=torch.Generator().manual_seed(seed), **arguments,
        ).images  # fmt: skip
    if made.ndim == 4:
        return made
    return pipe._unpack_latents(made, size[1], size[0], pipe.vae_scale_factor)
