"""The oracle: diffusers' own pipeline, called as a person would call it."""

from __future__ import annotations

from typing import Any

import diffusers
import torch

CURVES = {
    "karras": "use_karras_sigmas",
    "exponential": "use_exponential_sigmas",
    "beta": "use_beta_sigmas",
    "lu": "use_lu_lambdas",
}


def stock_latents(
    pipe: Any, scheduler: str, prompt: str, seed: int, steps: int, guidance: float, schedule: str | None = None,
    size: tuple[int, int] | None = None, negative: str | None = None, options: dict[str, Any] | None = None,
    **more: Any,
) -> torch.Tensor:  # fmt: skip
    """Latents (1, channels, height, width) of the stock pipeline with the named scheduler; `pipe` is left as it was."""
    changes = dict(options or {})
    if schedule in CURVES:
        changes[CURVES[schedule]] = True
    elif schedule is not None:
        changes["timestep_spacing"] = schedule
    if scheduler == "DPMSolverSDEScheduler":
        changes["noise_sampler_seed"] = seed  # this scheduler ignores the generator
    kept = pipe.scheduler
    pipe.scheduler = getattr(diffusers, scheduler).from_config(kept.config, **changes)
    sides = {} if size is None else {"width": size[0], "height": size[1]}
    try:
        with torch.no_grad():
            return pipe(
                prompt, negative_prompt=negative, num_inference_steps=steps, guidance_scale=guidance,
                generator=torch.Generator().manual_seed(seed), output_type="latent", **sides, **more,
            ).images  # fmt: skip
    finally:
        pipe.scheduler = kept


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """‖a − b‖ / ‖b‖."""
    return float((a - b).norm() / b.norm())
