"""The pictures that were made, on disk by key: what has been made once is never made again.

Files are the truth: `pictures/ab/<key>.png` with recipe and cost inside, `blobs/ab/<hash>.png` for input
pictures, an empty file in `stars/` for each starred one. The index for `history` is derived from them.
"""

from __future__ import annotations

import dataclasses
import io
import os
import re
import threading
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from .errors import NbgenError, PictureFileError, RecipeError, StoreWarning
from .files import default_folder, write_atomically
from .index import Index, When, moment
from .metadata import RECIPE, read_cost
from .picture import Cost, Picture, as_image, png_bytes
from .pixels import content_hash, open_image, to_rgb
from .png import is_whole, read_head
from .pruning import files_in, prune
from .recipe import Recipe
from .writer import Entry, Writer

FORMAT = 1
"""The version of the folder's layout. A store with a higher one is read by key and never written."""

_KEY = re.compile(r"[0-9a-f]{64}")


class Store:
    """Pictures and input pictures under one folder. Several threads and processes may share it.

    Nothing is written before the first `put`. PNGs are encoded and written by a thread of the store's own;
    `get` and `has` see what still waits. Where the folder cannot be written there is one StoreWarning, and
    pictures stay in memory for as long as somebody holds them.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._index = Index(self.folder)
        self._writer: Writer[Picture] = Writer()
        self._blobs: dict[str, Image.Image] = {}
        self._warned = False

    def get(self, key: str, exact: bool = False) -> Picture | None:
        """The picture with this key, its pixels loaded when they are looked at; None where there is none.

        `exact=True` takes only one that was made with `exact=True`. A damaged file is set aside, and is None.
        """
        if not _KEY.fullmatch(key):
            return None
        self._tell()
        path = self._place("pictures", key)
        entry = self._writer.waiting(path)
        held = entry.held if entry is not None else None
        if entry is not None and held is not None:
            picture = _lazy(path, held.recipe, held.cost, held.size, entry)
        else:
            content = self._content(path)
            if content is None:
                return None
            try:
                size, texts = read_head(io.BytesIO(content))
                recipe = Recipe.from_json(texts[RECIPE])
            except (ValueError, KeyError, RecipeError):
                return None  # whole, but of a newer nbgen or from elsewhere: left as it is
            if recipe.key != key:
                return None
            picture = _lazy(path, recipe, Cost.from_plain(read_cost(texts)), size)
        if exact and not picture.cost.exact:
            return None
        picture.cost = dataclasses.replace(picture.cost, stored=True)
        return picture

    def has(self, keys: Iterable[str], exact: bool = False) -> set[str]:
        """Those of the keys whose pictures are stored, or wait to be written."""
        if exact:
            return {key for key in keys if self.get(key, exact=True) is not None}
        places = {key: self._place("pictures", key) for key in keys if _KEY.fullmatch(key)}
        return {key for key, path in places.items() if self._writer.waiting(path) is not None or path.exists()}

    def put(self, picture: Picture) -> Picture:
        """Keep a picture, and return it with its pixels loaded lazily; where that fails, the same picture.

        A picture that was made exactly is not replaced by one that was not.
        """
        if picture.recipe is None or not self._prepared():
            return picture
        key = picture.recipe.key
        path = self._place("pictures", key)
        if path.exists():
            if not picture.cost.exact and self.get(key, exact=True) is not None:
                return picture
            self._index.forget(key)
        entry = self._writer.submit(path, picture, _encoded)
        self._tell()
        kept = _lazy(path, picture.recipe, picture.cost, picture.size, entry)
        kept.notes, kept.name = picture.notes, picture.name
        return kept

    def put_blob(self, image: Any) -> str:
        """Keep an input picture (anything that stands for one); returns the hash that recipes name it by."""
        pixels = as_image(image)
        digest = content_hash(pixels)
        path = self._place("blobs", digest)
        if self._content(path) is not None:
            return digest
        try:
            # At once, not through the writer: a picture must never be there without the blob that it names.
            if not self._prepared():
                raise OSError
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, png_bytes(pixels))
        except OSError as error:
            self._blobs[digest] = pixels
            self._writer.problem = self._writer.problem or error
            self._tell()
        return digest

    def get_blob(self, digest: str) -> Image.Image:
        """The input picture with this hash. Raises PictureFileError where it is not there any more, or damaged."""
        if digest in self._blobs:
            return self._blobs[digest].copy()
        path = self._place("blobs", digest) if _KEY.fullmatch(digest) else None
        content = self._content(path) if path is not None else None
        if content is not None:
            pixels = to_rgb(open_image(content, text=False))
            if content_hash(pixels) == digest:
                return pixels
        raise PictureFileError(f"the input picture {digest[:8]}… that a recipe names is not in this store.")

    def history(
        self,
        text: str = "",
        *,
        model: str | None = None,
        sampler: str | None = None,
        since: When | None = None,
        starred: bool | None = None,
        limit: int = 100,
    ) -> list[Picture]:
        """Stored pictures whose prompt has all words of `text`, newest first, at most `limit`.

        `model` is a name or a fingerprint; `since` a time or how long ago (`timedelta(days=2)`); `starred`
        takes only those with a star, or with False only those without.
        """
        self.flush()
        after = None if since is None else int(moment(since).timestamp() * 1e9)
        stars = self._stars() if starred is not None else set()
        found: list[Picture] = []
        for key in self._index.search(text, model=model, sampler=sampler, since=after):
            if starred is not None and (key in stars) != starred:
                continue
            if len(found) >= limit:
                break
            picture = self.get(key)
            if picture is not None:
                found.append(picture)
        return found

    def star(self, key: str, on: bool = True) -> None:
        """Give a stored picture a star, or take it away. Pruning never touches pictures with a star."""
        self.flush()
        if on and not self.has([key]):
            raise PictureFileError("only a picture that is in the store can have a star.")
        mark = self.folder / "stars" / key
        try:
            if on:
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.touch()
            elif _KEY.fullmatch(key):
                mark.unlink(missing_ok=True)
        except OSError as error:
            self._writer.problem = error
            self._tell()

    def starred(self, key: str) -> bool:
        """Whether the picture has a star."""
        return bool(_KEY.fullmatch(key)) and (self.folder / "stars" / key).exists()

    def size(self) -> tuple[int, int]:
        """(files, bytes) of pictures, input pictures and damaged files set aside."""
        self.flush()
        sizes = [status.st_size for name in ("pictures", "blobs", "damaged") for _, status in files_in(self.folder / name)]
        return len(sizes), sum(sizes)

    def prune(self, *, max_bytes: int | None = None, older_than: When | None = None) -> tuple[int, int]:
        """Remove pictures without a star: those older than a time, then the oldest until `max_bytes` are left.

        Input pictures go when no picture names them any more. Returns the (files, bytes) that were removed.
        """
        self.flush()
        before = None if older_than is None else moment(older_than).timestamp()
        return prune(self.folder, self._stars(), max_bytes, before)

    def rebuild_index(self) -> None:
        """Derive the index from the picture files again. Never needed for correctness."""
        self.flush()
        self._index.rebuild()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every picture is written, at most `timeout` seconds; whether that was reached.

        Verbs call it before they return, so that a StoreWarning comes with the call it belongs to.
        """
        done = self._writer.flush(timeout)
        self._tell()
        return done

    def _place(self, kind: str, key: str) -> Path:
        return self.folder / kind / key[:2] / f"{key}.png"

    def _content(self, path: Path) -> bytes | None:
        """The bytes of a whole PNG; None where there is none. One that is damaged is set aside."""
        try:
            content = path.read_bytes()
        except (OSError, ValueError):
            return None
        if is_whole(content):
            return content
        try:
            aside = self.folder / "damaged" / path.name
            aside.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, aside)
        except OSError:
            pass  # where it cannot be moved it is not read either
        return None

    def _prepared(self) -> bool:
        """Whether this store may be written: its folder can be made, and no newer nbgen has written it."""
        mark = self.folder / "format"
        try:
            written = int(mark.read_text("ascii"))
        except (OSError, ValueError):
            written = 0
        try:
            if written > FORMAT:
                raise _NewerStore(f"it was written by a newer nbgen (format {written}, this one writes {FORMAT})")
            if written < FORMAT:
                self.folder.mkdir(parents=True, exist_ok=True)
                write_atomically(mark, f"{FORMAT}\n".encode("ascii"))
        except OSError as error:
            self._writer.problem = error
            self._tell()
            return False
        return True

    def _stars(self) -> set[str]:
        try:
            return set(os.listdir(self.folder / "stars"))
        except OSError:
            return set()

    def _tell(self) -> None:
        """Say once that something could not be written. Never called on the writer's thread."""
        problem = self._writer.problem
        if problem is None or self._warned:
            return
        self._warned = True
        # Only what the system says, never the path: a warning ends up in shared notebooks.
        reason = getattr(problem, "strerror", None) or (str(problem) if isinstance(problem, NbgenError | _NewerStore) else type(problem).__name__)
        warnings.warn(
            f"pictures are kept in memory only, because the store cannot be written: {reason}. "
            "`python -m nbgen doctor` shows where it lies; NBGEN_STORE names another place.",
            StoreWarning,
            stacklevel=3,
        )


class _NewerStore(OSError):
    """A store whose layout this version does not know."""


_open_stores: dict[Path, Store] = {}
_opening = threading.Lock()


def default_store() -> Store:
    """The store in the folder that NBGEN_STORE names, else in the user's data folder; the same one each time."""
    folder = default_folder().absolute()
    with _opening:
        if folder not in _open_stores:
            _open_stores[folder] = Store(folder)
        return _open_stores[folder]


def _encoded(picture: Picture) -> bytes:
    return picture.encoded("PNG", "full")


def _lazy(
    path: Path, recipe: Recipe | None, cost: Cost, size: tuple[int, int], entry: Entry[Picture] | None = None
) -> Picture:
    """A picture whose pixels come from the entry while it is not written, from the file after that."""

    def load() -> Image.Image:
        held = entry.held if entry is not None else None
        if held is not None:
            return held.pixels()
        try:
            content = path.read_bytes()
        except OSError:
            raise PictureFileError("this picture has been removed from the store; picture.again() makes it anew.") from None
        return open_image(content, text=False)

    return Picture(load, recipe, cost, size=size)
