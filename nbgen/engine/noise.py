"""From a seed to noise: each picture has one CPU generator of its own, so that it can be made again alone."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..recipe import Mix


def unit_noise(seed: int | Mix, shape: Sequence[int]) -> tuple[Tensor, torch.Generator]:
    """Unit-normal noise of `shape` on the CPU in float32, and the generator that goes on from there.

    A mixture of seeds is Σ wᵢ·nᵢ / √Σ wᵢ², which has standard deviation 1 for independent noises (Bodin et
    al., "Linear combinations of latents in generative models"). Its generator is seeded by the mixture.
    """
    (noise,), generator = unit_noises(seed, shape, 1)
    return noise, generator


def unit_noises(seed: int | Mix, shape: Sequence[int], count: int) -> tuple[list[Tensor], torch.Generator]:
    """As `unit_noise`, for several that are drawn one after the other."""
    if not isinstance(seed, Mix):
        generator = torch.Generator().manual_seed(seed)
        return [torch.randn(tuple(shape), generator=generator) for _ in range(count)], generator
    norm = math.sqrt(sum(weight * weight for weight, _ in seed.parts))
    noises = [torch.zeros(tuple(shape)) for _ in range(count)]
    for weight, part in seed.parts:
        assert isinstance(part, int)  # the recipe has seen to that
        for noise, drawn in zip(noises, unit_noises(part, shape, count)[0], strict=True):
            noise += (weight / norm) * drawn
    return noises, torch.Generator().manual_seed(noise_seed(seed))


def noise_seed(seed: int | Mix) -> int:
    """One whole number for what draws noise along the way."""
    if not isinstance(seed, Mix):
        return seed
    return int.from_bytes(hashlib.sha256(repr(seed.parts).encode()).digest()[:8], "big")


def digest(*parts: object) -> bytes:
    """A short name for a lineage: equal parts, equal name."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "backslashreplace"), digest_size=16).digest()
