"""Which files of a store may go, by age and by size, and removing them. Pictures with a star never go."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from .files import PART
from .metadata import RECIPE
from .png import read_head

_GRACE = 86_400.0
"""Seconds for which a file that nothing names stays: another process may be about to name it."""


def files_in(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """All files below a folder, with their status; those that vanish meanwhile are left out."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            try:
                yield path, path.stat()
            except OSError:
                continue


def prune(
    folder: Path, stars: Collection[str], max_bytes: int | None, before: float | None
) -> tuple[int, int]:
    """Remove pictures written before `before` (Unix time), then the oldest until `max_bytes` are left.

    Afterwards input pictures that no picture names any more go, and what crashes left behind. Returns the
    (files, bytes) that were removed.
    """
    pictures = sorted(files_in(folder / "pictures"), key=lambda file: file[1].st_mtime_ns)
    left = sum(
        status.st_size for name in ("pictures", "blobs", "damaged") for _, status in files_in(folder / name)
    )
    removed: list[int] = []
    for path, status in pictures:
        old = before is not None and status.st_mtime < before
        much = max_bytes is not None and left > max_bytes
        if path.stem not in stars and (old or much) and path.suffix == ".png" and _remove(path):
            removed.append(status.st_size)
            left -= status.st_size
    if before is not None or max_bytes is not None:
        removed += [status.st_size for path, status in _litter(folder) if _remove(path)]
    return len(removed), sum(removed)


def _litter(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """What nothing names and is older than a day: unused input pictures, damaged and half-written files."""
    still = time.time() - _GRACE
    named: set[str] = set()
    for path, _ in files_in(folder / "pictures"):
        named |= _names_in(path)
    for place in ("pictures", "blobs", "damaged"):
        for path, status in files_in(folder / place):
            unnamed = (
                place == "damaged"
                or path.name.endswith(PART)
                or (place == "blobs" and path.stem not in named)
            )
            if unnamed and status.st_mtime < still:
                yield path, status


def _names_in(path: Path) -> set[str]:
    """Every content hash in a picture's recipe, whichever field it stands in."""
    try:
        with open(path, "rb") as file:
            return set(re.findall(r"[0-9a-f]{64}", read_head(file)[1].get(RECIPE, "")))
    except (OSError, ValueError):
        return set()


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
