"""Which games are worth watching? Settings that show what a GAN does when it works, and four ways in which it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .distributions import Distribution, drawn


@dataclass(frozen=True)
class Preset:
    """steps: by when there is something to see. difference and since: of the run beside it, as `gan` takes them."""

    settings: Mapping[str, Any]
    steps: int
    says: str
    difference: Mapping[str, Any] = field(default_factory=dict)
    since: int = 0


def blob(x: float, y: float, spread: float, name: str) -> Distribution:
    """A single cloud around (x, y), a little longer than wide: two Gaussians side by side."""
    return replace(drawn([(x - 0.1, y - 0.05), (x + 0.1, y + 0.05)], spread), name=name)


_COLLAPSE = {
    "distribution": "ring of eight",
    "g_learning_rate": 5e-3,
    "d_width": 32,
    "g_width": 32,
    "batch": 64,
}

PRESETS: dict[str, Preset] = {
    "it works": Preset(
        {"distribution": "ring of eight", "penalty": "R1 and R2", "strength": 0.3},
        1500,
        "Both learn at one pace, and a gentle penalty keeps the discriminator smooth.",
    ),
    "mode collapse": Preset(
        _COLLAPSE,
        600,
        "The generator learns five times faster than its critic: it runs from mode to mode and covers a few.",
    ),
    "discriminator too strong": Preset(
        {
            "distribution": blob(1.6, 1.5, 0.1, "a far blob"), "loss": "saturating", "k": 20,
            "d_learning_rate": 1e-2, "d_width": 32, "g_width": 32, "batch": 64,
        },
        80,
        "Twenty steps of D for each of G: D is sure of itself. With the saturating loss nothing pulls at the fakes "
        "any more; on the right the non-saturating loss still does.",
        {"loss": "non-saturating"},
    ),
    "oscillation": Preset(
        {
            "distribution": blob(0.6, 0.5, 0.2, "one blob"), "g_layers": 0, "d_layers": 1, "d_width": 16,
            "d_learning_rate": 3e-3, "g_learning_rate": 1e-2,
        },
        800,
        "An affine generator chases one blob, and its critic chases it: round and round, never home.",
    ),
    "a penalty repairs": Preset(
        _COLLAPSE,
        1500,
        "The same collapse twice. On the right the penalty R1 and R2 is switched on at step 600.",
        {"penalty": "R1 and R2"},
        600,
    ),
}  # fmt: skip
