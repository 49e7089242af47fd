"""What may be set in the GAN game? Checked as a whole before anything changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch

from ..errors import NbgenError, brief
from .checking import Rules
from .distributions import Distribution, distribution
from .gan_players import LOSSES, PENALTIES

_NUMBERS: dict[str, tuple[float, float, bool]] = {
    "strength": (0.0, 1000.0, False),
    "k": (1, 50, True),
    "d_learning_rate": (1e-6, 1.0, False),
    "g_learning_rate": (1e-6, 1.0, False),
    "beta1": (0.0, 0.999, False),
    "beta2": (0.5, 0.9999, False),
    "d_width": (2, 512, True),
    "g_width": (2, 512, True),
    "d_layers": (0, 4, True),
    "g_layers": (0, 4, True),
    "noise_dim": (1, 64, True),
    "batch": (2, 4096, True),
    "seed": (0, 2**32 - 1, True),
}
"""Least, most, whether whole."""

_WORDS: dict[str, tuple[str, ...]] = {
    "loss": tuple(LOSSES),
    "penalty": tuple(PENALTIES),
    "dtype": ("float32", "float64"),
}

LIVE = ("loss", "penalty", "strength", "k", "d_learning_rate", "g_learning_rate", "beta1", "beta2")
"""What may change in the middle of a run; anything else begins it anew."""


MOST_STEPS = 1_000_000


class GanError(NbgenError, ValueError):
    """A setting or a step of the game that cannot be; the last good state is kept."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides a run, but for how far it has got."""

    distribution: Distribution = field(default_factory=lambda: distribution("ring of eight"))
    loss: str = "non-saturating"
    penalty: str = "none"
    strength: float = 0.0
    k: int = 1
    d_learning_rate: float = 1e-3
    g_learning_rate: float = 1e-3
    beta1: float = 0.5
    beta2: float = 0.99
    d_width: int = 64
    g_width: int = 64
    d_layers: int = 2
    g_layers: int = 2
    noise_dim: int = 2
    batch: int = 128
    seed: int = 0
    dtype: str = "float32"

    @property
    def kind(self) -> torch.dtype:
        return torch.float64 if self.dtype == "float64" else torch.float32

    def plain(self) -> dict[str, Any]:
        """As plain values; a distribution by its name."""
        return {name: getattr(self, name) for name in NAMES} | {"distribution": self.distribution.name}


NAMES = tuple(one.name for one in fields(Settings))

_RULES = Rules("the GAN game", GanError, NAMES, _WORDS, _NUMBERS)


def with_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with these changes. Raises GanError and DistributionError, and changes nothing.

    A penalty that is named without a strength gets its usual one; the Wasserstein loss brings its own penalty.
    """
    _RULES.check_names(changes)
    known = {name: _one(name, value) for name, value in changes.items()}
    if known.get("loss") == "Wasserstein" and settings.loss != "Wasserstein" and "penalty" not in known:
        known["penalty"] = "slope one"
    if "penalty" in known and "strength" not in known and known["penalty"] != settings.penalty:
        known["strength"] = PENALTIES[known["penalty"]][1]
    return replace(settings, **known)


def _one(name: str, value: Any) -> Any:
    if name == "distribution":
        chosen = distribution(value)
        weights = chosen.mixture.weights
        if not torch.allclose(weights, weights.mean()) or len(set(chosen.mixture.spreads.tolist())) > 1:
            raise GanError("the GAN game plays on mixtures of equal weights and one spread.")
        return chosen
    return _RULES.checked(name, value)


def beside(settings: Settings, difference: Mapping[str, Any], since: int) -> Settings | None:
    """The settings of the run beside; None for no difference. Raises GanError unless it is one, and one that can be."""
    if isinstance(since, bool) or not isinstance(since, int) or not 0 <= since <= MOST_STEPS:
        raise GanError(f"since must be a whole number from 0 to {MOST_STEPS:,}, not {brief(since)}.")
    if not isinstance(difference, Mapping):
        raise GanError('what the run beside differs in is one setting, such as beside={"k": 5}.')
    if not difference:
        return None
    if len(difference) != 1:
        raise GanError(
            f"two runs that differ in {len(difference)} things explain nothing: give one difference."
        )
    ((name, value),) = difference.items()
    changed = with_changes(settings, difference)
    if name in ("seed", "dtype"):
        raise GanError(f"both runs share their {name}: let another setting differ.")
    if getattr(changed, name) == getattr(settings, name):
        raise GanError(f"{name} is {brief(value)} in both runs: that is no difference.")
    if since and name not in LIVE:
        raise GanError(f"{name} cannot change in the middle of a run: leave `since` out.")
    return changed


def words(name: str) -> str:
    """A setting as people say it."""
    return (
        name.replace("d_", "D's ")
        .replace("g_", "G's ")
        .replace("noise_dim", "noise dimensions")
        .replace("_", " ")
    )


def written(value: Any) -> str:
    return str(getattr(value, "name", f"{value:g}" if isinstance(value, float) else value))
