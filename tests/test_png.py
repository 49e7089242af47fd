"""Are the chunks of a PNG read as Pillow wrote them, and is no damage taken for a whole file?"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nbgen.png import SIGNATURE, is_whole, read_head, without_text

from .drawn import noise


def written(**texts: str) -> bytes:
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    buffer = io.BytesIO()
    Image.fromarray(noise(20, 30)).save(buffer, "PNG", pnginfo=info, icc_profile=b"profile")
    return buffer.getvalue()


CONTENT = written(nbgen='{"nbgen":1}', café="résumé", other="日本語")


def test_the_head() -> None:
    size, texts = read_head(io.BytesIO(CONTENT))
    assert size == (30, 20)
    assert texts == {
        "nbgen": '{"nbgen":1}',
        "café": "résumé",
    }  # what Latin-1 does not hold is in another chunk


def test_without_its_text_the_pixels_stay() -> None:
    bare = without_text(CONTENT)
    assert is_whole(bare)
    image = Image.open(io.BytesIO(bare))
    assert np.array_equal(np.asarray(image), noise(20, 30))
    assert not {"nbgen", "other", "icc_profile"} & set(image.info)


def test_a_whole_file_is_whole_and_no_part_of_it() -> None:
    assert is_whole(CONTENT)
    assert not any(is_whole(CONTENT[:end]) for end in range(len(CONTENT)))
    assert not is_whole(CONTENT + b"\n")


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_one_changed_byte_is_noticed_anywhere(place: int, change: int) -> None:
    damaged = bytearray(CONTENT)
    damaged[place] ^= change
    assert not is_whole(bytes(damaged))


@given(st.binary(max_size=80), st.sampled_from([b"", SIGNATURE, CONTENT[:33], CONTENT[:60]]))
def test_nonsense_raises_value_error_or_nothing(rest: bytes, start: bytes) -> None:
    content = start + rest
    assert not is_whole(content)
    without_text(content)
    with pytest.raises(ValueError):
        read_head(io.BytesIO(content))


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 12])
def test_a_header_of_the_wrong_length(data: bytes) -> None:
    chunk = struct.pack(">I", len(data)) + b"IHDR" + data + struct.pack(">I", zlib.crc32(b"IHDR" + data))
    end = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    assert read_head(io.BytesIO(SIGNATURE + chunk + end)) == ((0, 0), {})
