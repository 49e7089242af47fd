"""Frames as one file that plays: animated PNG, WebP, GIF, and MP4 where the package `av` is installed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..errors import PictureFileError, did_you_mean

SIDE = 256
"""Pixels of the longer side in a cell: small frames are enlarged to it crisply, large ones reduced."""
MOST_SHOWN = 120
"""Frames played in a cell at most; a longer walk shows every second, third … at the same speed."""
COLOURS = 256
"""Colours of the animation in a cell, which keeps notebooks small. Files that are saved have them all."""

Frames = Sequence[Callable[[], Image.Image]]
"""Functions that each return one RGB image: they are loaded one at a time."""


def shown_png(frames: Frames, fps: float) -> bytes:
    """An animated PNG for a cell, small in bytes: it plays in every front end, on the web and in exports.

    One palette serves all frames, so that colours do not flicker.
    """
    every = -(-len(frames) // MOST_SHOWN)
    chosen = frames[::every]
    small = [_reduced(frame()) for frame in chosen]
    palette = _palette(small)
    indexed = [_enlarged(image.quantize(palette=palette, dither=Image.Dither.NONE)) for image in small]
    return _png(indexed, fps / every, None, compress_level=9)


def encoded(
    frames: Frames,
    suffix: str,
    fps: float,
    *,
    info: PngInfo | None = None,
    sidecar: dict[str, bytes] | None = None,
) -> bytes:
    """The frames, at their own size, as the content of a file that ends in `suffix`, played `fps` a second for ever.

    ".png" and ".webp" keep every pixel; ".gif" has 256 colours; ".mp4" is H.264. `info` are the text chunks of
    the PNG, `sidecar` what Pillow takes for a WebP. Raises PictureFileError for another suffix, for what the
    format cannot hold, and for ".mp4" where `av` is missing.
    """
    writers: dict[str, Callable[[], bytes]] = {
        ".png": lambda: _png([frame() for frame in frames], fps, info, compress_level=6),
        ".webp": lambda: _webp(frames, fps, sidecar or {}),
        ".gif": lambda: _gif(frames, fps),
        ".mp4": lambda: _mp4((frame() for frame in frames), fps),
    }
    if suffix.lower() not in writers:
        raise PictureFileError(
            f"a walk is saved as .png, .webp, .gif or .mp4, or into a folder (a name without an ending), "
            f"not {suffix!r}: {did_you_mean(suffix, writers)}"
        )
    try:
        return writers[suffix.lower()]()
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, PictureFileError):
            raise
        size = "×".join(map(str, frames[0]().size))
        raise PictureFileError(
            f"{suffix.lower()} cannot hold {len(frames)} frames of {size} pixels ({error}): save a .png."
        ) from None


def _png(frames: list[Image.Image], fps: float, info: PngInfo | None, compress_level: int) -> bytes:
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "PNG", save_all=True, append_images=frames[1:], duration=1000 / fps, loop=0, pnginfo=info,
        compress_level=compress_level, disposal=0, blend=0,
    )  # fmt: skip
    return buffer.getvalue()


def _webp(frames: Frames, fps: float, sidecar: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    rest = (frame() for frame in frames[1:])
    options: dict[str, Any] = {"lossless": True, "quality": 80, "method": 4, **sidecar}
    frames[0]().save(
        buffer, "WEBP", save_all=True, append_images=rest, duration=round(1000 / fps), loop=0, **options
    )
    return buffer.getvalue()


def _gif(frames: Frames, fps: float) -> bytes:
    """One palette for all frames: one each would flicker."""
    images = [frame() for frame in frames]
    palette = _palette(images)
    indexed = [image.quantize(palette=palette) for image in images]
    buffer = io.BytesIO()
    # A GIF counts in hundredths of a second.
    indexed[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=indexed[1:],
        loop=0,
        duration=max(20, round(100 / fps) * 10),
    )
    return buffer.getvalue()


def _mp4(frames: Iterator[Image.Image], fps: float) -> bytes:
    try:
        import av
    except ImportError:
        raise PictureFileError(
            'an .mp4 needs the package av, which is not installed: pip install "nbgen[video]". '
            ".png, .webp and .gif need nothing."
        ) from None
    buffer = io.BytesIO()
    codec = next((name for name in ("libx264", "libopenh264") if name in av.codecs_available), "mpeg4")
    with av.open(buffer, "w", format="mp4") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1000))
        stream.pix_fmt = "yuv420p"  # the one that every player and browser knows
        if codec == "libx264":
            stream.options = {"crf": "18"}
        for number, frame in enumerate(frames):
            pixels = _even_sided(np.asarray(frame))
            if number == 0:
                stream.height, stream.width = pixels.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def _even_sided(pixels: np.ndarray) -> np.ndarray:
    """Colours are kept at half the resolution, so both sides must be even: the last row or column is repeated."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _reduced(image: Image.Image) -> Image.Image:
    if max(image.size) <= SIDE:
        return image
    reduced = image.copy()
    reduced.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return reduced


def _enlarged(image: Image.Image) -> Image.Image:
    factor = max(1, SIDE // max(image.size))
    size = image.width * factor, image.height * factor
    return image if factor == 1 else image.resize(size, Image.Resampling.NEAREST)


def _palette(images: Iterable[Image.Image]) -> Image.Image:
    """A palette for all the images together, found on at most a few hundred thousand of their pixels."""
    pixels = [np.asarray(image).reshape(-1, 3) for image in images]
    every = max(1, sum(map(len, pixels)) // 300_000)
    sample = np.concatenate([each[::every] for each in pixels])
    return Image.fromarray(sample[None]).quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
