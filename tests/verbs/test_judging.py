"""The blind test: fair questions, pictures that tell nothing, and answers that can be given in code."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import nbgen
from nbgen.errors import RecipeError
from nbgen.picture import Picture
from nbgen.recipe import Recipe
from nbgen.testing import tiny_sd
from nbgen.verbs.grid import Grid
from nbgen.verbs.judging import BlindTest


@pytest.fixture(scope="module")
def grid() -> Grid:
    return nbgen.compare(
        "a cat", model=tiny_sd(), sampler=["ddim", "heun", "euler"], seed=range(4), steps=2, store=False
    )


def shown(grid: Grid, test: BlindTest) -> list[tuple[int, int]]:
    """For each question the cells of the grid whose pixels are on the left and on the right."""
    pixels = [np.asarray(picture).tobytes() for picture in grid]
    found = []
    while not test.done:
        left, right = (pixels.index(np.asarray(image).tobytes()) for image in test.pair())
        found.append((left, right))
        test.vote("left")
    return found


def test_every_pair_is_asked_once_at_every_seed_and_the_first_ones_are_even(grid: Grid) -> None:
    asked = shown(grid, nbgen.blind(grid, seed=1))
    assert len(asked) == 3 * 4
    assert all(left % 4 == right % 4 for left, right in asked), "the two pictures of a pair share their seed"
    settings = [frozenset((left // 4, right // 4)) for left, right in asked]
    assert len({(pair, left % 4) for pair, (left, _) in zip(settings, asked, strict=True)}) == 12
    for end in (3, 6, 9):
        assert set(Counter(settings[:end]).values()) == {end // 3}
    sides = [left < right for seed in range(20) for left, right in shown(grid, nbgen.blind(grid, seed=seed))]
    assert 0.4 < np.mean(sides) < 0.6
    assert shown(grid, nbgen.blind(grid, seed=1)) == asked != shown(grid, nbgen.blind(grid, seed=2))


def test_the_pictures_of_a_pair_carry_nothing_but_pixels(grid: Grid) -> None:
    for image in nbgen.blind(grid).pair():
        assert image.info == {} and image.mode == "RGB" and image.size == (32, 32)
        assert not hasattr(image, "filename") and not hasattr(image, "recipe")


def test_answers_rank_the_settings_and_the_code_gives_the_same(grid: Grid) -> None:
    test = nbgen.blind(grid, by="sampler", seed=7)
    pixels = [np.asarray(picture).tobytes() for picture in grid]
    while not test.done:
        left, right = (pixels.index(np.asarray(image).tobytes()) // 4 for image in test.pair())
        test.vote("left" if left < right else "right")  # ddim above heun above euler
    rows = test.ranking()
    assert [row["sampler"] for row in rows] == ["ddim", "heun", "euler"]
    assert [(row["wins"], row["ties"], row["losses"]) for row in rows] == [(8, 0, 0), (4, 0, 4), (0, 0, 8)]
    assert all(row["from"] < row["preferred"] < row["to"] for row in rows)
    again = eval(f"nbgen.blind(grid, {test.arguments})", {"nbgen": nbgen, "grid": grid})
    assert list(again.ranking()) == list(rows) and again.verdict == test.verdict
    assert test.figure().axes[0].get_yticklabels()[0].get_text() == "ddim"


def test_answers_are_taken_back_and_few_questions_are_enough(grid: Grid) -> None:
    test = nbgen.blind(grid, n=5, seed=3)
    test.vote("tie")
    test.vote("right")
    test.undo()
    assert (test.answers, test.answered, len(test), test.done) == ("=", 1, 5, False)
    assert test.arguments == "by='sampler', n=5, seed=3, answers='='"
    assert repr(test) == "BlindTest(sampler: 3 settings, 1 of 5 questions answered)"
    assert test.ranking()[0]["ties"] == 1


def test_favouring_one_side_is_said(grid: Grid) -> None:
    assert "The right one was chosen 12 times of 12" in nbgen.blind(grid, answers="r" * 12).verdict
    assert "chosen" not in nbgen.blind(grid, answers="rl" * 6).verdict


def test_cells_that_failed_are_not_asked_about(grid: Grid) -> None:
    whole = dict(grid.pictures_at)
    del whole[0]
    assert len(nbgen.blind(Grid(grid.layout, whole))) == 12 - 2
    with pytest.raises(RecipeError, match="nothing to ask"):
        nbgen.blind(Grid(grid.layout, {0: Picture(np.zeros((8, 8, 3), np.uint8), Recipe())}))


def test_what_makes_no_sense_is_refused_in_a_sentence(grid: Grid) -> None:
    two = nbgen.compare("a", model=tiny_sd(), sampler=["ddim", "heun"], guidance=[1, 2], steps=1, store=False)
    for call, sentence in [
        (lambda: nbgen.blind(3), "blind takes a grid"),
        (lambda: nbgen.blind(grid, "prompt"), "no axis is called 'prompt'"),
        (lambda: nbgen.blind(two), "say which axis is compared, as in by='sampler'"),
        (lambda: nbgen.blind(grid, n=0), "n is how many questions are asked"),
        (lambda: nbgen.blind(grid, n="two"), "n must be a whole number"),
        (lambda: nbgen.blind(grid, seed=-1), "seed must be from 0"),
        (lambda: nbgen.blind(grid, answers="lx"), "answers hold l, r and ="),
        (lambda: nbgen.blind(grid, answers="l" * 13), "there are 12 questions"),
        (lambda: nbgen.blind(grid).vote("up"), "an answer is 'left', 'right', 'tie'"),
        (lambda: nbgen.blind(grid).ranking(), "nobody has voted yet"),
        (lambda: nbgen.blind(grid, answers="l" * 12).vote("left"), "every question has its answer"),
        (lambda: nbgen.blind(grid, answers="l" * 12).pair(), "every question has its answer"),
    ]:
        with pytest.raises(RecipeError, match=sentence):
            call()
