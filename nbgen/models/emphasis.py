"""Which words of a prompt weigh more or less? `(x)`, `[x]` and `(x:1.3)`, as widely used programs write it."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import RecipeError

STEP = 1.1
"""What a pair of round brackets multiplies a weight by, and a pair of square ones divides it by."""
MOST_WEIGHT = 10.0
"""The largest weight that a word comes to, either way; 0.5 to 1.5 is usual."""
_MARKS = re.compile(r"\\[()\[\]\\]|[()\[\]|]|\bBREAK\b|\bAND\b|[^\\()\[\]|BA]+|.", re.DOTALL)
_END = re.compile(r":\s*([+-]?[.\d]+)\s*$")
_SHOWN = 12
"""Characters on each side of a place that is pointed at."""


class Piece(NamedTuple):
    """Words that weigh the same."""

    text: str
    weight: float


class _Open(NamedTuple):
    """A bracket that is not closed yet: where it stands, and how many pieces there were before it."""

    mark: str
    place: int
    before: int


def parts_of(prompt: str, called: str = "prompt") -> list[list[Piece]]:
    r"""The pieces of a prompt with their weights, one list for each part between BREAKs.

    `(x)` weighs 1.1 times as much, `[x]` 1.1 times less, `(x:1.3)` 1.3 times as much; brackets nest, and their
    weights multiply. `\(`, `\)`, `\[`, `\]` and `\\` are the characters themselves. BREAK begins a new chunk of
    tokens.

    called: what the text is to the person, for errors
    Raises RecipeError, pointing at the place, for brackets that do not match, for weights that are no numbers or
    too large, and for what is not done: `[from:to:when]`, `[a|b]` and AND.

    >>> parts_of("a (red:1.5) apple")
    [[Piece(text='a ', weight=1.0), Piece(text='red', weight=1.5), Piece(text=' apple', weight=1.0)]]
    """
    parts: list[list[Piece]] = [[]]
    pieces: list[Piece] = parts[0]
    held: list[_Open] = []
    for found in _MARKS.finditer(prompt):
        mark, place = found.group(), found.start()
        if mark in ("(", "["):
            held.append(_Open(mark, place, len(pieces)))
        elif mark in (")", "]"):
            if not held or (held[-1].mark == "(") != (mark == ")"):
                raise _wrong(prompt, place, called, f"the {mark} closes nothing that was opened")
            _close(pieces, held.pop(), prompt, place, called)
        elif mark == "BREAK":
            if held:
                raise _wrong(prompt, place, called, "BREAK stands inside brackets", "Close them first.")
            pieces = []
            parts.append(pieces)
        elif mark == "AND":
            raise _wrong(
                prompt, place, called, "AND would draw several prompts into one picture, which is not done",
                'nbgen.Mix.of((0.5, "…"), (0.5, "…")) is a mixture of prompts; the word itself is written small.',
            )  # fmt: skip
        elif mark == "|" and held and held[-1].mark == "[":
            raise _wrong(
                prompt, held[-1].place, called, "[a|b] would change the words at every step, which is not done",
                "nbgen.Mix.of mixes prompts.",
            )  # fmt: skip
        else:
            text = mark[1] if len(mark) == 2 and mark[0] == "\\" else mark
            # Escaped characters stand as pieces of their own until the end, so that no colon is read beside them.
            pieces.append(Piece(text, 1.0))
    if held:
        raise _wrong(prompt, held[-1].place, called, f"the {held[-1].mark} is never closed")
    return [_joined(part, prompt, called) for part in parts]


def unweighted(prompt: str) -> str:
    """The words alone, without brackets and weights; the prompt itself where its brackets do not match."""
    try:
        return " ".join("".join(piece.text for piece in part).strip() for part in parts_of(prompt))
    except RecipeError:
        return prompt


def is_plain(prompt: str) -> bool:
    """Whether this reads the same with and without weights."""
    found = parts_of(prompt)
    return len(found) == 1 and found[0] in ([], [Piece(prompt, 1.0)])


def _close(pieces: list[Piece], opened: _Open, prompt: str, place: int, called: str) -> None:
    """Weighs the pieces since a bracket was opened, and drops the weight that stands at their end."""
    factor = STEP if opened.mark == "(" else 1 / STEP
    tail = "" if place and prompt[place - 1] in ")]" else _tail(pieces, opened.before)
    found = _END.search(tail)
    if found is not None:
        if opened.mark == "[":
            raise _wrong(
                prompt, opened.place, called,
                "[from:to:when] would change the words in the middle of the run, which is not done",
                "A weight stands in round brackets: (x:0.8).",
            )  # fmt: skip
        try:
            factor = float(found.group(1))
        except ValueError:
            raise _wrong(
                prompt, opened.place, called, f"{found.group(1)!r:.20} is no weight", "(x:1.3) has one."
            ) from None
        _cut(pieces, opened.before, len(tail) - found.start())
    for number in range(opened.before, len(pieces)):
        piece = pieces[number]
        pieces[number] = Piece(piece.text, piece.weight * factor)


def _tail(pieces: list[Piece], first: int) -> str:
    """The plain text at the end: what was put down since the last escape or bracket."""
    text = ""
    for piece in reversed(pieces[first:]):
        if piece.weight != 1.0 or piece.text in ("(", ")", "[", "]", "\\"):
            break
        text = piece.text + text
    return text


def _cut(pieces: list[Piece], first: int, count: int) -> None:
    """Takes `count` characters off the end of the pieces."""
    while count and len(pieces) > first:
        piece = pieces.pop()
        if len(piece.text) > count:
            pieces.append(Piece(piece.text[:-count], piece.weight))
        count = max(0, count - len(piece.text))


def _joined(pieces: list[Piece], prompt: str, called: str) -> list[Piece]:
    """Neighbours of one weight as one piece."""
    found: list[Piece] = []
    for piece in pieces:
        weight = float(f"{piece.weight:.9g}")
        if not -MOST_WEIGHT <= weight <= MOST_WEIGHT:
            raise RecipeError(
                f"{piece.text!r:.40} in the {called} comes to a weight of {weight:g}: weights are from "
                f"{-MOST_WEIGHT:g} to {MOST_WEIGHT:g}, and 0.5 to 1.5 is usual."
            )
        if found and found[-1].weight == weight:
            found[-1] = Piece(found[-1].text + piece.text, weight)
        else:
            found.append(Piece(piece.text, weight))
    return found


def _wrong(prompt: str, place: int, called: str, what: str, remedy: str = "") -> RecipeError:
    before, after = prompt[max(0, place - _SHOWN) : place], prompt[place : place + _SHOWN]
    remedy = (
        remedy
        or r'A bracket that is meant as one is written \( or \), and words="plain" reads all as they stand.'
    )
    return RecipeError(
        f"character {place + 1} of the {called}, at {before + '⟶' + after!r}: {what}. {remedy}"
    )
