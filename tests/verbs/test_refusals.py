"""What an annoyed person types into the verbs: refused at once, in a sentence, by a typed error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import nbgen
from nbgen.errors import ModelError, NbgenError, PictureFileError, RecipeError, SamplerError
from nbgen.models.loading import load
from nbgen.picture import Picture
from nbgen.testing import TinyGenerator, tiny_gan, tiny_sd


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


@pytest.mark.parametrize("value", ["no", 0, None])
@pytest.mark.parametrize("wish", ["wait", "fresh", "store", "exact"])
def test_what_is_neither_true_nor_false_is_no_wish(model, wish, value) -> None:
    picture = Picture(np.zeros((64, 64, 3), np.uint8), model.resolve(prompt="a cat"))
    for verb in (
        lambda **wishes: nbgen.generate("a cat", model=model, **wishes),
        lambda **wishes: nbgen.compare("a cat", model=model, **wishes),
        lambda **wishes: nbgen.plan("a cat", model=model, **wishes),
        lambda **wishes: nbgen.interpolate([1, 2], model=model, **wishes),
        lambda **wishes: nbgen.interpolate_grid([1, 2, 3, 4], model=model, **wishes),
        lambda **wishes: nbgen.vary(picture, model=model, **wishes),
        lambda **wishes: nbgen.outpaint(picture, left=8, model=model, **wishes),
        lambda **wishes: nbgen.upscale(picture, model=model, **wishes),
        lambda **wishes: nbgen.blend(picture, picture, model=model, **wishes),
    ):
        with pytest.raises(RecipeError, match=f"^{wish} must be True or False"):
            verb(**{wish: value})


def test_a_limit_that_is_raised_without_end_ends_all_the_same(model) -> None:
    for verb in (nbgen.plan, nbgen.compare):
        with pytest.raises(RecipeError, match="at most 1,000,000: vary less, or compare in parts"):
            verb("a cat", model=model, seed=range(10**7), limit=10**30)


def test_an_axis_longer_than_memory_is_refused() -> None:
    with pytest.raises(RecipeError, match="1,000,000 is the most"):
        nbgen.axis("seed", range(10**30))


def test_a_picture_whose_seed_is_0_keeps_it_where_the_notebook_has_another(model) -> None:
    picture = Picture(np.zeros((64, 64, 3), np.uint8), model.resolve(prompt="a cat", seed=0, steps=1))
    nbgen.defaults(seed=5)
    try:
        grid = nbgen.compare(picture, model=model, guidance=[1, 2])
    finally:
        nbgen.defaults(None)
    assert {each.recipe.seed for each in grid} == {0}


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


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"seed": range(10**7)}, "would be 20,002 runs or more"),
        ({"sampler": ["ddim"] * 200, "steps": range(1, 101)}, "10,000 is the most"),
        ({"steps": 5.5}, "whole number, not 5.5"), ({"seed": "abc"}, "whole number"),
        ({"sampler": 3}, "a name such as"),
        ({"sampler": [["ddim"]]}, "a name such as"), ({"reference_steps": "x"}, "whole number"),
    ],
    ids=str,
)  # fmt: skip
def test_convergence_refuses_before_any_work(model, rows, fields, said) -> None:
    with pytest.raises(RecipeError, match=said):
        nbgen.convergence("a cat", model=model, **{"sampler": "ddim", "steps": 2, **fields})
    assert rows == []


def test_convergence_takes_numbers_of_numpy_and_what_is_left_out(model) -> None:
    few = {"model": model, "sampler": "ddim", "steps": 2, "reference_steps": 3}
    same = [nbgen.convergence("a cat", seed=seed, **few) for seed in (None, 0, np.int64(0), np.array([0]))]
    assert len({found.settings for found in same}) == 1
    usual = nbgen.convergence("a cat", **{**few, "sampler": None, "steps": None})
    assert len(usual.settings) == 5 * 4


def test_convergence_and_filmstrip_know_the_notebooks_defaults(model) -> None:
    said = {"prompt": "a dog", "seed": 5, "guidance": 2.0, "size": (16, 16)}
    nbgen.defaults(model=model, sampler="dpm++2m", schedule="lu", steps=3, **said)
    try:
        found = nbgen.convergence(sampler=["ddim", "dpm++2m"], steps=2, reference_steps=3)
        strips = nbgen.filmstrip(), nbgen.filmstrip(sampler="ddim", seed=6)
    finally:
        nbgen.defaults(None)
    # The schedule was the notebook's own sampler's.
    assert [setting.label for setting in found] == ["ddim", "dpm++2m"]
    told = nbgen.convergence(model=model, sampler=["ddim", "dpm++2m"], steps=2, reference_steps=3, **said)
    assert [setting.errors for setting in found] == [setting.errors for setting in told]
    whole = nbgen.filmstrip(model=model, sampler="dpm++2m", schedule="lu", steps=3, **said)
    other = nbgen.filmstrip(model=model, sampler="ddim", steps=3, **{**said, "seed": 6})
    for strip, expected in zip(strips, (whole, other), strict=True):
        assert len(strip) == 3
        assert all(np.array_equal(one, two) for one, two in zip(strip, expected, strict=True))


@pytest.mark.parametrize("at", [1.5, range(1, 10**9), "ab", [[1]], {0}])
def test_a_filmstrip_refuses_moments_that_are_none(model, rows, at) -> None:
    with pytest.raises(RecipeError, match="from 1 to 5, not"):
        nbgen.filmstrip("a cat", at=at, model=model)
    assert rows == []


def test_a_long_filmstrip_is_decoded_a_few_at_a_time(model, monkeypatch) -> None:
    decoded = []
    decode = type(model).decode
    monkeypatch.setattr(type(model), "decode", lambda self, x: decoded.append(len(x)) or decode(self, x))
    strip = nbgen.filmstrip("a cat", at=range(1, 31), steps=30, model=model)
    assert [picture.name for picture in strip] == [f"{number} of 30" for number in range(1, 31)]
    assert sum(decoded) == 31 and max(decoded) <= 8
    assert len(nbgen.filmstrip("a cat", at=np.int64(2), steps=3, model=model)) == 1


@pytest.mark.parametrize("field", ["prompt", "negative"])
@pytest.mark.parametrize(
    "words", ["a" * 10**6, nbgen.Mix.of((1, "a" * 10**6), (1, "b")), "\U0001f408" * 63_000]
)
def test_a_novel_is_no_prompt(model, field, words) -> None:
    with pytest.raises(RecipeError, match="at most 125,000 characters"):
        nbgen.plan(model=model, **{"prompt": "a cat", field: words})


@pytest.mark.parametrize("words", ["a cat " * 17_000, "\U0001f408" * 60_000, "\1" * 100_000])
def test_a_hundred_thousand_characters_are_a_prompt_and_survive_their_file(model, words, tmp_path) -> None:
    picture = nbgen.generate(words, model=model, seed=1, steps=1)[0]
    assert nbgen.read(picture.save(tmp_path / "long.png")).recipe == picture.recipe


def test_arranging_says_how(model) -> None:
    grid = nbgen.compare("a cat", model=model, sampler=["ddim", "euler"], seed=range(2), steps=1)
    for wrong in ({"drop": "seed"}, {"drop": 3}, {"hide": ["seed"]}, {"hide": "seed"}):
        with pytest.raises(RecipeError, match=r"a dict of axes and values, as in (drop|hide)=\{'seed': 0\}"):
            grid.arrange(**wrong)
    for wrong in ({"pages": 3}, {"pages": [["seed"]]}, {"rows": 3}, {"columns": "foo"}):
        with pytest.raises(RecipeError, match="no axis is called"):
            grid.arrange(**wrong)
    assert len(grid.arrange(pages=None, drop=None, hide=None)) == 4
    walk = nbgen.Walk(grid.pictures)
    for theme in ("foo", 3, None, []):
        for draw in (grid.figure, lambda theme: grid.difference("ddim", theme=theme), walk.figure):
            with pytest.raises(RecipeError, match="theme must be 'light' or 'dark'"):
                draw(theme=theme)


@pytest.mark.parametrize("path", [None, 3, b"x.png", "a\0b.png", ["x.png"]])
def test_a_file_is_named_by_text(model, path) -> None:
    grid = nbgen.compare("a cat", model=model, seed=range(2), steps=1)
    walk = nbgen.Walk(grid.pictures)
    for save in (grid.save, grid.save_html, grid.pictures.save, grid.pictures[0].save, walk.save):
        with pytest.raises(PictureFileError, match=r"named by text|no zero character"):
            save(path)


def test_sheets_take_any_number_of_columns_and_captions_of_numbers(model) -> None:
    pictures = nbgen.generate("a cat", model=model, seed=1, n=2, steps=1)
    assert pictures.sheet(columns=100).size == pictures.sheet(columns=2).size
    assert pictures.sheet(columns=np.int64(1)).size[1] > pictures.sheet(columns=2).size[1]
    assert pictures.sheet(labels=[1, 2.5]) == pictures.sheet(labels=["1", "2.5"])
    assert len(pictures.figure(columns=100, labels=[1, None]).axes) == 2
    for wrong in ({"columns": "a"}, {"columns": 0}, {"columns": True}, {"labels": "ab"}, {"labels": 3}):
        for draw in (pictures.sheet, pictures.figure):
            with pytest.raises(RecipeError, match=r"columns must be|a list of captions"):
                draw(**wrong)
    assert pictures[0].label("seed") == "seed 1" and pictures[0].label(["seed", "steps"]) == "seed 1, steps 1"
    for wrong in ("sede", 3, None, [3]):
        with pytest.raises(RecipeError, match="no field"):
            pictures[0].label(wrong)


@pytest.mark.parametrize("source", ["x.png", Path("x.png"), b"x"])
def test_a_picture_is_made_of_pixels(source) -> None:
    with pytest.raises(PictureFileError, match=r"nbgen\.read"):
        nbgen.Picture(source)


def test_code_needs_a_complete_recipe() -> None:
    whole = {"prompt": "a cat", "sampler": "ddim", "steps": 2, "guidance": 2, "size": (32, 32)}
    for missing in ("prompt", "steps", "guidance", "size"):
        with pytest.raises(RecipeError, match=f"leaves {missing} open"):
            nbgen.Recipe(**{**whole, missing: None}).code("diffusers")
    for wrong in ({"sampler": "foo"}, {"schedule": "foo"}, {"schedule": "karras"}, {"options": {"foo": 1}}):
        with pytest.raises(SamplerError):
            nbgen.Recipe(**{**whole, **wrong}).code("diffusers")
    spoken = nbgen.Recipe(**{**whole, "sampler": "DPM++ 2M Karras"}).code("diffusers")
    assert "DPMSolverMultistepScheduler" in spoken and "use_karras_sigmas=True" in spoken


def test_samplers_are_those_of_a_model(model) -> None:
    assert len(nbgen.list_samplers(model)) == len(nbgen.list_samplers()) > 15
    for wrong in (3, "nope", []):
        with pytest.raises(ModelError):
            nbgen.list_samplers(wrong)
    with pytest.raises(SamplerError, match="no samplers"):
        nbgen.list_samplers(tiny_gan())


@pytest.mark.parametrize(
    "fields", [{"sampler": "eulr"}, {"sampler": 3}, {"schedule": "kar"}, {"model": 3}, {"model": []}]
)
def test_defaults_are_checked_when_they_are_set(fields) -> None:
    with pytest.raises(RecipeError):
        nbgen.defaults(steps=3, **fields)
    assert nbgen.defaults() == {}


@pytest.mark.parametrize("odd", [3, [1]])
def test_history_takes_a_model_or_its_name(odd) -> None:
    with pytest.raises(RecipeError, match="or its name"):
        nbgen.history(model=odd)
    with pytest.raises(RecipeError, match="starred is True"):
        nbgen.history(starred=odd)


def test_a_plan_takes_what_compare_takes_and_counts_as_people_do(model) -> None:
    nbgen.compare("a cat", model=model, seed=[0], steps=1)
    kept, anew = (
        nbgen.plan("a cat", model=model, seed=[0], steps=1, store=store, wait=False)
        for store in (True, False)
    )
    assert (kept.stored, kept.calls, anew.stored, anew.calls) == (1, 0, 0, 1)
    assert str(kept).startswith("1 cell, 1 picture; 1 of them stored; 3.1 kB")
    assert "1 denoiser call for the other 1;" in str(anew)
    assert str(nbgen.plan("a cat", model=model, seed=[0, 0], steps=1)).startswith(
        "2 cells, 1 different picture;"
    )


def test_a_grid_by_place_and_pairs_that_are_none(model) -> None:
    grid = nbgen.compare(
        "a cat", model=model, sampler=["ddim", "heun"], seed=range(2), steps=1, reference="heun"
    )
    assert grid[0] is grid.at(sampler="ddim", seed=0) and len(grid[1:3]) == 2
    with pytest.raises(RecipeError, match="only the reference"):
        grid.paired("ddim")
