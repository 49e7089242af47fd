"""What a notebook remembers: is a default checked when it is set, and forgotten when asked?"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

import nbgen
from nbgen import session
from nbgen.errors import RecipeError
from nbgen.recipe import ModelRef


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    session.defaults(None)
    session.remember(None)
    yield
    session.defaults(None)
    session.remember(None)


def test_the_latest_result() -> None:
    assert nbgen.last is None
    for result in ("one", "two"):
        session.remember(result)
        assert nbgen.last == result


def test_defaults_are_set_shown_changed_and_forgotten() -> None:
    assert nbgen.defaults() == {}
    assert nbgen.defaults(steps=12, size=[64, 96]) == {"steps": 12, "size": (64, 96)}
    assert nbgen.defaults(seed=7) == {"steps": 12, "size": (64, 96), "seed": 7}
    assert nbgen.defaults(steps=None, seed=8) == {"size": (64, 96), "seed": 8}
    assert nbgen.defaults(None, guidance=3) == {"guidance": 3.0}
    assert nbgen.defaults(None) == {}


def test_what_is_returned_is_a_copy() -> None:
    nbgen.defaults(steps=12)["steps"] = 99
    assert session.default_fields() == {"steps": 12}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"stepz": 3}, "did you mean steps"),
        ({"num_inference_steps": 3}, "nbgen calls it steps"),
        ({"steps": 0}, "from 1 to 1000"),
        ({"guidance": float("nan")}, "finite"),
        ({"seed": -1}, "seed must be"),
        ({"size": "big"}, "size must be"),
    ],
)
def test_a_default_that_could_make_no_picture_changes_nothing(fields: dict, words: str) -> None:
    nbgen.defaults(steps=12)
    with pytest.raises(RecipeError, match=words):
        nbgen.defaults(prompt="a cat", **fields)
    assert nbgen.defaults() == {"steps": 12}


def test_a_position_is_no_field() -> None:
    with pytest.raises(RecipeError, match="by name"):
        nbgen.defaults("a cat")  # type: ignore[arg-type]


def test_the_model() -> None:
    assert session.default_model_name() == session.EMBEDDED_MODEL
    nbgen.defaults(model="stabilityai/sdxl-turbo", steps=2)
    assert session.default_model_name() == session.default_model() == "stabilityai/sdxl-turbo"
    assert session.default_fields() == {"steps": 2}
    model = SimpleNamespace(ref=ModelRef("mine", "f" * 64))
    nbgen.defaults(model=model)
    assert session.default_model() is model
    assert session.default_model_name() == "mine"
