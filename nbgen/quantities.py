"""What people write for an age, a stretch of time and an amount of data: "90d", "10m", "2 GB", and in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from .errors import RecipeError, brief
from .values import as_number

_UNITS = {
    **dict.fromkeys(("min", "minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days"), timedelta(days=1)),
    **dict.fromkeys(("w", "week", "weeks"), timedelta(weeks=1)),
    **dict.fromkeys(("month", "months"), timedelta(days=30)),
    **dict.fromkeys(("y", "year", "years"), timedelta(days=365)),
}
# An age's "m" could be a month; who waits, waits for minutes.
_STRETCHES = {
    **_UNITS,
    **dict.fromkeys(("", "s", "second", "seconds"), timedelta(seconds=1)),
    "m": timedelta(minutes=1),
}
_MULTIPLES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}

_QUANTITY = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([A-Za-z]*)\s*")


def as_age(text: str) -> timedelta:
    """How long ago: a number and a unit. RecipeError for anything else.

    >>> as_age("90d"), as_age("1.5 hours")
    (datetime.timedelta(days=90), datetime.timedelta(seconds=5400))
    """
    try:
        found = _read(text, _UNITS)
    except OverflowError:
        raise RecipeError(f"{brief(text)} is longer ago than a computer counts.") from None
    if found is None:
        raise RecipeError(
            f'an age is written like "12h", "90d", "6 weeks" or "1 year", or is a timedelta, not {brief(text)}.'
        )
    return found


def as_seconds(value: Any) -> float | None:
    """A stretch of time in seconds: a number of them, or text with a unit; None for what is neither.

    >>> as_seconds("10m"), as_seconds("1.5 hours"), as_seconds("20"), as_seconds(0.2), as_seconds("soon")
    (600.0, 5400.0, 20.0, 0.2, None)
    """
    try:
        if isinstance(value, str):
            found = _read(value, _STRETCHES)
        else:
            found = timedelta(seconds=as_number("a number of seconds", value))
    except (OverflowError, RecipeError):
        return None
    return None if found is None or found < timedelta(0) else found.total_seconds()


def _read(text: str, units: Mapping[str, timedelta]) -> timedelta | None:
    """A number and one of the units; None for anything else. OverflowError for more than a computer counts."""
    match = _QUANTITY.fullmatch(text)
    unit = units.get(match[2].lower()) if match else None
    return None if match is None or unit is None else float(match[1]) * unit


def as_bytes(name: str, value: Any) -> int:
    """A number of bytes: a whole number, or text with a unit (GB is 10⁹ bytes, GiB 2³⁰). RecipeError elsewhere.

    >>> as_bytes("max_size", "2 GB"), as_bytes("max_size", "1.5 MiB"), as_bytes("max_size", 4096)
    (2000000000, 1572864, 4096)
    """
    if isinstance(value, str):
        match = _QUANTITY.fullmatch(value)
        unit = match[2].lower().removesuffix("b") if match else ""
        multiple = {**_MULTIPLES, **_BINARY}.get(unit)
        if match is not None and multiple is not None and (match[2] or "." not in match[1]):
            return int(float(match[1]) * multiple)
    elif not isinstance(value, bool) and hasattr(value, "__index__") and value.__index__() >= 0:
        return int(value.__index__())
    raise RecipeError(f'{name} is a number of bytes, or written like "500 MB" or "2 GB", not {brief(value)}.')


def in_bytes(count: int) -> str:
    """An amount of data in few words, in powers of ten as disks are sold.

    >>> in_bytes(999), in_bytes(48_240_000), in_bytes(3 * 10**12)
    ('999 bytes', '48.2 MB', '3,000 GB')
    """
    if count < 1000:
        return f"{count} byte{'' if count == 1 else 's'}"
    unit, size = next((each for each in (("kB", 1e3), ("MB", 1e6)) if count < each[1] * 999.95), ("GB", 1e9))
    return f"{count / size:,.{1 if count < 100 * size else 0}f} {unit}"


def in_time(seconds: float) -> str:
    """A stretch of time in few words.

    >>> in_time(0.2), in_time(600), in_time(9000)
    ('1 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def counted(count: int, thing: str) -> str:
    """A number and what is counted, in the right number: "1 file", "2,000 files"."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
