"""How does the game stand? The perfect discriminator, the divergence, modes, arrows on the fakes, the bent grid.

Densities live on a grid of `CELLS` × `CELLS` cells over the square of the laboratories, rows from the bottom up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from .distributions import EXTENT, Distribution, grid
from .gan_players import LOSSES
from .gan_run import Run
from .threads import one_thread

CELLS = 72
COUNTED = 4000
"""Fakes that modes are counted on, and that a density is estimated from."""

BLUR = 0.1
"""Standard deviation of the kernel of an estimated density; p is blurred as much, which a mixture can be exactly."""

NEAR = 3.0
"""A fake within so many spreads of a Gaussian belongs to its mode."""

_NOTHING = 1e-300


@dataclass(frozen=True, eq=False)
class Densities:
    """p of the data and q of the fakes at the middles of a grid's cells, (count²,) float64 each.

    blur: standard deviation that both are blurred by; 0 where they are exact. exact: whether q is a formula (an
    affine generator's) and not an estimate from `COUNTED` fakes.
    """

    p: Tensor
    q: Tensor
    area: float
    blur: float
    exact: bool

    @property
    def optimal(self) -> Tensor:
        """p/(p + q), the perfect discriminator (arXiv 1406.2661, proposition 1); ½ where there is neither."""
        return (self.p + _NOTHING) / (self.p + self.q + 2 * _NOTHING)

    @property
    def divergence(self) -> float:
        """The Jensen–Shannon divergence of p and q in nats, from 0 to log 2. Fakes beyond the grid count in full."""
        middle = (self.p + self.q) / 2
        parts = [torch.special.xlogy(one, one / middle.clamp(min=_NOTHING)).sum() for one in (self.p, self.q)]
        beyond = sum(max(0.0, 1 - float(one.sum()) * self.area) for one in (self.p, self.q))
        return float(sum(parts)) / 2 * self.area + beyond / 2 * math.log(2)


def densities(run: Run, count: int = CELLS) -> Densities:
    """p and q of a run: exact for an affine generator that fills the plane, else estimated and named so."""
    places, area = grid(count), (2 * EXTENT / count) ** 2
    gaussian = affine(run.generator)
    if gaussian is not None:
        mean, covariance = gaussian
        # A cloud narrower than a cell of the usual grid would slip through it: then both are blurred by one.
        narrowest = float(torch.linalg.eigvalsh(covariance)[0].clamp(min=0).sqrt())
        cell = 2 * EXTENT / CELLS
        blur = 0.0 if narrowest >= cell else cell
        wide = covariance + blur**2 * torch.eye(2, dtype=torch.float64)
        q = torch.distributions.MultivariateNormal(mean, wide).log_prob(places).exp()
        return Densities(_data(run.settings.distribution, count, blur), q, area, blur, True)
    fakes = run.samples(COUNTED).double()
    middles = places[:count, 0]
    # (fakes, count) each: a Gaussian of the plane is the product of two
    across, up = (torch.exp(-((middles - fakes[:, one, None]) ** 2) / (2 * BLUR**2)) for one in (0, 1))
    q = (up.T @ across).flatten() / (len(fakes) * 2 * math.pi * BLUR**2)
    return Densities(_data(run.settings.distribution, count, BLUR), q, area, BLUR, False)


@lru_cache(maxsize=16)
def _data(distribution: Distribution, count: int, blur: float) -> Tensor:
    """p, blurred: it does not change while the players learn."""
    return distribution.mixture.log_density(grid(count), 1.0, blur).exp()


def affine(generator: nn.Module) -> tuple[Tensor, Tensor] | None:
    """Mean and covariance of the fakes, where the generator is one affine map of normal noise; else None."""
    layers = list(generator.children())
    if len(layers) != 1 or not isinstance(layers[0], nn.Linear):
        return None
    weight, bias = (one.detach().double() for one in (layers[0].weight, layers[0].bias))
    return bias, weight @ weight.T


def probability(run: Run, scores: Tensor, both: Densities | None = None) -> Tensor | None:
    """The scores as the chance that a point is real, 0 to 1; None for a loss whose scores say no such thing.

    Relativistic scores are right but for a constant: it is chosen so that, as for p/(p + q), the mean over reals and
    fakes is a half; `both` are the densities at the points of the scores.
    """
    kind = LOSSES[run.settings.loss].probability
    if kind == "sigmoid":
        return scores.sigmoid()
    if kind == "itself":
        return scores.clamp(0, 1)
    if not kind or both is None:
        return None
    weights = (both.p + both.q).to(scores)
    low, high = scores.min() - 40, scores.max() + 40
    for _ in range(60):
        middle = (low + high) / 2
        too_real = (weights * (scores - middle).sigmoid()).sum() > weights.sum() / 2
        low, high = (middle, high) if too_real else (low, middle)
    return (scores - (low + high) / 2).sigmoid()


def scores(run: Run, points: Tensor) -> Tensor:
    """What the discriminator answers at points (n, 2), (n,)."""
    with torch.no_grad(), one_thread():
        return run.discriminator(points.to(run.settings.kind))[:, 0]


def distance_to_optimal(chances: Tensor | None, both: Densities) -> float | None:
    """The mean of |D - p/(p + q)| over reals and fakes: weighted by (p + q)/2."""
    if chances is None:
        return None
    weights = both.p + both.q
    return float(
        (weights * (chances.double() - both.optimal).abs()).sum() / weights.sum().clamp(min=_NOTHING)
    )


def modes_covered(distribution: Distribution, fakes: Tensor) -> int | None:
    """Clusters with at least a quarter of their fair share of the fakes near them; None where there are none.

    Near is within three spreads of one of a cluster's Gaussians.
    """
    if not distribution.modes:
        return None
    near = fakes[near_data(distribution, fakes)]
    shares = torch.bincount(distribution.mode_of(near), minlength=distribution.modes) / max(1, len(fakes))
    return int((shares >= 0.25 / distribution.modes).sum())


def near_data(distribution: Distribution, fakes: Tensor) -> Tensor:
    """Which fakes, (n,) boolean, lie within three spreads of a Gaussian of the data."""
    apart = torch.cdist(fakes.double(), distribution.mixture.means).amin(1)
    return apart <= NEAR * distribution.mixture.spreads[0]


def arrows(run: Run, real: Tensor | None, fake: Tensor) -> Tensor:
    """Where each fake, (n, 2), is pulled: minus n times the gradient of the generator's loss with respect to it.

    n times, since the loss is a mean: so an arrow does not depend on how many fakes there are.
    """
    points = fake.detach().requires_grad_()
    with one_thread():
        loss = run.generator_loss(real, points)
        (slope,) = torch.autograd.grad(loss, points)
    return -len(points) * slope


def bent_grid(run: Run, lines: int = 15, reach: float = 2.1) -> Tensor:
    """What the generator makes of a square grid of noise, (lines, lines, 2); of a line of noise, (1, n, 2).

    reach: the noise goes from -reach to reach. Of more than two dimensions the first two are shown, the others 0.
    """
    ticks = torch.linspace(-reach, reach, lines, dtype=run.settings.kind)
    if run.settings.noise_dim == 1:
        noise = torch.linspace(-reach, reach, lines * 8, dtype=run.settings.kind)[None, :, None]
    else:
        noise = torch.zeros(lines, lines, run.settings.noise_dim, dtype=run.settings.kind)
        noise[..., 0], noise[..., 1] = ticks[None, :], ticks[:, None]
    with torch.no_grad(), one_thread():
        return run.generator(noise)
