"""Telling the person who called: printed in a cell or a script, handed to a panel that listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_heard: ContextVar[list[str] | None] = ContextVar("nbgen_heard", default=None)


@contextmanager
def listening() -> Iterator[list[str]]:
    """Inside, nothing is printed: the sentences are in the list."""
    lines: list[str] = []
    token = _heard.set(lines)
    try:
        yield lines
    finally:
        _heard.reset(token)


def is_heard() -> bool:
    """Whether a panel listens."""
    return _heard.get() is not None


def say(line: str) -> None:
    """Tell the person who called."""
    lines = _heard.get()
    if lines is None:
        print(line)
    else:
        lines.append(line)
