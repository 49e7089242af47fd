"""compare, interpolate and vary on a style-based GAN: what their own tests say of diffusion, without samplers."""

import json
import re

import numpy as np
import pytest
from PIL import Image

import nbgen
from nbgen.errors import JobStopped, RecipeError
from nbgen.recipe import Mix, Recipe
from nbgen.testing import tiny_gan, tiny_sd, tiny_style_gan
from tests.drawn import shades_apart

pytestmark = pytest.mark.usefixtures("at_once")

PSI = [0.3, 0.7, 1.0]


@pytest.fixture(scope="module")
def model():
    return tiny_style_gan()


def small(model, **more):
    return nbgen.compare("any fruit", model=model, **{"truncation": PSI, "seed": range(2), **more})


def walk(model, stops=("a cat", "any fruit"), **more):
    return nbgen.interpolate(list(stops), **{"frames": 5, "model": model, **more})


def test_every_cell_is_the_picture_that_its_recipe_gives_alone(model):
    grid = small(model, direction=[{"c0": 1}, {"c0": -1}])
    assert grid.shape == (3, 2, 2) and {picture.cost.calls for picture in grid} == {1}
    for cell in list(grid)[::5]:
        ((_, alone),) = model.run([cell.recipe], exact=True)
        assert shades_apart(cell, alone) <= 1
    assert grid.at(truncation=0.7, seed=1, direction={"c0": 1}).recipe.truncation == 0.7


def test_a_finished_grid_runs_again_without_a_call_and_a_grown_axis_makes_only_the_new(model, rows):
    first = small(model)
    made = sum(rows)
    again = small(model)
    assert made == 6 and sum(rows) == made and [each.key for each in again] == [each.key for each in first]
    grown = small(model, seed=range(3))
    assert [picture.cost.stored for picture in grown] == [True, True, False] * 3 and sum(rows) == made + 3
    equal = nbgen.compare("a cat", model=model, seed=[4, 4, 4])
    assert len(equal) == 3 and sum(rows) == made + 4


def test_a_stopped_comparison_keeps_what_was_finished_and_goes_on_there(
    model, rows, monkeypatch, stopped_after
):
    monkeypatch.setattr(model, "rows", 4)
    with stopped_after(3), pytest.raises(JobStopped):
        small(model, seed=range(4))
    partial = nbgen.last
    assert 3 <= len(partial) < 12 and set(partial.failures.values()) == {"not made"}
    whole = small(model, seed=range(4))
    assert sum(picture.cost.stored for picture in whole) == len(partial) and sum(rows) <= 12 + 4


def test_all_problems_are_said_before_anything_runs(model, rows):
    with pytest.raises(RecipeError) as caught:
        nbgen.compare(["a cat", "a zebra"], model=model, cfg=3, psi=1, seed=[], truncation=[0.5, 50])
    for part in ("guidance", "nbgen calls it truncation", "empty axis", "not 50", "knows no 'zebra'"):
        assert part in str(caught.value)
    assert rows == []


def test_it_starts_from_a_picture_and_from_defaults(model):
    picture = nbgen.generate("any fruit", model=model, seed=5, style_mix={"seed": 2, "layers": "fine"})[0]
    grid = nbgen.compare(picture, truncation=[0.5, 1.0])
    assert [cell.recipe.truncation for cell in grid] == [0.5, 1.0]
    assert grid[1].recipe == picture.recipe and grid[1].cost.stored
    nbgen.defaults(model=model, truncation=0.6)
    try:
        assert {cell.recipe.truncation for cell in nbgen.compare("a cat", seed=range(2))} == {0.6}
    finally:
        nbgen.defaults(None)


def test_models_of_both_kinds_stand_side_by_side(model):
    both = [tiny_sd(), model]
    grid = nbgen.compare("a cat", model=both, seed=range(2))
    assert [cell.recipe.model.name for cell in grid] == ["tiny-sd"] * 2 + ["tiny-style-gan"] * 2
    with pytest.raises(RecipeError, match=r"no field 'truncation'.*model"):
        nbgen.compare("a cat", model=both, truncation=[0.5, 1])
    with pytest.raises(RecipeError, match="no field 'steps'"):
        nbgen.compare("a cat", model=both, steps=[1, 2])


def test_the_plan_is_what_then_happens(model, rows):
    small(model, seed=[0])
    before = sum(rows)
    plan = nbgen.plan("any fruit", model=model, truncation=PSI, seed=[0, 1, 1])
    assert (plan.cells, plan.pictures, plan.stored, plan.calls) == (9, 6, 3, 3)
    small(model, seed=[0, 1, 1])
    assert sum(rows) - before == plan.rows == 3


def test_it_is_arranged_measured_shown_and_saved(model, tmp_path):
    grid = small(model, reference={"truncation": 1.0})
    turned = grid.arrange(rows="seed", columns="truncation")
    assert [label.get_text() for label in turned.figure().axes[0].get_xticklabels()] == ["0.3", "0.7", "1"]
    assert [row["rmse"] == 0 for row in grid.measure()] == [
        float(row["truncation"]) == 1 for row in grid.measure()
    ]
    assert grid.difference({"truncation": 1.0}).axes
    bundle = grid._repr_mimebundle_()
    assert bundle == small(model, reference={"truncation": 1.0})._repr_mimebundle_()
    with Image.open(grid.save(tmp_path / "grid.png")) as image:
        said = json.loads(image.info["nbgen-grid"])
    assert said["cells"][3]["recipe"] == list(grid)[3].recipe.to_plain()
    page = grid.save_html(tmp_path / "grid.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
    assert len(data["pictures"]) == 6 and re.search(r"truncation +0\.3", data["cells"][0]["recipe"])


def test_words_are_swapped(model):
    grid = nbgen.compare("a cat on blue", nbgen.swap_words("cat", ["cat", "dog"]), model=model, n=3)
    assert grid.shape == (2, 3)
    assert [cell.recipe.prompt for cell in grid] == ["a cat on blue"] * 3 + ["a dog on blue"] * 3


def test_the_ends_of_a_walk_are_what_generate_makes(model, rows):
    found = walk(model, seed=3)
    alone = [nbgen.generate(words, seed=3, model=model)[0] for words in ("a cat", "any fruit")]
    assert [found[0].recipe, found[-1].recipe] == [each.recipe for each in alone]
    assert np.array_equal(found[0], alone[0]) and sum(rows) == 5
    assert len(walk(model, seed=3, frames=9)) == 9 and sum(rows) == 9
    assert walk(model, seed=3, frames=3, easing="in")[1].recipe.prompt == Mix.of(
        (0.75, "a cat"), (0.25, "any fruit")
    )


def test_loops_lead_back(model):
    circle = nbgen.interpolate([1, 2], prompt="any fruit", frames=8, loop=True, model=model)
    assert len({picture.key for picture in circle}) == 8
    assert circle[0].recipe.seed == 1 and circle[2].recipe.seed == 2
    three = walk(model, ("a cat", "a dog", "a lemon"), frames=6, loop=True)
    assert dict((value, weight) for weight, value in three[5].recipe.prompt.parts) == {
        "a cat": 0.5,
        "a lemon": 0.5,
    }


def test_a_perceptual_pace_is_stored_too(model, rows):
    first = walk(model, pace="perceptual", frames=6)
    made = sum(rows)
    assert [each.key for each in walk(model, pace="perceptual", frames=6)] == [each.key for each in first]
    assert sum(rows) == made


def test_prompts_seeds_and_numbers_travel_together(model):
    ends = [Recipe(prompt="a cat", seed=1, truncation=0.2), Recipe(prompt="a dog", seed=2, truncation=0.8)]
    middle = nbgen.interpolate(ends, frames=3, model=model)[1].recipe
    assert middle.truncation == 0.5 and middle.prompt == Mix.of((0.5, "a cat"), (0.5, "a dog"))
    assert np.allclose([weight for weight, _ in middle.seed.parts], 0.5**0.5)
    along = nbgen.interpolate(ends, frames=3, model=model, truncation=1, along="prompt")
    assert {picture.recipe.seed for picture in along} == {1}
    frame = nbgen.interpolate([along[1], "a bird"], frames=3)
    assert frame[0].key == along[1].key and frame[0].cost.stored
    mixed = [model.resolve(seed=seed, style_mix={"seed": 9, "layers": seed}) for seed in (1, 2)]
    with pytest.raises(RecipeError, match="differ in style_mix"):
        nbgen.interpolate(mixed, frames=3)


def test_corners_and_neighbours(model):
    grid = nbgen.interpolate_grid([1, 2, 3, 4], rows=3, columns=4, model=model)
    assert [list(grid)[place].recipe.seed for place in (0, 3, 8, 11)] == [1, 2, 3, 4]
    picture = nbgen.generate("any fruit", seed=7, model=model)[0]
    near = nbgen.vary(picture, n=3, amount=0.2)
    assert len({each.key for each in near}) == 3 and all(
        each.recipe.replace(seed=7) == picture.recipe for each in near
    )
    assert [each.recipe.seed for each in nbgen.vary(picture, n=2, amount=1)] == [8, 9]


@pytest.mark.parametrize(
    ("stops", "fields", "said"),
    [
        (["a cat", "a zebra"], {}, "knows no 'zebra'"),
        (["a cat", "a dog"], {"steps": 3}, "no field 'steps'"),
        (["a cat", "a dog"], {"method": "attention"}, "cross-attention"),
        ([nbgen.Picture(np.zeros((64, 64, 3), np.uint8))] * 2, {}, "inversion"),
        (["a cat", "a cat"], {}, "all stops are the same"),
    ],
)
def test_what_cannot_be_walked_is_said_before_any_work(model, rows, stops, fields, said):
    with pytest.raises(RecipeError, match=said):
        nbgen.interpolate(stops, frames=3, model=model, **fields)
    assert not rows


def test_stops_of_different_gans_are_refused(model):
    with pytest.raises(RecipeError, match="different models"):
        nbgen.interpolate([nbgen.generate(seed=1, model=each)[0] for each in (model, tiny_gan())])


def test_the_studio_has_its_words_and_its_truncation(model):
    panel = nbgen.studio(model)
    shown = {name for name, each in panel._settings._controls.items() if each.layout.display is None}
    assert shown == {"truncation"} and panel._prompt.reads and not panel._prompt.denies
    panel.set(prompt="any fruit", truncation=0.5, seed=3)
    panel.generate()
    assert panel.wait(60) and panel.pictures[0].recipe.truncation == 0.5
