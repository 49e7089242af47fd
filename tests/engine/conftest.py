"""The tiny model of these tests, sixteen recipes that share as little as possible, and each of them made alone."""

from __future__ import annotations

from typing import Any

import pytest

from nbgen.engine.batching import Finished
from nbgen.testing import tiny_sd

from .running import run

SAMPLERS = ["ddim", "heun", "dpm++2m", "euler_a", "dpm++sde", "pndm", "unipc", "lms"]


@pytest.fixture(scope="module")
def model():
    return tiny_sd()


@pytest.fixture(scope="module")
def recipes(model) -> list[Any]:
    """Sixteen pictures that share as little as possible."""
    return [
        model.resolve(
            prompt=["a cat", "", "a dog on a red mat"][place % 3], seed=place // 2, sampler=SAMPLERS[place % 8],
            steps=3 + place % 4, guidance=[1.0, 3.0, 7.5][place % 3], negative=None if place % 2 else "blue",
            size=(32, 32) if place % 5 else (16, 48), schedule="karras" if place % 8 in (1, 2) else None,
        )
        for place in range(16)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def alone(model, recipes) -> list[Finished]:
    return [run(model, [recipe], exact=True)[0] for recipe in recipes]
