"""Which pictures of a store bear a mark: stars, and collections with names of their own.

A mark is an empty file named by the picture's key, so that several kernels can set marks at once and nothing is
ever half-written. A collection is a folder of such files; its name is quoted, as people may call it anything.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote

from .errors import RecipeError, brief

STARS = "stars"
_COLLECTIONS = "collections"
_LONGEST = 200
"""Bytes of a quoted name: file systems take 255 at most."""


def collection(name: str) -> str:
    """The folder of a collection, below the store's. Raises RecipeError for what is no name."""
    if not isinstance(name, str) or not name.strip():
        raise RecipeError(f"a collection has a name, such as 'cats', not {brief(name)}.")
    quoted = quote(name.strip(), safe=" ", errors="replace").replace(".", "%2E")
    if len(quoted) > _LONGEST:
        raise RecipeError(
            f"a collection's name has at most {_LONGEST} bytes, and this one has {len(quoted)}."
        )
    return f"{_COLLECTIONS}/{quoted}"


def marked(store: Path, kind: str) -> set[str]:
    """The keys that bear the mark `kind`: "stars", or a collection's folder."""
    try:
        return set(os.listdir(store / kind))
    except OSError:
        return set()


def mark(store: Path, kind: str, key: str, on: bool) -> None:
    """Set or take a mark. Raises OSError where the store cannot be written."""
    path = store / kind / key
    if on:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    else:
        path.unlink(missing_ok=True)


def collections(store: Path) -> dict[str, int]:
    """The names of all collections that hold something, with how many pictures they hold, by name."""
    try:
        folders = sorted(os.listdir(store / _COLLECTIONS))
    except OSError:
        return {}
    counts = {unquote(name): len(marked(store, f"{_COLLECTIONS}/{name}")) for name in folders}
    return {name: count for name, count in counts.items() if count}


def spared(store: Path) -> set[str]:
    """The keys that somebody marked in any way: what pruning never touches."""
    kept = marked(store, STARS)
    for name in collections(store):
        kept |= marked(store, collection(name))
    return kept
