"""recipe.code of mini with the ControlNet that ships: it runs as it is, and the model is found by its recipe alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import nbgen
from nbgen.models.loading import find
from nbgen.models.shipped import shipped_parts
from nbgen.storage import default_store


@pytest.fixture
def made() -> nbgen.Picture:
    """A picture along the outline of a square."""
    lines = np.zeros((64, 64, 3), np.uint8)
    lines[12:52, 12:52] = 255
    lines[14:50, 14:50] = 0
    model = nbgen.load("mini", control={"sketch": "mini-sketch"})
    return nbgen.generate("a gift", steps=3, seed=4, control={"sketch": (lines, 0.8)}, model=model)[0]


def test_nbgens_code_loads_the_shipped_part_and_gives_the_same_picture(made):
    text = made.recipe.code()
    assert "nbgen.load('mini', control={'sketch': 'mini-sketch'})" in text and "..." not in text
    names: dict[str, Any] = {}
    exec(text, names)
    assert np.array_equal(np.asarray(names["picture"]), np.asarray(made))


def test_diffusers_code_leaves_only_the_drawing_open(made, tmp_path):
    text = made.recipe.code("diffusers")
    assert text.count("...") == 1 and "assets/mini-sketch" in text and "import nbgen" not in text
    digest = made.recipe.control[0][1][0]
    default_store().get_blob(digest).save(tmp_path / "lines.png")
    names: dict[str, Any] = {}
    exec(text.replace("...", repr(str(tmp_path / "lines.png"))), names)
    assert np.abs(np.asarray(names["image"]).astype(int) - np.asarray(made)).mean() <= 1


def test_its_model_is_found_by_the_recipe(made, monkeypatch):
    monkeypatch.setattr("nbgen.models.loading.alive", [])
    assert find(made.recipe.model).ref == made.recipe.model


def test_another_controlnet_of_the_same_name_is_not_the_shipped_one(made):
    ref = made.recipe.model
    assert shipped_parts(ref) == {"sketch": "mini-sketch"}
    assert shipped_parts(dataclasses.replace(ref, beside=())) == {}
    other = dataclasses.replace(ref, fingerprint="0" * 32)
    assert shipped_parts(other) is None
    assert shipped_parts(dataclasses.replace(ref, beside=(*ref.beside, ("vae", "")))) is None
    assert shipped_parts(dataclasses.replace(ref, name="sd")) is None
    recipe = made.recipe.replace(model=other)
    assert "model = ...  # nbgen.load the one called 'mini', with control='sketch'" in recipe.code()
    assert "from_pretrained(...)  # the ControlNet 'sketch'" in recipe.code("diffusers")
