"""The exercises of notebook 11: what Heun costs, the order of a sampler, and Euler by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch

from ..analytic import circle
from .exercises import exercise, judged, there


@exercise("11.1", "right. The last step goes to pure data, where there is nothing left to correct.")
def what_heun_costs(calls: Any) -> str | None:
    """calls(steps): denoiser calls of Heun's method."""
    counts = (1, 2, 10, 25)
    given = [there(calls(count)) for count in counts]
    hints = (
        (
            list(counts),
            "Heun looks twice at nearly every step: once here, and once where the first look led.",
        ),
        ([2 * count for count in counts], "nearly. The last step ends at sigma = 0 and is not corrected."),
        ([2 * count + 1 for count in counts], "the last step needs one call less, not one more."),
    )
    otherwise = (
        f"for 10 steps you say {given[2]!r:.20}. `lab.errors()` has a column of calls to compare with."
    )
    return judged(given, [2 * count - 1 for count in counts], hints, otherwise)


@exercise("11.2", "right. Twice the work: half the error at order 1, a quarter at order 2.")
def order_of_a_sampler(order: Any) -> str | None:
    """order(calls, errors): p where the error falls as calls to the power of -p."""
    for p in (1.0, 2.0, 2.7):
        calls = [5.0, 10.0, 20.0, 40.0]
        errors = [0.3 * count**-p for count in calls]
        given = float(there(order(calls, errors)))
        if math.isclose(given, p, rel_tol=1e-3):
            continue
        if math.isclose(given, -p, rel_tol=1e-3):
            return "the slope falls, so it is negative; an order is told without the sign."
        if math.isclose(given, 1 / p, rel_tol=1e-3):
            return "upside down: the order is how fast log error changes with log calls, not the reverse."
        if math.isclose(given, errors[0] / errors[1], rel_tol=1e-3):
            return "that is by how much the error fell when the calls doubled: the order is its logarithm to base 2."
        if math.isclose(given, 3 * p, rel_tol=1e-3) or math.isclose(given, p * math.log(2), rel_tol=1e-3):
            return "divide by how much log calls changed over the same stretch."
        return f"for errors that fall as calls to the power -{p:g} you say {given:.3g}. It is a slope on log axes."
    return None


@exercise("11.3", "right. This is the Euler sampler, and with other sigmas it is Euler Karras.")
def euler_by_hand(euler: Any) -> str | None:
    """euler(noise_at, x, sigmas): from sigmas[0] to sigmas[-1] = 0 in x = x0 + sigma * noise."""
    mixture = circle(3, 0.2)

    def noise_at(x: Any, sigma: Any) -> Any:
        level = float(sigma)
        if level <= 0:
            raise ValueError("the model is asked at sigma = 0, where there is no noise to predict.")
        alpha = (1 + level**2) ** -0.5
        return mixture.epsilon(x * alpha, alpha, level * alpha)

    start = 5.0 * torch.randn(12, 2, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    sigmas = torch.tensor([5.0, 2.0, 0.8, 0.3, 0.0], dtype=torch.float64)

    def walked(length: Any) -> torch.Tensor:
        x = start
        for sigma, after in itertools.pairwise(sigmas):
            x = x + length(sigma, after) * noise_at(x, sigma)
        return x

    given = torch.as_tensor(there(euler(noise_at, start.clone(), sigmas)), dtype=torch.float64)
    if given.shape != start.shape:
        return (
            f"the answer has shape {tuple(given.shape)}: return where the points end, {tuple(start.shape)}."
        )
    hints = (
        (lambda s, a: s - a, "the noise grows: sigma falls, so the step (after - sigma) is negative."),
        (lambda s, a: -s, "each of your steps goes all the way to the data; go from sigma to the next only."),
        (lambda s, a: a, "the step is the *change* of sigma: after - sigma."),
    )
    for length, hint in hints:
        if torch.allclose(given, walked(length), rtol=1e-6, atol=1e-9):
            return hint
    if torch.allclose(given, start):
        return "the points never moved. Is the result of each step kept in x?"
    if torch.allclose(given, start + (sigmas[1] - sigmas[0]) * noise_at(start, sigmas[0])):
        return "that is one step. Go through all pairs of neighbouring sigmas before you return."
    if torch.allclose(given, walked(lambda s, a: a - s), rtol=1e-6, atol=1e-9):
        return None
    return "not quite. For each pair of neighbouring sigmas: x moves along noise_at(x, sigma), by the change of sigma."
