"""The exact side of the laboratory: fields, guidance, particles on their way home, and what is measured of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..analytic import Mixture
from ..errors import brief
from .distributions import EXTENT, grid
from .flow_settings import FlowError, FlowLab
from .noising import ddim

CELLS = 56
"""Cells a side of a density."""
PARTS = 10
"""Steps of the ODE in a beat of time."""
SCALES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0)
"""Guidance scales of the curve."""


def exact_field(lab: FlowLab, x: Tensor, t: float, kind: str) -> Tensor:
    """The field at points (n, 2): "score", "velocity" (towards the data, per unit of t) or "denoised"."""
    if not isinstance(t, (int, float)) or not 0 <= t <= 1:
        raise FlowError(f"t must be from 0 to 1, not {brief(t)}.")
    if not bool(x.isfinite().all()):
        raise FlowError("the field is asked at places that are numbers, not NaN or infinity.")
    mixture = lab.settings.distribution.mixture
    alpha, sigma = (float(level) for level in lab.schedule.levels(float(t)))
    if kind == "score":
        return mixture.score(x, alpha, sigma)
    if kind == "denoised":
        return mixture.x0(x, alpha, sigma) - x
    alpha_rate, sigma_rate = lab.schedule.rates(float(t))
    return -(alpha_rate * mixture.x0(x, alpha, sigma) + sigma_rate * mixture.epsilon(x, alpha, sigma))


def guided(lab: FlowLab, scale: float | Tensor) -> Callable[..., tuple[Tensor, Tensor]]:
    """E[x₀ | x] and E[ε | x] of classifier-free guidance, arXiv 2207.12598, eq. 6, with diffusers' scale: 1 is none.

    `scale` is a number, or a column (n, 1) with one for each point.
    """
    whole = lab.settings.distribution.mixture
    half = lab.settings.distribution.half(lab.settings.towards)

    def predict(x: Tensor, t: float, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
        x0, epsilon = whole.x0(x, alpha, sigma), whole.epsilon(x, alpha, sigma)
        x0 = x0 + scale * (half.x0(x, alpha, sigma) - x0)
        return x0, epsilon + scale * (half.epsilon(x, alpha, sigma) - epsilon)

    return predict


def flow_home(lab: FlowLab, beat: float) -> None:
    """Moves time and the particles one beat towards the data, along the exact probability-flow ODE.

    A second-order exponential step that predicts x₀ (arXiv 2211.01095, its two-stage form), exact in the linear part.
    """
    if lab.now <= 0:
        return
    for _ in range(PARTS):
        _one_step(lab, beat / PARTS)
    if len(lab.particles):
        lab.trails = [*lab.trails, lab.particles]


def _one_step(lab: FlowLab, length: float) -> None:
    after = max(0.0, lab.now - length)
    if after < 1e-9:
        after = 0.0
    if lab.now == 0:
        return
    alpha, sigma = (float(level) for level in lab.schedule.levels(lab.now))
    alpha_after, sigma_after = (float(level) for level in lab.schedule.levels(after)) if after else (1.0, 0.0)
    mixture, x = lab.settings.distribution.mixture, lab.particles
    if len(x):
        shrink = sigma_after / sigma
        gain = alpha_after - alpha * shrink
        x0 = mixture.x0(x, alpha, sigma)
        trial = shrink * x + gain * x0
        x0 = (x0 + mixture.x0(trial, alpha_after, sigma_after)) / 2
        lab.particles = shrink * x + gain * x0
    lab.now = after


def noised(lab: FlowLab) -> Tensor:
    """The data at time t, (n, 2): the same points and the same noise at every t."""
    now = lab.settings
    x0 = now.distribution.sample(now.points, now.seed)[0]
    alpha, sigma = (float(level) for level in lab.schedule.levels(lab.now))
    return alpha * x0 + sigma * lab.noise()


def guided_measures(lab: FlowLab) -> dict[str, float]:
    """Of the guided samples: their spread over that of the class, and the part outside the class."""
    spread, outside = _measured(lab.settings.distribution.half(lab.settings.towards), lab.guided[-1])
    return {"spread": spread, "outside": outside}


def strengths(lab: FlowLab) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scales, and what 200 points measure at each: spread and part outside. One run for all of them."""
    half = lab.settings.distribution.half(lab.settings.towards)
    noise = torch.randn(200, 2, generator=torch.Generator().manual_seed(lab.settings.seed))
    scales = torch.tensor(SCALES).repeat_interleave(len(noise))[:, None]
    ends = ddim(guided(lab, scales), lab.schedule, noise.repeat(len(SCALES), 1), 1.0, 40)[-1]
    found = [_measured(half, part) for part in ends.split(len(noise))]
    return np.array(SCALES), np.array([one[0] for one in found]), np.array([one[1] for one in found])


def _measured(half: Mixture, samples: Tensor) -> tuple[float, float]:
    """The spread is the root of the total variance, over the class's; outside is below its 1% of log density."""
    own = half.sample(2000, torch.Generator().manual_seed(0))[0]
    bound = half.log_density(own.double()).quantile(0.01)
    spread = float(samples.var(0, unbiased=False).sum().sqrt() / own.var(0, unbiased=False).sum().sqrt())
    return spread, float((half.log_density(samples.double()) < bound).float().mean())


def density(lab: FlowLab, t: float, *, towards: bool = False) -> np.ndarray:
    """The density at time t on the grid, (rows, columns), over its largest value; of the class where `towards`."""
    now = lab.settings
    key = (now.distribution, now.schedule, t, now.towards if towards else "")

    def make() -> np.ndarray:
        mixture = now.distribution.half(now.towards) if towards else now.distribution.mixture
        alpha, sigma = (float(level) for level in lab.schedule.levels(t)) if t > 0 else (1.0, 0.0)
        values = mixture.log_density(grid(CELLS).float(), alpha, sigma)
        return (values - values.max()).exp().reshape(CELLS, CELLS).numpy()

    return lab._made("density", key, make)


def arrow_scale(field: Tensor, cells: int) -> float:
    """What makes a long arrow of the field (its 90% quantile) as long as a cell of the grid."""
    length = float(field.norm(dim=1).quantile(0.9))
    return 2 * EXTENT / cells / max(length, 1e-9)


def clipped(field: Tensor, cells: int) -> Tensor:
    """No arrow longer than 1.2 cells, so that a few do not cover the others."""
    length = field.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return field * (2.4 * EXTENT / cells / length).clamp(max=1)


def plain(points: Tensor) -> np.ndarray:
    """As the page takes them: float32."""
    return points.detach().float().numpy()
