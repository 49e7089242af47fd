"""Stores that are damaged, no folder, full, or a newer nbgen's: verbs give results, warn once, and lose nothing."""

from __future__ import annotations

import errno
import os
import warnings

import numpy as np
import pytest

import nbgen
from nbgen.errors import PictureFileError, StoreWarning

pytestmark = pytest.mark.usefixtures("at_once")


def grid(model, **more):
    return nbgen.compare(
        "a cat", model=model, **{"seed": range(4), "sampler": ["ddim", "heun"], "steps": 2, **more}
    )


def quietly(work):
    """What `work` returns, and the store's warnings in it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = work()
    return result, [warning for warning in caught if warning.category is StoreWarning]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_damaged_pictures_are_made_anew_and_the_others_are_kept(model, empty_store):
    whole = grid(model)
    pixels = [np.asarray(picture) for picture in whole]
    paths = sorted((empty_store / "pictures").rglob("*.png"))
    paths[0].write_bytes(paths[0].read_bytes()[:-50])
    paths[3].write_bytes(b"")
    paths[5].write_bytes(bytes(len(paths[5].read_bytes())))
    again, said = quietly(lambda: grid(model))
    assert not said and same(again, pixels)
    assert {picture.key for picture in again if not picture.cost.stored} == {paths[n].stem for n in (0, 3, 5)}
    assert len(list((empty_store / "damaged").iterdir())) == 3
    assert len(nbgen.history()) == 8 and all(picture.cost.stored for picture in grid(model))


def a_file(folder):
    folder.write_bytes(b"my own notes")


def a_file_inside(folder):
    folder.mkdir()
    (folder / "pictures").write_bytes(b"my own notes")


@pytest.mark.parametrize("spoil", [a_file, a_file_inside])
def test_a_store_that_is_a_file_costs_only_the_history(model, empty_store, spoil):
    spoil(empty_store)
    before = files(empty_store.parent)
    plan = nbgen.plan("a cat", model=model, seed=range(4), steps=2)
    assert plan.stored == 0 and plan.calls == 8
    (first, second), said = quietly(lambda: (grid(model), grid(model)))
    assert len(said) == 1 and "kept in memory only" in str(said[0].message)
    assert str(empty_store) not in str(said[0].message)
    assert len(first) == 8 and same(first, second)
    assert len(nbgen.history()) == 0
    first.figure()
    with pytest.raises(PictureFileError, match="only a picture that is in the store"):
        first.pictures[0].star()
    if spoil is a_file:
        with pytest.raises(PictureFileError, match="is a file"):
            nbgen.prune(max_size=0)
    after = files(empty_store.parent)
    assert {path: after[path] for path in before} == before


def test_a_full_disk_costs_only_the_history(model, empty_store, monkeypatch):
    kept = grid(model)

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("nbgen.writer.write_atomically", full)
    before = files(empty_store)
    more, said = quietly(lambda: grid(model, seed=range(6)))
    assert len(said) == 1 and "No space left" in str(said[0].message)
    assert sum(picture.cost.stored for picture in more) == 8 and len(more) == 12
    assert all(
        same([more.at(seed=seed, sampler="heun")], [kept.at(seed=seed, sampler="heun")]) for seed in range(4)
    )
    more.figure()  # those that could not be written are held in memory
    pictures = {path for path in before if path.suffix == ".png"}
    assert {path for path in files(empty_store) if path.suffix == ".png"} == pictures


def test_a_store_of_a_newer_nbgen_is_read_and_never_written(model, empty_store):
    kept = grid(model)
    kept.pictures[0].star()
    (empty_store / "format").write_text("99\n")
    before = files(empty_store)
    more, said = quietly(lambda: grid(model, seed=range(5)))
    assert len(said) == 1 and "newer nbgen" in str(said[0].message)
    assert sum(picture.cost.stored for picture in more) == 8 and len(more) == 10
    assert len(nbgen.history(starred=True)) == 1 and len(nbgen.history()) == 8
    for refused in (lambda: nbgen.prune(max_size=0), kept.pictures[1].star):
        with pytest.raises(PictureFileError, match="newer nbgen"):
            refused()
    after = files(empty_store)
    assert {path: content for path, content in after.items() if path.suffix != ".sqlite"} == {
        path: content for path, content in before.items() if path.suffix != ".sqlite"
    }


def test_a_store_that_may_not_be_read_is_an_empty_one(model, empty_store, monkeypatch):
    """Tests may run as root, whom no permission stops, so the system's refusals are played."""
    grid(model)
    opened, read = open, type(empty_store).read_bytes

    def refuse(path):
        if str(path).startswith(str(empty_store)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(
        "builtins.open", lambda path, *rest, **more: refuse(path) or opened(path, *rest, **more)
    )
    monkeypatch.setattr(type(empty_store), "read_bytes", lambda self: refuse(self) or read(self))
    again, _ = quietly(lambda: grid(model))
    assert len(again) == 8 and not any(picture.cost.stored for picture in again)
