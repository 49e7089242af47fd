"""What was made before: found again in the store, and let go where it takes too much room."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import RecipeError, brief
from ..index import When, moment
from ..picture import Picture, Pictures
from ..quantities import as_bytes, counted, in_bytes
from ..recipe import ModelRef
from ..sampling import find_sampler
from ..storage import default_store
from ..values import as_count


class History(Pictures):
    """Stored pictures, newest first, and what the whole store takes: `files` and `bytes`. Slices are Pictures."""

    def __init__(self, pictures: Iterable[Picture], files: int, size: int) -> None:
        super().__init__(pictures)
        self.files, self.bytes = files, size

    def __repr__(self) -> str:
        found = super().__repr__().removeprefix("Pictures(").removesuffix(")")
        return f"History({found}; the store holds {counted(self.files, 'file')}, {in_bytes(self.bytes)})"


@dataclass(frozen=True)
class Pruned:
    """What `prune` has removed (`files`, `bytes`) and what the store still holds (`files_left`, `bytes_left`)."""

    files: int
    bytes: int
    files_left: int
    bytes_left: int

    def __repr__(self) -> str:
        freed = f"{counted(self.files, 'file')}, {in_bytes(self.bytes)}"
        return f"Pruned({freed}; {counted(self.files_left, 'file')}, {in_bytes(self.bytes_left)} left)"


def history(
    text: str = "",
    *,
    model: Any = None,
    sampler: str | None = None,
    since: When | None = None,
    starred: bool | None = None,
    collection: str | None = None,
    limit: int = 100,
) -> History:
    """What the store holds, newest first: pictures whose prompt has all words of `text`.

    A word finds every word that begins with it. `model` is a Model or its name, `sampler` any name of a
    sampler; `since` a datetime, a date, or how long ago, a timedelta or written ("2d", "6 weeks");
    `starred=True` takes pictures with a star (`picture.star()`) only, `collection` those that were put into it
    (`picture.collect("cats")`). At most `limit` pictures.

    The result says how much the whole store takes; `nbgen.prune` frees some of it. Raises RecipeError and
    SamplerError for what makes no sense.
    """
    if not isinstance(text, str):
        raise RecipeError(f"history looks for words, not for {text!r:.60}.")
    limit = as_count("limit", limit, 1)
    if model is not None and not isinstance(model, (str, ModelRef)) and not hasattr(model, "ref"):
        raise RecipeError(f"history takes a model or its name, not {model!r:.60}.")
    if starred is not None and not isinstance(starred, bool):
        raise RecipeError(f"starred is True, False, or left out for both, not {brief(starred)}.")
    reference = model if isinstance(model, ModelRef) else getattr(model, "ref", None)
    found = default_store().history(
        text,
        # A model of the same name whose weights have changed since is another model.
        model=reference.fingerprint if reference is not None else model,
        sampler=None if sampler is None else find_sampler(sampler)[0].name,
        since=since,
        starred=starred,
        collection=collection,
        limit=limit,
    )
    return History(found, *default_store().size())


def collections() -> dict[str, int]:
    """The collections that pictures were put into (`picture.collect("cats")`), and how many each holds."""
    return default_store().collections()


def prune(*, older_than: When | None = None, max_size: int | str | None = None) -> Pruned:
    """Remove stored pictures to free room on the disk, and say what went. Starred and collected pictures always stay.

    older_than: pictures made before this go: how long ago ("90d", "6 weeks", a timedelta), a date, a datetime
    max_size: then the oldest go until the store takes at most this: bytes, or written ("500 MB", "2 GB")

    Input pictures go once no stored picture names them. A picture whose file is gone can be made again from
    its recipe. Raises RecipeError where nothing says what may go, and PictureFileError for a store that a newer
    nbgen has written.

        nbgen.prune(older_than="90d", max_size="2 GB")
    """
    if older_than is None and max_size is None:
        raise RecipeError(
            'say what may go, as in nbgen.prune(older_than="90d") or nbgen.prune(max_size="2 GB").'
        )
    if older_than is not None and moment(older_than) > datetime.now().astimezone():
        raise RecipeError(f"{brief(older_than)} is still to come: every picture is older than that.")
    most = None if max_size is None else as_bytes("max_size", max_size)
    store = default_store()
    removed = store.prune(max_bytes=most, older_than=older_than)
    return Pruned(*removed, *store.size())
