"""Input pictures by content hash: held in memory until a picture that names them is kept."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict

from PIL import Image

from .errors import PictureFileError
from .files import write_atomically
from .pixels import content_hash, open_image, png_bytes, to_rgb
from .shelf import Shelf, is_key

HELD_BYTES = 512 << 20
"""Bytes of pixels that are held for pictures that nobody keeps; past that the oldest are forgotten."""


class Blobs:
    """The input pictures of one store. Several threads may share it."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._held: OrderedDict[str, Image.Image] = OrderedDict()
        self._lock = threading.Lock()

    def hold(self, pixels: Image.Image) -> str:
        """Remember an RGB image for now, on disk or not; returns its hash."""
        digest = content_hash(pixels)
        with self._lock:
            self._held[digest] = pixels
            self._held.move_to_end(digest)
            while sum(_size(each) for each in self._held.values()) > HELD_BYTES and len(self._held) > 1:
                self._held.popitem(last=False)
        return digest

    def keep(self, text: str) -> None:
        """Write those that are held and that `text` (a recipe's JSON) names. OSError where that fails."""
        if not self._held:
            return
        for digest in re.findall(r"[0-9a-f]{64}", text):
            with self._lock:
                pixels = self._held.get(digest)
            path = self._shelf.place("blobs", digest)
            if pixels is not None and self._shelf.content(path) is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, png_bytes(pixels))
            with self._lock:
                self._held.pop(digest, None)

    def get(self, digest: str) -> Image.Image:
        """The image with this hash. Raises PictureFileError where it is gone or damaged."""
        with self._lock:
            if digest in self._held:
                self._held.move_to_end(digest)
                return self._held[digest].copy()
        content = self._shelf.content(self._shelf.place("blobs", digest)) if is_key(digest) else None
        if content is not None:
            pixels = to_rgb(open_image(content, text=False))
            if content_hash(pixels) == digest:
                return pixels
        raise PictureFileError(
            f"the input picture {digest[:8]}… that a recipe names is not in this store: "
            "where you have it, give it again (image=…, mask=…)."
        )


def _size(image: Image.Image) -> int:
    return 3 * image.width * image.height
