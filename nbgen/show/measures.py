"""How far pictures are from one another, and what a difference over seeds is worth: arrays in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RecipeError

Pixels = NDArray[np.uint8]
HEAT = "inferno"
"""Colours of difference maps: even in lightness, so that they read in grey and with any colour vision."""

RESAMPLES = 10_000
FEW = 5
"""Below this many seeds a bootstrap interval is too narrow to be taken at its word, and the text says so."""


@dataclass(frozen=True)
class Distance:
    """How far a picture is from its reference.

    `rmse` is on pixels from 0 to 1. `psnr` is in dB, infinite for equal pictures. `ssim` is the structural
    similarity (Wang et al. 2004) over the channels, 1 for equal pictures.
    """

    rmse: float
    psnr: float
    ssim: float


def distance(one: Pixels, other: Pixels) -> Distance:
    """RMSE, PSNR and SSIM between two pictures of one size: uint8 arrays (height, width, 3).

    Raises RecipeError where the sizes differ. Source of SSIM: scikit-image, a uniform window of 7 pixels (less
    for smaller pictures).
    """
    from skimage.metrics import structural_similarity

    first, second = _same_size(one, other)
    error = float(np.sqrt(np.mean((first - second) ** 2)))
    side = min(7, *first.shape[:2])
    window = side if side % 2 else side - 1
    if window < 3:
        similarity = 1.0 if error == 0 else math.nan
    else:
        similarity = float(
            structural_similarity(first, second, win_size=window, channel_axis=2, data_range=1.0)
        )
    return Distance(error, math.inf if error == 0 else -20 * math.log10(error), similarity)


def difference_map(one: Pixels, other: Pixels) -> NDArray[np.float32]:
    """The difference at each pixel, (height, width), from 0 to 1: root mean square over the channels."""
    first, second = _same_size(one, other)
    return np.sqrt(np.mean((first - second) ** 2, axis=2)).astype(np.float32)


def common_top(maps: Sequence[NDArray[np.float32]]) -> float:
    """One upper end for the colours of all the maps, so that they can be compared with one another.

    The largest 99.5th percentile among them, rounded up to two digits, since single outlying pixels would leave
    everything else dark. At least 8/255: what nobody can see is not made to look like a difference.
    """
    top = max((float(np.percentile(each, 99.5)) for each in maps if each.size), default=0.0)
    top = max(top, 8 / 255)
    unit = 10.0 ** (math.floor(math.log10(top)) - 1)
    return min(1.0, math.ceil(top / unit - 1e-9) * unit)


def heat(each: NDArray[np.float32], top: float) -> Pixels:
    """A map of differences as colours, uint8 (height, width, 3): black is none, bright is `top` and above."""
    from matplotlib import colormaps

    colours = colormaps[HEAT](np.clip(each / top, 0.0, 1.0), bytes=True)
    return np.ascontiguousarray(colours[:, :, :3])


@dataclass(frozen=True)
class PairedDifference:
    """How much a setting differs from the reference setting, seed by seed.

    `mean` is setting − reference over the `n` seeds that both have. `low` and `high` are the ends of the 95%
    bootstrap interval of that mean; None with fewer than two seeds, since one seed says nothing about others.
    """

    setting: str
    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def clear(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def __str__(self) -> str:
        if self.n == 0:
            return f"{self.setting}: no seed in common"
        if self.low is None or self.high is None:
            return f"{self.setting}: {self.mean:+.3g} (one seed: nothing follows for others)"
        few = ", few seeds: the interval is too narrow" if self.n < FEW else ""
        return f"{self.setting}: {self.mean:+.3g} (95% from {self.low:+.3g} to {self.high:+.3g}, n={self.n}{few})"


def paired_differences(
    values: Mapping[str, Sequence[float]], reference: str, *, level: float = 0.95, seed: int = 0
) -> list[PairedDifference]:
    """Each setting's difference from `reference`, paired over seeds, with a bootstrap interval.

    `values[setting][i]` is what was measured at seed i, NaN where nothing was. The resampling is seeded, so the
    same values give the same interval. Raises RecipeError where the reference is unknown or lengths differ.
    Source: Efron & Tibshirani, "An Introduction to the Bootstrap", percentile intervals (chapter 13).
    """
    if reference not in values:
        raise RecipeError(f"the reference {reference!r} was not measured: there are {', '.join(values)}.")
    if len({len(each) for each in values.values()}) > 1:
        raise RecipeError("paired differences need the same seeds for every setting.")
    base = np.asarray(values[reference], dtype=np.float64)
    found = []
    for setting, each in values.items():
        if setting == reference:
            continue
        differences = np.asarray(each, dtype=np.float64) - base
        differences = differences[np.isfinite(differences)]
        low, high = _bootstrap(differences, level, seed)
        mean = float(differences.mean()) if differences.size else math.nan
        found.append(PairedDifference(setting, mean, low, high, int(differences.size)))
    return found


def best(values: Mapping[str, Sequence[float]], *, larger_is_better: bool) -> tuple[str | None, str]:
    """The setting that is clearly better than every other over the same seeds, or None; and why, in a sentence.

    Clearly: each paired difference from it has a 95% interval that excludes 0, from at least two seeds.
    """
    measured = {
        setting: float(np.nanmean(each)) for setting, each in values.items() if np.isfinite(each).any()
    }
    if len(measured) < 2:
        return None, "fewer than two settings were measured, so there is nothing to choose between."
    first = (max if larger_is_better else min)(measured, key=lambda setting: measured[setting])
    others = paired_differences({setting: values[setting] for setting in measured}, first)
    fewest = min(each.n for each in others)
    if fewest < 2:
        return None, "there are fewer than two seeds in common, and from one seed no setting is the best."
    close = [each.setting for each in others if not each.clear]
    if close:
        return (
            None,
            f"{first} leads, but over {fewest} seeds it is not clearly apart from {', '.join(close)}.",
        )
    few = f" {fewest} seeds are few: take more before relying on it." if fewest < FEW else ""
    return (
        first,
        f"{first} is apart from every other setting over {fewest} seeds (95% bootstrap intervals).{few}",
    )


def _bootstrap(
    differences: NDArray[np.float64], level: float, seed: int
) -> tuple[float | None, float | None]:
    if differences.size < 2:
        return None, None
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, differences.size, size=(RESAMPLES, differences.size))
    means = differences[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _same_size(one: Any, other: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(one), np.asarray(other)
    if first.shape != second.shape:
        sizes = [
            f"{each.shape[1]}×{each.shape[0]}" if each.ndim >= 2 else str(each.shape)
            for each in (first, second)
        ]
        raise RecipeError(
            f"pictures of different sizes have no pixel-wise difference: {sizes[0]} and {sizes[1]}."
        )
    return first.astype(np.float64) / 255, second.astype(np.float64) / 255
