"""What a person types becomes a complete recipe, or an error that says what would be right."""

from __future__ import annotations

from typing import Any

import pytest

from nbgen.errors import RecipeError, SamplerError
from nbgen.models.vocabulary import Vocabulary
from nbgen.recipe import Mix
from nbgen.testing import tiny_gan, tiny_sd


@pytest.fixture(scope="module")
def model():
    return tiny_sd()


def test_defaults_stand_in_the_recipe(model) -> None:
    recipe = model.resolve(prompt="a cat")
    assert (recipe.sampler, recipe.steps, recipe.guidance, recipe.size, recipe.seed) == (
        "ddim",
        5,
        3.0,
        (32, 32),
        0,
    )
    assert recipe == model.resolve(prompt="a cat", sampler="DDIM", steps=5, guidance=3, seed=0, size=[32, 32])


def test_known_names_mean_the_same_picture(model) -> None:
    names = ["dpm++2m", "DPM++ 2M", "DPMSolverMultistepScheduler", "DPMSolverMultistep", "dpmpp_2m"]
    assert len({model.resolve(prompt="x", sampler=name, schedule="karras").key for name in names}) == 1
    carried = model.resolve(prompt="x", sampler="DPM++ 2M Karras")
    assert carried.key == model.resolve(prompt="x", sampler="dpm++2m", schedule="karras").key
    assert model.resolve(prompt="x", sampler="DPM++ 2M SGM Uniform").schedule == "trailing"


def test_what_changes_nothing_is_not_in_the_key(model) -> None:
    off = model.resolve(prompt="x", guidance=1)
    for same in (
        {"guidance": 0},
        {"guidance": 0.5},
        {"guidance": 1, "negative": "y"},
        {"guidance": 1, "guidance_rescale": 0.7},
    ):
        assert model.resolve(prompt="x", **same).key == off.key
    whole = model.resolve(prompt="x", guidance_interval=(0, 1))
    assert whole.key == model.resolve(prompt="x").key


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({}, RecipeError, "a prompt is needed"),
        ({"prompt": "x", "sampler": "eulr"}, SamplerError, "'euler'"),
        ({"prompt": "x", "sampler": 3}, SamplerError, "must be a name"),
        ({"prompt": "x", "sampler": "EDMEuler"}, SamplerError, "garbage"),
        ({"prompt": "x", "sampler": "ddim", "schedule": "karras"}, SamplerError, "does not take"),
        ({"prompt": "x", "schedule": "karas"}, SamplerError, "'karras'"),
        ({"prompt": "x", "sampler": "DPM++ 2M Karras", "schedule": "lu"}, RecipeError, "give one"),
        ({"prompt": "x", "options": {"solver_ordr": 3}, "sampler": "dpm++2m"}, SamplerError, "'solver_order'"),
        ({"prompt": "x", "options": {"eta": "much"}}, SamplerError, "must be a number"),
        ({"prompt": "x", "options": {"beta_start": 1}}, SamplerError, "no option"),
        ({"prompt": "x", "steps": 0}, RecipeError, "from 1 to 1000"),
        ({"prompt": "x", "steps": 10_000}, RecipeError, "from 1 to 1000"),
        ({"prompt": "x", "steps": 2.5}, RecipeError, "whole number"),
        ({"prompt": "x", "steps": 100, "sampler": "lcm"}, RecipeError, "at most 50"),
        ({"prompt": "x", "guidance": float("nan")}, RecipeError, "finite"),
        ({"prompt": "x", "guidance": float("inf")}, RecipeError, "finite"),
        ({"prompt": "x", "guidance": -1}, RecipeError, "from 0"),
        ({"prompt": "x", "guidance": "strong"}, RecipeError, "must be a number"),
        ({"prompt": "x", "guidance_interval": (0.8, 0.2)}, RecipeError, "start < end"),
        ({"prompt": "x", "size": (33, 32)}, RecipeError, r"nearest is size=\(32, 32\)"),
        ({"prompt": "x", "size": (0, 32)}, RecipeError, "width, height"),
        ({"prompt": "x", "size": (1 << 15, 32)}, RecipeError, r"nearest is size=\(4096, 32\)"),
        ({"prompt": "x", "size": 32}, RecipeError, "width, height"),
        ({"prompt": "x", "seed": -1}, RecipeError, "from 0"),
        ({"prompt": "x", "seed": 2**64}, RecipeError, "from 0"),
        ({"prompt": "x", "seed": True}, RecipeError, "whole number"),
        ({"prompt": 7}, RecipeError, "must be text"),
        ({"prompt": "x", "negative": 7}, RecipeError, "must be text"),
        ({"prompt": "x", "num_inference_steps": 7}, RecipeError, "nbgen calls it steps"),
        ({"prompt": "x", "cfg": 7}, RecipeError, "nbgen calls it guidance"),
        ({"prompt": "x", "truncation": 0.7}, RecipeError, "this model has no field 'truncation'"),
        ({"prompt": "x", "wibble": 7}, RecipeError, "no field 'wibble'"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_input_is_told_before_any_work(model, fields: dict[str, Any], error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        model.resolve(**fields)


def test_a_gan_has_fields_of_its_own() -> None:
    gan = tiny_gan()
    assert gan.resolve(seed=3, truncation=0.7).size == (16, 16)
    with pytest.raises(RecipeError, match="it has seed, size, truncation"):
        gan.resolve(steps=20)
    with pytest.raises(RecipeError, match="16×16"):
        gan.resolve(size=(32, 32))


def test_mixes_are_resolved_like_values(model) -> None:
    recipe = model.resolve(prompt=Mix.of((0.25, "a cat"), (0.75, "a dog")), seed=Mix.of((0.5, 1), (0.5, 2)))
    assert isinstance(recipe.prompt, Mix)
    (_, picture), = model.run([recipe])  # fmt: skip
    assert picture.size == (32, 32)
    end = model.resolve(prompt=Mix.of((1.0, "a cat")), seed=Mix.of((2.0, 1)))
    assert end.key == model.resolve(prompt="a cat", seed=1).key


def test_words_past_the_encoders_limit_are_said(model) -> None:
    assert model.notes(model.resolve(prompt="a cat")) == ()
    note, = model.notes(model.resolve(prompt="abcdefghijklmnopqrstuvwxyz"))  # fmt: skip
    assert "never sees: 'opqrstuvwxyz'" in note


def test_unknown_words_are_answered_with_near_ones() -> None:
    words = frozenset("a the cat face red apple green on blue background".split())
    vocabulary = Vocabulary(
        ("cat face", "red apple", "green apple"), {"blue": (0, 0, 255)}, words, ("a cat face",)
    )
    assert vocabulary.note("A cat face, on a BLUE background!") is None
    assert vocabulary.unknown("a purple cat  purple") == ["purple"]
    note = vocabulary.note("an aple on blue")
    assert note is not None
    assert "'an'" in note and "'aple' (nearest: apple" in note and "a cat face" in note
