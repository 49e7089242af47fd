"""Is a contact sheet crisp, legible and of a sensible size, for two pictures and for hundreds?"""

from __future__ import annotations

import io
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nbgen.errors import RecipeError
from nbgen.show.sheet import MOST, WIDTH, contact_figure, contact_sheet
from tests.drawn import noise

GREY = (121, 121, 121)


def ink(sheet: Image.Image, box: tuple[int, int, int, int]) -> int:
    """How many pixels of caption a part of the sheet has."""
    pixels = np.asarray(sheet.crop(box))
    return int(((pixels[..., 3] > 64) & (pixels[..., :3] == GREY).all(-1)).sum())


@pytest.mark.parametrize(
    ("count", "columns", "factor"), [(1, 1, 4), (2, 2, 4), (4, 4, 3), (9, 3, 4), (16, 4, 3), (40, 8, 1)]
)
def test_small_pictures_are_enlarged_by_a_whole_factor(count: int, columns: int, factor: int) -> None:
    pictures = [noise(seed=seed) for seed in range(count)]
    sheet = contact_sheet(pictures, [f"seed {seed}" for seed in range(count)])
    assert sheet.width == columns * (64 * factor + 8) - 8 + 2
    side = 64 * factor
    for column in range(min(count, columns)):
        left = 1 + column * (side + 8)
        there = np.asarray(sheet.crop((left, 1, left + side, 1 + side)).convert("RGB"))
        assert np.array_equal(there, pictures[column].repeat(factor, 0).repeat(factor, 1))
        assert ink(sheet, (left, 1 + side, left + side, side + 22)) > 10


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 12, 50, 399])
@pytest.mark.parametrize("side", [16, 64, 300, 700])
def test_no_sheet_is_wider_than_a_notebook_shows(count: int, side: int) -> None:
    picture = Image.new("RGB", (side, side // 2))
    sheet = contact_sheet([picture] * count, [""] * count)
    assert sheet.width <= WIDTH
    assert sheet.height <= 12_000


def test_pictures_of_several_sizes_stand_on_one_line() -> None:
    sheet = contact_sheet([noise(64, 64), noise(32, 64), noise(640, 320)], ["a", "b", "c"])
    bottom = [max(np.nonzero(np.asarray(sheet)[:-24, x, 3] == 255)[0]) for x in (100, 400, 700)]
    assert len(set(bottom)) == 1


def test_the_ground_is_transparent_and_the_captions_read_on_light_and_dark() -> None:
    sheet = contact_sheet([noise()] * 2, ["seed 1", "seed 2"])
    assert sheet.mode == "RGBA"
    assert sheet.getpixel((257 + 4, 100)) == (0, 0, 0, 0)
    for ground in (255, 0x11):
        light, dark = sorted((luminance(GREY[0]), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) > 4.3  # WCAG 2, relative luminance


def luminance(value: int) -> float:
    part = value / 255
    return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4


def test_hundreds_are_drawn_up_to_a_limit_one_at_a_time() -> None:
    loaded: list[weakref.ref] = []
    most = 0

    def load() -> Image.Image:
        nonlocal most
        most = max(most, sum(image() is not None for image in loaded[-10:]))
        image = Image.new("RGB", (300, 300))
        loaded.append(weakref.ref(image))
        return image

    sheet = contact_sheet([load] * 1000, [f"seed {seed}" for seed in range(1000)])
    assert (len(loaded), most) == (MOST, 0)
    assert sheet.width * sheet.height < 4_000_000
    assert contact_sheet([load] * MOST, [""] * MOST).height < sheet.height  # the last caption: "… 600 more"


@given(st.lists(st.text(st.characters(), max_size=80), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_caption_can_be_drawn(labels: list[str]) -> None:
    contact_sheet([noise(8, 8)] * len(labels), labels)


def test_a_caption_of_100_kilobytes_takes_three_lines() -> None:
    short = contact_sheet([noise()], ["x"])
    assert contact_sheet([noise()], ["word " * 20_000]).height == short.height + 2 * 16
    assert contact_sheet([noise()], ["w" * 100_000]).height == short.height + 2 * 16


def test_asking_for_columns() -> None:
    assert contact_sheet([noise()] * 6, [""] * 6, columns=2).width == 2 * 256 + 8 + 2
    assert contact_sheet([noise()] * 6, [""] * 6, columns=6).width == 6 * 128 + 5 * 8 + 2
    assert contact_sheet([noise()] * 2, [""] * 2, columns=6).size == (2 * 256 + 8 + 2, 256 + 2)
    for columns in (0, -1):
        with pytest.raises(RecipeError, match="columns"):
            contact_sheet([noise()], [""], columns=columns)
    with pytest.raises(RecipeError, match="at least one"):
        contact_sheet([], [])


def test_the_figure_holds_the_same_pictures_and_captions() -> None:
    figure = contact_figure([noise(seed=seed) for seed in range(5)], ["$x_1$", "b", "\ud800", "d" * 400, "e"])
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in shown][:3] == [r"\$x_1\$", "b", "\ufffd"]
    assert len(shown) == 5
    figure.canvas.draw()


def test_a_notebook_keeps_it_packed_well_and_changes_are_plain_images():
    pixels = np.random.default_rng(0).integers(0, 60, (32, 32, 3), dtype=np.uint8)
    sheet = contact_sheet([lambda: Image.fromarray(pixels)] * 2, ["a", "b"])
    quick = io.BytesIO()
    sheet.save(quick, "PNG", compress_level=1)
    packed = sheet._repr_png_()
    assert len(packed) < len(quick.getvalue())
    with Image.open(io.BytesIO(packed)) as shown:
        assert np.array_equal(np.asarray(shown), np.asarray(sheet))
    assert sheet.convert("RGB").size == sheet.copy().size == sheet.size
    assert repr(sheet) == f"<Sheet mode=RGBA size={sheet.width}x{sheet.height}>"
