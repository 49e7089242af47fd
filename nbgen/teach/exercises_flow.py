"""The exercises of notebook 10: the score of one Gaussian, one step of DDIM, and guidance."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .exercises import exercise, judged, there

_MEAN = torch.tensor([1.0, 0.5], dtype=torch.float64)
_SPREAD = 0.4


def _points(seed: int, count: int = 20) -> Tensor:
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _shape(answer: Any, expected: Tensor) -> str | None:
    shape = tuple(torch.as_tensor(answer).shape)
    if shape != tuple(expected.shape):
        return (
            f"the answer has shape {shape}; for {len(expected)} points it should be {tuple(expected.shape)}."
        )
    return None


@exercise(
    "10.1",
    "right. That is the whole secret of the field: with many Gaussians, it is a weighted mean of these.",
)
def score_of_one_gaussian(score: Any) -> str | None:
    """score(x, alpha, sigma, mean, spread): ∇ log p of one Gaussian with noise."""
    x, alpha, sigma = _points(1), 0.8, 0.6
    given = there(score(x, alpha, sigma, _MEAN, _SPREAD))
    offset, variance = x - alpha * _MEAN, (alpha * _SPREAD) ** 2 + sigma**2
    if (odd := _shape(given, offset)) is not None:
        return odd
    hints = (
        (
            offset / variance,
            "your arrows point away from the data. The score points uphill in density: mind the sign.",
        ),
        (-(x - _MEAN) / variance, "the mean moves as well: at this noise level it is alpha * mean."),
        (
            -offset / (_SPREAD**2 + sigma**2),
            "the data shrink before noise is added: their variance becomes (alpha * spread)².",
        ),
        (-offset / sigma**2, "the Gaussian has a width of its own: its spread adds to the variance."),
        (-offset / variance**0.5, "divide by the variance, not by its root."),
        (-offset / (alpha * _SPREAD + sigma) ** 2, "variances add, standard deviations do not."),
        (-offset, "the direction is right; the length is not yet: divide by the variance."),
    )
    return judged(
        given,
        -offset / variance,
        hints,
        "not quite. log p is -|x - m|² / (2 v) and a constant: what are m and v here, and what is its gradient?",
    )


@exercise("10.2", "right. Twenty of these are a sampler.")
def one_step_of_ddim(step: Any) -> str | None:
    """step(x, noise, alpha, sigma, alpha_after, sigma_after): DDIM from one noise level to the next."""
    x, noise, levels = _points(2), _points(3), (0.6, 0.8, 0.8, 0.6)
    alpha, sigma, alpha_after, sigma_after = levels
    given = there(step(x, noise, *levels))
    x0 = (x - sigma * noise) / alpha
    right = alpha_after * x0 + sigma_after * noise
    if (odd := _shape(given, right)) is not None:
        return odd
    hints = (
        (
            x0,
            "that is the estimate of the data, x0. DDIM goes there only in part: put the smaller noise back.",
        ),
        (alpha_after * x0, "you removed all the noise: sigma_after of it belongs there still."),
        (x0 + sigma_after * noise, "the data shrink at the new noise level too: alpha_after * x0."),
        (x - sigma * noise, "that is alpha * x0: divide by alpha to have x0, then go to the new level."),
        (
            alpha_after * (x - sigma * noise) + sigma_after * noise,
            "x - sigma * noise is alpha * x0, not x0: divide by alpha.",
        ),
        (x - (sigma - sigma_after) * noise, "that would be right where alpha does not change; here it does."),
    )
    return judged(
        given,
        right,
        hints,
        "not quite. First estimate x0 from x = alpha * x0 + sigma * noise, then mix it anew at the new level.",
    )


@exercise("10.3", "right. At scale 1 it is the class, at 0 everything, beyond 1 it exaggerates.")
def guidance(guided: Any) -> str | None:
    """guided(everything, conditional, scale): classifier-free guidance, in the scale that diffusers uses."""
    everything, conditional, scale = _points(4), _points(5), 3.0
    given = there(guided(everything, conditional, scale))
    right = everything + scale * (conditional - everything)
    if (odd := _shape(given, right)) is not None:
        return odd
    hints = (
        (
            conditional + scale * (conditional - everything),
            "that is the paper's w, which begins at 0. Here scale 1 means no guidance: begin at everything.",
        ),
        (
            everything + scale * conditional,
            "go along the *difference* of the two, not along the class itself.",
        ),
        (
            everything + scale * (everything - conditional),
            "that goes away from the class: the difference is turned round.",
        ),
        (
            scale * conditional,
            "what everything says must not be lost: start there, and go towards the class.",
        ),
        (
            (1 - 1 / scale) * everything + conditional / scale,
            "at a larger scale it should go farther, not less far.",
        ),
    )
    return judged(
        given,
        right,
        hints,
        "not quite. Scale 0 gives everything, scale 1 the class; in between and beyond it is a straight line.",
    )
