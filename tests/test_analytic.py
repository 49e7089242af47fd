"""The exact mixture: its formula against autograd, and samplers' errors against published ones."""

from __future__ import annotations

import pytest
import torch

import nbgen
from nbgen.analytic import GaussianMixture
from nbgen.engine.asks import Conditioning
from nbgen.teach.measuring import PUBLISHED


@pytest.fixture(scope="module")
def mixture() -> GaussianMixture:
    return GaussianMixture()


@pytest.mark.parametrize("timestep", [1, 50, 321, 700, 999])
def test_the_answer_is_the_gradient_of_the_log_density(mixture, timestep: int) -> None:
    points = torch.randn(2000, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    alpha_bar = torch.cumprod(1 - betas, 0)[timestep]
    alpha, sigma = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
    angles = torch.arange(8, dtype=torch.float64) * (torch.pi / 4)
    means = alpha * torch.stack([angles.cos(), angles.sin()], 1)
    x = points.clone().requires_grad_()
    density = (-((x[:, None] - means) ** 2).sum(-1) / (2 * ((alpha * 0.15) ** 2 + sigma**2))).logsumexp(1)
    (score,) = torch.autograd.grad(density.sum(), x)
    answer = mixture.forward(
        None, points[None].float(), torch.tensor([float(timestep)]), [Conditioning(None, {})]
    )
    assert torch.allclose(answer[0].double(), -sigma * score, rtol=1e-4, atol=1e-4)


def test_convergence_reproduces_the_published_table(mixture) -> None:
    measured = nbgen.convergence(model=mixture, sampler=[*PUBLISHED], steps=[10, 20, 40], reference_steps=500)
    found = {(each.label, each.steps): each.error for each in measured}
    assert measured.reference == "Heun with 999 calls"
    for label, errors in PUBLISHED.items():
        for steps, expected in zip((10, 20, 40), errors, strict=True):
            assert found[label, steps] == pytest.approx(expected, rel=0.10, abs=0.001), (label, steps)


def test_stochastic_samplers_never_converge_to_the_ode(mixture) -> None:
    measured = nbgen.convergence(
        model=mixture, sampler=["ddpm", "Euler a"], steps=[40], seed=[0, 1], reference_steps=100
    )
    for each in measured:
        assert each.stochastic
        assert len(each.errors) == 2
        assert each.error == pytest.approx(0.95, abs=0.05)
