"""Files, arrays and images that stand for a picture: taken as they look, or refused in a kind sentence."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nbgen.errors import PictureFileError
from nbgen.picture import Picture, as_image, read
from nbgen.recipe import Recipe

from .drawn import noise

RECIPE = Recipe(prompt="a red apple", seed=7, steps=20)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a", b"\x89PNG\r\n\x1a\n"],
)
def test_what_is_no_picture_is_said(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for source in (path, str(path), content, io.BytesIO(content)):
        with pytest.raises(PictureFileError):
            read(source)


@pytest.mark.parametrize("kind", ["png", "webp", "jpg"])
def test_a_truncated_file_is_said_wherever_it_is_cut(kind: str, tmp_path: Path) -> None:
    content = Picture(noise(), RECIPE).save(tmp_path / f"a.{kind}").read_bytes()
    for cut in range(1, len(content) - 30, len(content) // 25):
        with pytest.raises(PictureFileError):
            read(content[:cut])


def test_a_decompression_bomb_is_refused_before_it_unfolds() -> None:
    head = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    whole = Picture(noise()).encoded()
    content = whole[:12] + head + struct.pack(">I", zlib.crc32(head)) + whole[33:]
    with pytest.raises(PictureFileError, match="bomb"):
        read(content)


def test_a_folder_and_a_missing_file_are_said(tmp_path: Path) -> None:
    for name in ("apple.png", "banana.png"):
        Picture(noise()).save(tmp_path / name)
    with pytest.raises(PictureFileError, match=r"^'[^']+' is a folder"):
        read(tmp_path)
    with pytest.raises(PictureFileError, match=r"did you mean 'apple\.png'"):
        read(tmp_path / "aple.png")
    with pytest.raises(PictureFileError, match="no folder 'nowhere'"):
        read(tmp_path / "nowhere" / "apple.png")
    with pytest.raises(PictureFileError, match="cannot be read"):
        read("a\0b.png")
    with pytest.raises(PictureFileError, match="binary mode"):
        read(io.StringIO("text"))  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes by name")
def test_what_would_never_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for endless in (tmp_path / "pipe.png", "/dev/zero"):
        with pytest.raises(PictureFileError, match=r"^'[^']+' is no file"):
            read(endless)


def test_an_open_file_is_read(tmp_path: Path) -> None:
    with open(Picture(noise(), RECIPE).save(tmp_path / "a.png"), "rb") as file:
        assert read(file).recipe == RECIPE


@pytest.mark.parametrize(
    "make",
    [
        lambda array: Picture(array),
        lambda array: Image.fromarray(array),
        lambda array: array,
        lambda array: array.astype(np.float32) / 255,
        lambda array: np.dstack([array, np.full(array.shape[:2], 255, np.uint8)]),
        lambda array: Image.fromarray(array).convert("RGBA"),
    ],
)
def test_everything_that_stands_for_a_picture_is_taken(make: Callable[[np.ndarray], Any]) -> None:
    assert np.array_equal(np.asarray(as_image(make(noise()))), noise())


def test_modes_become_rgb_as_they_look() -> None:
    half = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    assert np.asarray(as_image(half)).min() == 255  # transparent is white, whatever hides beneath
    deep = Image.fromarray(np.full((2, 2), 65_535, np.uint16))
    assert np.asarray(as_image(deep)).tolist() == [[[255] * 3] * 2] * 2
    assert np.asarray(as_image(np.array([[True, False]]))).tolist() == [[[255] * 3, [0] * 3]]
    for mode in ("1", "L", "LA", "P", "CMYK", "YCbCr", "HSV"):
        assert as_image(Image.new(mode, (3, 2))).size == (3, 2)


def test_a_photograph_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    buffer = io.BytesIO()
    Image.fromarray(noise(32, 64)).save(buffer, "JPEG", exif=exif)
    assert as_image(buffer.getvalue()).size == (32, 64)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros((3, 64, 64), np.uint8), "channels come last"),
        (np.zeros((64,), np.uint8), r"\(height, width, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), r"\(height, width, 3\)"),
        (np.full((4, 4, 3), np.nan), "0 to 1"),
        (np.full((4, 4, 3), 255.0), "runs from 255 to 255"),
        (np.zeros((4, 4, 3), np.int64), "uint8"),
        (object(), "this object is no picture"),
        (3, "3 is no picture"),
        (np.array([["a"]]), "uint8"),
    ],
)
def test_what_is_no_array_of_pixels_is_said(value: Any, words: str) -> None:
    with pytest.raises(PictureFileError, match=words):
        as_image(value)
