"""What a plan says of memory: weights as large as their files, activations that grow with the rows of a tick."""

from __future__ import annotations

import pytest

import nbgen
from nbgen.models.catalogue import embedded_folder
from nbgen.models.footprints import _TOGETHER, footprint, needed
from nbgen.testing import tiny_gan, tiny_sd


@pytest.fixture(scope="module")
def model():
    return tiny_sd(2)


def test_weights_take_what_their_files_take():
    folder = embedded_folder("mini")
    files = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    # The text encoder's file is read twice: its CLIP has a copy.
    files += sum(path.stat().st_size for path in (folder / "text_encoder").glob("*.safetensors"))
    # They are kept in half precision and used in single.
    assert nbgen.load("mini").weights() == pytest.approx(2 * files, rel=0.01)
    assert tiny_gan().weights() == 4 * (8 * 64 + 64 + 4 * 3 * 9 + 3)


def test_larger_pictures_and_more_of_them_take_more(model):
    small, large = (model.resolve(prompt="a cat", seed=0, size=(side, side)) for side in (32, 64))
    assert footprint(model, small).weights == footprint(model, large).weights == model.weights()
    for part in ("a_row", "a_picture"):
        ratio = getattr(footprint(model, large), part) / getattr(footprint(model, small), part)
        assert 3 < ratio < 6  # four times the pixels
    one, many = (needed(model, [small] * count, exact=False) for count in (1, 8))
    assert needed(model, [small] * 8, exact=True) == one < many
    assert needed(model, [small, large], exact=False) > needed(model, [small, small], exact=False)


def test_nothing_is_computed_and_each_shape_is_foreseen_once(model, monkeypatch):
    fresh = tiny_sd(3)
    seen = []
    forward = type(fresh).forward
    monkeypatch.setattr(
        type(fresh),
        "forward",
        lambda self, *rest: seen.append(type(rest[1]).__name__) or forward(self, *rest),
    )
    for _ in range(2):
        nbgen.plan("a cat", model=fresh, seed=range(4), steps=2)
    assert set(seen) == {"FakeTensor"} and len(seen) == 2 and _TOGETHER > 1


def test_a_plan_tells_about_how_much_memory(model):
    plan = nbgen.plan("a cat", model=model, seed=range(4), steps=2)
    assert plan.memory == needed(model, [model.resolve(prompt="a cat", seed=0, steps=2)] * 4, exact=False)
    assert model.weights() < plan.memory < model.weights() + 20_000_000
    assert "of memory at the most" in str(plan)
    nbgen.compare("a cat", model=model, seed=range(4), steps=2)
    done = nbgen.plan("a cat", model=model, seed=range(4), steps=2)
    assert done.memory == 0 and "memory" not in str(done)


def test_the_rows_that_a_person_chose_are_those_of_the_plan(model):
    few = tiny_sd(2)
    few.rows = 2
    recipes = [few.resolve(prompt="a cat", seed=number) for number in range(40)]
    found = footprint(few, recipes[0])
    assert needed(few, recipes, exact=False) == found.weights + max(2 * found.a_row, 16 * found.a_picture)
