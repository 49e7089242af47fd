"""Does every exercise pass its solution, wait for an untouched stub, and tell typical mistakes apart?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from nbgen.teach.exercises import ExerciseError, check


def euler(step: Callable[..., Any]) -> Callable[..., Any]:
    def walk(noise_at, x, sigmas):
        for sigma, after in itertools.pairwise(sigmas):
            x = x + step(sigma, after) * noise_at(x, sigma)
        return x

    return walk


def ddim(x, noise, a, s, a2, s2):
    return a2 * (x - s * noise) / a + s2 * noise


SOLUTIONS: dict[str, Any] = {
    "10.1": lambda x, a, s, mean, spread: (a * mean - x) / ((a * spread) ** 2 + s**2),
    "10.2": ddim,
    "10.3": lambda everything, conditional, scale: everything + scale * (conditional - everything),
    "11.1": lambda steps: 2 * steps - 1,
    "11.2": lambda calls, errors: -math.log(errors[-1] / errors[0]) / math.log(calls[-1] / calls[0]),
    "11.3": euler(lambda sigma, after: after - sigma),
}

MISTAKES: list[tuple[str, Any, str]] = [
    ("10.1", lambda x, a, s, m, w: (x - a * m) / ((a * w) ** 2 + s**2), "mind the sign"),
    ("10.1", lambda x, a, s, m, w: (m - x) / ((a * w) ** 2 + s**2), "alpha * mean"),
    ("10.1", lambda x, a, s, m, w: (a * m - x) / (w**2 + s**2), "shrink before noise"),
    ("10.1", lambda x, a, s, m, w: (a * m - x) / s**2, "width of its own"),
    ("10.1", lambda x, a, s, m, w: (a * m - x) / ((a * w) ** 2 + s**2) ** 0.5, "not by its root"),
    ("10.1", lambda x, a, s, m, w: (a * m - x) / (a * w + s) ** 2, "standard deviations do not"),
    ("10.1", lambda x, a, s, m, w: a * m - x, "the length is not yet"),
    ("10.1", lambda x, a, s, m, w: x * 0 + 3, "not quite"),
    ("10.1", lambda x, a, s, m, w: x[0], "has shape (2,)"),
    ("10.1", lambda x: x, "stopped with TypeError"),
    ("10.2", lambda x, n, a, s, a2, s2: (x - s * n) / a, "only in part"),
    ("10.2", lambda x, n, a, s, a2, s2: a2 * (x - s * n) / a, "removed all the noise"),
    ("10.2", lambda x, n, a, s, a2, s2: (x - s * n) / a + s2 * n, "shrink at the new"),
    ("10.2", lambda x, n, a, s, a2, s2: x - s * n, "divide by alpha"),
    ("10.2", lambda x, n, a, s, a2, s2: a2 * (x - s * n) + s2 * n, "not x0: divide"),
    ("10.2", lambda x, n, a, s, a2, s2: x - (s - s2) * n, "does not change"),
    ("10.3", lambda u, c, w: c + w * (c - u), "begins at 0"),
    ("10.3", lambda u, c, w: u + w * c, "difference"),
    ("10.3", lambda u, c, w: u + w * (u - c), "turned round"),
    ("10.3", lambda u, c, w: w * c, "must not be lost"),
    ("10.3", lambda u, c, w: (1 - 1 / w) * u + c / w, "farther"),
    ("11.1", lambda n: n, "looks twice"),
    ("11.1", lambda n: 2 * n, "not corrected"),
    ("11.1", lambda n: 2 * n + 1, "one call less"),
    ("11.1", lambda n: 7, "you say 7"),
    ("11.2", lambda c, e: math.log(e[-1] / e[0]) / math.log(c[-1] / c[0]), "without the sign"),
    ("11.2", lambda c, e: -math.log(c[-1] / c[0]) / math.log(e[-1] / e[0]), "upside down"),
    ("11.2", lambda c, e: e[0] / e[1], "logarithm to base 2"),
    ("11.2", lambda c, e: math.log(e[0] / e[1]), "over the same stretch"),
    ("11.3", euler(lambda sigma, after: sigma - after), "noise grows"),
    ("11.3", euler(lambda sigma, after: -sigma), "all the way"),
    ("11.3", euler(lambda sigma, after: after), "change"),
    ("11.3", lambda noise_at, x, sigmas: x, "never moved"),
    ("11.3", lambda noise_at, x, sigmas: x + (sigmas[1] - sigmas[0]) * noise_at(x, sigmas[0]), "one step"),
    ("11.3", lambda noise_at, x, sigmas: [noise_at(x, s) for s in sigmas][-1], "stopped with ValueError"),
]


@pytest.mark.parametrize("number", SOLUTIONS)
def test_the_solution_passes(number: str) -> None:
    found = check(number, SOLUTIONS[number])
    assert found.state == "right", found
    assert repr(found).startswith(f"✓ {number}: right")


@pytest.mark.parametrize("number", SOLUTIONS)
@pytest.mark.parametrize(
    "stub", [None, ..., lambda *_: None, lambda *_: ...], ids=["None", "...", "pass", "dots"]
)
def test_an_untouched_stub_is_not_there_yet(number: str, stub: Any) -> None:
    found = check(number, stub)
    assert found.state == "not yet" and "not yet" in repr(found)


@pytest.mark.parametrize(("number", "answer", "said"), MISTAKES)
def test_a_typical_mistake_has_its_own_hint(number: str, answer: Any, said: str) -> None:
    found = check(number, answer)
    assert found.state == "hint"
    assert said in found.said


def test_each_hint_is_for_one_mistake_only() -> None:
    said = [check(number, answer).said for number, answer, _ in MISTAKES]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("answer", [7, "text", [], object(), torch.zeros(3)])
def test_whatever_is_no_function_gets_a_hint_and_no_traceback(answer: Any) -> None:
    assert check("10.1", answer).state == "hint"


def test_an_exercise_that_does_not_exist_is_said_to() -> None:
    with pytest.raises(ExerciseError, match=r"no exercise '10\.9': did you mean '10\.1'"):
        check("10.9", None)
    with pytest.raises(ExerciseError, match="no exercise 'abc'"):
        check("abc")
