"""An animated PNG, written frame by frame: a long one takes no more memory than a short one.

Pillow writes animated PNGs too, and holds all frames while it does.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def write_apng(
    file: BinaryIO, frames: Iterable[Image.Image], count: int, fps: float, *, info: PngInfo | None = None,
    compress_level: int = 6,
) -> None:  # fmt: skip
    """Write `count` frames of one mode and size, played `fps` a second for ever. Where all frames have a palette, it
    is one and the same. Source: the PNG specification, third edition, section 11.3.6 (acTL, fcTL and fdAT).

    info: text chunks; those who know no animation see the first frame
    """
    delay = Fraction(1 / fps).limit_denominator(1000)
    sequence = 0
    for first, (image, left, top) in enumerate(changes(frames)):
        control = struct.pack(
            ">IIIIIHHBB", sequence, *image.size, left, top, delay.numerator, delay.denominator, 0, 0
        )
        sequence += 1
        if first == 0:
            file.write(SIGNATURE)
        for kind, data in _chunks(image, info if first == 0 else None, compress_level):
            if kind == b"IDAT":
                if control:
                    _write(file, b"fcTL", control)
                    control = b""
                if first == 0:
                    _write(file, kind, data)
                else:
                    _write(file, b"fdAT", struct.pack(">I", sequence) + data)
                    sequence += 1
            elif first == 0 and kind != b"IEND":
                _write(file, kind, data)
                if kind == b"IHDR":
                    _write(file, b"acTL", struct.pack(">II", count, 0))
    _write(file, b"IEND", b"")


def changes(frames: Iterable[Image.Image]) -> Iterator[tuple[Image.Image, int, int]]:
    """The first frame whole, and of each further one the rectangle that differs from the one before: (it, left, top).

    Where nothing differs, it is one pixel.
    """
    before: np.ndarray | None = None
    for frame in frames:
        pixels = np.asarray(frame)
        left, top, right, bottom = 0, 0, *frame.size
        if before is not None:
            differs = pixels != before
            differs = differs.any(axis=2) if differs.ndim == 3 else differs
            columns, rows = np.flatnonzero(differs.any(axis=0)), np.flatnonzero(differs.any(axis=1))
            left, right = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 1)
            top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 1)
        yield frame.crop((left, top, right, bottom)), left, top
        before = pixels


def _chunks(image: Image.Image, info: PngInfo | None, compress_level: int) -> Iterator[tuple[bytes, bytes]]:
    buffer = io.BytesIO()
    depth = {"bits": 8} if image.mode == "P" else {}  # the header's, whatever a frame's palette would do with
    image.save(buffer, "PNG", pnginfo=info, compress_level=compress_level, **depth)
    content, position = buffer.getbuffer(), len(SIGNATURE)
    while position < len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        yield kind, bytes(content[position + 8 : position + 8 + length])
        position += 12 + length


def _write(file: BinaryIO, kind: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
