"""Which stored pictures match: an SQLite index, derived from the files and made anew when it is wrong."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

from .errors import RecipeError, brief
from .metadata import RECIPE
from .png import read_head
from .quantities import as_age
from .recipe import Mix, Recipe
from .shelf import NewerStoreError, Shelf
from .show.words import printable

FORMAT = 1
"""The version of the table. It is part of the file's name, so that two versions never share one."""

PATIENCE = 1.0
"""Seconds to wait for another process that writes the index, before doing without it."""

When = datetime | date | timedelta | str
"""A point in time (local where it names no zone), or how long ago, also written ("90d")."""

_KEY = re.compile(r"[0-9a-f]{64}\.png")

_FIRST = -(2**63)
_MOST_WORDS = 50
"""Words of a search that count; SQLite bounds how deep an expression may be."""

_TABLE = """CREATE TABLE IF NOT EXISTS pictures (
    key TEXT PRIMARY KEY, made INTEGER, words TEXT, model TEXT, fingerprint TEXT, sampler TEXT
)"""


class Index:
    """Finds keys by what their recipes say, newest first.

    Before each search the index is brought in line with the files, which costs one directory listing and one
    read per new file. So a picture written by another process, or while the index was locked, is found too.
    Where the file cannot be used at all (read-only, locked, no SQLite locks on a network disk), the same
    search runs on a table in memory.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._pictures = shelf.folder / "pictures"
        self._path = shelf.folder / f"index-{FORMAT}.sqlite"
        self._stale: set[str] = set()

    def forget(self, key: str) -> None:
        """The picture with this key has been written anew."""
        self._stale.add(key)

    def search(
        self,
        text: str = "",
        *,
        model: str | None = None,
        sampler: str | None = None,
        since: int | None = None,
    ) -> list[str]:
        """Keys of the pictures whose prompt has all words of `text`, newest first.

        A word matches the beginning of a word ("app" finds "apple"). `model` is a name or a fingerprint;
        `since` is in nanoseconds of Unix time.
        """
        if text.strip() and not _words(text):
            return []
        wanted, values = ["made >= ?"], [_FIRST if since is None else max(_FIRST, min(since, -_FIRST - 1))]
        clauses: list[tuple[str, str]] = [
            ("instr(words, ?)", _pattern(word)) for word in list(dict.fromkeys(_words(text)))[:_MOST_WORDS]
        ]
        if model is not None:
            clauses.append(("? IN (model, fingerprint)", printable(model)))
        if sampler is not None:
            clauses.append(("sampler = ?", printable(sampler)))
        wanted += [clause for clause, _ in clauses]
        query = f"SELECT key FROM pictures WHERE {' AND '.join(wanted)} ORDER BY made DESC, key"
        return [key for (key,) in self._ask(query, (*values, *(value for _, value in clauses)))]

    def rebuild(self) -> None:
        """Throw the index away and derive it from the files again."""
        try:
            self._shelf.check_version()
        except NewerStoreError:
            return
        self._remove()
        self.search()

    def _ask(self, query: str, values: tuple[object, ...]) -> list[tuple[str]]:
        if not self._pictures.is_dir():
            return []
        for _attempt in range(2):
            try:
                self._shelf.check_version()
                return self._ask_at(str(self._path), query, values)
            except (sqlite3.OperationalError, NewerStoreError):
                break  # locked, read-only, a full disk: the file may be right, and is left alone
            except sqlite3.DatabaseError:
                self._remove()  # damaged; it holds nothing that the files do not
        return self._ask_at(":memory:", query, values)

    def _ask_at(self, place: str, query: str, values: tuple[object, ...]) -> list[tuple[str]]:
        # A connection for each search: none is shared by threads, none survives a fork.
        with closing(sqlite3.connect(place, timeout=PATIENCE)) as database:
            database.execute("PRAGMA synchronous = OFF")  # a power cut may cost the index, which is derived
            database.execute(_TABLE)
            self._bring_in_line(database)
            return database.execute(query, values).fetchall()

    def _bring_in_line(self, database: sqlite3.Connection) -> None:
        known = {key for (key,) in database.execute("SELECT key FROM pictures")}
        stale, self._stale = self._stale, set()
        there = dict(stored_files(self._pictures))
        gone = known - set(there) | known & stale
        rows = [row for key in set(there) - (known - gone) if (row := _row(key, there[key])) is not None]
        if gone or rows:
            with database:
                database.executemany("DELETE FROM pictures WHERE key = ?", [(key,) for key in gone])
                database.executemany("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _remove(self) -> None:
        for name in (self._path.name, f"{self._path.name}-journal"):
            try:
                self._path.with_name(name).unlink(missing_ok=True)
            except OSError:
                pass  # it stays, and the search runs in memory


def stored_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(key, path) of the finished files `ab/<key>.png` in a folder, in no order."""
    try:
        buckets = [entry.path for entry in os.scandir(folder) if len(entry.name) == 2]
    except OSError:
        return
    for bucket in buckets:
        try:
            names = os.listdir(bucket)
        except OSError:
            continue
        for name in names:
            if _KEY.fullmatch(name):
                yield name[:-4], Path(bucket, name)


def _row(key: str, path: Path) -> tuple[str, int, str, str | None, str | None, str | None] | None:
    """What the index knows of one file; None for one that is damaged, newer than this nbgen, or just gone."""
    try:
        with open(path, "rb") as file:
            made = os.fstat(file.fileno()).st_mtime_ns
            recipe = Recipe.from_json(read_head(file)[1][RECIPE])
    except (OSError, ValueError, KeyError, RecipeError):
        return None
    prompt = recipe.prompt
    text = " ".join(str(part) for part in prompt.values) if isinstance(prompt, Mix) else prompt or ""
    model, fingerprint = (recipe.model.name, recipe.model.fingerprint) if recipe.model else (None, None)
    return key, made, " " + " ".join(_words(text)), *_plain(model, fingerprint, recipe.sampler)  # type: ignore[return-value]


def _plain(*texts: str | None) -> Collection[str | None]:
    return [None if text is None else printable(text) for text in texts]


def _words(text: str) -> list[str]:
    # Signs outside ASCII count as words, so that an emoji is found; punctuation does not.
    return re.findall(r"\w+|[^\w\s\x00-\x7f]", printable(text).casefold())


def _pattern(word: str) -> str:
    # Where a script puts no spaces between words, a word stands anywhere in the text.
    return f" {word}" if word.isascii() else word


def moment(when: When) -> datetime:
    """A point in time with its zone. Raises RecipeError for what is none."""
    if isinstance(when, str):
        when = as_age(when)
    try:
        if isinstance(when, timedelta):
            return datetime.now().astimezone() - when
        if isinstance(when, datetime):
            return when.astimezone()
        if isinstance(when, date):
            return datetime(when.year, when.month, when.day).astimezone()
    except (OverflowError, ValueError, OSError):
        raise RecipeError(f"{when!r} is beyond the times that a computer counts.") from None
    raise RecipeError(
        f'a time is a datetime, a date, a timedelta (how long ago) or written like "90d", not {brief(when)}.'
    )
