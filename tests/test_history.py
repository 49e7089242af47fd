"""Is what was made found again by its words, also by other processes, and does pruning spare what has a star?"""

from __future__ import annotations

import os
import sqlite3
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import nbgen
from nbgen.errors import PictureFileError, RecipeError, SamplerError
from nbgen.index import PATIENCE
from nbgen.picture import Picture, Pictures
from nbgen.recipe import Mix, ModelRef
from nbgen.storage import Store, default_store
from nbgen.testing import tiny_sd

from .drawn import made, noise, seeds


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Six pictures, made in this order."""
    store = Store(tmp_path / "store")
    for seed, (prompt, fields) in enumerate(
        [
            ("a red apple", {"sampler": "heun", "model": ModelRef("mini", "a" * 64)}),
            ("a green Apple, on a table", {"sampler": "ddim", "model": ModelRef("mini", "b" * 64)}),
            ("a pineapple", {"sampler": "ddim", "model": ModelRef("other", "c" * 64)}),
            (Mix.of((1, "a cat face"), (2, "a dog face")), {}),
            ("りんごと猫 \ud800\0 100%_done", {}),
            (None, {"truncation": 0.7}),
        ]
    ):
        store.put(made(prompt, seed, **fields))
    store.flush()
    return store


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [5, 4, 3, 2, 1, 0]),
        ("apple", [1, 0]),
        ("APPLE red", [0]),
        ("app", [1, 0]),
        ("ple", []),
        ("cat", [3]),
        ("dog cat", [3]),
        ("りんご", [4]),
        ("猫", [4]),
        ("100%_done", [4]),
        ("%", []),
        ("🐱", []),
        (" \n", [5, 4, 3, 2, 1, 0]),
        ("'; DROP TABLE pictures; --", []),
        ("\ud800", [4]),
    ],
)
def test_words_find_prompts_newest_first(store: Store, text: str, found: list[int]) -> None:
    assert seeds(store.history(text)) == found


def test_a_search_for_a_whole_novel(store: Store) -> None:
    assert store.history(" ".join(f"word{number}" for number in range(20_000))) == []
    assert seeds(store.history("apple " * 20_000)) == [1, 0]


def test_filters(store: Store) -> None:
    assert seeds(store.history(model="mini")) == [1, 0]
    assert seeds(store.history(model="b" * 64)) == [1]
    assert seeds(store.history(sampler="ddim")) == [2, 1]
    assert seeds(store.history("apple", sampler="ddim")) == [1]
    assert seeds(store.history(limit=2)) == [5, 4]


def age(store: Store, picture: Picture, days: float) -> None:
    path = store.folder / "pictures" / picture.key[:2] / f"{picture.key}.png"
    then = time.time() - days * 86_400
    os.utime(path, (then, then))


def test_since(store: Store) -> None:
    age(store, made("a red apple", 0, sampler="heun", model=ModelRef("mini", "a" * 64)), 3)
    assert seeds(store.history(since=timedelta(days=2))) == [5, 4, 3, 2, 1]
    assert seeds(store.history(since=timedelta(days=4))) == [5, 4, 3, 2, 1, 0]
    assert seeds(store.history(since=date.today() - timedelta(days=1))) == [5, 4, 3, 2, 1]
    assert seeds(store.history(since=datetime.now() + timedelta(days=1))) == []
    assert seeds(store.history(since=datetime.max.replace(year=9000))) == []
    assert len(store.history(since=date(1900, 1, 1))) == 6
    with pytest.raises(RecipeError, match="beyond"):
        store.history(since=timedelta.max)
    with pytest.raises(RecipeError, match="timedelta"):
        store.history(since="yesterday")  # type: ignore[arg-type]


def test_stars(store: Store) -> None:
    apple = store.history("apple")[0]
    assert not store.starred(apple.key)
    store.star(apple.key)
    assert store.starred(apple.key)
    assert seeds(store.history(starred=True)) == [1]
    assert seeds(store.history(starred=False)) == [5, 4, 3, 2, 0]
    store.star(apple.key, on=False)
    assert store.history(starred=True) == []
    for key in ("0" * 64, "../format", ""):
        with pytest.raises(PictureFileError):
            store.star(key)
        assert not store.starred(key)


def test_a_picture_made_anew_is_the_newest(store: Store) -> None:
    assert seeds(store.history()) == [5, 4, 3, 2, 1, 0]
    store.put(made(None, 0))
    assert seeds(store.history()) == [0, 5, 4, 3, 2, 1, 0]
    store.put(made("a pineapple", 2, sampler="ddim", model=ModelRef("other", "c" * 64)))
    assert seeds(store.history()) == [2, 0, 5, 4, 3, 1, 0]


def index_of(store: Store) -> Path:
    (path,) = store.folder.glob("index-*.sqlite")
    return path


@pytest.mark.parametrize("content", [b"", b"nonsense" * 1000, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_damaged_index_is_made_anew(store: Store, content: bytes) -> None:
    store.history()
    index_of(store).write_bytes(content)
    assert seeds(store.history()) == [5, 4, 3, 2, 1, 0]
    assert index_of(store).read_bytes().startswith(b"SQLite format 3\0")


def test_an_index_with_pages_overwritten_is_made_anew(store: Store) -> None:
    store.history()
    content = bytearray(index_of(store).read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    index_of(store).write_bytes(content)
    assert seeds(store.history()) == [5, 4, 3, 2, 1, 0]


def test_a_locked_index_is_done_without(store: Store) -> None:
    store.history()
    store.put(made("a late apple", 9))
    lock = sqlite3.connect(index_of(store), isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    start = time.monotonic()
    assert seeds(store.history("apple")) == [9, 1, 0]
    assert time.monotonic() - start < PATIENCE + 5
    lock.execute("ROLLBACK")
    lock.close()
    assert seeds(store.history("apple")) == [9, 1, 0]


def test_an_index_that_cannot_be_a_file_is_done_without(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(made())
    store.flush()
    (tmp_path / "index-1.sqlite").mkdir()
    assert seeds(store.history("apple")) == [0]


def test_an_index_of_another_make_is_done_without(store: Store) -> None:
    with sqlite3.connect(store.folder / "index-1.sqlite") as other:
        other.execute("CREATE TABLE pictures (something TEXT)")
    other.close()
    assert seeds(store.history("apple")) == [1, 0]


def test_rebuilding_the_index_changes_nothing(store: Store) -> None:
    before = seeds(store.history())
    store.rebuild_index()
    assert seeds(store.history()) == before


def test_pictures_of_other_stores_on_the_folder_are_found(store: Store) -> None:
    store.history()
    other = Store(store.folder)
    other.put(made("an apple from elsewhere", 11))
    other.flush()
    assert seeds(store.history("elsewhere")) == [11]
    assert seeds(other.history("apple")) == [11, 1, 0]


def test_pruning_takes_the_oldest_and_spares_stars(store: Store) -> None:
    oldest = store.history()[-1]
    store.star(oldest.key)
    files, size = store.size()
    assert files == 6
    removed, freed = store.prune(max_bytes=size // 2)
    assert removed == 3 or removed == 4
    assert store.size() == (files - removed, size - freed)
    assert seeds(store.history())[-1] == 0
    assert seeds(store.history())[:2] == [5, 4]
    assert store.prune(max_bytes=0)[0] == 6 - removed - 1
    assert seeds(store.history()) == [0]
    assert store.prune() == (0, 0)


def test_pruning_by_age(store: Store) -> None:
    for picture, days in zip(store.history(), (1, 2, 3, 10, 11, 12), strict=True):
        age(store, picture, days)
    assert store.prune(older_than=timedelta(days=5))[0] == 3
    assert sorted(seeds(store.history())) == [3, 4, 5]


def test_pruning_removes_input_pictures_that_nothing_names(tmp_path: Path) -> None:
    store = Store(tmp_path)
    named, unnamed, fresh = (store.put_blob(noise(seed=seed)) for seed in range(3))
    store.put(made(image=named, strength=0.5))
    store.flush()
    for digest in (named, unnamed):
        path = tmp_path / "blobs" / digest[:2] / f"{digest}.png"
        os.utime(path, (0, 0))
    assert store.prune(older_than=timedelta(days=1))[0] == 1
    assert np.array_equal(store.get_blob(named), noise(seed=0))
    assert np.array_equal(store.get_blob(fresh), noise(seed=2))  # somebody may be about to name it
    with pytest.raises(PictureFileError, match="not in this store"):
        store.get_blob(unnamed)


def test_input_pictures(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = store.put_blob(noise())
    assert digest == store.put_blob(Picture(noise())) == store.put_blob(noise())
    assert np.array_equal(Store(tmp_path).get_blob(digest), noise())
    path = tmp_path / "blobs" / digest[:2] / f"{digest}.png"
    Picture(noise(seed=1)).save(path)
    for bad in (digest, "0" * 64, "../x", ""):
        with pytest.raises(PictureFileError):
            store.get_blob(bad)
    path.write_bytes(b"\x89PNG")
    assert store.put_blob(noise()) == digest
    assert np.array_equal(store.get_blob(digest), noise())


def test_the_public_verb(empty_store: Path) -> None:
    store = default_store()
    assert store is default_store() and store.folder == empty_store
    for seed in range(3):
        store.put(made(seed=seed, sampler="euler_a", model=ModelRef("mini", "f" * 64)))
    found = nbgen.history("apple", sampler="Euler a", model="mini", limit=2)
    assert isinstance(found, Pictures)
    assert seeds(found) == [2, 1]
    assert len(nbgen.history(model=ModelRef("mini", "f" * 64))) == 3
    assert len(nbgen.history(model=ModelRef("mini", "e" * 64))) == 0  # its weights have changed since
    found[0].star()
    assert seeds(nbgen.history(starred=True)) == [2]
    found[0].star(on=False)
    assert len(nbgen.history(starred=True)) == 0
    with pytest.raises(PictureFileError, match="in the store"):
        made(seed=99).star()
    with pytest.raises(SamplerError):
        nbgen.history(sampler="eulr")
    for wrong in ({"limit": 0}, {"limit": True}, {"text": 3}):
        with pytest.raises(RecipeError):
            nbgen.history(**wrong)  # type: ignore[arg-type]


def test_collections_hold_pictures_under_any_name_and_are_spared() -> None:
    model = tiny_sd()
    first, second, third = nbgen.generate("a cat", n=3, seed=0, model=model)
    for name in ("cats", "../up", "ein Ordner: ä/ö?", "." * 3):
        first.collect(name)
        assert [picture.key for picture in nbgen.history(collection=name)] == [first.key]
    second.collect("cats")
    assert nbgen.collections() == {"cats": 2, "../up": 1, "ein Ordner: ä/ö?": 1, "...": 1}
    second.collect("cats", False)
    assert nbgen.collections()["cats"] == 1
    assert not nbgen.history(collection="dogs")
    nbgen.prune(max_size=0)
    assert [picture.key for picture in nbgen.history()] == [first.key]
    for name in ("", " ", 3, None, "x" * 300):
        with pytest.raises(RecipeError):
            first.collect(name)
    with pytest.raises(PictureFileError):
        third.collect("cats")
