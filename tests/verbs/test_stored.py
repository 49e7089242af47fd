"""From prompt to file and back with real models: is the picture kept, read, found and made again?"""

from __future__ import annotations

import errno
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbgen
from nbgen.errors import StoreWarning
from nbgen.testing import tiny_gan, tiny_sd

ASKED: dict[str, dict[str, Any]] = {
    "diffusion": {
        "prompt": "a red apple",
        "negative": "blue",
        "steps": 3,
        "guidance": 2,
        "sampler": "Euler a",
    },
    "gan": {"truncation": 0.7},
}


@pytest.fixture(params=ASKED)
def asked(request: pytest.FixtureRequest) -> dict[str, Any]:
    model = tiny_sd() if request.param == "diffusion" else tiny_gan()
    return {**ASKED[request.param], "model": model, "seed": 7, "n": 2}


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_a_saved_picture_is_made_again_from_its_file(
    asked: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    picture = nbgen.generate(**asked)[1]
    again = nbgen.read(picture.save(tmp_path / f"picture.{kind}"))
    assert again.recipe == picture.recipe
    assert np.array_equal(again, picture)
    remade = again.again(model=asked["model"], fresh=True)
    assert remade.recipe == picture.recipe
    assert np.abs(np.asarray(remade, int) - np.asarray(picture)).max() <= 1


def test_what_was_made_is_not_made_again_and_is_found(asked: dict[str, Any]) -> None:
    first = nbgen.generate(**asked)
    second = nbgen.generate(**asked)
    assert [picture.cost.stored for picture in (*first, *second)] == [False, False, True, True]
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other)
    assert repr(first) == repr(second)
    found = nbgen.history(model=asked["model"])
    assert {picture.key for picture in found} == {picture.key for picture in first}


@pytest.mark.parametrize("how", ["read-only home", "full disk"])
def test_a_store_that_cannot_be_written_costs_only_the_history(
    how: str, asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = nbgen.generate(**asked, store=False)
    if how == "read-only home":
        (tmp_path / "home").write_bytes(b"")  # tests may run as root, whom no permission stops
        monkeypatch.setenv("NBGEN_STORE", str(tmp_path / "home" / "nbgen"))
    else:

        def full(*arguments: Any, **options: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr("nbgen.writer.write_atomically", full)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = [nbgen.generate(**asked) for _ in range(2)]
    assert [warning.category for warning in caught if warning.category is StoreWarning] == [StoreWarning]
    for pictures in made:
        assert max(np.abs(np.asarray(a, int) - b).max() for a, b in zip(pictures, kept, strict=True)) <= 1
    assert len(nbgen.history()) == 0
    assert nbgen.last is made[1]


def test_a_call_that_stores_nothing_leaves_no_trace(asked: dict[str, Any], empty_store: Path) -> None:
    nbgen.generate(**asked, store=False)
    assert not empty_store.exists()
