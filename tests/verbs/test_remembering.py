"""history and prune: what the store takes is shown, and what is let go never has a star."""

from __future__ import annotations

import os
import time
from datetime import date, datetime, timedelta

import pytest

import nbgen
from nbgen.errors import PictureFileError, RecipeError
from nbgen.storage import default_store

pytestmark = pytest.mark.usefixtures("at_once")


@pytest.fixture
def pictures(model, empty_store):
    """Six pictures, the first made 100 days ago, the next 80, and so on."""
    made = nbgen.compare("a cat", model=model, seed=range(6), steps=1).pictures
    for number, picture in enumerate(made):
        then = time.time() - (100 - 20 * number) * 86_400
        os.utime(place(empty_store, picture), (then, then))
    return made


def place(folder, picture):
    return folder / "pictures" / picture.key[:2] / f"{picture.key}.png"


def seeds():
    return sorted(picture.recipe.seed for picture in nbgen.history())


def test_history_says_how_much_the_store_takes(pictures, empty_store):
    found = nbgen.history()
    sizes = [place(empty_store, picture).stat().st_size for picture in pictures]
    assert (found.files, found.bytes) == (6, sum(sizes))
    assert repr(found).endswith(f"; the store holds 6 files, {sum(sizes) / 1e3:.1f} kB)")
    assert [picture.recipe.seed for picture in found] == [5, 4, 3, 2, 1, 0]
    assert "store" not in repr(found[:2])
    assert repr(nbgen.history("zebra")).startswith("History(none; the store holds 6 files")


def test_history_takes_an_age_in_words(pictures):
    assert [picture.recipe.seed for picture in nbgen.history(since="50 days")] == [5, 4, 3]
    assert len(nbgen.history(since="13 weeks")) == 5


def test_pruning_by_age(pictures):
    gone = nbgen.prune(older_than="50d")
    assert (gone.files, gone.files_left) == (3, 3) and gone.bytes > 0
    assert seeds() == [3, 4, 5]
    assert repr(gone).startswith("Pruned(3 files, ") and repr(gone).endswith(" left)")
    assert nbgen.prune(older_than=timedelta(days=30)).files == 1
    assert nbgen.prune(older_than=date.today() - timedelta(days=10)).files == 1
    assert nbgen.prune(older_than=datetime.now() - timedelta(days=10)).files == 0


def test_pruning_by_size_takes_the_oldest_until_the_rest_fits(pictures, empty_store):
    size = nbgen.history().bytes
    gone = nbgen.prune(max_size=size - 1)
    assert (gone.files, gone.files_left, gone.bytes + gone.bytes_left) == (1, 5, size)
    assert seeds() == [1, 2, 3, 4, 5]
    kilobytes = f"{gone.bytes_left / 2000:.3f} kB"
    left = nbgen.prune(max_size=kilobytes)
    assert left.bytes_left <= gone.bytes_left / 2 < left.bytes_left + place_size(empty_store)
    assert nbgen.prune(max_size="1 GB").files == 0


def place_size(folder):
    return max(path.stat().st_size for path in folder.rglob("*.png"))


def test_a_star_is_never_pruned(pictures):
    pictures[0].star()
    pictures[3].star()
    assert nbgen.prune(older_than="1d", max_size=0).files_left == 2
    assert seeds() == [0, 3]
    assert {picture.key for picture in nbgen.history(starred=True)} == {pictures[0].key, pictures[3].key}
    pictures[0].star(False)
    assert nbgen.prune(max_size="0 MB").files_left == 1
    assert seeds() == [3]


def test_what_was_pruned_is_made_again(pictures):
    one = pictures[2]
    nbgen.prune(max_size=0)
    with pytest.raises(PictureFileError, match=r"picture\.again\(\)"):
        nbgen.Picture(one.pixels).pixels()
    again = one.again()
    assert again.recipe == one.recipe and not again.cost.stored
    assert default_store().has([one.key]) == {one.key}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "say what may go"),
        ({"older_than": "90"}, "written like"), ({"older_than": "soon"}, "written like"),
        ({"older_than": 90}, "a time is"),
        ({"older_than": timedelta(days=-1)}, "still to come"), ({"older_than": date(9000, 1, 1)}, "still to come"),
        ({"older_than": "9" * 15 + " years"}, "longer ago"), ({"older_than": timedelta.max}, "beyond"),
        ({"max_size": "2 parrots"}, "number of bytes"), ({"max_size": -1}, "number of bytes"),
        ({"max_size": "-1 GB"}, "number of bytes"), ({"max_size": True}, "number of bytes"),
        ({"max_size": 1.5}, "number of bytes"), ({"max_size": "1.5"}, "number of bytes"),
        ({"max_size": ""}, "number of bytes"),
    ],
    ids=str,
)  # fmt: skip
def test_nothing_goes_by_a_slip(pictures, arguments, said):
    with pytest.raises(RecipeError, match=said):
        nbgen.prune(**arguments)
    assert len(nbgen.history()) == 6


def test_an_empty_store_has_nothing_to_prune(empty_store):
    assert repr(nbgen.prune(max_size=0)) == "Pruned(0 files, 0 bytes; 0 files, 0 bytes left)"
    assert repr(nbgen.history()) == "History(none; the store holds 0 files, 0 bytes)"
    assert not empty_store.exists()
