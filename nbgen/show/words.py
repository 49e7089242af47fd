"""Text from anywhere, made fit to be shown: printable, on one line, wrapped to a width."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

REPLACEMENT = "\ufffd"


def printable(text: str) -> str:
    """The text with lone surrogates and controls replaced, which a terminal, a font or UTF-8 cannot take.

    Newlines and tabs stay. Bidirectional overrides go too, since they could make a label read as another one.

    >>> printable("a\\x00b")
    'a\\ufffdb'
    """
    return "".join(character if _fit(character) else REPLACEMENT for character in text.replace("\r\n", "\n"))


def one_line(text: str, limit: int = 60) -> str:
    """The text on one line, at most `limit` characters long, the last an ellipsis where something was cut.

    >>> one_line("a red  apple\\non a blue background", 16)
    'a red apple on …'
    """
    line = " ".join(printable(text[: 4 * limit + 64]).split())
    return line if len(line) <= limit and len(text) <= 4 * limit + 64 else line[: limit - 1] + "…"


def wrapped(text: str, width: float, measure: Callable[[str], float], lines: int = 3) -> list[str]:
    """The text in at most `lines` lines, none wider than `width` as `measure` tells; "…" where it was cut."""
    done: list[str] = []
    rest = printable(text[:2000]).strip().split("\n")
    while rest:
        line, left = _split(rest.pop(0).strip(), width, measure)
        if left:
            rest.insert(0, left)
        if len(done) == lines - 1 and any(rest):
            return [*done, _cut(line + "…", width, measure)]
        done.append(line)
    return done


def _split(line: str, width: float, measure: Callable[[str], float]) -> tuple[str, str]:
    """What of the line fits into the width, and the rest; at a space where there is one."""
    if measure(line) <= width:
        return line, ""
    low, high = 1, len(line)  # the first character always goes, so that every call makes progress
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(line[:middle]) <= width else (low, middle - 1)
    space = line.rfind(" ", 1, low + 1)
    while space > 0 and line[space + 1 : space + 2].isdigit():
        space = line.rfind(" ", 1, space)  # a number stays with the word before it: "seed 7"
    end = space if space > 0 else low
    return line[:end].rstrip(), line[end:].lstrip()


def _cut(line: str, width: float, measure: Callable[[str], float]) -> str:
    while len(line) > 1 and measure(line) > width:
        line = line[:-2] + "…"
    return line


def _fit(character: str) -> bool:
    return character in "\n\t" or (
        unicodedata.category(character) not in ("Cc", "Cs") and character not in _OVERRIDES
    )


_OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
