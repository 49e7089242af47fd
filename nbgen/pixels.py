"""Everything that can stand for a picture (an image, an array, a file), made an RGB image or a kind error."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from .errors import PictureFileError, brief, did_you_mean, nearest
from .png import SIGNATURE, without_text

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
"""What is read. Named, because every further decoder of Pillow's is one more way in for a hostile file."""

LARGEST = 1 << 30
"""Bytes of a picture file that are read at most."""

KINDS = {".png": "PNG", ".webp": "WEBP", ".jpg": "JPEG", ".jpeg": "JPEG"}
"""What is written, by suffix."""

Source = str | os.PathLike[str] | bytes | BinaryIO


def open_image(source: Source, *, text: bool = True) -> Image.Image:
    """The file as Pillow decodes it, fully loaded, its `info` filled; the first frame of an animation.

    `text=False` skips the text in a PNG unread, which opens the pixels of one whose text is damaged or
    oversized. Raises PictureFileError, naming the file but not its folder.
    """
    name, content = _content(source)
    if not content:
        raise PictureFileError(f"{name} is empty, so it is not a picture.")
    if not text and content.startswith(SIGNATURE):
        content = without_text(content)
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise PictureFileError(
            f"{name} claims more pixels than are opened safely ({limit:,}): it may be a decompression bomb."
        ) from None
    except Image.UnidentifiedImageError:
        raise PictureFileError(f"{name} is not a picture that can be read: {_what(content)}") from None
    except MemoryError:
        raise PictureFileError(f"{name} is too large a picture for the memory that is free.") from None
    except Exception as error:  # on damaged data Pillow's decoders raise nearly every built-in type
        raise PictureFileError(f"{name} is a damaged or truncated picture: {_reason(error)}") from None
    return image


def to_rgb(image: Image.Image) -> Image.Image:
    """A new RGB image: turned as its EXIF says, 16 bits brought to 8, transparency laid on white."""
    image = _upright(image)
    if image.mode.startswith(("I", "F")):
        wide = np.asarray(image, dtype=np.float64)
        image = Image.fromarray((np.clip(wide / 257, 0, 255) + 0.5).astype(np.uint8))
    if image.has_transparency_data:
        shown = image.convert("RGBA")
        white = Image.new("RGBA", shown.size, "white")
        return Image.alpha_composite(white, shown).convert("RGB")
    # A fresh one in every case: whoever handed the image over may go on drawing in it.
    bare = image.convert("RGB") if image.mode != "RGB" else image.copy()
    bare.info = {}
    return bare


def array_to_rgb(array: Any) -> Image.Image:
    """An array as an RGB image: (height, width), or 1, 3, 4 channels last; uint8, bool, floats 0 to 1."""
    try:
        values = np.asarray(array)
    except Exception as error:  # whatever an object's own __array__ raises
        raise PictureFileError(
            f"this {type(array).__name__} is not an array of pixels: {_reason(error)}"
        ) from None
    if values.ndim == 0:
        plain = array is None or isinstance(array, (bool, int, float))
        raise PictureFileError(
            f"{brief(array) if plain else f'this {type(array).__name__}'} is no picture: "
            "a Picture, PIL image, array or file is one."
        )
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)) or 0 in values.shape:
        hint = (
            " (channels come last: transpose(1, 2, 0))"
            if values.ndim == 3 and values.shape[0] in (1, 3, 4)
            else ""
        )
        raise PictureFileError(
            f"an array of pixels has the shape (height, width, 3), not {values.shape}{hint}."
        )
    if values.dtype == bool:
        values = values.astype(np.uint8) * np.uint8(255)
    elif np.issubdtype(values.dtype, np.floating):
        low, high = float(values.min()), float(values.max())
        if not (low >= -0.001 and high <= 1.001):  # also false for NaN
            raise PictureFileError(
                f"an array of floats holds pixels from 0 to 1, and this one runs from {low:g} to {high:g}."
            )
        values = (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
    elif values.dtype != np.uint8:
        raise PictureFileError(
            f"an array of pixels is uint8 (0 to 255) or float (0 to 1), not {values.dtype}."
        )
    return to_rgb(Image.fromarray(np.ascontiguousarray(values)))


def content_hash(image: Image.Image) -> str:
    """64 hexadecimal digits that name an RGB image by its pixels, however a file may have stored them."""
    head = f"RGB {image.width} {image.height}\n".encode("ascii")
    return hashlib.sha256(head + image.tobytes()).hexdigest()


def enlarged(image: Image.Image, limit: int) -> Image.Image:
    """A small picture enlarged crisply (nearest neighbour, whole factor) to at most `limit` pixels a side."""
    factor = max(1, limit // max(image.size))
    if factor == 1:
        return image
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def repeated(image: Image.Image) -> Image.Image:
    """Two by two of the image: how a seamless texture shows that it is one."""
    both = Image.new(image.mode, (2 * image.width, 2 * image.height))
    for place in ((0, 0), (image.width, 0), (0, image.height), image.size):
        both.paste(image, place)
    return both


def png_bytes(image: Image.Image, info: Any = None) -> bytes:
    """A PNG, quickly: level 1 with zlib's RLE strategy takes a fraction of the default's time at its size."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info, compress_level=1, compress_type=3)  # 3 is zlib's Z_RLE
    return buffer.getvalue()


def kind_of(path: Path) -> str:
    """The format that a file name's suffix asks for: "PNG", "WEBP" or "JPEG". PictureFileError for others."""
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        known = did_you_mean(suffix, KINDS) if suffix else f"known are: {', '.join(KINDS)}."
        raise PictureFileError(f"a picture file's name ends in its kind, and {path.name!r} does not: {known}")
    return KINDS[suffix]


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF turns nothing, in whichever of many ways its reader says so
        return image


def _content(source: Source) -> tuple[str, bytes]:
    """A name for messages, and the bytes."""
    if isinstance(source, bytes):
        return "this data", source
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        try:
            kind, size = (status := path.stat()).st_mode, status.st_size
            # A device or a pipe would never end, so it is not opened.
            content = path.read_bytes() if stat.S_ISREG(kind) and size <= LARGEST else None
        except FileNotFoundError:
            raise PictureFileError(_missing(path)) from None
        except (OSError, ValueError) as error:
            raise PictureFileError(f"{path.name!r} cannot be read: {_reason(error)}") from None
        if stat.S_ISDIR(kind):
            raise PictureFileError(f"{path.name!r} is a folder, not a picture file.")
        if content is None:
            raise PictureFileError(f"{path.name!r} is no file, or one of more than {LARGEST:,} bytes.")
        return repr(path.name), content
    try:
        content = source.read()
    except (AttributeError, OSError, ValueError) as error:
        raise PictureFileError(
            f"this {type(source).__name__} is not a picture file: {_reason(error)}"
        ) from None
    if not isinstance(content, bytes):
        raise PictureFileError("a picture file must be opened in binary mode: open(…, 'rb').")
    return "this file", content


def _missing(path: Path) -> str:
    try:
        names = [entry.name for entry in os.scandir(path.parent) if entry.is_file()]
    except OSError:
        return f"there is no {path.name!r}, and no folder {path.parent.name!r} that could hold it."
    if nearest(path.name, names):
        return f"there is no {path.name!r}: {did_you_mean(path.name, names)}"
    return f"there is no {path.name!r} in that folder."


def _what(content: bytes) -> str:
    """A closing clause for what the bytes seem to be instead."""
    if content.startswith(SIGNATURE):
        return "it begins like a PNG, and is damaged or has oversized text."
    if content.lstrip()[:1] in (b"<", b"{"):
        return "it holds text."
    return "known are " + ", ".join(FORMATS) + "."


def _reason(error: BaseException) -> str:
    """What an error says, on one line, without the path that the operating system puts into it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    return " ".join(str(error).split())[:120].rstrip(".") + "."
