"""The exercises of notebook 12: the perfect discriminator, a generator's loss that does not go silent, a penalty."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from .exercises import NotYet, exercise, judged, there


@exercise("12.1", "right. Every discriminator of this notebook is measured against that one.")
def perfect_discriminator(best: Any) -> str | None:
    """best(p, q): the chance that a point with these densities of reals and fakes is real."""
    p = torch.tensor([1.0, 0.2, 0.0, 3.0], dtype=torch.float64)
    q = torch.tensor([1.0, 0.6, 2.0, 0.0], dtype=torch.float64)
    given = there(best(p, q))
    hints = (
        (q / (p + q), "that is the chance of a fake: D says 1 where a point is real."),
        (p / q, "that is the odds, p to q. A chance lies between 0 and 1."),
        (p - q, "a difference tells which is larger, but it is no chance: it goes below 0."),
        (
            (p > q).double(),
            "a perfect discriminator is not always sure: where p = q it can only say one half.",
        ),
        (p, "where there are many fakes too, a large p is no proof: q must come into it."),
    )
    return judged(
        given,
        p / (p + q),
        hints,
        "not quite. Of all the points that land here, a part p is real and a part q is fake: what is the chance?",
    )


@exercise("12.2", "right. Its gradient is largest exactly where the fakes are worst.")
def non_saturating(loss: Any) -> str | None:
    """loss(scores): the non-saturating loss of a generator whose fakes got these scores of D."""
    scores = torch.tensor([[-3.0], [-0.5], [0.0], [2.0]], dtype=torch.float64)
    given = torch.as_tensor(there(loss(scores)), dtype=torch.float64)
    if given.ndim:
        return "a loss is one number: take the mean over the fakes."
    real = scores.sigmoid()
    hints = (
        (
            -softplus(scores).mean(),
            "that is the saturating loss, log(1 - D): it goes silent where D is sure.",
        ),
        (softplus(scores).mean(), "this one *rewards* being caught: the sign of the scores is turned round."),
        (real.log().mean(), "the generator minimises its loss, and wants D to be large: mind the sign."),
        (-real.mean(), "the logarithm is missing: without it a fake that is surely fake has no gradient."),
        (
            -scores.mean(),
            "these are bare scores, as in a Wasserstein GAN: put them through the sigmoid first.",
        ),
        (-(1 - real).log().mean(), "that rewards being caught: it is D(fake) whose logarithm should grow."),
        (softplus(-scores).sum(), "take the mean over the fakes, not their sum."),
    )
    return judged(
        given,
        softplus(-scores).mean(),
        hints,
        "not quite. D(fake) is sigmoid(score), and the loss is the mean of -log D(fake).",
    )


@exercise("12.3", "right. This line, and nothing else, brought the lost modes back.")
def penalty_r1(penalty: Any) -> str | None:
    """penalty(discriminator, real): R1 without its strength, half the mean squared length of D's gradient at reals."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        discriminator = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    real = torch.randn(16, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    given = there(penalty(discriminator, real.clone().requires_grad_()))
    if not isinstance(given, Tensor):
        raise NotYet
    if given.ndim:
        return "a penalty is one number: take the mean over the reals."
    points = real.clone().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(points).sum(), points)
    square = (slope**2).sum(1)
    hints = (
        (square.mean(), "R1 has a half in front, so that γ/2 of the papers is your strength γ."),
        (
            square.sqrt().mean() / 2,
            "the length is squared in R1; without the square it pulls in the smooth parts too.",
        ),
        (
            (slope**2).mean() / 2,
            "sum the squares over x and y first: the length of a gradient has both parts.",
        ),
        (square.sum() / 2, "take the mean over the reals, not their sum."),
        (
            ((square.sqrt() - 1) ** 2).mean(),
            "that holds slopes at 1, for Wasserstein critics; R1 wants them small.",
        ),
        (
            (discriminator(real) ** 2).mean().detach() / 2,
            "that makes the scores small. R1 is about their gradient.",
        ),
    )
    otherwise = (
        "not quite. Take D's gradient with respect to each real, square its length, and halve the mean."
    )
    hint = judged(given.detach(), square.mean() / 2, hints, otherwise)
    if hint is None and not given.requires_grad:
        return (
            "the number is right, but nothing can learn from it: torch.autograd.grad needs create_graph=True."
        )
    return hint
