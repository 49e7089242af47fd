"""What do the two players of a GAN play for? Networks, losses and penalties, in plain torch.

The copied code carries what these functions say, so they use torch and one another only.
A score is what the discriminator answers, (n, 1), before any sigmoid; `real` and `fake` below are scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus


def network(inputs: int, width: int, layers: int, outputs: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for _ in range(layers):
        parts += [nn.Linear(inputs, width), nn.LeakyReLU(0.2)]
        inputs = width
    return nn.Sequential(*parts, nn.Linear(inputs, outputs))


def d_logistic(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(-real).mean() + softplus(fake).mean()


def g_saturating(real: Tensor, fake: Tensor) -> Tensor:
    return -softplus(fake).mean()


def g_non_saturating(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(-fake).mean()


def d_least_squares(real: Tensor, fake: Tensor) -> Tensor:
    return ((real - 1) ** 2).mean() + (fake**2).mean()


def g_least_squares(real: Tensor, fake: Tensor) -> Tensor:
    return ((fake - 1) ** 2).mean()


def d_wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


def g_wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    return -fake.mean()


def d_relativistic(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(fake - real).mean()


def g_relativistic(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(real - fake).mean()


def squared_slope(discriminator: nn.Module, points: Tensor) -> Tensor:
    points = points.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(points).sum(), points, create_graph=True)
    return (slope**2).sum(1)


def no_penalty(discriminator: nn.Module, real: Tensor, fake: Tensor, draw: torch.Generator) -> Tensor:
    return real.new_zeros(())


def r1(discriminator: nn.Module, real: Tensor, fake: Tensor, draw: torch.Generator) -> Tensor:
    return squared_slope(discriminator, real).mean() / 2


def r2(discriminator: nn.Module, real: Tensor, fake: Tensor, draw: torch.Generator) -> Tensor:
    return squared_slope(discriminator, fake).mean() / 2


def r1_and_r2(discriminator: nn.Module, real: Tensor, fake: Tensor, draw: torch.Generator) -> Tensor:
    return squared_slope(discriminator, torch.cat([real, fake])).mean()


def slope_one(discriminator: nn.Module, real: Tensor, fake: Tensor, draw: torch.Generator) -> Tensor:
    part = torch.rand(len(real), 1, generator=draw, dtype=real.dtype)
    slope = (squared_slope(discriminator, part * real + (1 - part) * fake) + 1e-12).sqrt()
    return ((slope - 1) ** 2).mean()


PlayersLoss = Callable[[Tensor, Tensor], Tensor]
Penalty = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Loss:
    """What each player minimises, given the scores of reals and fakes.

    paired: the generator's loss looks at reals too. probability: what a perfect discriminator's score becomes
    p/(p + q) through: "sigmoid", "itself", "shifted sigmoid" (its scores are right but for a constant), or "" where
    the score is no probability.
    """

    discriminator: PlayersLoss
    generator: PlayersLoss
    probability: str
    paper: str
    paired: bool = False


LOSSES: dict[str, Loss] = {
    "non-saturating": Loss(d_logistic, g_non_saturating, "sigmoid", "arXiv 1406.2661, section 3"),
    "saturating": Loss(d_logistic, g_saturating, "sigmoid", "arXiv 1406.2661, eq. 1"),
    "least squares": Loss(d_least_squares, g_least_squares, "itself", "arXiv 1611.04076, eq. 9"),
    "Wasserstein": Loss(d_wasserstein, g_wasserstein, "", "arXiv 1701.07875; 1704.00028"),
    "relativistic": Loss(
        d_relativistic, g_relativistic, "shifted sigmoid", "arXiv 1807.00734; 2501.05441", paired=True
    ),
}

PENALTIES: dict[str, tuple[Penalty, float]] = {
    "none": (no_penalty, 0.0),
    "R1": (r1, 2.0),
    "R2": (r2, 2.0),
    "R1 and R2": (r1_and_r2, 2.0),
    "slope one": (slope_one, 1.0),
}
"""Name → penalty and its usual strength γ. R1 is γ/2·E‖∇D‖² at reals, R2 at fakes (arXiv 1801.04406, eq. 9 and 10);
"slope one" is γ·E(‖∇D‖ - 1)² between them, the gradient penalty of Wasserstein GANs (arXiv 1704.00028, eq. 3)."""
