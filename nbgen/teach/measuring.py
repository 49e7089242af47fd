"""Do the laboratories hold what they promise? The table of samplers, and how a field is learnt over many seeds."""

from __future__ import annotations

import time
from typing import Any

from ..show.table import Table
from .learning import TARGETS
from .score_field import flow

PUBLISHED = {
    "ddim": (0.081, 0.041, 0.021),
    "euler": (0.076, 0.039, 0.021),
    "heun": (0.041, 0.017, 0.006),
    "dpm++2m": (0.074, 0.048, 0.033),
    "dpm++2m karras": (0.037, 0.007, 0.002),
    "dpm++2m lu": (0.019, 0.004, 0.001),
    "unipc": (0.073, 0.048, 0.033),
    "unipc karras": (0.027, 0.002, 0.001),
}
"""RMSE to a 999-call Heun solution at 10, 20 and 40 steps, measured with diffusers and a separate program."""


def samplers() -> Table:
    """The laboratory's errors beside the published ones, on the mixture and starts that those were measured on."""
    lab = flow("ring of eight", view="sampling", points=2000, reference_steps=500)
    rows: list[dict[str, Any]] = []
    for row in lab.errors(list(PUBLISHED), (10, 20, 40)):
        published = PUBLISHED[row["sampler"]][(10, 20, 40).index(row["steps"])]
        near = abs(row["error"] - published) <= max(0.1 * published, 0.001)
        rows.append({**row, "published": published, "agrees": near})
    return Table(rows)


def learning(seeds: int = 10, epochs: int = 20, target: str = "") -> Table:
    """For each target: over how many seeds the field's mean error halves between the first and the last epoch."""
    rows: list[dict[str, Any]] = []
    for one in (target,) if target else TARGETS:
        halved, ratios, slowest = 0, [], 0.0
        for seed in range(seeds):
            started = time.perf_counter()
            errors = flow("two moons", view="learning", target=one, seed=seed).step(epochs).learner.errors
            slowest = max(slowest, time.perf_counter() - started)
            ratios.append(errors[1] / errors[epochs])
            halved += ratios[-1] >= 2
        rows.append(
            {
                "target": one,
                "halved": f"{halved} of {seeds}",
                "wanted": "≥ 9 of 10",
                "least factor": round(min(ratios), 2),
                "slowest, s": round(slowest, 1),
                "wanted ": "≤ 20",
            }
        )
    return Table(rows)
