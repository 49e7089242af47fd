"""What does a walk take, beside the stock pipeline called frame by frame; and is an even pace more even?"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch

from ..models.base import Model
from ..models.loading import load
from ..show.table import Table
from ..verbs.interpolating import interpolate
from ..verbs.walk import Walk
from .starting import resident_bytes, resident_rows
from .timing import in_turns, ratio

ENDS = ("a cat face on a yellow background", "a dog face on a blue background")
FRAMES, STEPS, GUIDANCE, SEED = 24, 20, 4.0, 7
OFF_THE_FADE = "off the cross-fade, in steps"
ENOUGH_STEPS = 3
"""Steps between neighbours that frames are from the nearest blend of the ends, where a walk is more than a fade."""

_MADE = """
import nbgen
walk = nbgen.interpolate({ends!r}, frames={frames}, seed=7, steps=2, sampler="ddim", guidance=1)
assert len(walk) == {frames} and walk.smoothness and walk._repr_mimebundle_()
"""
"""Makes, measures and shows a walk."""


@dataclass(frozen=True)
class Walked:
    """Seconds are medians of the repeats; `difference` is the largest of a pixel, in steps of 1/255."""

    walk: float
    frame_by_frame: float
    times: float
    difference: int


def measure(repeats: int, model: Model, pipe: Any, frames: int = FRAMES, steps: int = STEPS) -> Walked:
    """Time a walk in one batch and the stock pipeline called once a frame with the same embeddings, in turns.

    `pipe` is a diffusers pipeline with the weights of `model`.
    """
    from diffusers import DDIMScheduler

    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    with torch.no_grad():
        one, other = (pipe.encode_prompt(words, "cpu", 1, False)[0] for words in ENDS)

    def ours() -> Walk:
        return interpolate(
            ENDS, frames=frames, seed=SEED, steps=steps, guidance=GUIDANCE, sampler="ddim", model=model,
            fresh=True, store=False,
        )  # fmt: skip

    def theirs() -> list[np.ndarray]:
        made = []
        for part in np.linspace(0, 1, frames):
            found = pipe(
                prompt_embeds=(1 - part) * one + part * other,
                num_inference_steps=steps,
                guidance_scale=GUIDANCE,
                generator=torch.Generator().manual_seed(SEED),
            )
            made.append(np.asarray(found.images[0]))
        return made

    # Warm both, and see that both did the same work.
    pairs = zip(ours(), theirs(), strict=True)
    difference = max(int(np.abs(np.asarray(mine).astype(int) - stock).max()) for mine, stock in pairs)
    taken = in_turns({"stock": theirs, "nbgen": ours}, repeats)
    return Walked(
        median(taken["nbgen"]), median(taken["stock"]), ratio(taken["stock"], taken["nbgen"]), difference
    )


def peak_bytes(frames: int) -> int | None:
    """The most resident memory of a fresh Python that makes, measures and shows a walk of mini; None on Windows."""
    return resident_bytes(_MADE.format(ends=list(ENDS), frames=frames))


def table(found: Walked, peaks: dict[int, int | None]) -> Table:
    """One row a figure, and what is wanted."""
    rows: list[dict[str, Any]] = [
        {
            "figure": f"a walk of {FRAMES} frames, {STEPS} steps, against one call a frame",
            "nbgen": f"{found.walk:.1f} s",
            "stock": f"{found.frame_by_frame:.1f} s",
            "ratio": f"{found.times:.2f}×",
            "wanted": "≥ 2.5×",
        },
        {
            "figure": "  largest difference of a pixel, in 1/255",
            "nbgen": str(found.difference),
            "wanted": "≤ 1",
        },
    ]
    return Table(rows + resident_rows({f"a walk of {frames} frames": peak for frames, peak in peaks.items()}))


def drawn_pairs(objects: Sequence[str], count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Pairs of prompts that nobody chose: drawn from the names of objects, none of them twice."""
    names = random.Random(seed).sample(list(objects), 2 * count)
    return [(f"the {one}", f"the {other}") for one, other in zip(names[::2], names[1::2], strict=True)]


def near_fades(found: Table) -> str:
    """A sentence that names the pairs of `pace_table` whose frames are near a mere cross-fade of their ends."""
    near = [
        f"{row['from']} → {row['to']} ({row[OFF_THE_FADE]})"
        for row in found
        if not row[OFF_THE_FADE] >= ENOUGH_STEPS
    ]
    if not near:
        return f"All pairs are at least {ENOUGH_STEPS} steps off the cross-fade of their ends."
    return (
        f"Nearer than {ENOUGH_STEPS} steps to the cross-fade of their ends are {len(near)} of {len(found)} pairs: "
        f"{', '.join(near)}."
    )


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def pace_table(
    pairs: int = 10, frames: int = 24, steps: int = 8, *, model: Any = "mini", stops: Sequence[Any] = ()
) -> Table:
    """Uniform against perceptual pace over pairs of prompts drawn from the model's vocabulary, or over `stops`.

    A row a pair: the largest step and 1 − smoothness at either pace, and how many times farther the frames at a
    perceptual pace are from the nearest cross-fade of their ends than from their neighbours. `even` says that
    both measures are lower at the perceptual pace.
    """
    chosen = load(model)
    known = chosen.vocabulary.objects if chosen.vocabulary else ()
    rows: list[dict[str, Any]] = []
    for ends in stops or drawn_pairs(known, pairs):
        uniform, paced = (
            interpolate(ends, frames=frames, steps=steps, seed=SEED, model=chosen, pace=pace)
            for pace in ("uniform", "perceptual")
        )
        lower = paced.largest_step < uniform.largest_step and paced.smoothness > uniform.smoothness
        rows.append(
            {
                "from": str(ends[0]),
                "to": str(ends[1]),
                "largest, uniform": _short(uniform.largest_step),
                "perceptual": _short(paced.largest_step),
                "unevenness, uniform": _short(1 - uniform.smoothness),
                "perceptual ": _short(1 - paced.smoothness),
                "even": lower,
                OFF_THE_FADE: round(paced.off_the_cross_fade / paced.consistency, 1),
            }
        )
    return Table(rows)
