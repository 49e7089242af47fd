"""The chunks of a PNG file, not decoded: is it whole, what does its text say, what is it without its text."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT = (b"tEXt", b"zTXt", b"iTXt")

_LONGEST = 1 << 21
"""Bytes of one text chunk that `read_head` takes in; a recipe of the longest allowed text is half of it."""


def is_whole(content: bytes) -> bool:
    """Whether every chunk is there as it was written, to the end: its lengths and its CRCs say so."""
    end = 0
    for kind, start, length in _chunks(content):
        end = start + length + 4
        if end > len(content):
            return False
        if zlib.crc32(content[start - 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
            return False
        if kind == b"IEND":
            return end == len(content)
    return False


def without_text(content: bytes) -> bytes:
    """The PNG less its text, colour profile and EXIF: what is left are the pixels."""
    kept = [SIGNATURE]
    for kind, start, length in _chunks(content):
        if kind not in (*TEXT, b"eXIf", b"iCCP"):
            kept.append(content[start - 8 : start + length + 4])
    return b"".join(kept)


def read_head(file: BinaryIO) -> tuple[tuple[int, int], dict[str, str]]:
    """The size (width, height), and the plain text chunks that stand before the pixels.

    Raises ValueError where that part of the file is damaged. CRCs of other chunks are not looked at.
    """
    if file.read(8) != SIGNATURE:
        raise ValueError("this is not a PNG")
    size: tuple[int, int] = (0, 0)
    texts: dict[str, str] = {}
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"IEND"):
            return size, texts
        if kind not in (b"IHDR", b"tEXt") or length > _LONGEST:
            file.seek(length + 4, 1)
            continue
        data, check = file.read(length), file.read(4)
        if zlib.crc32(kind + data) != int.from_bytes(check, "big"):
            raise ValueError("a chunk of this PNG is damaged")
        if kind == b"IHDR" and length == 13:
            size = struct.unpack(">II", data[:8])
        elif kind == b"tEXt":
            key, _, text = data.partition(b"\0")
            texts[key.decode("latin-1")] = text.decode("latin-1")
    raise ValueError("this PNG ends before its pixels")


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where its data starts, length of its data) for each chunk; nothing for what is not a PNG."""
    position = len(SIGNATURE) if content.startswith(SIGNATURE) else len(content)
    while position + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        yield kind, position + 8, length
        position += 12 + length
