"""What the model card shows: nobody chooses it, and every prompt can be read."""

import numpy as np

from nbgen.training.gallery import SHOWN, Gallery, captioned
from nbgen.training.questions import Question
from nbgen.training.scenes import Scene


def questions(count):
    return [Question(f"a thing with the number {n}", Scene((n,), "white")) for n in range(count)]


def test_a_hundred_of_every_kind_are_shown_and_three_misses_of_each():
    gallery = Gallery()
    for kind, shown in SHOWN.items():
        made = np.zeros((50, 64, 64, 3), np.uint8)
        right = [n % 10 != 0 for n in range(50)]
        gallery.add(kind, questions(50), made, made + 1, right)
        assert gallery.shown[-1][1].endswith(" 49") and gallery.shown[-shown][1].endswith(" 0")
    assert len(gallery.shown) == sum(SHOWN.values()) == 100
    assert [text.split()[-1] for _, text in gallery.wrong[:3]] == ["0", "20", "40"]
    assert all(
        picture.shape == (64, 128, 3) and picture[0, 0, 0] < picture[0, -1, 0] for picture, _ in gallery.wrong
    )


def test_where_nothing_failed_there_is_no_picture_of_it():
    gallery = Gallery()
    gallery.add("pair", questions(2), *[np.zeros((2, 64, 64, 3), np.uint8)] * 2, [True, True])
    assert gallery.failures() is None and gallery.sheet().width < 300


def test_a_long_prompt_is_wrapped_within_its_picture():
    white = np.full((64, 64, 3), 255, np.uint8)
    sheet = np.asarray(captioned((white, "a watercolour of a very long name " * 2), columns=4).convert("L"))
    ink = np.argwhere(sheet < 128)
    assert len(ink) > 50
    assert ink[:, 0].min() > 8 + 128 and ink[:, 1].max() < 8 + 128


def test_the_longest_prompt_makes_room_for_itself():
    black = np.zeros((64, 64, 3), np.uint8)
    text = "a picture of smiling face with sunglasses to the left of a woman with a long name on a blue background"
    sheet = np.asarray(captioned(*[(black, text)] * 2, columns=1).convert("L"))
    rows = np.flatnonzero((sheet < 128).any(axis=1))
    gaps = np.flatnonzero(np.diff(rows) > 1)
    assert len(gaps) >= 2 and rows[-1] < len(sheet) - 2
    whole = (sheet[:, 8:136] == 0).all(axis=1)  # rows of the pictures: no letter reaches into them
    assert whole.sum() == 2 * 128
