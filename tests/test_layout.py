"""Layouts: every combination in reading order, checked as a whole."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbgen.arranging import arrange, pages_of
from nbgen.axes import axis, swap_words
from nbgen.combining import lay_out
from nbgen.errors import RecipeError, SamplerError
from nbgen.recipe import FIELDS, Recipe

KNOWN = {*FIELDS, "n"}


def resolve(**fields):
    if fields.get("sampler") == "eulr":
        raise SamplerError("there is no sampler 'eulr': did you mean 'euler'?")
    return Recipe(**fields)


def layout(*given, n=None, where=None, reference=None, limit=10_000, base=None, **fields):
    return lay_out(
        given,
        fields,
        known=KNOWN,
        resolve=resolve,
        n=n,
        where=where,
        reference=reference,
        limit=limit,
        base=base or {},
    )


def test_reading_order_is_the_order_written_and_the_last_runs_fastest():
    grid = layout(prompt="a cat", sampler=["ddim", "heun"], seed=range(3), steps=12)
    assert grid.shape == (2, 3)
    assert [(cell.recipe.sampler, cell.recipe.seed) for cell in grid.cells] == [
        (s, i) for s in ("ddim", "heun") for i in range(3)
    ]
    assert {cell.recipe.steps for cell in grid.cells} == {12}
    assert grid.cells[grid.at(sampler="heun", seed=2)].recipe == Recipe(
        prompt="a cat", sampler="heun", seed=2, steps=12
    )


def test_tuples_dicts_and_texts_are_one_value():
    grid = layout(prompt="a cat", size=(64, 64), options={"eta": 0.5}, seed=1)
    assert grid.shape == () and len(grid.cells) == 1 and grid.cells[0].recipe.size == (64, 64)


def test_axes_without_a_keyword_stand_right_after_the_prompt():
    speed = axis("speed", {"draft": dict(steps=4), "final": dict(steps=30)})
    grid = layout(speed, prompt=["a cat", "a dog"], seed=[0, 1])
    assert [each.title for each in grid.axes] == ["prompt", "speed", "seed"]
    grid = layout(speed, seed=[0, 1], prompt=["a cat", "a dog"])
    assert [each.title for each in grid.axes] == ["speed", "seed", "prompt"]


def test_swapped_words_reach_the_prompt_and_chain():
    grid = layout(
        swap_words("cat", ["cat", "dog"]), prompt="a red cat", colour=swap_words("red", ["red", "blue"])
    )
    assert [cell.recipe.prompt for cell in grid.cells] == [
        "a red cat",
        "a blue cat",
        "a red dog",
        "a blue dog",
    ]
    assert grid.axes[1].title == "colour"


def test_n_pictures_stand_inside_a_cell_and_count_seeds_up():
    grid = layout(prompt="a cat", sampler=["ddim", "heun"], seed=5, n=3)
    assert grid.inside and [cell.recipe.seed for cell in grid.cells] == [5, 6, 7] * 2
    (page,) = pages_of(grid)
    assert (
        page.column_labels == ("ddim", "heun")
        and page.slots == (((0, 1, 2), (3, 4, 5)),)
        and page.inside_labels == ("5", "6", "7")
    )


def test_where_keeps_by_field_or_title_and_starting_values_are_overridden():
    grid = layout(
        prompt="a cat",
        sampler=["ddim", "heun"],
        steps=[5, 50],
        where=lambda sampler, steps: sampler == "ddim" or steps < 10,
    )
    assert [cell.index for cell in grid.cells] == [(0, 0), (0, 1), (1, 0)]
    speed = axis("speed", {"draft": dict(steps=4), "final": dict(steps=30)})
    assert len(layout(speed, prompt="a cat", where=lambda speed: speed == "final").cells) == 1
    started = layout(base={"prompt": "a dog", "steps": 9, "seed": 3}, steps=[1, 2])
    assert [(cell.recipe.prompt, cell.recipe.steps, cell.recipe.seed) for cell in started.cells] == [
        ("a dog", 1, 3),
        ("a dog", 2, 3),
    ]


def test_reference_is_a_value_or_a_cell():
    grid = layout(prompt="a cat", sampler=["ddim", "heun"], seed=range(3), reference="heun")
    assert [grid.reference_of(number) for number in range(6)] == [3, 4, 5, 3, 4, 5]
    fixed = layout(
        prompt="a cat", sampler=["ddim", "heun"], seed=range(3), reference=dict(sampler="ddim", seed=1)
    )
    assert {fixed.reference_of(number) for number in range(6)} == {1}
    assert layout(prompt="a cat", seed=[1, 2]).reference_of(0) is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (dict(seed=[]), "empty axis"),
        (dict(seed=range(0)), "empty axis"),
        (dict(seed=range(1000), guidance=list(range(100))), "100,000 cells.*limit=100000"),
        (dict(seed=range(10**7), limit=10**30), "10,000,000 cells.* at most 1,000,000.*in parts"),
        (dict(seed=range(10**30), limit=10**30), "at most 1,000,000"),
        (dict(seed=range(10**12)), "1,000,000,000,000 cells"),
        (dict(cfg=[1, 2]), "nbgen calls it guidance"),
        (dict(smapler=["ddim"]), "did you mean sampler"),
        (dict(seed=[0, 1], n=4), "leave one of them out"),
        (dict(n=0), "whole number from 1"),
        (
            dict(speed=axis("speed", [dict(steps=4), dict(steps=5)]), steps=[1, 2]),
            "steps is on two axes, 'speed' and 'steps'",
        ),
        (dict(speed=axis("speed", [dict(steps=4), dict(steps=5)]), steps=12), "steps=12 contradicts"),
        (dict(animal=swap_words("cow", ["cow"])), "'cow', which is not in the prompt 'a cat'"),
        (dict(seed=[0, 1], reference="heun"), "not in the grid"),
        (
            dict(seed=[0, 1], reference=dict(sampler="heun")),
            "reference is not in the grid: no axis is called 'sampler'",
        ),
        (dict(seed=[0, 1], reference=dict(seed=7)), "7 is not on the axis 'seed'"),
        (dict(seed=[0, 1], steps=[1, 2], reference=1), "on several axes"),
        (dict(seed=[0, 1], where=lambda seed: False), "skips every cell"),
        (dict(seed=[0, 1], where=lambda seed: seed < 1, reference=1), "where= skips all of it"),
        (dict(seed=[0, 1], where=lambda steps: True), "asks for 'steps'"),
        (dict(seed=[0, 1], where=lambda seed: 1 / seed > 0), "failed at seed 0: ZeroDivisionError"),
        (dict(seed=[0, 1], where=3), "takes a function"),
        (dict(seed=[0, -1]), r"not -1. \(1 cell, the first at seed -1\)"),
    ],
)
def test_what_is_wrong_is_said(arguments, says):
    with pytest.raises(RecipeError, match=says):
        layout(prompt="a cat", **arguments)


def test_all_problems_are_said_at_once_and_a_single_one_keeps_its_type():
    with pytest.raises(RecipeError) as caught:
        layout("what", prompt="a cat", cfg=3, sampler=["ddim", "eulr"], seed=[0, -1], guidance=[])
    text = str(caught.value)
    assert text.startswith("5 things are wrong")
    for part in ("nbgen calls it guidance", "'eulr'", "not -1", "empty axis", "after the prompt come axes"):
        assert part in text
    with pytest.raises(SamplerError, match="eulr"):
        layout(prompt="a cat", sampler="eulr")


def test_a_raised_limit_is_taken():
    with pytest.raises(RecipeError, match="20 cells"):
        layout(prompt="a cat", seed=range(20), limit=19)
    assert len(layout(prompt="a cat", seed=range(20), limit=20).cells) == 20


def test_at_asks_for_what_is_missing():
    grid = layout(prompt="a cat", sampler=["ddim"], seed=range(3), where=lambda seed: seed != 1)
    assert grid.at(seed=2) == 1
    with pytest.raises(RecipeError, match="name also seed"):
        grid.at(sampler="ddim")
    with pytest.raises(RecipeError, match="skipped by where="):
        grid.at(seed=1)
    with pytest.raises(RecipeError, match="this comparison has sampler, seed"):
        grid.at(steps=3)


def test_last_axis_is_columns_the_one_before_rows_further_ones_pages():
    grid = layout(prompt="a cat", guidance=[1, 7], sampler=["ddim", "heun"], seed=range(3))
    pages = pages_of(grid)
    assert [page.title for page in pages] == ["guidance: 1", "guidance: 7"]
    assert pages[0].row_title == "sampler" and pages[0].column_labels == ("0", "1", "2")
    assert pages[1].slots[1] == ((9,), (10,), (11,))


def test_arranging_swaps_drops_and_hides_without_losing_a_cell():
    grid = layout(prompt="a cat", guidance=[1, 7], sampler=["ddim", "heun"], seed=range(3))
    swapped = pages_of(grid, arrange(grid, rows="seed", columns="sampler"))
    assert [page.title for page in swapped] == ["guidance: 1", "guidance: 7"]
    assert swapped[0].slots == (((0,), (3,)), ((1,), (4,)), ((2,), (5,)))
    everything = sorted(number for page in swapped for row in page.slots for slot in row for number in slot)
    assert everything == list(range(12))
    (dropped,) = pages_of(grid, arrange(grid, drop={"guidance": 7}))
    assert dropped.title == "guidance: 7" and dropped.slots[0] == ((6,), (7,), (8,))
    hidden = pages_of(grid, arrange(grid, hide={"seed": [0, 2], "guidance": 1}))
    assert len(hidden) == 1 and hidden[0].column_labels == ("1",) and hidden[0].slots == (((7,),), ((10,),))
    (inside,) = pages_of(grid, arrange(grid, inside="guidance"))
    assert inside.slots[0][0] == (0, 6)


def test_skipped_cells_are_none_and_empty_pages_vanish():
    grid = layout(
        prompt="a cat",
        guidance=[1, 7],
        sampler=["ddim", "heun"],
        seed=[0, 1],
        where=lambda guidance, seed: guidance == 7 and seed == 0,
    )
    (page,) = pages_of(grid)
    assert page.title == "guidance: 7" and page.slots == (((0,), (None,)), ((1,), (None,)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (dict(rows="steps"), "no axis is called 'steps'"),
        (dict(rows="seed", columns="seed"), "one place only"),
        (dict(rows="seed", drop={"seed": 0}), "one place only"),
        (dict(hide={"seed": [0, 1]}), "nothing is left"),
        (dict(hide={"seed": 9}), "9 is not on the axis"),
    ],
)
def test_arrangements_that_cannot_be(arguments, says):
    grid = layout(prompt="a cat", sampler=["ddim", "heun"], seed=[0, 1])
    with pytest.raises(RecipeError, match=says):
        arrange(grid, **arguments)


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.permutations(["rows", "columns", "pages", "inside"]),
)
def test_every_arrangement_shows_every_cell_once_and_where_it_belongs(lengths, roles):
    names = ["sampler", "seed", "steps", "guidance"][: len(lengths)]
    grid = layout(
        prompt="a cat",
        **{
            name: list(range(1, length + 1))
            if name != "sampler"
            else ["ddim", "heun", "lms", "pndm"][:length]
            for name, length in zip(names, lengths, strict=True)
        },
    )
    assert [cell.index for cell in grid.cells] == list(itertools.product(*map(range, lengths)))
    pages = pages_of(grid, arrange(grid, **dict(zip(roles, names, strict=False))))
    shown = [number for page in pages for row in page.slots for slot in row for number in slot]
    assert sorted(shown) == list(range(len(grid.cells)))
    for page in pages:
        for row, slots in enumerate(page.slots):
            for column, slot in enumerate(slots):
                for number in slot:
                    words = grid.describe(grid.cells[number].index)
                    for title, label in (
                        (page.row_title, page.row_labels[row] if page.row_labels else ""),
                        (page.column_title, page.column_labels[column] if page.column_labels else ""),
                    ):
                        assert not title or f"{title} {label}" in words.split(", ")
