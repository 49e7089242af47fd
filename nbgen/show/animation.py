"""Frames as one file that plays: animated PNG, WebP, GIF, and MP4 where the package `av` is installed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image
from PIL.PngImagePlugin import PngInfo

from ..errors import PictureFileError, did_you_mean
from .apng import changes, write_apng
from .smaller import at_most

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
    small = [at_most(frame(), SIDE) for frame in frames[::every]]
    palette = _palette([partial(_itself, image) for image in small])
    indexed = (_enlarged(image.quantize(palette=palette, dither=Image.Dither.NONE)) for image in small)
    buffer = io.BytesIO()
    write_apng(buffer, indexed, len(small), fps / every, compress_level=9)
    return buffer.getvalue()


def write(
    file: BinaryIO,
    frames: Frames,
    suffix: str,
    fps: float,
    *,
    info: PngInfo | None = None,
    sidecar: dict[str, bytes] | None = None,
) -> None:
    """Write the frames, at their own size, as a file that ends in `suffix`, played `fps` a second for ever.

    ".png" and ".webp" keep every pixel; ".gif" has 256 colours; ".mp4" is H.264. `info` are the text chunks of
    the PNG, `sidecar` what Pillow takes for a WebP. No more than two frames are in memory at a time. Raises
    PictureFileError for another suffix, for what the format cannot hold, and for ".mp4" where `av` is missing.
    """
    writers: dict[str, Callable[[], None]] = {
        ".png": lambda: write_apng(file, (frame() for frame in frames), len(frames), fps, info=info),
        ".webp": lambda: _webp(file, frames, fps, sidecar or {}),
        ".gif": lambda: _gif(file, frames, fps),
        ".mp4": lambda: _mp4(file, (frame() for frame in frames), fps),
    }
    if suffix.lower() not in writers:
        raise PictureFileError(
            f"a walk is saved as .png, .webp, .gif or .mp4, or into a folder (a name without an ending), "
            f"not {suffix!r}: {did_you_mean(suffix, writers)}"
        )
    try:
        writers[suffix.lower()]()
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, PictureFileError) or getattr(error, "errno", None) is not None:
            raise  # the disk's own words, for a full one
        size = "×".join(map(str, frames[0]().size))
        raise PictureFileError(
            f"{suffix.lower()} cannot hold {len(frames)} frames of {size} pixels ({error}): save a .png."
        ) from None


class _Reel(Image.Image):
    """All frames as one image that Pillow turns to each in its turn, so that they are loaded one at a time."""

    def __init__(self, frames: Frames) -> None:
        super().__init__()
        self._frames = frames
        self.n_frames = len(frames)
        self.seek(0)

    def seek(self, frame: int) -> None:
        image = self._frames[frame]()
        image.load()
        self.im, self._mode, self._size, self._at = image.im, image.mode, image.size, frame

    def tell(self) -> int:
        return self._at


def _webp(file: BinaryIO, frames: Frames, fps: float, sidecar: dict[str, bytes]) -> None:
    buffer = io.BytesIO()  # Pillow assembles the file in memory, compressed
    options: dict[str, Any] = {"lossless": True, "quality": 80, "method": 4, **sidecar}
    _Reel(frames).save(buffer, "WEBP", save_all=True, duration=round(1000 / fps), loop=0, **options)
    file.write(buffer.getbuffer())


def _gif(file: BinaryIO, frames: Frames, fps: float) -> None:
    """One palette for all frames: one each would flicker."""
    palette = _palette(frames)
    # A GIF counts in hundredths of a second.
    duration = max(20, round(100 / fps) * 10)
    indexed = (frame().quantize(palette=palette) for frame in frames)
    for number, (image, left, top) in enumerate(changes(indexed)):
        if number == 0:
            file.write(b"".join(GifImagePlugin.getheader(image, info={"loop": 0})[0]))
        for block in GifImagePlugin.getdata(image, (left, top), duration=duration):
            file.write(block)
    file.write(b";")


def _mp4(file: BinaryIO, frames: Iterator[Image.Image], fps: float) -> None:
    try:
        import av
    except ImportError:
        raise PictureFileError(
            'an .mp4 needs the package av, which is not installed: pip install "nbgen[video]". '
            ".png, .webp and .gif need nothing."
        ) from None
    codec = next((name for name in ("libx264", "libopenh264") if name in av.codecs_available), "mpeg4")
    with av.open(file, "w", format="mp4") as container:
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


def _even_sided(pixels: np.ndarray) -> np.ndarray:
    """Colours are kept at half the resolution, so both sides must be even: the last row or column is repeated."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _enlarged(image: Image.Image) -> Image.Image:
    factor = max(1, SIDE // max(image.size))
    size = image.width * factor, image.height * factor
    return image if factor == 1 else image.resize(size, Image.Resampling.NEAREST)


def _palette(frames: Frames) -> Image.Image:
    """A palette for all the frames together, found on at most a few hundred thousand of their pixels."""
    sample: list[np.ndarray] = []
    for frame in frames:
        pixels = np.asarray(frame()).reshape(-1, 3)
        sample.append(pixels[:: max(1, len(frames) * len(pixels) // 300_000)].copy())
    return Image.fromarray(np.concatenate(sample)[None]).quantize(COLOURS, method=Image.Quantize.MEDIANCUT)


def _itself(image: Image.Image) -> Image.Image:
    return image
