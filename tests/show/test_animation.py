"""Animations: what a cell shows, and files that other programs decode to the same pixels."""

from __future__ import annotations

import io
import weakref
from functools import partial

import numpy as np
import pytest
from PIL import Image

from nbgen.errors import PictureFileError
from nbgen.show.animation import COLOURS, MOST_SHOWN, shown_png, write


def frames(count, size=(24, 16), seed=0):
    generator = np.random.default_rng(seed)
    images = [
        Image.fromarray(generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
        for _ in range(count)
    ]
    return [lambda image=image: image for image in images]


def encoded(made, suffix, fps):
    file = io.BytesIO()
    write(file, made, suffix, fps)
    return file.getvalue()


def test_an_animated_png_is_decoded_by_another_program_to_the_same_pixels():
    av = pytest.importorskip("av")
    made = frames(5)
    with av.open(io.BytesIO(encoded(made, ".png", 12)), format="apng") as played:
        decoded = [each.to_ndarray(format="rgb24") for each in played.decode(video=0)]
    assert len(decoded) == 5
    assert all(np.array_equal(one, np.asarray(other())) for one, other in zip(decoded, made, strict=True))


def test_a_cell_shows_all_frames_crisply_in_few_colours():
    made = frames(6)
    with Image.open(io.BytesIO(shown_png(made, 10))) as shown:
        assert (shown.n_frames, shown.size, shown.mode) == (6, (240, 160), "P")
        assert shown.info["duration"] == 100 and len(shown.getcolors()) <= COLOURS
        for number in range(6):
            shown.seek(number)
            pixels = np.asarray(shown.convert("RGB"))
            assert np.array_equal(pixels[::10, ::10], pixels[9::10, 9::10])
            assert np.abs(pixels[::10, ::10].astype(int) - np.asarray(made[number]())).mean() < 30


def test_large_and_long_animations_are_reduced_for_the_cell_only():
    wide = frames(1, (600, 300))[0]
    with Image.open(io.BytesIO(shown_png([wide, wide], 10))) as shown:
        assert shown.size == (256, 128)
    long = frames(2 * MOST_SHOWN + 1, (4, 4))
    with Image.open(io.BytesIO(shown_png(long, 24))) as shown:
        assert shown.n_frames == len(long[::3]) and shown.info["duration"] == 125
    with Image.open(io.BytesIO(encoded(long, ".webp", 20))) as saved:
        assert saved.n_frames == len(long)


def test_frames_that_are_all_alike_and_single_ones_are_shown_too():
    one = frames(1)
    for made in (one, one * 3):
        for suffix in (".png", ".webp", ".gif"):
            with Image.open(io.BytesIO(encoded(made, suffix, 12))) as shown:
                assert shown.size == (24, 16)
        assert shown_png(made, 12)


def test_what_a_format_cannot_hold_is_said():
    with pytest.raises(PictureFileError, match=r"save a \.png"):
        encoded(frames(2, (17_000, 1)), ".webp", 12)
    with pytest.raises(PictureFileError, match="into a folder"):
        encoded(frames(2), ".avi", 12)


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_frames_that_change_in_places_are_the_same_for_pillow_and_ffmpeg(suffix):
    """Only what differs from the frame before is in the file; frames that are alike stay frames."""
    av = pytest.importorskip("av")
    images = []
    for number in (0, 1, 1, 2, 5):
        pixels = np.full((20, 30, 3), 40, np.uint8)
        pixels[3 + number : 8 + number, 4 : 10 + number] = (250, 10 * number, 30)
        images.append(Image.fromarray(pixels))
    content = encoded([lambda image=image: image for image in images], suffix, 10)
    with av.open(io.BytesIO(content), format={".png": "apng"}.get(suffix)) as played:
        decoded = [each.to_ndarray(format="rgb24") for each in played.decode(video=0)]
    with Image.open(io.BytesIO(content)) as shown:
        assert shown.n_frames == len(decoded) == 5
        for number, image in enumerate(images):
            shown.seek(number)
            assert shown.info["duration"] == 100
            assert np.array_equal(np.asarray(shown.convert("RGB")), np.asarray(image))
            assert np.array_equal(decoded[number], np.asarray(image))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif", ".mp4"])
def test_a_long_animation_holds_no_more_frames_than_a_short_one(suffix):
    pytest.importorskip("av")
    alive, most = set(), []

    def frame(number):
        image = Image.new("RGB", (16, 16), (number % 256, 10, 10))
        alive.add(number)
        weakref.finalize(image, alive.discard, number)
        most.append(len(alive))
        return image

    for count in (4, 60):
        encoded([partial(frame, number) for number in range(count)], suffix, 10)
    assert max(most) <= 3
