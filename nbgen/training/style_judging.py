"""Does a picture have the style it was asked in?  Decided by a few statistics of its pixels, fitted on references."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from nbgen.training.pictures import BACKGROUNDS


def statistics(picture: np.ndarray, background: str) -> np.ndarray:
    """Nine numbers that say how a picture, uint8 (64, 64, 3), is drawn, and hardly what.

    Of what differs from the background: how much it is, brightness (mean, spread), saturation (mean, spread),
    ink; and of all: how much changes inside squares of four, between them, and from pixel to pixel.
    """
    pixels = picture.astype(np.float32) / 255
    away = np.abs(pixels - np.array(BACKGROUNDS[background], np.float32) / 255).max(axis=-1)
    weight = np.clip(away * 4, 0, 1) + 1e-6
    high, low = pixels.max(axis=-1), pixels.min(axis=-1)
    saturation = (high - low) / np.maximum(high, 0.05)

    def mean(values: np.ndarray) -> float:
        return float((values * weight).sum() / weight.sum())

    squares = pixels.reshape(16, 4, 16, 4, 3)
    inside = np.abs(squares - squares.mean(axis=(1, 3), keepdims=True)).mean()
    across = np.abs(np.diff(pixels, axis=1)).mean(axis=(0, 2))
    border = across[3::4].mean()
    brightness = high * 0.5 + low * 0.5
    return np.array(
        [
            weight.mean(),
            mean(brightness),
            mean((brightness - mean(brightness)) ** 2) ** 0.5,
            mean(saturation),
            mean((saturation - mean(saturation)) ** 2) ** 0.5,
            mean((high < 0.25).astype(np.float32)),
            inside,
            border - np.delete(across, np.s_[3::4]).mean(),
            np.abs(ndimage.laplace(brightness)).mean(),
        ],
        np.float64,
    )


@dataclass(frozen=True)
class Discriminant:
    """Fisher's linear discriminant between two kinds of pictures: `weights · statistics > threshold` is the first."""

    weights: np.ndarray
    threshold: float

    @classmethod
    def fit(cls, first: np.ndarray, second: np.ndarray) -> Discriminant:
        """From the statistics of both, (n, 9) each (Fisher 1936); the threshold errs as often on either side."""
        spread = np.cov(first.T) + np.cov(second.T)
        spread += 1e-6 * np.eye(len(spread)) * np.trace(spread)
        weights = np.linalg.solve(spread, first.mean(axis=0) - second.mean(axis=0))
        ours, theirs = np.sort(first @ weights), np.sort(second @ weights)
        candidates = np.concatenate([ours, theirs])
        wrong = np.searchsorted(ours, candidates, side="right") / len(ours)
        wrong += 1 - np.searchsorted(theirs, candidates, side="right") / len(theirs)
        return cls(weights, float(candidates[wrong.argmin()]))

    def tells(self, statistics: np.ndarray) -> np.ndarray:
        """Which rows are of the first kind."""
        return np.asarray(statistics @ self.weights > self.threshold)
