"""The noise that a pipeline starts from: drawn as it draws it itself, mixed, and proved to be all it starts from.

A walk along seeds needs the noise between two seeds. Pipelines shape, pack and scale their latents each in
their own way, so the pipeline draws the noise of each seed itself, through its own `prepare_latents`; the mixture
Σ wᵢnᵢ / √Σ wᵢ² of such noises is then handed over as `latents=`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import RecipeError
from ..recipe import Mix

CLOSE = 2.0
"""Grey levels, root mean square, that two pictures of the same noise may differ by: half precision rounds."""


class _Caught(Exception):
    """Thrown out of a pipeline that has just drawn its noise; it carries that noise."""

    def __init__(self, noise: Tensor, state: Tensor) -> None:
        super().__init__("noise caught")
        self.noise = noise
        self.state = state


def drawn(pipe: Any, seed: int, call: Callable[..., Any]) -> tuple[Tensor, Tensor]:
    """The unit noise that the pipeline draws for a seed, (1, …), and its generator's state after that.

    call: runs the pipeline with a generator, and lets what is raised in it through
    Raises RecipeError where the pipeline's start cannot be caught, or does not come back when it is handed over.
    """
    own = getattr(pipe, "prepare_latents", None)
    takes = inspect.signature(own).parameters if own is not None else {}
    name = type(pipe).__name__
    if own is None or "latents" not in takes or "generator" not in takes:
        raise RecipeError(no_way(name, "it does not say how it draws its starting noise"))
    generator = torch.Generator().manual_seed(seed)

    def catch(*arguments: Any, **options: Any) -> Any:
        bound = inspect.signature(own).bind(*arguments, **options)
        bound.arguments |= {"latents": None, "generator": generator}
        first = _tensor(own(*bound.args, **bound.kwargs))
        state = generator.get_state()
        bound.arguments["latents"] = first
        second = _tensor(own(*bound.args, **bound.kwargs))
        # Latents that are handed over are scaled once more by some pipelines (init_noise_sigma), by others not.
        scale = float(second.float().norm() / first.float().norm())
        unit = (first.float() / scale).to(first.dtype)
        bound.arguments["latents"] = unit
        if not torch.allclose(
            _tensor(own(*bound.args, **bound.kwargs)).float(), first.float(), rtol=1e-2, atol=1e-2
        ):
            raise RecipeError(no_way(name, "it changes latents that it is given"))
        raise _Caught(unit.cpu(), state)

    vars(pipe)["prepare_latents"] = catch
    try:
        call(generator)
    except _Caught as caught:
        return caught.noise, caught.state
    finally:
        del vars(pipe)["prepare_latents"]
    raise RecipeError(no_way(name, "it never draws its starting noise in one place"))


def mixed(seed: Mix, noises: Mapping[int, Tensor]) -> Tensor:
    """Σ wᵢnᵢ / √Σ wᵢ² (Bodin et al., "Linear combinations of latents in generative models")."""
    norm = math.sqrt(sum(weight * weight for weight, _ in seed.parts))
    total = sum((weight / norm) * noises[int(part)].float() for weight, part in seed.parts)
    assert isinstance(total, Tensor)
    return total


def check_same(own: np.ndarray, handed: np.ndarray, pipeline: str) -> None:
    """RecipeError unless the picture from the noise handed over is the one from the pipeline's own drawing."""
    difference = np.sqrt(np.mean((own.astype(np.float32) - handed.astype(np.float32)) ** 2))
    if difference > CLOSE:
        raise RecipeError(no_way(pipeline, "its pictures depend on more than the latents it is given"))


def _tensor(prepared: Any) -> Tensor:
    """Some pipelines prepare places or masks along with the latents, which come first."""
    return prepared[0] if isinstance(prepared, (tuple, list)) else prepared


def no_way(pipeline: str, reason: str) -> str:
    return (
        f"{pipeline} cannot start between two seeds: {reason}. Whole seeds work, also as an axis of compare."
    )
