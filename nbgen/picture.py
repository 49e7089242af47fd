"""One picture and several: recipe, pixels and cost together, shown in a cell, saved with the recipe."""

from __future__ import annotations

import io
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from PIL import Image

from . import metadata as meta
from . import unshown
from .captions import caption, file_stem
from .cost import Cost
from .errors import PictureFileError, brief
from .files import as_path, make_folder, write_file
from .names import refuse_unknown
from .pixels import (
    Source,
    array_to_rgb,
    content_hash,
    enlarged,
    kind_of,
    open_image,
    png_bytes,
    repeated,
    to_rgb,
)
from .recipe import FIELDS, Recipe
from .show.smaller import at_most
from .show.words import one_line
from .values import one_or_several

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALL = 256
"""Pictures below this many pixels a side are shown enlarged."""
WIDEST = 768
"""Pixels a side that a notebook keeps of a large picture; the original is in the store."""

Pixels = Image.Image | np.ndarray


class Picture:
    """A picture: `image`, `recipe`, `cost`. Shows itself; `np.asarray` gives uint8 (height, width, 3).

    `image` may be a PIL image, an array, or a function without arguments that returns one of them. Such a
    lazy picture loads at first use and holds its pixels only as long as somebody uses them, so that a
    thousand of them cost little memory.
    """

    def __init__(
        self,
        image: Pixels | Callable[[], Pixels],
        recipe: Recipe | None = None,
        cost: Cost | None = None,
        *,
        notes: Iterable[str] = (),
        name: str | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.recipe = recipe
        self.cost = cost or Cost()
        self.notes = tuple(notes)
        self.name = name
        self._size = size
        self._load: Callable[[], Pixels] | None = (
            image if callable(image) and not isinstance(image, Image.Image) else None
        )
        self._held: Image.Image | None = None if self._load is not None else _rgb(image)
        self._seen: weakref.ref[Image.Image] | None = None

    def pixels(self) -> Image.Image:
        """The RGB image itself, shared and not to be drawn in; `image` is a copy."""
        image = self._held if self._seen is None else self._seen()
        if image is None:
            assert self._load is not None
            image = _rgb(self._load())
            self._seen = weakref.ref(image)
            self._size = image.size
        return image

    def shown(self) -> Image.Image:
        """As `pixels`, as a cell shows it: a seamless texture two by two."""
        return repeated(self.pixels()) if self.recipe is not None and self.recipe.tile else self.pixels()

    @property
    def image(self) -> Image.Image:
        """A PIL image, RGB, at the original size; the caller's own to change."""
        return self.pixels().copy()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        if self._size is None:
            self._size = self.pixels().size
        return self._size

    @property
    def key(self) -> str:
        """64 hexadecimal digits: the recipe's key, or without a recipe a hash of the pixels."""
        return self.recipe.key if self.recipe is not None else content_hash(self.pixels())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.pixels(), dtype=dtype)

    def label(self, names: str | Sequence[str] = ("seed",)) -> str:
        """A caption that tells the recipe's fields `names`, or one field: "seed 7", "heun, steps 20, seed 7"."""
        named = [str(name) for name in one_or_several(names)]
        refuse_unknown(named, FIELDS)
        if self.recipe is None:
            return self.name or ""
        return ", ".join(caption(name, getattr(self.recipe, name)) for name in named)

    def again(self, **changes: Any) -> Picture:
        """The same picture, but: `picture.again(steps=40)`. Takes what `generate` takes."""
        if self.recipe is None:
            raise PictureFileError("this picture carries no recipe, so it cannot be made again.")
        from .verbs.making import remake

        return remake(self.recipe, **changes)

    def star(self, on: bool = True) -> None:
        """Give this stored picture a star, or take it away: pruning spares it, `history(starred=True)` finds it."""
        from .storage import default_store as store

        store().star(self.key, on)

    def collect(self, name: str, on: bool = True) -> None:
        """Put this stored picture into the collection `name`, or take it out; `history(collection=name)` shows it."""
        from .storage import default_store as store

        store().collect(self.key, name, on)

    def save(self, path: str | os.PathLike[str], metadata: str = "recipe") -> Path:
        """Write the picture at its original size and return the path; the suffix chooses PNG, WebP or JPEG.

        PNG and WebP keep every pixel; JPEG is of high quality and does not. `metadata` says what the file
        tells: "none", "recipe", or "full" (what it cost and which versions made it, too). The file is there
        whole or not at all. Raises PictureFileError where it cannot be written.
        """
        target = as_path(path)
        return write_file(target, self.encoded(kind_of(target), metadata), durable=True)

    def encoded(self, kind: str = "PNG", metadata: str = "recipe") -> bytes:
        """The picture as the bytes of a "PNG", "WEBP" or "JPEG" file."""
        plain = self.cost.to_plain() if metadata == "full" else None
        if kind == "PNG":
            return png_bytes(self.pixels(), meta.png_info(self.recipe, plain, metadata))
        options: dict[str, Any] = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {"lossless": True}
        buffer, pixels = io.BytesIO(), self.pixels()
        options |= meta.sidecar(self.recipe, plain, metadata, kind)
        try:
            pixels.save(buffer, kind, **options)
        except (OSError, ValueError):
            raise PictureFileError(
                f"{kind} cannot hold a picture of {_by(self.size)} pixels: save a PNG."
            ) from None
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        unshown.shown(self)
        shown = self.shown()
        if max(shown.size) < SMALL:
            shown = enlarged(shown, SMALL)
        return {"image/png": png_bytes(at_most(shown, WIDEST)), "text/plain": repr(self)}

    def __repr__(self) -> str:
        parts = []
        if self.recipe is not None and self.recipe.prompt is not None:
            parts.append('"' + one_line(str(self.recipe.prompt)) + '"')
        elif self.name:
            parts.append(one_line(self.name))
        if self.recipe is not None:
            parts.append(caption("seed", self.recipe.seed))
        parts.append(_by(self.size))
        return f"Picture({', '.join(parts)})"


class Pictures(Sequence[Picture]):
    """Several pictures in order. Shows itself as one contact sheet; slices are Pictures again."""

    def __init__(self, pictures: Iterable[Picture]) -> None:
        self._pictures = tuple(pictures)

    def __len__(self) -> int:
        return len(self._pictures)

    def __iter__(self) -> Iterator[Picture]:
        return iter(self._pictures)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> Pictures: ...
    def __getitem__(self, index: int | slice) -> Picture | Pictures:
        return Pictures(self._pictures[index]) if isinstance(index, slice) else self._pictures[index]

    def labels(self) -> list[str]:
        """A caption for each picture: the fields that vary among them, or the seed."""
        recipes = [picture.recipe for picture in self if picture.recipe is not None]
        values = {name: {getattr(recipe, name) for recipe in recipes} for name in FIELDS}
        # Hashes say nothing to people, nor does a strength where some pictures have no image.
        untold = {"image", "mask"} | ({"strength"} if None in values["strength"] else set())
        varying = [name for name in FIELDS if len(values[name]) > 1 and name not in untold]
        return [picture.label(varying or ("seed",)) for picture in self]

    def sheet(self, columns: int | None = None, labels: Sequence[str] | None = None) -> Image.Image:
        """All pictures on one sheet, captions underneath, small ones enlarged crisply, large ones reduced.

        The ground is transparent and the captions grey, so that it reads on light and dark pages. At most
        400 pictures are drawn; the last caption says how many more there are.
        """
        from .show.sheet import contact_sheet

        return contact_sheet(
            [picture.shown for picture in self], self.labels() if labels is None else labels, columns
        )

    def figure(self, columns: int | None = None, labels: Sequence[str] | None = None) -> Figure:
        """The same as a matplotlib Figure, for papers and for changing by hand."""
        from .show.sheet import contact_figure

        return contact_figure(
            [picture.shown for picture in self], self.labels() if labels is None else labels, columns
        )

    def save(self, folder: str | os.PathLike[str], metadata: str = "recipe") -> list[Path]:
        """Write each picture as a PNG into the folder, made where missing, under a name of its own; the paths."""
        target = make_folder(as_path(folder))
        return [
            picture.save(target / f"{file_stem(picture.recipe, picture.name, picture.key)}.png", metadata)
            for picture in self
        ]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        unshown.shown(self)
        if not self:
            return {"text/plain": repr(self)}
        return {"image/png": png_bytes(self.sheet()), "text/plain": repr(self)}

    def __repr__(self) -> str:
        if not self:
            return "Pictures(none)"
        if len(self) == 1:
            return f"Pictures({self[0]!r})"
        return f"Pictures({len(self)}: {self[0]!r} … {self[-1]!r})"


def as_image(source: Any) -> Image.Image:
    """A new RGB image from what stands for a picture: a Picture, a PIL image, an array, a file's path.

    Arrays are (height, width, 3), uint8 or floats from 0 to 1. Raises PictureFileError.
    """
    if isinstance(source, Picture):
        return source.image
    if isinstance(source, (str, os.PathLike, bytes)):
        return to_rgb(open_image(source))
    return _rgb(source)


def read(file: Source, *, recipe: bool = True) -> Picture:
    """A picture from a file (a path, or one opened in binary mode), with its recipe where it carries one.

    nbgen's own files give the same recipe back. The text of other programs is understood as far as it goes;
    `picture.notes` says what was left aside. Raises PictureFileError for what is not a picture, is damaged,
    or holds malformed or oversized text; `recipe=False` leaves all text unread and opens such pixels anyway.
    """
    image = open_image(file, text=recipe)
    name = Path(file).name if isinstance(file, (str, os.PathLike)) else None
    if not recipe:
        return Picture(to_rgb(image), name=name)
    try:
        found, notes = meta.read_text(image.info)
    except PictureFileError as error:
        raise PictureFileError(f"{error} read(…, recipe=False) opens its pixels.") from None
    return Picture(to_rgb(image), found, Cost.from_plain(meta.read_cost(image.info)), notes=notes, name=name)


def _rgb(image: Any) -> Image.Image:
    if isinstance(image, Picture):
        return image.image
    if isinstance(image, (str, bytes, os.PathLike)):
        raise PictureFileError(f"a Picture is made of pixels; nbgen.read({brief(image)}) opens a file.")
    return to_rgb(image) if isinstance(image, Image.Image) else array_to_rgb(image)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
