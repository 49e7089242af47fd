"""Who is preferred to whom, from votes on pairs with ties: strengths, a ranking, and what it is worth.

The model is Davidson's, Bradley and Terry's with ties: of two settings with strengths a and b, the first is
preferred with probability e^a / (e^a + e^b + ν e^((a + b) / 2)), and neither with ν e^((a + b) / 2) over the same.
Sources: Bradley & Terry, "Rank analysis of incomplete block designs", Biometrika 39 (1952); Davidson, "On extending
the Bradley-Terry model to accommodate ties in paired comparison experiments", JASA 65 (1970), equations 2.3 to 2.5;
intervals by resampling groups of votes: Davison & Hinkley, "Bootstrap Methods and their Application" (1997), 3.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import RecipeError
from .measures import FEW

RESAMPLES = 2_000
_PRIOR = 1.5
"""Standard deviation of a strength before anybody has voted. Without one, who won every time would be infinitely
strong. With this one, two settings are apart from six votes on, all for the same, as in the sign test."""
_PRIOR_OF_TIES = 3.0
"""The same of log ν."""
_NORMAL = 1.96
_STEPS = 50


@dataclass(frozen=True)
class Vote:
    """One answer: the numbers of the two settings, which of them was preferred (None: neither), and the group.

    A group is what votes share but for the settings, as a seed and a prompt: its pictures stand in several pairs, so
    its votes are resampled together.
    """

    one: int
    other: int
    preferred: int | None
    group: int = 0


@dataclass(frozen=True)
class Standing:
    """How a setting stands: `strength` is its log-odds against the average setting, whose strength is 0.

    `low` and `high` are the ends of its 95% interval; `beats_average` is the probability that it is preferred to an
    average one, where somebody prefers either. `best_rank` and `worst_rank` span 95% of the ranks that it takes
    among the resamples. All are None where all votes are of one group: one seed says nothing about others.
    """

    setting: int
    strength: float
    low: float | None
    high: float | None
    best_rank: int | None
    worst_rank: int | None
    wins: int
    ties: int
    losses: int

    @property
    def beats_average(self) -> float:
        return _chance(self.strength)

    @property
    def lowest(self) -> float | None:
        """`low` as such a probability."""
        return None if self.low is None else _chance(self.low)

    @property
    def highest(self) -> float | None:
        """`high` as such a probability."""
        return None if self.high is None else _chance(self.high)


@dataclass(frozen=True)
class Ranking:
    """Standings, strongest first; `tie_rate` is how often equally strong settings tie; `verdict` says what follows."""

    standings: tuple[Standing, ...]
    tie_rate: float
    groups: int
    verdict: str


def rank(
    votes: Sequence[Vote], names: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> Ranking:
    """Strengths of the settings `names` from the votes on pairs of them, with 95% intervals.

    An interval is the wider of two: the bootstrap's percentiles over groups, and the normal one of the likelihood's
    curvature, which is wide where few votes all agree and resampling finds nothing that varies. The resampling is
    seeded, so the same votes give the same ranking. Raises RecipeError without a vote.
    """
    count = len(names)
    if not votes:
        raise RecipeError("nobody has voted yet, so there is no ranking.")
    groups = sorted({vote.group for vote in votes})
    by_group = np.zeros((len(groups), 3, count, count))
    for vote in votes:
        place = by_group[groups.index(vote.group)]
        if vote.preferred is None:
            place[2, vote.one, vote.other] += 1
        else:
            loser = vote.other if vote.preferred == vote.one else vote.one
            place[0, vote.preferred, loser] += 1
    total = by_group.sum(axis=0)
    with_ties = bool(total[2].any())
    strengths, log_ties, covariance = fit(total[0][None], total[2][None], with_ties=with_ties)
    low = high = best = worst = None
    clear: NDArray[np.bool_] | None = None
    if len(groups) > 1:
        generator = np.random.default_rng(seed)
        drawn = generator.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=resamples)
        again = np.einsum("rg,gkij->rkij", drawn.astype(float), by_group)
        others, _, _ = fit(again[:, 0], again[:, 2], with_ties=with_ties)
        low, high = np.quantile(others, [0.025, 0.975], axis=0)
        spread = _NORMAL * np.sqrt(np.diag(covariance[0]))
        low, high = np.minimum(low, strengths[0] - spread), np.maximum(high, strengths[0] + spread)
        ranks = (others[:, None, :] > others[:, :, None]).sum(axis=2) + 1
        best, worst = np.quantile(ranks, [0.025, 0.975], axis=0, method="nearest")
        apart = others[:, :, None] - others[:, None, :]
        variance = np.diag(covariance[0])
        spread = _NORMAL * np.sqrt(variance[:, None] + variance[None, :] - 2 * covariance[0])
        certain = strengths[0][:, None] - strengths[0][None, :] - spread > 0
        clear = certain & (np.quantile(apart, 0.025, axis=0) > 0)  # [i, j]: i is clearly preferred to j
    found = tuple(
        Standing(
            number,
            float(strengths[0, number]),
            None if low is None else float(low[number]),
            None if high is None else float(high[number]),
            None if best is None else int(best[number]),
            None if worst is None else int(worst[number]),
            int(total[0][number].sum()),
            int(total[2][number].sum() + total[2][:, number].sum()),
            int(total[0][:, number].sum()),
        )
        for number in np.argsort(-strengths[0], kind="stable").tolist()
    )
    ties = float(np.exp(log_ties[0]) / (2 + np.exp(log_ties[0]))) if with_ties else 0.0
    return Ranking(found, ties, len(groups), _verdict(found, names, clear, len(groups)))


def fit(
    wins: NDArray[np.float64], ties: NDArray[np.float64], *, with_ties: bool = True, prior: float = _PRIOR
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Strengths (batch, settings), which sum to 0, log ν (batch,), and the strengths' covariance (batch, s, s).

    Found by Newton's method on the penalised likelihood; the covariance is the inverse of its curvature.

    `wins[b, i, j]` is how often i was preferred to j, `ties[b, i, j]` how often neither, in either order. Every b is
    fitted on its own, all at once. `prior` is the standard deviation of a normal prior on each strength.
    The function is concave, and the penalty makes its maximum unique. Without ties, log ν is −∞.
    """
    batch, count, _ = wins.shape
    one, other = np.triu_indices(count, 1)
    first, second = wins[:, one, other], wins[:, other, one]
    neither = ties[:, one, other] + ties[:, other, one]
    if not with_ties:
        neither = np.zeros_like(neither)
    asked = first + second + neither
    # Of each pair three outcomes, whose log-weights are linear in the parameters (strengths, then log ν).
    pairs = len(one)
    features = np.zeros((pairs, 3, count + 1))
    rows = np.arange(pairs)
    features[rows, 0, one] = features[rows, 1, other] = 1.0
    features[rows, 2, one] = features[rows, 2, other] = 0.5
    features[:, 2, count] = 1.0
    seen = np.stack([first, second, neither], axis=2)
    parameters = np.zeros((batch, count + 1))
    penalty = np.append(np.full(count, prior**-2), _PRIOR_OF_TIES**-2)
    for _ in range(_STEPS):
        weights = np.einsum("pof,bf->bpo", features, parameters)
        if not with_ties:
            weights[:, :, 2] = -np.inf
        weights = np.exp(weights - weights.max(axis=2, keepdims=True))
        chance = weights / weights.sum(axis=2, keepdims=True)
        gradient = np.einsum("bpo,pof->bf", seen - asked[:, :, None] * chance, features)
        gradient -= penalty * parameters
        mean = np.einsum("bpo,pof->bpf", chance, features)
        hessian = np.einsum("bp,bpo,pof,pog->bfg", asked, chance, features, features, optimize=True)
        hessian -= np.einsum("bp,bpf,bpg->bfg", asked, mean, mean, optimize=True)
        hessian += np.diag(penalty)
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        # A full step may overshoot where everybody agrees; half as far is never wrong.
        largest = np.abs(step).max(axis=1, keepdims=True)
        parameters += step * np.minimum(1.0, 1.0 / np.maximum(largest, 1e-12))
        if largest.max() < 1e-9:
            break
    strengths = parameters[:, :count]
    log_ties = parameters[:, count] if with_ties else np.full(batch, -np.inf)
    centred = np.eye(count + 1)[:count] - np.append(np.full(count, 1 / count), 0.0)
    covariance = centred @ np.linalg.inv(hessian) @ centred.T
    return strengths - strengths.mean(axis=1, keepdims=True), log_ties, covariance


def _chance(strength: float) -> float:
    return float(1 / (1 + np.exp(-strength)))


def _verdict(
    standings: Sequence[Standing], names: Sequence[str], clear: NDArray[np.bool_] | None, groups: int
) -> str:
    if clear is None:
        return "All votes are of one group of pictures: nothing follows for other seeds or prompts."
    few = f" {groups} groups are few: ask about more seeds before relying on it." if groups < FEW else ""
    if len(standings) > 1 and standings[0].strength - standings[1].strength < 1e-6:
        return f"Nobody leads: the first two are level over {groups} groups of pictures.{few}"
    first, over = standings[0].setting, f"over {groups} groups of pictures"
    close = [names[each.setting] for each in standings[1:] if not clear[first, each.setting]]
    if not close:
        return f"{names[first]} is preferred to every other, {over} (95% intervals).{few}"
    return f"{names[first]} leads, but {over} it is not clearly apart from {', '.join(close)}.{few}"
