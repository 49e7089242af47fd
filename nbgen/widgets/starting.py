"""Which picture do the next ones start from? One that is dropped, chosen or handed over, and its mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets
from PIL import Image

from ..errors import NbgenError, RecipeError
from ..inputs import blob_of, is_hash, is_rectangle, opened, rectangle_mask
from ..pixels import png_bytes
from .overlay import script
from .painting import TINT
from .parts import THUMB, Part

MOST_BYTES = 8_000_000
"""Bytes of a file that the page sends; Jupyter's server takes 10 MiB in one message."""


class StartingPicture(Part):
    """A place for a picture: drop a file, choose one, or give it back. Kinds of message: "file" and "without".

    `image` and `mask` are what `Recipe` calls by these names: content hashes of what the store holds, or None.
    """

    _esm = script("starting.js")

    thumb = traitlets.Bytes().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)
    most = traitlets.Int(MOST_BYTES).tag(sync=True)

    def __init__(self, changed: Callable[[], None], refused: Callable[[str], None]) -> None:
        super().__init__()
        self.image: str | None = None
        self.mask: str | None = None
        self._changed, self._refused = changed, refused
        self.handlers |= {"file": self._sent, "without": lambda _: self.put(None)}

    def put(self, image: Any, mask: Any = None) -> None:
        """Start from this picture (a Picture, an image, an array, a hash), and change it only where the mask is white.

        Raises RecipeError and PictureFileError, changing nothing.
        """
        if image is None:
            if mask is not None:
                raise RecipeError("mask is about an image, and there is none: give image=… too.")
            self.image = self.mask = None
            self._show(b"", "")
            return
        digest = image if is_hash(image) else blob_of("image", image)
        shown = opened(digest)
        covered = None
        if mask is not None:
            if is_rectangle(mask):
                mask = rectangle_mask(mask, shown.size)
            covered = mask if is_hash(mask) else blob_of("mask", mask)
            if opened(covered).size != shown.size:
                raise RecipeError(
                    f"the mask has {opened(covered).width}×{opened(covered).height} pixels and the image "
                    f"{shown.width}×{shown.height}: a mask has the size of its image."
                )
        self.image, self.mask = digest, covered
        size = f"{shown.width}×{shown.height}"
        self._show(_small(shown, covered), f"{size}, changed where painted" if covered else size)

    def _show(self, thumb: bytes, words: str) -> None:
        with self.hold_sync():
            self.set_trait("thumb", thumb)
            self.words = words
        self._changed()

    def _sent(self, message: dict[str, Any]) -> None:
        try:
            self.put(bytes(message["buffers"][0]))
        except NbgenError as error:
            self._refused(str(error))


def _small(image: Image.Image, mask: str | None) -> bytes:
    """A thumbnail; what may change is tinted, as it was when it was painted."""
    small = image.convert("RGB")
    small.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
    if mask is not None:
        where = opened(mask).convert("L").resize(small.size).point(lambda level: level * 6 // 10)
        small = Image.composite(Image.new("RGB", small.size, TINT), small, where)
    return png_bytes(small)
