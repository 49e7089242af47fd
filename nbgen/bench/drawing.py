"""What does a picture take with mini, alone and mixed with others, beside diffusers' own pipeline?

Both sides have the same weights, steps, guidance, seeds and threads in one process, no progress bars and no
store. The stock pipeline is called once a picture, in its default memory format.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch

from ..models.catalogue import embedded_folder
from ..models.loading import load
from ..picture import Picture
from .timing import in_turns, ratio

PROMPT = "a red apple on a blue background"
GUIDANCE = 4.0
SEEDS = (0, 1)

SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpm++2m": ("DPMSolverMultistepScheduler", {}),
    "dpm++2m_sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "deis": ("DEISMultistepScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
}
"""Eight samplers by nbgen's name, and what the stock pipeline is given for each."""


@dataclass(frozen=True)
class Drawn:
    """Seconds and shares, each the median of its repeats; `difference` is in steps of 1/255."""

    alone: float
    stock_alone: float
    alone_ratio: float
    mixed: float
    stock_mixed: float
    mixed_ratio: float
    forward_share: float
    difference: int
    threads: int


def measure(repeats: int, steps: int) -> Drawn:
    """Time one picture alone, and sixteen mixed ones, in turns with the stock pipeline."""
    model = load("mini")
    recipes = [
        model.resolve(prompt=PROMPT, sampler=name, steps=steps, guidance=GUIDANCE, seed=seed)
        for name in SAMPLERS
        for seed in SEEDS
    ]
    stock = _Stock(steps)
    shares: list[float] = []

    def ours(chosen: list[Any]) -> list[Picture]:
        pictures = [picture for _, picture in sorted(model.run(chosen), key=lambda made: made[0])]
        shares.append(model.last_stats.forward_share)
        return pictures

    def theirs() -> list[np.ndarray]:
        return [stock.draw(name, seed) for name in SAMPLERS for seed in SEEDS]

    # Warm both, and see that both did the same work.
    pairs = zip(ours(recipes), theirs(), strict=True)
    difference = max(int(np.abs(np.asarray(one).astype(int) - other).max()) for one, other in pairs)
    ours(recipes[:1])
    shares.clear()

    mixed = in_turns({"stock": theirs, "nbgen": lambda: ours(recipes)}, repeats)
    share = median(shares)
    works: dict[str, Callable[[], object]] = {
        "stock": lambda: stock.draw("dpm++2m", 0),
        "nbgen": lambda: ours([recipes[list(SAMPLERS).index("dpm++2m") * len(SEEDS)]]),
    }
    alone = in_turns(works, 2 * repeats + 1)
    return Drawn(
        alone=median(alone["nbgen"]),
        stock_alone=median(alone["stock"]),
        alone_ratio=ratio(alone["stock"], alone["nbgen"]),
        mixed=median(mixed["nbgen"]),
        stock_mixed=median(mixed["stock"]),
        mixed_ratio=ratio(mixed["stock"], mixed["nbgen"]),
        forward_share=share,
        difference=difference,
        threads=torch.get_num_threads(),
    )


class _Stock:
    """diffusers' own pipeline on mini's folder, as anybody would use it."""

    def __init__(self, steps: int) -> None:
        import diffusers
        import transformers

        # Bars while loading would stand in the middle of the table.
        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.disable_progress_bar()
        transformers.utils.logging.set_verbosity_error()
        self._steps = steps
        self._pipe = diffusers.StableDiffusionPipeline.from_pretrained(embedded_folder("mini"))
        self._pipe.set_progress_bar_config(disable=True)
        trained = self._pipe.scheduler.config
        self._schedulers = {
            name: getattr(diffusers, scheduler).from_config(trained, **options)
            for name, (scheduler, options) in SAMPLERS.items()
        }

    def draw(self, sampler: str, seed: int) -> np.ndarray:
        """One picture, uint8 (height, width, 3)."""
        self._pipe.scheduler = self._schedulers[sampler]
        made = self._pipe(
            PROMPT,
            num_inference_steps=self._steps,
            guidance_scale=GUIDANCE,
            generator=torch.Generator().manual_seed(seed),
        )
        return np.asarray(made.images[0])
