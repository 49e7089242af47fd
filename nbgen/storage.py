"""The pictures that were made, on disk by key: what has been made once is never made again.

Files are the truth: `pictures/ab/<key>.png` with recipe and cost inside, `blobs/ab/<hash>.png` for input
pictures, marks for stars and collections. The index for `history` is derived from them.
"""

from __future__ import annotations

import dataclasses
import io
import os
import threading
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from . import marks
from .blobs import Blobs
from .errors import NbgenError, PictureFileError, RecipeError, StoreWarning
from .files import default_folder
from .index import Index, When, moment
from .metadata import RECIPE, read_cost
from .picture import Cost, Picture, as_image
from .pixels import open_image
from .png import read_head
from .pruning import files_in, prune
from .recipe import Recipe
from .shelf import KINDS, NewerStoreError, Shelf, is_key
from .writer import Entry, Writer


class Store:
    """Pictures and input pictures under one folder. Several threads and processes may share it.

    Nothing is written before the first `put`. PNGs are encoded and written by a thread of the store's own;
    `get` and `has` see what still waits. Where the folder cannot be written there is one StoreWarning, and
    pictures stay in memory for as long as somebody holds them.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._shelf = Shelf(self.folder)
        self._index = Index(self._shelf)
        self._writer: Writer[Picture] = Writer()
        self._blobs = Blobs(self._shelf)
        self._warned = False

    def get(self, key: str, exact: bool = False) -> Picture | None:
        """The picture with this key, its pixels loaded when they are looked at; None where there is none.

        `exact=True` takes only one that was made with `exact=True`. A damaged file is set aside.
        """
        if not is_key(key):
            return None
        self._tell()
        path = self._shelf.place("pictures", key)
        picture = self._from_queue(path) or self._from_file(path)
        if picture is None or picture.key != key or (exact and not picture.cost.exact):
            return None
        picture.cost = dataclasses.replace(picture.cost, stored=True)
        return picture

    def has(self, keys: Iterable[str], exact: bool = False) -> set[str]:
        """Those of the keys whose pictures are stored, or wait to be written."""
        if exact:
            return {key for key in keys if self.get(key, exact=True) is not None}
        places = {key: self._shelf.place("pictures", key) for key in keys if is_key(key)}
        return {key for key, path in places.items() if self._writer.waiting(path) or path.exists()}

    def put(self, picture: Picture) -> Picture:
        """Keep a picture, and return it with its pixels loaded lazily; where that fails, the same picture.

        A picture that was made exactly is not replaced by one that was not.
        """
        if picture.recipe is None or not self._keep_blobs(picture.recipe.to_json()):
            return picture
        if not picture.cost.exact and self.get(picture.key, exact=True) is not None:
            return picture
        path = self._shelf.place("pictures", picture.key)
        self._index.forget(picture.key)
        entry = self._writer.submit(path, picture, _encoded)
        self._tell()
        return _lazy(picture, path, entry)

    def put_blob(self, image: Any) -> str:
        """Keep an input picture (anything that stands for one); returns the hash that recipes name it by."""
        digest = self.hold_blob(image)
        self._keep_blobs(digest)
        return digest

    def hold_blob(self, image: Any) -> str:
        """As `put_blob`, in memory; it is written together with the first picture whose recipe names it."""
        return self._blobs.hold(as_image(image))

    def get_blob(self, digest: str) -> Image.Image:
        """The input picture with this hash. Raises PictureFileError where it is gone or damaged."""
        return self._blobs.get(digest)

    def _keep_blobs(self, text: str) -> bool:
        """At once, not on the writer's thread: no picture may be there without the blobs that it names."""
        if not self._prepared():
            return False
        try:
            self._blobs.keep(text)
        except OSError as error:
            self._failed(error)
            return False
        return True

    def history(
        self,
        text: str = "",
        *,
        model: str | None = None,
        sampler: str | None = None,
        since: When | None = None,
        starred: bool | None = None,
        collection: str | None = None,
        limit: int = 100,
    ) -> list[Picture]:
        """Stored pictures whose prompt has all words of `text`, newest first, at most `limit`.

        `model` is a name or a fingerprint; `since` a time or how long ago (`timedelta(days=2)`); `starred`
        takes only those with a star, or with False only those without; `collection` only those in it.
        """
        self.flush()
        after = None if since is None else int(moment(since).timestamp() * 1e9)
        stars = marks.marked(self.folder, marks.STARS) if starred is not None else set()
        inside = None if collection is None else marks.marked(self.folder, marks.collection(collection))
        found: list[Picture] = []
        for key in self._index.search(text, model=model, sampler=sampler, since=after):
            if len(found) >= limit:
                break
            if (starred is None or (key in stars) == starred) and (inside is None or key in inside):
                picture = self.get(key)
                found += [picture] if picture is not None else []
        return found

    def star(self, key: str, on: bool = True) -> None:
        """Give a stored picture a star, or take it away. Pruning never touches pictures with a star.

        Raises PictureFileError for a picture that is not in the store, or a store that cannot be written.
        """
        self._mark(marks.STARS, key, on, "have a star")

    def starred(self, key: str) -> bool:
        """Whether the picture has a star."""
        return key in marks.marked(self.folder, marks.STARS)

    def collect(self, key: str, name: str, on: bool = True) -> None:
        """Put a stored picture into a collection, or take it out. Pruning never touches what is collected.

        Raises RecipeError for what is no name, and PictureFileError as `star` does.
        """
        self._mark(marks.collection(name), key, on, "be collected")

    def collections(self) -> dict[str, int]:
        """The names of the collections, and how many pictures each holds."""
        return marks.collections(self.folder)

    def _mark(self, kind: str, key: str, on: bool, what: str) -> None:
        self.flush()
        if not is_key(key) or (on and not self.has([key])):
            raise PictureFileError(f"only a picture that is in the store can {what}.")
        try:
            self._shelf.prepare()
            marks.mark(self.folder, kind, key, on)
        except OSError as error:
            raise PictureFileError(f"that cannot be written into the store: {_reason(error)}.") from None

    def size(self) -> tuple[int, int]:
        """(files, bytes) of pictures, input pictures and damaged files set aside."""
        self.flush()
        sizes = [status.st_size for kind in KINDS for _, status in files_in(self.folder / kind)]
        return len(sizes), sum(sizes)

    def prune(self, *, max_bytes: int | None = None, older_than: When | None = None) -> tuple[int, int]:
        """Remove pictures without any mark: all older than a time, then the oldest until `max_bytes` are left.

        Input pictures go once no picture names them. Returns the (files, bytes) that were removed. Raises
        PictureFileError for a store that a newer nbgen has written, or that is no folder.
        """
        self.flush()
        before = None if older_than is None else moment(older_than).timestamp()
        if self.folder.exists() and not self.folder.is_dir():
            raise PictureFileError(f"there is no store to prune: {self.folder.name!r} is a file.")
        try:
            self._shelf.check_version()
        except NewerStoreError as error:
            raise PictureFileError(f"this store is not pruned: {error}.") from None
        return prune(self.folder, marks.spared(self.folder), max_bytes, before)

    def rebuild_index(self) -> None:
        """Derive the index from the picture files again. Never needed for correctness."""
        self.flush()
        self._index.rebuild()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every picture is written, at most `timeout` seconds; whether that was reached.

        Verbs call it before they return, so that a StoreWarning comes with the call that it belongs to.
        """
        done = self._writer.flush(timeout)
        self._tell()
        return done

    def _from_queue(self, path: Path) -> Picture | None:
        entry = self._writer.waiting(path)
        held = entry.held if entry is not None else None
        return None if held is None else _lazy(held, path, entry)

    def _from_file(self, path: Path) -> Picture | None:
        content = self._shelf.content(path)
        if content is None:
            return None
        try:
            size, texts = read_head(io.BytesIO(content))
            recipe = Recipe.from_json(texts[RECIPE])
        except (ValueError, KeyError, RecipeError):
            return None  # whole, but a newer nbgen's or from elsewhere: left as it is
        cost = Cost.from_plain(read_cost(texts))
        return Picture(lambda: _pixels(path), recipe, cost, size=size)

    def _prepared(self) -> bool:
        try:
            self._shelf.prepare()
        except OSError as error:
            self._failed(error)
            return False
        return True

    def _failed(self, error: OSError) -> None:
        self._writer.problem = error
        self._tell()

    def _tell(self) -> None:
        """Say once that something could not be written; on the main thread, where a cell shows it."""
        problem = self._writer.problem
        if problem is None or self._warned or threading.current_thread() is not threading.main_thread():
            return
        self._warned = True
        warnings.warn(
            f"pictures are kept in memory only, as the store cannot be written: {_reason(problem)}. "
            "`python -m nbgen doctor` shows where it lies; NBGEN_STORE names another place.",
            StoreWarning,
            stacklevel=3,
        )


_open_stores: dict[Path, Store] = {}
_opening = threading.Lock()


def default_store() -> Store:
    """The store in the folder that NBGEN_STORE names, else in the user's data folder; one object a folder."""
    folder = default_folder().absolute()
    with _opening:
        if folder not in _open_stores:
            _open_stores[folder] = Store(folder)
        return _open_stores[folder]


def _encoded(picture: Picture) -> bytes:
    return picture.encoded("PNG", "full")


def _lazy(picture: Picture, path: Path, entry: Entry[Picture] | None) -> Picture:
    """The picture, its pixels from the entry while it waits (for ever if writing fails), then from disk."""

    def load() -> Image.Image:
        held = entry.held if entry is not None else None
        return held.pixels() if held is not None else _pixels(path)

    return Picture(
        load, picture.recipe, picture.cost, notes=picture.notes, name=picture.name, size=picture.size
    )


def _pixels(path: Path) -> Image.Image:
    try:
        content = path.read_bytes()
    except OSError:
        raise PictureFileError(
            "this picture is no longer in the store; picture.again() makes it anew."
        ) from None
    return open_image(content, text=False)


def _reason(error: Exception) -> str:
    """What went wrong, without the path: a warning may end up in a notebook that is shared."""
    if isinstance(error, NewerStoreError | NbgenError):
        return str(error).rstrip(".")
    return getattr(error, "strerror", None) or type(error).__name__
