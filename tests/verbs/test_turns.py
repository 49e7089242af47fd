"""An axis of models: each is read once, all its cells run together, and only memory decides who stays."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch

import nbgen
from nbgen.errors import ModelError, RecipeError
from nbgen.models import loading, residence
from nbgen.testing import tiny_sd_pipeline

CELLS = {"seed": range(2), "steps": 2, "size": (32, 32)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three models of one shape, as folders."""
    folder = tmp_path_factory.mktemp("models")
    for number in range(3):
        tiny_sd_pipeline(number).save_pretrained(folder / f"model-{number}")
    return [folder / f"model-{number}" for number in range(3)]


@pytest.fixture
def read(monkeypatch, denoisers):
    """The folders whose weights were read, in order."""
    seen = []
    folder_read = loading.read_folder

    def counted(folder, *rest):
        parts = folder_read(folder, *rest)
        denoisers.add(parts.unet)
        if with_weights(parts.unet):
            seen.append(folder.name)
        return parts

    monkeypatch.setattr(loading, "read_folder", counted)
    monkeypatch.setattr(loading, "_loaded", {})
    return seen


@pytest.fixture
def denoisers():
    """Every denoiser that was read and is still anywhere in memory."""
    return weakref.WeakSet()


@pytest.fixture
def alive(monkeypatch, denoisers):
    """How many denoisers have their weights in memory, at each forward of the denoiser."""
    from diffusers import UNet2DConditionModel

    seen = []
    forward = UNet2DConditionModel.forward

    def counted(self, *rest, **more):
        seen.append(sum(with_weights(found) for found in list(denoisers)))
        return forward(self, *rest, **more)

    monkeypatch.setattr(UNet2DConditionModel, "forward", counted)
    return seen


def with_weights(module):
    return not next(module.parameters()).is_meta


def room_for(monkeypatch, count):
    """Memory that holds the weights of so many models."""

    def free(device):
        there = [model for model in loading._loaded.values() if model.residence.here]
        return (count - len(there)) * residence.ROOM * next(iter(loading._loaded.values())).residence.bytes

    monkeypatch.setattr(residence, "free_bytes", free)


def test_where_memory_is_short_one_goes_before_the_next_comes(folders, read, alive, monkeypatch):
    room_for(monkeypatch, 1)
    grid = nbgen.compare("a cat", model=folders, **CELLS)
    assert read == ["model-0", "model-1", "model-2"]
    assert set(alive) == {1} and len(grid) == 6
    with_own = [tiny_sd_pipeline(number) for number in range(3)]
    for number, folder in enumerate(folders):
        recipe = grid.at(model=folder, seed=1).recipe
        pipe = with_own[number]
        own = pipe(
            "a cat", num_inference_steps=2, guidance_scale=recipe.guidance, output_type="np", height=32, width=32,
            generator=torch.Generator().manual_seed(1),
        ).images[0]  # fmt: skip
        assert np.abs(np.asarray(grid.at(model=folder, seed=1)) / 255 - own).mean() <= 2 / 255


def test_where_memory_is_plenty_all_stay_and_are_read_once(folders, read, alive, monkeypatch):
    room_for(monkeypatch, 3)
    nbgen.compare("a cat", model=folders, **CELLS)
    nbgen.compare("a dog", model=folders, **CELLS)
    assert read == ["model-0", "model-1", "model-2"]
    assert alive[0] == 1 and alive[-1] == 3


def test_two_of_three_fit_and_the_longest_unused_goes(folders, read, alive, monkeypatch):
    room_for(monkeypatch, 2)
    nbgen.compare("a cat", model=folders, **CELLS)
    assert max(alive) == 2
    assert [model.residence.here for model in loading._loaded.values()] == [False, True, True]
    # A model that let go of its weights is itself again as soon as anything is asked of it.
    first = next(iter(loading._loaded.values()))
    assert len(nbgen.generate("a cat", model=first, seed=9, steps=2)) == 1
    assert read == ["model-0", "model-1", "model-2", "model-0"]
    assert nbgen.load(folders[0]) is first


def test_nothing_is_read_to_plan_or_where_all_is_stored(folders, read):
    plan = nbgen.plan("a cat", model=folders, **CELLS)
    assert plan.cells == 6 and read == []
    nbgen.compare("a cat", model=folders, **CELLS)
    loading._loaded.clear()
    grid = nbgen.compare("a cat", model=folders, **CELLS)
    assert all(picture.cost.stored for picture in grid) and len(read) == 3
    assert "first σ" in grid.report()  # which needs each model's schedule, and no weights
    assert len(read) == 3


def test_what_is_wrong_is_said_before_any_weights_are_read(folders, read, tmp_path):
    with pytest.raises(ModelError, match="no such folder"):
        nbgen.compare("a cat", model=[*folders, tmp_path / "missing"], **CELLS)
    with pytest.raises(RecipeError, match="multiple of"):
        nbgen.compare("a cat", model=folders, seed=0, size=(33, 33))
    assert read == []


def test_a_model_that_cannot_be_read_fails_in_its_own_places(folders, read, monkeypatch):
    counted = loading.read_folder

    def gone(folder, *rest):
        if folder.name == "model-1" and not residence.is_weightless():
            raise ModelError("the unet of this model cannot be read: the disk was pulled out")
        return counted(folder, *rest)

    monkeypatch.setattr(loading, "read_folder", gone)
    grid = nbgen.compare("a cat", model=folders, **CELLS)
    assert len(grid) == 4 and set(grid.failures.values()) == {
        "the unet of this model cannot be read: the disk was pulled out"
    }
    assert all("model-1" in place for place in grid.failures)


def test_two_comparisons_that_pull_at_the_same_models_both_finish(folders, read, monkeypatch):
    room_for(monkeypatch, 1)
    forwards, backwards = (
        nbgen.compare("a cat", model=order, wait=False, store=False, **CELLS)
        for order in (folders, folders[::-1])
    )
    assert len(forwards.result(120)) == len(backwards.result(120)) == 6
