"""What an annoyed person types into the verbs: refused at once, in a sentence, by a typed error."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import nbgen
from nbgen.errors import ModelError, NbgenError, RecipeError, SamplerError
from nbgen.models.loading import load
from nbgen.testing import TinyGenerator, tiny_sd


@pytest.fixture(scope="module")
def model():
    return tiny_sd()


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": range(10**9)}, {"seed": range(10**19)}, {"n": 10**30}, {"n": "4"}, {"n": 2.5},
        {"guidance": True}, {"guidance": False}, {"options": {"eta": [1]}}, {"options": {"eta": {}}},
        {"sampler": "dpm++2m", "options": {"solver_order": 2.5}},
        {"sampler": "dpm++2m", "options": {"algorithm_type": "nonsense"}},
        {"sampler": "euler", "options": {"final_sigmas_type": "nonsense"}},
    ],
)  # fmt: skip
def test_generate_refuses(model, fields) -> None:
    with pytest.raises(RecipeError):
        nbgen.generate("a cat", model=model, **{"seed": 1, "steps": 2, **fields})


def test_more_prompts_than_pictures_is_said_so(model) -> None:
    with pytest.raises(RecipeError, match="10,000 pictures, not 20,000 prompts"):
        nbgen.generate(["a"] * 20_000, model=model, seed=1)


@pytest.mark.parametrize("number", [np.int64(3), torch.tensor(3), np.array(3)])
def test_one_number_of_numpy_or_torch_is_one_number(model, number) -> None:
    pictures = nbgen.generate("a cat", model=model, seed=number, steps=1, n=np.int64(2))
    assert [picture.recipe.seed for picture in pictures] == [3, 4]


def test_half_a_character_is_drawn_without_it(model) -> None:
    assert len(nbgen.generate("a \ud800 cat", model=model, seed=1, steps=1)) == 1


def test_a_default_prompt_is_used_and_overridden(model) -> None:
    nbgen.defaults(prompt="a dog")
    try:
        said = (
            nbgen.generate(model=model, seed=1, steps=1)[0],
            nbgen.generate("a cat", model=model, seed=1, steps=1)[0],
        )
    finally:
        nbgen.defaults(None)
    assert [picture.recipe.prompt for picture in said] == ["a dog", "a cat"]


def test_again_without_a_seed_keeps_the_seed(model) -> None:
    assert nbgen.generate("a cat", model=model, seed=7, steps=1)[0].again(seed=None).recipe.seed == 7


@pytest.mark.parametrize("extra", ["words", 3, None, [1, 2]])
def test_after_the_prompt_come_axes(model, extra) -> None:
    with pytest.raises(RecipeError, match="axes"):
        nbgen.compare("a cat", extra, model=model)


@pytest.mark.parametrize(
    "fields",
    [
        {"sampler": np.array(["ddim", "euler"])}, {"sampler": ("ddim", "euler")}, {"sampler": {"ddim"}},
        {"seed": np.arange(3)}, {"guidance": np.linspace(1, 3, 3)}, {"seed": range(10**19)}, {"n": np.int64(10**9)},
    ],
)  # fmt: skip
def test_compare_says_at_once_that_a_list_varies_and_how_far(model, fields) -> None:
    with pytest.raises(RecipeError, match=r"list\(…\)|would be"):
        nbgen.compare("a cat", model=model, **fields)


def test_no_model_on_an_axis_of_models_is_the_default(model) -> None:
    nbgen.defaults(model=model)
    try:
        assert len(nbgen.compare("a cat", model=[None, model], steps=1)) == 2
    finally:
        nbgen.defaults(None)


def test_pictures_whose_names_read_alike_keep_their_places(model) -> None:
    picture = nbgen.generate("a cat", model=model, seed=1, steps=1)[0]
    grid = nbgen.compare({1: picture, "1": picture, "two": picture})
    assert grid.shape == (3,)
    assert [row["picture"] for row in grid.measure()] == ["1", "1", "two"]


@pytest.mark.parametrize("arguments", [(0, 1, 10**9), (10**400, 1), (1e308, -1e308, 3)])
def test_spread_refuses_what_does_not_fit(arguments) -> None:
    with pytest.raises(RecipeError, match="spread"):
        nbgen.spread(*arguments)


@pytest.mark.parametrize("source", ["", "a" * 5000, "a\0b", "owner/name", 3, None])
def test_what_is_no_model_is_refused(source) -> None:
    with pytest.raises(ModelError) as refused:
        load(source)
    assert len(str(refused.value)) < 300


def test_a_generator_of_another_latent_is_refused() -> None:
    with pytest.raises(ModelError, match="latent of length 5"):
        load(gan=TinyGenerator(), latent=5)


def test_an_option_that_diffusers_refuses_says_what_it_says(model) -> None:
    with pytest.raises(SamplerError, match="nonsense"):
        nbgen.plan("a cat", model=model, sampler="dpm++2m", options=[{"algorithm_type": "nonsense"}])
    assert issubclass(SamplerError, NbgenError)


def test_the_run_of_a_picture_with_another_seed_is_another_run(model) -> None:
    picture = nbgen.generate("a cat", model=model, seed=1, steps=2)[0]
    own, other = nbgen.filmstrip(picture, at=[2]), nbgen.filmstrip(picture, at=[2], seed=5)
    assert not np.array_equal(np.asarray(own[0]), np.asarray(other[0]))
    assert np.array_equal(np.asarray(own[0]), np.asarray(nbgen.filmstrip(picture, at=[2], seed=1)[0]))


@pytest.mark.parametrize("odd", [3, [1]])
def test_history_takes_a_model_or_its_name(odd) -> None:
    with pytest.raises(RecipeError, match="or its name"):
        nbgen.history(model=odd)
