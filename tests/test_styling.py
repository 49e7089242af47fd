"""Style presets: what they put around words, in every verb that takes words, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import nbgen
from nbgen import styling
from nbgen.errors import RecipeError
from nbgen.testing import tiny_gan, tiny_sd


@pytest.fixture(autouse=True)
def fog(monkeypatch):
    monkeypatch.setattr(styling, "_styles", dict(styling._styles))
    return nbgen.add_style("fog", "{prompt}, in fog", "sun")


@pytest.fixture(scope="module")
def model():
    return tiny_sd()


def test_a_style_is_put_around_words_and_the_recipe_is_plain(model) -> None:
    recipe = nbgen.generate("a cat", style="fog", seed=1, model=model, store=False)[0].recipe
    same = model.resolve(prompt="a cat, in fog", negative="sun", seed=1)
    assert recipe.key == same.key and "style" not in recipe.code()
    more = nbgen.generate("a {x} cat", negative="rain", style="fog", seed=1, model=model, store=False)[
        0
    ].recipe
    assert (more.prompt, more.negative) == ("a {x} cat, in fog", "rain, sun")


def test_styles_are_an_axis_of_compare(model) -> None:
    grid = nbgen.compare("a cat", style=["fog", "ink", None], seed=[1, 2], model=model, steps=2, store=False)
    assert grid.shape == (3, 2)
    prompts = [cell.recipe.prompt for cell in grid.pictures[::2]]
    ink = next(style for style in nbgen.list_styles() if style.name == "ink")
    assert prompts == ["a cat, in fog", ink.prompt.replace("{prompt}", "a cat"), "a cat"]
    assert [cell.recipe.negative for cell in grid.pictures[::2]] == ["sun", ink.negative, None]


def test_mixtures_are_styled_part_by_part(model) -> None:
    mix = nbgen.Mix.of((0.5, "a cat"), (0.5, "a dog"))
    found = styling.styled({"prompt": mix, "negative": mix, "style": "fog"}, model.fields)
    assert found["prompt"].values == ("a cat, in fog", "a dog, in fog")
    assert found["negative"].values == ("a cat, sun", "a dog, sun")
    assert "negative" not in styling.styled({"prompt": "a", "style": "fog"}, frozenset({"prompt"}))


def test_mini_says_which_words_of_a_style_it_does_not_know() -> None:
    mini = nbgen.load("mini")
    recipe = mini.resolve(**styling.styled({"prompt": "a cat face", "style": "ink"}, mini.fields))
    assert "does not know 'lines'" in " ".join(mini.notes(recipe))


def test_every_preset_is_a_template() -> None:
    names = [style.name for style in nbgen.list_styles()]
    assert len(set(names)) == len(names) >= 10
    assert all(style.prompt.count("{prompt}") == 1 for style in nbgen.list_styles())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("", "{prompt}"), "needs a name"),
        (("x", "no place"), "0 times"),
        (("x", "{prompt} {prompt}"), "2 times"),
        ((3, "{prompt}"), "name must be text"),
        (("x", "{prompt}", None), "negative must be text"),
    ],
)
def test_templates_that_are_none(given, said: str) -> None:
    before = nbgen.list_styles()
    with pytest.raises(RecipeError, match=said):
        nbgen.add_style(*given)
    assert nbgen.list_styles() == before


def test_what_is_refused(model) -> None:
    with pytest.raises(RecipeError, match=r"no style .fogg.: did you mean.*fog"):
        nbgen.generate("a cat", style="fogg", seed=1, model=model)
    with pytest.raises(RecipeError, match="no style 'fogg'"):
        nbgen.compare("a cat", style=["fog", "fogg"], model=model)
    with pytest.raises(RecipeError, match="must be the name of one"):
        nbgen.generate("a cat", style=3, seed=1, model=model)
    with pytest.raises(RecipeError, match="there is none: give one"):
        nbgen.generate(style="fog", seed=1, model=model)
    with pytest.raises(RecipeError, match="there is none"):
        nbgen.generate(style="fog", seed=1, model=tiny_gan())


def test_every_verb_that_takes_words_takes_a_style(model) -> None:
    """The words of each are those of `generate` with the same style; nothing is styled twice."""
    ink = nbgen.generate("a cat", style="ink", seed=1, steps=2, model=model, n=1)[0]
    said, unwanted = ink.recipe.prompt, ink.recipe.negative
    plain = nbgen.generate("a cat", seed=1, steps=2, model=model, n=1)[0]
    fields = {"steps": 2, "model": model, "style": "ink"}
    walk = nbgen.interpolate(["a cat", "a dog"], frames=3, **fields)
    assert walk[0].recipe.prompt == said
    assert walk[1].recipe.prompt.values == (said, said.replace("cat", "dog"))
    along = nbgen.interpolate([1, 2], frames=3, prompt="a cat", **fields)
    assert {frame.recipe.prompt for frame in along} == {said}
    back = nbgen.interpolate([plain.image, 2], frames=2, prompt="a cat", sampler="ddim", **fields)
    assert {frame.recipe.prompt for frame in back} == {said}
    assert dict(back[0].recipe.inverted)[next(iter(dict(back[0].recipe.inverted)))][1] == said
    table = nbgen.interpolate_grid([1, 2, 3, 4], rows=2, columns=2, prompt="a cat", **fields)
    made = [
        table[0],
        plain.again(style="ink"),
        nbgen.outpaint(plain, left=8, **fields),
        nbgen.upscale(plain, 1.25, **fields),
        nbgen.blend(plain, plain, **fields),
    ]
    assert {(each.recipe.prompt, each.recipe.negative) for each in made} == {(said, unwanted)}
    assert made[1].recipe == ink.recipe
    strips = [nbgen.filmstrip(words, at=[2], seed=1, **fields) for words in ("a cat", plain)]
    for strip in strips:
        assert np.abs(np.asarray(strip[0]).astype(int) - np.asarray(ink)).max() <= 1
    nbgen.convergence("a cat", sampler="ddim", steps=2, seed=1, reference_steps=3, model=model, style="ink")
    for call in (
        lambda: nbgen.interpolate([1, 2], frames=2, prompt="a cat", model=model, style="inkk"),
        lambda: nbgen.filmstrip("a cat", model=model, style="inkk"),
        lambda: nbgen.upscale(plain, style="inkk"),
        lambda: plain.again(style="inkk"),
        lambda: nbgen.convergence("a cat", model=model, style="inkk"),
    ):
        with pytest.raises(RecipeError, match=r"no style .inkk."):
            call()
