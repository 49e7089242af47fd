"""Does the store keep what was made, find it again, and cost only the history where it cannot?"""

from __future__ import annotations

import dataclasses
import errno
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nbgen import files
from nbgen.cost import Cost
from nbgen.errors import PictureFileError, StoreWarning
from nbgen.picture import Picture, read
from nbgen.recipe import ModelRef, Recipe
from nbgen.storage import Store

from .drawn import noise


def made(prompt: Any = "a red apple", seed: int = 0, *, exact: bool = False, **fields: Any) -> Picture:
    recipe = Recipe(prompt=prompt, seed=seed, **fields)
    return Picture(noise(seed=seed), recipe, Cost(calls=20, exact=exact), notes=("a remark",))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nothing is written before the event is set."""
    go, write = threading.Event(), files.write_atomically

    def wait(path: Path, content: bytes, **options: Any) -> None:
        if path.suffix == ".png":
            assert go.wait(20)
        write(path, content, **options)

    monkeypatch.setattr("nbgen.writer.write_atomically", wait)
    yield go
    go.set()


def path_of(store: Store, picture: Picture) -> Path:
    return store.folder / "pictures" / picture.key[:2] / f"{picture.key}.png"


def test_what_is_put_is_got_back(store: Store) -> None:
    picture = made(model=ModelRef("mini", "f" * 64), steps=20)
    kept = store.put(picture)
    assert (kept.recipe, kept.cost, kept.notes) == (picture.recipe, picture.cost, ("a remark",))
    store.flush()
    for again in (kept, store.get(picture.key), Store(store.folder).get(picture.key)):
        assert again is not None
        assert np.array_equal(again, picture)
        assert (again.recipe, again.size) == (picture.recipe, (64, 64))
    got = store.get(picture.key)
    assert got is not None
    assert got.cost == dataclasses.replace(picture.cost, stored=True)
    assert repr(got) == repr(picture)  # a second run prints the same


def test_the_file_is_an_ordinary_picture_with_its_recipe(store: Store) -> None:
    picture = made()
    store.put(picture)
    store.flush()
    again = read(path_of(store, picture))
    assert (again.recipe, again.cost) == (picture.recipe, picture.cost)


def test_what_is_not_there_is_none_and_touches_nothing(store: Store) -> None:
    for key in ("0" * 64, "", "../../etc/passwd", "0" * 63 + "/", "F" * 64):
        assert store.get(key) is None
    assert store.has(["0" * 64, "..", "x"]) == set()
    assert store.history() == []
    assert store.size() == (0, 0)
    assert not store.folder.exists()


def test_a_picture_without_a_recipe_is_not_kept(store: Store) -> None:
    picture = Picture(noise())
    assert store.put(picture) is picture
    assert not store.folder.exists()


def test_waiting_pictures_are_there(store: Store, slow_disk: threading.Event) -> None:
    picture = made()
    kept = store.put(picture)
    assert not path_of(store, picture).exists()
    assert store.has([picture.key]) == {picture.key}
    got = store.get(picture.key)
    assert got is not None
    assert got.cost.stored and not kept.cost.stored
    for there in (got, kept):
        assert np.array_equal(there, picture)
    assert not store.flush(timeout=0.05)
    slow_disk.set()
    assert store.flush()
    assert path_of(store, picture).exists()
    assert np.array_equal(kept, picture)


def test_the_queue_is_bounded_and_keeps_its_order(store: Store, slow_disk: threading.Event) -> None:
    pictures = [made(seed=seed) for seed in range(50)]
    putting = threading.Thread(target=lambda: [store.put(picture) for picture in pictures])
    putting.start()
    putting.join(0.3)
    assert putting.is_alive()  # full: whoever makes pictures waits
    slow_disk.set()
    putting.join(20)
    store.flush()
    assert [picture.recipe for picture in store.history()] == [
        picture.recipe for picture in reversed(pictures)
    ]


def test_written_pictures_let_go_of_their_pixels(store: Store) -> None:
    kept = store.put(made())
    store.flush()
    path_of(store, kept).unlink()
    with pytest.raises(PictureFileError, match="no longer in the store"):
        kept.pixels()


def test_exact_pictures(store: Store) -> None:
    near, exact = made(), made(exact=True)
    store.put(near)
    for _ in range(2):  # waiting or written, the answer is the same
        assert store.get(near.key, exact=True) is None
        assert store.has([near.key], exact=True) == set()
        store.flush()
    store.put(exact)
    for _ in range(2):
        assert store.get(near.key, exact=True) is not None
        assert store.has([near.key], exact=True) == {near.key}
        store.flush()
    again = made()
    assert store.put(again) is again  # not good enough to replace what is there
    assert store.get(near.key, exact=True) is not None


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    middle = len(content) - 2000
    path.write_bytes(
        {
            "cut": content[:-100],
            "empty": b"",
            "zeros": bytes(len(content)),
            "one byte": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "longer": content + b"x",
        }[how]
    )


@pytest.mark.parametrize("how", ["cut", "empty", "zeros", "one byte", "longer"])
def test_a_damaged_file_is_set_aside_and_made_again(how: str, store: Store) -> None:
    picture = made()
    store.put(picture)
    store.flush()
    damage(path_of(store, picture), how)
    assert store.get(picture.key) is None
    assert [path.name for path in (store.folder / "damaged").iterdir()] == [f"{picture.key}.png"]
    assert store.has([picture.key]) == set()
    assert store.history() == []
    store.put(picture)
    store.flush()
    assert np.array_equal(store.get(picture.key), picture)  # type: ignore[arg-type]


def test_a_file_under_the_wrong_name_is_not_taken(store: Store) -> None:
    one, other = made(seed=1), made(seed=2)
    store.put(one)
    store.flush()
    path_of(store, other).parent.mkdir(parents=True, exist_ok=True)
    os.rename(path_of(store, one), path_of(store, other))
    assert store.get(other.key) is None


def test_a_half_written_file_is_never_a_picture(store: Store) -> None:
    store.put(made())
    store.flush()
    part = path_of(store, made()).with_name(f".0123456789abcdef{files.PART}")
    part.write_bytes(b"\x89PNG")
    assert len(store.history()) == 1
    assert store.size()[0] == 2  # it takes up room all the same


@pytest.fixture(params=["a file in its place", "full disk", "newer"])
def unwritable(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    folder = tmp_path / "store"
    if request.param == "a file in its place":
        folder.write_bytes(b"")
    elif request.param == "newer":
        folder.mkdir()
        (folder / "format").write_text("99\n")
    else:

        def full(*arguments: Any, **options: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))

        monkeypatch.setattr("nbgen.writer.write_atomically", full)
        monkeypatch.setattr("nbgen.blobs.write_atomically", full)
    return Store(folder)


def test_a_store_that_cannot_be_written_costs_one_warning(unwritable: Store) -> None:
    pictures = [made(seed=seed) for seed in range(3)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kept = [unwritable.put(picture) for picture in pictures]
        digest = unwritable.put_blob(noise(seed=9))
        unwritable.flush()
        for picture, again in zip(pictures, kept, strict=True):
            assert np.array_equal(again, picture)
            assert again.recipe == picture.recipe
            assert unwritable.get(picture.key) is None
        assert np.array_equal(unwritable.get_blob(digest), noise(seed=9))
        assert unwritable.history() == []
        with pytest.raises(PictureFileError):
            unwritable.star(pictures[0].key)
        unwritable.flush()
    assert [warning.category for warning in caught] == [StoreWarning]
    message = str(caught[0].message)
    assert str(unwritable.folder.parent) not in message
    assert any(word in message for word in ("exists", "directory", "No space left", "newer nbgen"))


def test_the_warning_waits_for_the_main_thread(unwritable: Store) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        worker = threading.Thread(target=lambda: unwritable.put(made()) and unwritable.flush())
        worker.start()
        worker.join(20)
    with pytest.warns(StoreWarning):
        unwritable.flush()


def test_a_disk_that_has_room_again_is_used_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full, pytest.warns(StoreWarning):
        full.setattr(
            "nbgen.writer.write_atomically", lambda *a, **o: (_ for _ in ()).throw(OSError(28, "full"))
        )
        lost = store.put(made(seed=1))
        store.flush()
    store.put(made(seed=2))
    store.flush()
    assert store.get(made(seed=2).key) is not None
    assert np.array_equal(lost, made(seed=1))


def test_a_read_only_file_system_costs_one_warning() -> None:
    store = Store("/proc/nbgen" if os.path.isdir("/proc") else os.devnull)
    with pytest.warns(StoreWarning) as caught:
        kept = store.put(made())
    assert np.array_equal(kept, made())
    assert len(caught) == 1


def test_a_store_of_a_newer_version_is_read_by_key_and_left_as_it_is(store: Store) -> None:
    picture = made()
    store.put(picture)
    store.flush()
    (store.folder / "format").write_text("2\n")
    before = {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()}
    newer = Store(store.folder)
    assert newer.get(picture.key) is not None
    assert [found.recipe for found in newer.history()] == [picture.recipe]
    with pytest.raises(PictureFileError, match="newer nbgen"):
        newer.prune(max_bytes=0)
    with pytest.warns(StoreWarning, match="newer nbgen"):
        newer.put(made(seed=1))
    newer.rebuild_index()
    assert {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()} == before


def test_a_recipe_of_a_newer_version_is_left_as_it_is(store: Store) -> None:
    picture = made()
    store.put(picture)
    store.flush()
    path = path_of(store, picture)
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("nbgen", '{"nbgen":2,"prompt":"a red apple"}')
    Image.fromarray(noise()).save(path, pnginfo=info)
    before = path.read_bytes()
    assert store.get(picture.key) is None
    assert path.read_bytes() == before
