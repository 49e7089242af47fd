"""How near does a picture of a mixed batch come to the same picture made alone, in float32 and in bfloat16?

Tiny models with random weights, one of each family that runs row by row. Sums in another order differ in their last
digits: seven of them in float32, three in bfloat16, where a batch of another size is another picture to the eye of a
checksum, though hardly to anybody else's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..engine.batching import Engine, Finished
from ..recipe import Recipe
from ..sampling import SAMPLERS
from ..show.table import Table
from ..testing import tiny_flux, tiny_sd, tiny_sd3, tiny_sdxl

FAMILIES: dict[str, Callable[[], Any]] = {
    "Stable Diffusion": tiny_sd,
    "SDXL": tiny_sdxl,
    "FLUX.1": tiny_flux,
    "SD 3": tiny_sd3,
}


@dataclass(frozen=True)
class Nearness:
    """‖a − b‖/‖b‖ of finished latents, the largest of sixteen recipes.

    together: a mixed batch in float32 against each alone; half_together: the same in bfloat16
    half: bfloat16 against float32, each alone
    """

    family: str
    together: float
    half_together: float
    half: float


def mixed(model: Any) -> list[Recipe]:
    """Sixteen recipes that share as little as possible: words, guidance, samplers, steps and sizes."""
    samplers = [row.name for row in SAMPLERS if not row.distilled and row.unavailable(model.kind) is None]
    recipes = []
    for place in range(16):
        guidance = [1.0, 3.0, 7.5][place % 3]
        more = {"distilled_guidance": place / 2} if "distilled_guidance" in model.fields else {}
        recipes.append(
            model.resolve(
                prompt=["a cat", "", "a dog on a red mat", "a very long prompt " * 9][place % 4],
                negative=[None, "", "blue"][place % 3] if guidance > 1 else None, seed=place, steps=2 + place % 4,
                sampler=samplers[place % len(samplers)], guidance=guidance, size=(32, 32) if place % 5 else (16, 48),
                **more,
            )
        )  # fmt: skip
    return recipes


def measure(family: str) -> Nearness:
    """The figures of one family."""
    full = FAMILIES[family]()
    wanted = mixed(full)
    single = [_latents(full, [recipe], exact=True)[0] for recipe in wanted]
    together = _largest(_latents(full, wanted, rows=64), single)
    other = FAMILIES[family]()
    for part in other._pipe.components.values():
        if isinstance(part, torch.nn.Module):
            # Past diffusers' own `to`, which warns of what is meant here.
            torch.nn.Module.to(part, torch.bfloat16)
    half = type(other)(other._pipe, defaults=other.defaults)
    halves = [recipe.replace(model=half.ref) for recipe in wanted]
    half_single = [_latents(half, [recipe], exact=True)[0] for recipe in halves]
    half_together = _largest(_latents(half, halves, rows=64), half_single)
    return Nearness(family, together, half_together, _largest(half_single, single))


def table(found: Sequence[Nearness]) -> Table:
    """One row a family."""
    return Table(
        [
            {
                "largest ‖a − b‖/‖b‖ of 16 latents": each.family,
                "float32: batch, alone": f"{each.together:.1e}",
                "wanted": "≤ 1e-4",
                "bfloat16: batch, alone": f"{each.half_together:.1e}",
                "alone: bfloat16, float32": f"{each.half:.1e}",
            }
            for each in found
        ]
    )


def _latents(model: Any, recipes: Sequence[Recipe], **options: Any) -> list[Tensor]:
    made = sorted(Engine(model, recipes, **options).run(), key=lambda each: each.index)
    finished = [each.latent for each in made if isinstance(each, Finished)]
    if len(finished) < len(recipes):
        raise RuntimeError("a picture of the benchmark failed.")
    return finished


def _largest(made: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    return max(float((one - other).norm() / other.norm()) for one, other in zip(made, wanted, strict=True))
