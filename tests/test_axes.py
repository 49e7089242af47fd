"""Axes: what varies, what it is called, and the words that are swapped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nbgen.axes import Axis, axis, field_axis, label_of, labels_of, replace_word, spread, swap_words, varies
from nbgen.errors import RecipeError
from nbgen.names import ELSEWHERE, check_fields
from nbgen.recipe import FIELDS, Mix

KNOWN = {*FIELDS, "n", "where"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1], True),
        (range(2), True),
        (axis("seed", [1]), True),
        ((1, 2), False),
        ({"a": 1}, False),
        ("ab", False),
        (np.zeros(3), False),
    ],
)
def test_only_lists_ranges_and_axes_vary(value, expected):
    assert varies(value) is expected


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(2, 60))
def test_spread_reaches_both_ends_exactly_and_never_overshoots(start, end, n):
    values = spread(start, end, n)
    assert len(values) == n and values[0] == start and values[-1] == end
    tolerance = 1e-11 * max(abs(start), abs(end))
    assert all(min(start, end) - tolerance <= value <= max(start, end) + tolerance for value in values)
    np.testing.assert_allclose(values, np.linspace(start, end, n), rtol=1e-9, atol=1e-9)


def test_spread_of_whole_numbers_and_its_errors():
    assert spread(10, 50, n=3, whole=True) == [10, 30, 50]
    assert spread(5, 1, n=5, whole=True) == [5, 4, 3, 2, 1]
    assert all(isinstance(value, int) for value in spread(1, 9, n=4, whole=True))
    assert spread(2, 2, n=1) == [2.0]
    for wrong in (dict(n=0), dict(n=1), dict(n=2.5), dict(n=True)):
        with pytest.raises(RecipeError):
            spread(0, 1, **wrong)
    with pytest.raises(RecipeError, match="finite"):
        spread(0, float("nan"))


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("a cat and a cat", "cat", "a dog and a dog"),
        ("a caterpillar", "cat", None),
        ("a caterpillar and a cat", "cat", "a caterpillar and a dog"),
        ("cat", "cat", "dog"),
        ("a cat, red", "cat", "a dog, red"),
        ("concat", "cat", None),
        ("黒い猫の顔", "猫", "黒い犬の顔"),
        ("", "cat", None),
        ("aa a aaa", "a", "aa x aaa"),
    ],
)
def test_whole_words_are_replaced(text, word, expected):
    other = {"猫": "犬", "a": "x"}.get(word, "dog")
    assert replace_word(text, word, other) == expected


def test_axis_of_several_fields_and_of_one_with_labels():
    speed = axis("speed", {"draft": dict(sampler="lcm", steps=4), "final": dict(sampler="heun")})
    assert speed.fields == ("sampler", "steps") and speed.labels == ("draft", "final")
    named = axis("prompt", {"short": "a cat", "long": "a photograph of a cat"})
    assert named.changes[1] == {"prompt": "a photograph of a cat"} and named.labels == ("short", "long")
    dicts = axis("options", [{"eta": 0}, {"eta": 1}])  # a field whose values are dicts
    assert dicts.changes[0] == {"options": {"eta": 0}} and dicts.labels == ("eta=0", "eta=1")


@pytest.mark.parametrize(
    "wrong", [("x", []), ("x", {}), ("", [1]), ("x", "abc"), ("x", [dict(steps=1), 3]), ("x", [{}])]
)
def test_axis_refuses_what_is_no_axis(wrong):
    with pytest.raises(RecipeError):
        axis(*wrong)


def test_an_axis_under_a_keyword():
    assert axis("how strictly", [1, 3]).named("guidance").changes == ({"guidance": 1}, {"guidance": 3})
    assert axis("how strictly", [1, 3]).named("guidance").title == "how strictly"
    assert swap_words("cat", ["cat"]).named("animal").title == "animal"
    assert axis("guidance", [1]).named("strictness").fields == ("guidance",)
    with pytest.raises(RecipeError, match="sampler and steps, not guidance"):
        axis("speed", [dict(sampler="ddim", steps=4)]).named("guidance")


def test_positions_by_value_and_label_but_true_is_not_one():
    guidance = field_axis("guidance", [1, 3.5, 7])
    assert [guidance.position(value) for value in (1.0, np.float64(3.5), "7", True, 9)] == [
        0,
        1,
        2,
        None,
        None,
    ]
    assert field_axis("sampler", ["DDIM", "heun"]).position("ddim") == 0
    picture = np.zeros((2, 2, 3))
    assert field_axis("image", [np.ones((2, 2, 3)), picture]).position(picture) == 1


def test_labels_are_short_distinct_and_readable():
    assert label_of(Mix.of((0.5, "a cat"), (0.5, "a dog"))) == "0.5·a cat + 0.5·a dog"
    assert [label_of(value) for value in (np.int64(3), np.float32(0.1), "", "a\nb", False, ())] == [
        "3",
        "0.1",
        "(empty)",
        "a b",
        "no",
        "(none)",
    ]
    assert len(label_of("word " * 100)) <= 160
    picture = Image.new("L", (64, 64))
    assert labels_of([{"sketch": (picture, weight)} for weight in (0, 0.3)]) == ("sketch=0", "sketch=0.3")
    assert label_of((("sketch", ("ab" * 32, 1.4)),)) == "sketch=1.4"  # as a recipe holds it
    assert label_of({"sketch": picture}) == "sketch=image"
    assert labels_of([0.12345678, 0.12345679]) == ("0.12345678", "0.12345679")
    assert labels_of([3, 3]) == ("3", "3")  # the same value twice is the same setting
    first, second = labels_of(["x" * 200 + "a", "x" * 200 + "b"])
    assert first != second


def test_translation_names_real_fields_only():
    assert set(ELSEWHERE.values()) <= {*FIELDS, "n"}
    assert not set(ELSEWHERE) & set(FIELDS)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("num_inference_steps", "nbgen calls it steps."),
        ("CFG", "guidance"),
        ("scheduler", "sampler"),
        ("width", r"size=\(width, height\)"),
        ("batch_size", "n=4"),
        ("guidence", "did you mean guidance"),
        ("xyzzy", "known are"),
    ],
)
def test_unknown_fields_are_translated_or_the_nearest_named(name, says):
    (sentence,) = check_fields([name, "steps"], KNOWN)
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(sentence)


def test_a_field_that_the_model_lacks_names_those_it_has():
    assert check_fields(["negative"], {"seed", "truncation"}) == [
        "this model has no field 'negative': it has seed, truncation."
    ]
    assert "nbgen calls it negative" in check_fields(["negative_prompt"], {"seed"})[0]


def test_axis_is_plain_data():
    assert isinstance(axis("seed", range(3)), Axis) and len(axis("seed", range(3))) == 3
