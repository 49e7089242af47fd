"""Does a picture have the style it was asked in?  Decided by a few statistics of its pixels, fitted on references.

Fitted twice. Drawn pictures are exact: a grey is grey to the last bit, a square flat to its corners, and what tells
them from plain ones may be less than any decoder can keep. So the same is asked of a judge that knows drawn pictures,
styled and plain, only as the autoencoder gives them back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from nbgen.training.composition import Composer
from nbgen.training.pictures import BACKGROUNDS
from nbgen.training.scenes import Scene

DECODED = 400
"""Objects that are drawn, styled and plain, for the judge that knows them after the autoencoder."""


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
        """From the statistics of both, (n, 9) each (Fisher 1936); the threshold errs least."""
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


class StyleJudge:
    """Judges pictures that were asked for in a style, on one background.

    reconstruct: pictures, uint8 (n, 64, 64, 3), to what the autoencoder makes of them
    """

    def __init__(
        self, style: str, background: str, composer: Composer, reconstruct: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self.background = background
        draw, everything = np.random.default_rng(0), range(len(composer.world.names))

        def drawn(**more: str) -> np.ndarray:
            scenes = [Scene((n,), background, **more) for n in everything]  # type: ignore[arg-type]
            return np.stack([composer.drawn(scene, draw) for scene in scenes])

        self.styled, plain = drawn(style=style), drawn(size="large")
        some = draw.permutation(len(self.styled))[:DECODED]
        self.fits = {"": self._fit(self.styled, plain)}
        """By what is said before each key: a judge, and how many of the plain pictures it was fitted on fool it."""
        self.fits["decoded "] = self._fit(reconstruct(self.styled[some]), reconstruct(plain[some]))

    def _fit(self, styled: np.ndarray, plain: np.ndarray) -> tuple[Discriminant, float]:
        ours, theirs = self._statistics(styled), self._statistics(plain)
        fitted = Discriminant.fit(ours, theirs)
        return fitted, float(fitted.tells(theirs).mean())

    def _statistics(self, pictures: np.ndarray) -> np.ndarray:
        return np.stack([statistics(picture, self.background) for picture in pictures])

    def counts(self, pictures: np.ndarray, things: Sequence[int]) -> tuple[dict[str, float], list[bool]]:
        """Shares of pictures, uint8 (n, 64, 64, 3), with the style, and of those nearest to their object in it.

        And which of them have both, by the judge of drawn pictures.
        """
        measured, shares, right = self._statistics(pictures), {}, {}
        for name, (fitted, fooled) in self.fits.items():
            right[name] = fitted.tells(measured)
            shares[f"{name}style"] = float(right[name].mean())
            shares[f"{name}plain taken for it"] = fooled
        styled = self.styled.astype(np.float32)
        nearest = [int(((styled - picture) ** 2).mean(axis=(1, 2, 3)).argmin()) for picture in pictures]
        objects = np.array(nearest) == np.array(things)
        return shares | {"object": float(objects.mean())}, (right[""] & objects).tolist()
