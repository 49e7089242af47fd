"""Do the exercises of the GAN game pass their solutions, wait for stubs, and tell typical mistakes apart?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.functional import softplus

from nbgen.teach.exercises import check


def slope(discriminator: Callable[..., Any], real: Any, create_graph: bool = True) -> Any:
    (found,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=create_graph)
    return found


SOLUTIONS: dict[str, Any] = {
    "12.1": lambda p, q: p / (p + q),
    "12.2": lambda scores: -scores.sigmoid().log().mean(),
    "12.3": lambda d, real: (slope(d, real) ** 2).sum(1).mean() / 2,
}

MISTAKES: list[tuple[str, Any, str]] = [
    ("12.1", lambda p, q: q / (p + q), "chance of a fake"),
    ("12.1", lambda p, q: p / q, "odds"),
    ("12.1", lambda p, q: p - q, "difference"),
    ("12.1", lambda p, q: (p > q).double(), "not always sure"),
    ("12.1", lambda p, q: p, "q must come into it"),
    ("12.1", lambda p, q: p * q, "not quite"),
    ("12.2", lambda scores: (1 - scores.sigmoid()).log().mean(), "saturating"),
    ("12.2", lambda scores: softplus(scores).mean(), "turned round"),
    ("12.2", lambda scores: scores.sigmoid().log().mean(), "mind the sign"),
    ("12.2", lambda scores: -scores.sigmoid().mean(), "logarithm is missing"),
    ("12.2", lambda scores: -scores.mean(), "bare scores"),
    ("12.2", lambda scores: softplus(-scores), "one number"),
    ("12.2", lambda scores: softplus(-scores).sum(), "not their sum"),
    ("12.2", lambda scores: scores.max(), "not quite"),
    ("12.3", lambda d, real: (slope(d, real) ** 2).sum(1).mean(), "half in front"),
    ("12.3", lambda d, real: slope(d, real).norm(dim=1).mean() / 2, "squared"),
    ("12.3", lambda d, real: (slope(d, real) ** 2).mean() / 2, "both parts"),
    ("12.3", lambda d, real: (slope(d, real) ** 2).sum() / 2, "not their sum"),
    ("12.3", lambda d, real: (slope(d, real) ** 2).sum(1) / 2, "one number"),
    ("12.3", lambda d, real: ((slope(d, real).norm(dim=1) - 1) ** 2).mean(), "Wasserstein"),
    ("12.3", lambda d, real: (d(real) ** 2).mean() / 2, "about their gradient"),
    ("12.3", lambda d, real: (slope(d, real, False) ** 2).sum(1).mean() / 2, "create_graph"),
    ("12.3", lambda d, real: d(real).mean(), "not quite"),
    ("12.3", lambda d, real: 1 / 0, "ZeroDivisionError"),
]


@pytest.mark.parametrize("number", SOLUTIONS)
def test_a_solution_is_right_and_a_stub_not_yet(number: str) -> None:
    assert check(number, SOLUTIONS[number]).state == "right"
    for stub in (None, ..., lambda *_: None, lambda *_: ...):
        assert check(number, stub).state == "not yet"


@pytest.mark.parametrize(("number", "answer", "hint"), MISTAKES)
def test_a_mistake_gets_its_own_hint(number: str, answer: Any, hint: str) -> None:
    found = check(number, answer)
    assert found.state == "hint" and hint in found.said, found


def test_no_two_mistakes_share_a_hint() -> None:
    said = [
        check(number, answer).said
        for number, answer, hint in MISTAKES
        if hint not in ("not quite", "one number")
    ]
    assert len(set(said)) >= len(said) - 1  # "not their sum" is said of fakes and of reals
