"""Are the laboratories' distributions what they say: exact at every noise level, repeatable, and refused when odd?"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from nbgen.analytic import circle, predicted
from nbgen.teach.distributions import (
    EXTENT,
    MOST_DRAWN,
    NAMES,
    Distribution,
    DistributionError,
    distribution,
    drawn,
)
from nbgen.teach.noising import SCHEDULES

HAND = [(0.0, 0.5), (0.25, -0.75), (1.0, 1.0), (-1.2, 0.3)]


def every() -> list[Distribution]:
    return [*(distribution(name) for name in NAMES), distribution("letter g"), drawn(HAND)]


def torchs_own(one: Distribution, alpha: float, sigma: float) -> MixtureSameFamily:
    """The noised mixture as torch.distributions has it, which shares no code with ours."""
    mixture = one.mixture
    scale = ((alpha * mixture.spreads) ** 2 + sigma**2).sqrt()[:, None].expand(-1, 2)
    return MixtureSameFamily(
        Categorical(mixture.weights), Independent(Normal(alpha * mixture.means, scale), 1)
    )


@pytest.mark.parametrize("schedule", ["scaled linear", "flow"])
@pytest.mark.parametrize("one", every(), ids=lambda one: one.name)
def test_the_field_is_the_gradient_of_the_log_density_at_ten_noise_levels(one, schedule: str) -> None:
    generator = torch.Generator().manual_seed(3)
    for t in torch.linspace(0.02, 0.98, 10):
        alpha, sigma = (float(level) for level in SCHEDULES[schedule].levels(t))
        x = (torch.rand(200, 2, generator=generator, dtype=torch.float64) * 2 - 1) * EXTENT
        x.requires_grad_()
        density = torchs_own(one, alpha, sigma).log_prob(x)
        (score,) = torch.autograd.grad(density.sum(), x)
        ours = one.mixture.score(x.detach(), alpha, sigma)
        assert torch.allclose(
            one.mixture.log_density(x.detach(), alpha, sigma), density, rtol=1e-9, atol=1e-9
        )
        assert float((ours - score).norm(dim=1).div(score.norm(dim=1).clamp(min=1e-9)).max()) <= 1e-5
        x0, epsilon = one.mixture.x0(x.detach(), alpha, sigma), one.mixture.epsilon(x.detach(), alpha, sigma)
        assert torch.allclose(epsilon, -sigma * score, rtol=1e-6, atol=1e-9)
        assert torch.allclose(x0, (x + sigma**2 * score) / alpha, rtol=1e-5, atol=1e-7)  # Tweedie


def test_what_is_predicted_fits_together() -> None:
    one, x, alpha, sigma = circle(), torch.randn(50, 2, dtype=torch.float64), 0.8, 0.6
    x0, epsilon = predicted(one, "sample", x, alpha, sigma), predicted(one, "epsilon", x, alpha, sigma)
    assert torch.allclose(alpha * x0 + sigma * epsilon, x)
    assert torch.allclose(predicted(one, "v_prediction", x, alpha, sigma), alpha * epsilon - sigma * x0)
    assert torch.allclose(predicted(one, "flow", x, alpha, sigma), epsilon - x0)
    # The mean.
    assert torch.allclose(one.x0(x, 0.0, 1.0), torch.zeros(50, 2, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("one", every(), ids=lambda one: one.name)
def test_samples_are_repeatable_and_follow_the_density(one: Distribution) -> None:
    points, part = one.sample(4000, seed=5)
    again, _ = one.sample(4000, seed=5)
    assert torch.equal(points, again) and not torch.equal(points, one.sample(4000, seed=6)[0])
    assert points.dtype == torch.float32 and float(points.abs().max()) < EXTENT
    assert int(part.max()) < len(one.mixture.means)
    # The mean log density of samples is minus the entropy, which torch's own samples estimate as well.
    torch.manual_seed(0)
    own = torchs_own(one, 1.0, 0.0)
    ours, theirs = own.log_prob(points.double()).mean(), own.log_prob(own.sample((4000,))).mean()
    assert abs(float(ours - theirs)) < 0.1


@pytest.mark.parametrize("one", every(), ids=lambda one: one.name)
def test_the_source_makes_the_mixture_without_nbgen(one: Distribution) -> None:
    assert "nbgen" not in one.source
    names: dict = {"torch": torch}
    exec(one.source, names)
    assert torch.equal(names["means"], one.mixture.means)
    assert names["spread"] == float(one.mixture.spreads[0])


def test_halves_and_clusters() -> None:
    moons, ring = distribution("two moons"), distribution("ring of eight")
    assert float(moons.half("upper moon").means[:, 1].mean()) > float(
        moons.half("lower moon").means[:, 1].mean()
    )
    points, part = ring.sample(500)
    assert float((ring.mode_of(points) == part).float().mean()) > 0.98
    assert set(
        distribution("checkerboard").mode_of(distribution("checkerboard").sample(2000)[0]).tolist()
    ) == set(range(8))
    with pytest.raises(DistributionError, match="'upper moon' and 'lower moon', not 'cat'"):
        moons.members("cat")


@pytest.mark.parametrize(
    "schedule", [one for one in SCHEDULES.values() if one.kind != "flow"], ids=lambda one: one.name
)
def test_schedules_are_those_of_diffusers(schedule) -> None:
    from diffusers import DDIMScheduler

    known = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "rescale_betas_zero_snr")
    theirs = DDIMScheduler(**{name: schedule.trained[name] for name in known if name in schedule.trained})
    alpha, sigma = schedule.levels(torch.linspace(0, 1, 1000, dtype=torch.float64))
    assert torch.allclose(alpha**2, theirs.alphas_cumprod.double(), rtol=1e-6, atol=1e-7)
    assert torch.allclose(alpha**2 + sigma**2, torch.ones(1000, dtype=torch.float64))
    assert bool((schedule.log_snr(torch.linspace(0, 1, 500)).diff() < 0).all())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("three moons", "did you mean 'two moons'"),
        ("letter", "there is no distribution"),
        ("letter \u4e2d\u6587", "there is no distribution"),
        ([(0.5, 0.5)], "one point makes no distribution"),
        ([(0.5, 0.5)] * 40, "one point makes no distribution"),
        ([], "not an array of shape"),
        ([(1, 2, 3)], "not an array of shape"),
        ([(math.nan, 0), (0, 1)], "between -10 and 10"),
        ([(1e30, 0), (0, 1)], "between -10 and 10"),
        (7, "not an array of shape"),
        (None, "(x, y)"),
        ([("a", "b")], "list of points"),
    ],
)
def test_what_is_no_distribution_is_refused(given, said: str) -> None:
    with pytest.raises(DistributionError) as error:
        distribution(given)
    assert said in str(error.value)


def test_a_long_drawing_is_thinned_and_keeps_its_ends() -> None:
    line = np.stack([np.linspace(-1, 1, 5000), np.zeros(5000)], 1)
    one = drawn(line)
    assert len(one.mixture.means) == MOST_DRAWN
    assert one.mixture.means[0, 0] == -1 and one.mixture.means[-1, 0] == 1
    with pytest.raises(DistributionError, match="spread"):
        drawn(HAND, spread=0)
