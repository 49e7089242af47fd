"""Figures of comparisons: every picture in its place, labels that say what it is, files of three kinds."""

from __future__ import annotations

import io
import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nbgen.errors import PictureFileError
from nbgen.show.figure_files import as_image, figure_bytes
from nbgen.show.geometry import Tile
from nbgen.show.grid_figure import THEMES, ColourBar, grid_figure
from nbgen.show.lettering import drawable, families, width_of
from nbgen.show.pages import Page


def tile(number, size=(64, 64), **more):
    return Tile(lambda: Image.new("RGB", size, (number % 256, number // 256, 128)), size, **more)


def page(rows, columns, start=0, inside=1, title="", skip=()):
    numbers = iter(range(start, start + rows * columns * inside))
    slots = tuple(
        tuple(
            tuple(None if (row, column) in skip else next(numbers) for _ in range(inside))
            for column in range(columns)
        )
        for row in range(rows)
    )
    labels = (
        tuple(f"row {row}" for row in range(rows)),
        tuple(f"column {column}" for column in range(columns)),
    )
    return Page(title, "rows", labels[0], "columns", labels[1], slots, "seed", tuple(map(str, range(inside))))


def composite(figure, number=0):
    return figure.axes[number].get_images()[0].get_array()


def test_every_picture_stands_where_its_slot_is_and_is_crisp():
    figure = grid_figure([page(2, 3)], [tile(number) for number in range(6)])
    pixels = composite(figure)
    side = (pixels.shape[1] - 12) // 3
    assert side % 64 == 0  # a whole factor
    for number in range(6):
        top, left = number // 3 * (side + 6), number % 3 * (side + 6)
        block = pixels[top : top + side, left : left + side, :3]
        assert (block == (number, 0, 128)).all()


def test_axes_are_titled_and_ticked():
    figure = grid_figure(
        [page(2, 3, title="guidance: 1"), page(2, 3, 6, title="guidance: 7")], [tile(n) for n in range(12)]
    )
    assert len(figure.axes) == 2
    axes = figure.axes[1]
    assert axes.get_xlabel() == "columns" and axes.get_ylabel() == "rows"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["column 0", "column 1", "column 2"]
    assert "guidance: 7" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("side", [2, 20])
def test_no_text_overlaps_or_leaves_the_figure(side):
    labels = tuple(f"a rather long prompt about a red apple, number {number}" for number in range(side))
    slots = tuple(tuple((row * side + column,) for column in range(side)) for row in range(side))
    figure = grid_figure(
        [Page("page", "prompt", labels, "another prompt", labels, slots)],
        [tile(number) for number in range(side * side)],
    )
    as_image(figure)
    axes, width, height = figure.axes[0], *(figure.get_size_inches() * figure.dpi)
    for group in (axes.get_xticklabels(), axes.get_yticklabels()):
        boxes = [label.get_window_extent() for label in group]
        assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))
        assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)
        assert not any(box.overlaps(axes.xaxis.label.get_window_extent()) for box in boxes)
    assert all(label.get_fontsize() >= 9 for label in axes.get_xticklabels())
    if side == 20:
        assert (composite(figure).shape[1] + 6) // 20 - 6 >= 56  # still a picture, not a dot


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("side", [24, 64])
def test_long_labels_that_begin_alike_can_be_told_apart(side, turned):
    begin = "a photograph of a red apple on a wooden table in the evening sun, " * 3
    labels = tuple(begin + end for end in ("in oil", "in pencil", "in wood"))
    few = ("one", "two")
    slots = tuple(tuple((3 * row + column,) for column in range(3)) for row in range(2))
    if turned:
        slots = tuple(zip(*slots, strict=True))
    rows, columns = (labels, few) if turned else (few, labels)
    figure = grid_figure(
        [Page("", "rows", rows, "columns", columns, slots)],
        [tile(number, size=(side, side)) for number in range(6)],
    )
    axes = figure.axes[0]
    drawn = [label.get_text() for label in (axes.get_yticklabels() if turned else axes.get_xticklabels())]
    assert [text.split()[-1] for text in drawn] == ["oil", "pencil", "wood"]


def test_failed_cells_say_why_in_their_place_and_narrow_ones_below():
    tiles = [tile(0), Tile(None, reason="out of memory"), tile(2), Tile(None)]
    wide = grid_figure([page(2, 2)], tiles)
    texts = [text.get_text() for text in wide.axes[0].texts]
    assert "out of memory" in texts and "not made" in texts
    many = [tile(number) if number != 5 else Tile(None, reason="out of memory") for number in range(40)]
    narrow = grid_figure([page(1, 40)], many)
    texts = [text.get_text() for text in narrow.axes[0].texts]
    assert "1" in texts and "1: out of memory" in texts


def test_skipped_cells_are_hatched_and_said():
    figure = grid_figure([page(2, 2, skip={(1, 1)})], [tile(number) for number in range(4)])
    assert "Hatched: left out on purpose" in [text.get_text() for text in figure.axes[0].texts]
    block = composite(figure)[-40:, -40:, :3].reshape(-1, 3)
    assert 2 <= len(np.unique(block, axis=0)) <= 40


def test_pictures_inside_a_cell_marks_captions_and_a_bar():
    tiles = [tile(number, marked=number == 0, caption="RMSE 0.1") for number in range(8)]
    inside = grid_figure([page(1, 2, inside=4)], tiles)
    assert "In each cell, seed: 0, 1, 2, 3" in [text.get_text() for text in inside.axes[0].texts]
    figure = grid_figure([page(2, 4)], tiles, bar=ColourBar("difference", 0.25, "inferno"), theme="dark")
    assert [text.get_text() for text in figure.axes[0].texts].count("RMSE 0.1") == 8
    assert len(figure.axes[0].patches) == 1
    assert figure.axes[1].get_xlim() == (0, 0.25)


def test_a_thousand_large_pictures_take_little_memory():
    opened = [0]

    def image():
        opened[0] += 1
        return Image.new("RGB", (512, 512), "red")

    tracemalloc.start()
    grid_figure([page(25, 40)], [Tile(image, (512, 512))] * 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert opened[0] == 1000
    assert peak < 120e6  # the pictures alone are 786 MB


def test_text_is_never_a_formula_and_never_warns():
    strange = "$x^2$ \ud800 猫 \x00 <img src=x onerror=alert(1)>"
    strange_page = Page(strange, strange, (strange,), strange, (strange,), (((0,),),))
    figure = grid_figure([strange_page], [Tile(None, reason=strange)], notes=[strange])
    as_image(figure)
    assert "<img" in " ".join(label.get_text() for label in figure.axes[0].get_xticklabels())
    assert drawable("$") == r"\$" and families()[0] == "DejaVu Sans"
    assert width_of("wide", 10) > width_of("i", 10) > 0


@pytest.mark.parametrize("theme", THEMES)
def test_figures_show_themselves_and_are_the_same_twice(theme):
    made = [grid_figure([page(1, 2)], [tile(0), tile(1)], theme=theme)._repr_png_() for _ in range(2)]
    assert made[0] == made[1] and made[0].startswith(b"\x89PNG")
    assert Image.open(io.BytesIO(made[0])).mode == ("RGBA" if theme == "notebook" else "RGB")


def test_files_of_three_kinds_say_only_what_they_are_told():
    figure = grid_figure([page(1, 2)], [tile(0), tile(1)])
    info = PngInfo()
    info.add_text("parameters", "a cat")
    png = Image.open(io.BytesIO(figure_bytes(figure, ".png", info=info)))
    assert png.info == {"parameters": "a cat"}
    webp = Image.open(io.BytesIO(figure_bytes(figure, ".WEBP", xmp=b"<x/>")))
    assert webp.format == "WEBP" and webp.info["xmp"] == b"<x/>"
    pdf = figure_bytes(figure, ".pdf")
    assert pdf.startswith(b"%PDF") and b"CreationDate" not in pdf and b"Creator" not in pdf
    with pytest.raises(PictureFileError, match=r"\.png, \.webp or \.pdf"):
        figure_bytes(figure, ".gif")
    figure.set_size_inches(200, 1)
    with pytest.raises(PictureFileError, match=r"save it as \.png"):
        figure_bytes(figure, ".webp")


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=120), st.integers(1, 4), st.integers(1, 4))
def test_any_text_can_be_drawn(text, rows, columns):
    slots = tuple(tuple((row * columns + column,) for column in range(columns)) for row in range(rows))
    labels = tuple(f"{text} {number}" for number in range(4))
    tiles = [
        Tile(None, reason=text) if number % 2 else tile(number, caption=text)
        for number in range(rows * columns)
    ]
    as_image(
        grid_figure([Page(text, text, labels[:rows], text, labels[:columns], slots)], tiles, notes=[text])
    )


def test_a_long_row_goes_on_in_the_next_line():
    labels = tuple(str(number) for number in range(30))
    page = Page("", "", (), "seed", labels, (tuple((number,) for number in range(30)),))
    figure = grid_figure([page], [tile(number) for number in range(30)])
    assert figure.get_figwidth() * figure.dpi <= 900
    assert [len(axes.get_xticks()) for axes in figure.axes] == [10, 10, 10]
    assert [axes.get_xlabel() for axes in figure.axes] == ["seed", "", ""]
    assert [text.get_text() for axes in figure.axes for text in axes.get_xticklabels()] == list(labels)
