"""Strengths from votes: against a fit that was written separately, known strengths, and the sign test."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import binomtest

from nbgen.errors import RecipeError
from nbgen.show.ranking import Vote, fit, rank

NAMES = list("abcd")
STRENGTHS = np.array([1.0, 0.3, -0.2, -1.1])
TIES = 0.6


def simulated(groups: int, seed: int) -> list[Vote]:
    """One vote on each pair in each group, of somebody who chooses as Davidson's model says."""
    generator = np.random.default_rng(seed)
    votes = []
    for group in range(groups):
        for one, other in combinations(range(4), 2):
            a, b = np.exp(STRENGTHS[[one, other]])
            weights = np.array([a, b, TIES * np.sqrt(a * b)])
            chosen = generator.choice(3, p=weights / weights.sum())
            votes.append(Vote(one, other, [one, other, None][chosen], group))
    return votes


def counted(votes: list[Vote]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    wins, ties = np.zeros((1, 4, 4)), np.zeros((1, 4, 4))
    for vote in votes:
        if vote.preferred is None:
            ties[0, vote.one, vote.other] += 1
        else:
            wins[0, vote.preferred, vote.other if vote.preferred == vote.one else vote.one] += 1
    return wins, ties


def test_the_fit_is_that_of_a_general_optimiser() -> None:
    wins, ties = counted(simulated(12, 3))

    def less(parameters: NDArray[np.float64]) -> float:
        """Minus the logarithm of the posterior, written out pair by pair."""
        total = (parameters[:4] ** 2).sum() / 1.5**2 / 2 + parameters[4] ** 2 / 3.0**2 / 2
        for one, other in combinations(range(4), 2):
            a, b = np.exp(parameters[[one, other]])
            tie = np.exp(parameters[4]) * np.sqrt(a * b)
            chances = np.array([a, b, tie]) / (a + b + tie)
            seen = [wins[0, one, other], wins[0, other, one], ties[0, one, other] + ties[0, other, one]]
            total -= float(np.dot(seen, np.log(chances)))
        return total

    found = minimize(less, np.zeros(5), tol=1e-12).x
    strengths, log_ties, _ = fit(wins, ties)
    np.testing.assert_allclose(strengths[0], found[:4] - found[:4].mean(), atol=1e-5)
    assert log_ties[0] == pytest.approx(found[4], abs=1e-5)


def test_without_ties_and_prior_it_is_bradley_and_terry_by_hunters_iteration() -> None:
    """Hunter, "MM algorithms for generalized Bradley-Terry models", Annals of Statistics 32 (2004), equation 3."""
    wins, _ = counted(simulated(30, 4))
    weights = np.ones(4)
    both = wins[0] + wins[0].T
    for _ in range(5_000):
        weights = wins[0].sum(axis=1) / (both / (weights[:, None] + weights[None, :])).sum(axis=1)
        weights /= weights.sum()
    strengths, log_ties, _ = fit(wins, np.zeros((1, 4, 4)), with_ties=False, prior=1e6)
    expected = np.log(weights)
    np.testing.assert_allclose(strengths[0], expected - expected.mean(), atol=1e-6)
    assert log_ties[0] == -np.inf


def test_known_strengths_come_out_and_intervals_hold_what_they_promise() -> None:
    many = rank(simulated(1_500, 0), NAMES, resamples=200)
    found = {each.setting: each.strength for each in many.standings}
    np.testing.assert_allclose([found[place] for place in range(4)], STRENGTHS, atol=0.1)
    # Between equally strong ones, ν / (2 + ν).
    assert many.tie_rate == pytest.approx(TIES / (2 + TIES), abs=0.03)
    assert [each.setting for each in many.standings] == [0, 1, 2, 3]
    assert many.verdict.startswith("a is preferred to every other")

    inside = [
        each.low <= STRENGTHS[each.setting] <= each.high
        for seed in range(60)
        for each in rank(simulated(20, 100 + seed), NAMES, resamples=300).standings
        if each.low is not None and each.high is not None
    ]
    assert len(inside) == 240 and 0.9 <= np.mean(inside) <= 1.0


@pytest.mark.parametrize("count", [2, 4, 5, 6, 10])
def test_few_votes_that_all_agree_are_worth_what_the_sign_test_says(count: int) -> None:
    ranking = rank([Vote(0, 1, 0, group) for group in range(count)], ["a", "b"])
    certain = bool(binomtest(count, count).pvalue < 0.05)
    assert ranking.verdict.startswith("a is preferred to every other") is certain
    first = ranking.standings[0]
    assert first.low is not None and first.high is not None and first.low < first.strength < first.high
    assert (first.low > 0) is certain
    assert ("few" in ranking.verdict) is (count < 5)


def test_equal_votes_and_single_groups_say_so() -> None:
    level = rank([Vote(0, 1, None, group) for group in range(8)], ["a", "b"])
    assert level.verdict.startswith("Nobody leads")
    assert level.tie_rate > 0.8
    assert [(each.wins, each.ties, each.losses) for each in level.standings] == [(0, 8, 0)] * 2
    once = rank([Vote(0, 1, 0), Vote(0, 1, 0)], ["a", "b"])
    assert once.verdict.startswith("All votes are of one group")
    assert once.standings[0].low is once.standings[0].lowest is None
    assert rank(simulated(9, 5), NAMES) == rank(simulated(9, 5), NAMES)
    with pytest.raises(RecipeError, match="nobody has voted yet"):
        rank([], ["a", "b"])
