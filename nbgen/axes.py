"""What varies along one direction of a comparison: a value fixes, a list varies.

Only a list, a range and an `Axis` vary; a tuple, dict, array, picture or text is one value. How axes become
cells is in `layout.py`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import PurePath
from typing import Any

from .errors import RecipeError, brief
from .recipe import FIELDS, Mix, ModelRef

MOST_VALUES = 1_000_000
"""Values that `spread` gives and an axis has; more is a slip."""
LONGEST_LABEL = 160
"""Characters; figures wrap a label, and past this it says nothing more."""

_HASH = re.compile("[0-9a-f]{64}")
_TAKE_DICTS = frozenset({"control", "adapters", "image_prompt", "style_mix", "direction", "options", "extra"})


@dataclass(frozen=True, eq=False)
class Axis:
    """One direction of a comparison: a title and, for each position, a value, its label and what it changes.

    `changes[i]` are the Recipe fields that position i sets. An axis of `swap_words` sets none: it has the
    `word` to look for, and its values are put in that word's place.
    """

    title: str
    values: Sequence[Any]
    labels: tuple[str, ...]
    changes: tuple[Mapping[str, Any], ...]
    word: str | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that at least one position sets, in the order written."""
        return tuple(dict.fromkeys(name for change in self.changes for name in change))

    def __len__(self) -> int:
        return len(self.values)

    def __str__(self) -> str:
        return f"{self.title}: {', '.join(self.labels)}"

    def position(self, value: Any) -> int | None:
        """Where `value` stands on this axis: by identity, equality or label; None where it does not."""
        for index, own in enumerate(self.values):
            if own is value or _equal(own, value):
                return index
        sought = value.casefold() if isinstance(value, str) else label_of(value)
        for index, label in enumerate(self.labels):
            if (label.casefold() if isinstance(value, str) else label) == sought:
                return index
        return None

    def named(self, keyword: str) -> Axis:
        """This axis as the argument `keyword=axis`: it varies that field; any other word becomes its title."""
        if self.word is None and all(set(change) == {self.title} for change in self.changes):
            if keyword in FIELDS or self.title not in FIELDS:
                return replace(self, changes=tuple({keyword: value} for value in self.values))
            return replace(self, title=keyword)
        if keyword not in FIELDS:
            return replace(self, title=keyword)
        if set(self.fields) == {keyword} or (self.word is not None and keyword == "prompt"):
            return self
        what = "words in the prompt" if self.word is not None else " and ".join(self.fields)
        raise RecipeError(
            f"{keyword}=… was given an axis that changes {what}, not {keyword}: "
            "write it right after the prompt, or under a name that is no field."
        )


def field_axis(field: str, values: Sequence[Any]) -> Axis:
    """The axis that `field=[…]` stands for."""
    return Axis(field, values, labels_of(values), tuple({field: value} for value in values))


def axis(title: str, values: Mapping[str, Any] | Sequence[Any]) -> Axis:
    """An axis with labels of its own, or one that changes several fields at once.

    `values` is a list, or a dict of label to value. Where `title` is a field, each value is one of that
    field; otherwise each is a dict of fields and their values. Raises RecipeError where `values` is empty.

    >>> print(axis("speed", {"draft": dict(sampler="lcm", steps=4), "final": dict(sampler="heun", steps=30)}))
    speed: draft, final
    >>> axis("guidance", [1, 3.5]).changes
    ({'guidance': 1}, {'guidance': 3.5})
    """
    if not isinstance(title, str) or not title.strip():
        raise RecipeError(f"an axis needs a title in words, not {title!r:.60}.")
    if isinstance(values, Mapping):
        labels: tuple[str, ...] | None = tuple(_short(str(label)) for label in values)
        own: Sequence[Any] = list(values.values())
    elif varies(values) and not isinstance(values, Axis):
        labels, own = None, values
    else:
        raise RecipeError(
            f"axis({title!r}, …) takes a list or a dict of labels and values, not {values!r:.60}."
        )
    if not 1 <= length_of(own) <= MOST_VALUES:
        raise RecipeError(
            f"the axis {title!r} is empty: give it at least one value."
            if not length_of(own)
            else f"the axis {title!r} has {length_of(own):,} values, and {MOST_VALUES:,} is the most."
        )
    labels = labels or labels_of(own)
    several = title not in _TAKE_DICTS and any(isinstance(value, Mapping) for value in own)
    if several and not all(isinstance(value, Mapping) and value for value in own):
        raise RecipeError(
            f"each position of the axis {title!r} must be a dict of fields and values, "
            "as in dict(sampler='heun', steps=30)."
        )
    if several:
        return Axis(title, labels, labels, tuple(dict(value) for value in own))
    return Axis(title, own, labels, tuple({title: value} for value in own))


def spread(start: float, end: float, n: int = 5, *, whole: bool = False) -> list[float] | list[int]:
    """`n` evenly spaced values from `start` to `end`, both reached exactly; `whole=True` rounds to whole numbers.

    Rounding may merge neighbours, so `whole=True` can give fewer than `n`. The result is a list, so it varies.

    >>> spread(0, 1)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    >>> spread(10, 50, n=3, whole=True)
    [10, 30, 50]
    """
    count = n.__index__() if hasattr(n, "__index__") and not isinstance(n, bool) else 0
    if not 1 <= count <= MOST_VALUES:
        raise RecipeError(f"spread's n must be a whole number from 1 to {MOST_VALUES:,}, not {brief(n)}.")
    try:
        first, last = float(start), float(end)
    except (TypeError, ValueError, OverflowError):
        raise RecipeError(
            f"spread goes from a number to a number, not from {brief(start)} to {brief(end)}."
        ) from None
    if not math.isfinite(last - first):
        raise RecipeError(f"spread goes from a finite number to a finite number, not from {first} to {last}.")
    if count == 1 and first != last:
        raise RecipeError("spread reaches both ends, so it needs n of at least 2.")
    # Twelve digits: 0.1 steps read 0.3, not 0.30000000000000004; the ends are put back untouched.
    inner = [float(f"{first + (last - first) * index / (count - 1):.12g}") for index in range(1, count - 1)]
    values = [first, *inner, last] if count > 1 else [first]
    return list(dict.fromkeys(round(value) for value in values)) if whole else values


def swap_words(word: str, words: Sequence[str]) -> Axis:
    """An axis that puts each of `words` where `word` stands in the prompt. `word` must be there, as a whole word.

    >>> print(swap_words("cat", ["cat", "dog"]))
    cat: cat, dog
    """
    if not isinstance(word, str) or not word:
        raise RecipeError(f"swap_words looks for a word, not for {word!r:.60}.")
    if (
        not isinstance(words, (list, tuple))
        or not words
        or not all(isinstance(other, str) for other in words)
    ):
        raise RecipeError(f"swap_words({word!r}, …) takes a list of words, not {words!r:.60}.")
    return Axis(word, list(words), labels_of(list(words)), tuple({} for _ in words), word=word)


def replace_word(text: str, word: str, other: str) -> str | None:
    """`text` with every whole `word` replaced, or None where it does not occur."""
    parts, start, found = [], 0, text.find(word)
    while found >= 0:
        end = found + len(word)
        if not _joined(text[found - 1 : found], word[0]) and not _joined(word[-1], text[end : end + 1]):
            parts.append(text[start:found])
            start = end
        found = text.find(word, max(found + 1, start))
    return other.join([*parts, text[start:]]) if parts else None


def _joined(left: str, right: str) -> bool:
    # Scripts without upper and lower case (Chinese, Japanese) put no spaces between words.
    return all(
        part and (part.isdigit() or part == "_" or part.lower() != part.upper()) for part in (left, right)
    )


def length_of(values: Sequence[Any] | Axis) -> int:
    """How many values there are; `len` refuses ranges that are longer than memory."""
    if isinstance(values, range):
        return max(0, -((values.start - values.stop) // values.step))
    return len(values)


def varies(value: Any) -> bool:
    """Whether a value in a call is an axis: a list, a range or an `Axis`."""
    return isinstance(value, (list, range, Axis))


def labels_of(values: Sequence[Any]) -> tuple[str, ...]:
    """A short label for each value; different values get different labels."""
    labels = [label_of(value) for value in values]
    times = Counter(labels)
    if len(times) < len(labels):
        labels = [
            _exact(value, label) if times[label] > 1 else label
            for value, label in zip(values, labels, strict=True)
        ]
    first: dict[str, Any] = {}
    for index, label in enumerate(labels):
        count = 2
        while labels[index] in first and not _equal(first[labels[index]], values[index]):
            labels[index] = f"{label} ({count})"
            count += 1
        first[labels[index]] = values[index]
    return tuple(labels)


def label_of(value: Any) -> str:
    """A value in few words for a tick of a figure.

    >>> label_of(0.30000000000000004), label_of(None), label_of((64, 48)), label_of({"eta": 0.5})
    ('0.3', 'none', '64×48', 'eta=0.5')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return _short(value) if value.strip() else "(empty)"
    if isinstance(value, (Mix, ModelRef)):
        return _short(value.name if isinstance(value, ModelRef) else str(value))
    if isinstance(value, PurePath):
        return _short(value.stem)
    if isinstance(value, Mapping):
        return (
            _short(", ".join(f"{_option(name)}={label_of(part)}" for name, part in value.items())) or "(none)"
        )
    if isinstance(value, tuple):
        if value and all(isinstance(part, tuple) and len(part) == 2 for part in value):
            return label_of(dict(value))  # options, as a recipe holds them
        if _is_weighted(value):
            return label_of(value[1])  # its name stands beside
        whole = all(isinstance(part, int) and not isinstance(part, bool) for part in value)
        return (
            _short(("×" if whole and len(value) == 2 else ", ").join(label_of(part) for part in value))
            or "(none)"
        )
    name = getattr(value, "name", None) or getattr(getattr(value, "ref", None), "name", None)
    if isinstance(name, str):
        return _short(name)
    size = getattr(value, "shape", None)
    if size:
        return f"array {'×'.join(str(side) for side in size)}"
    try:
        return str(value.__index__()) if hasattr(value, "__index__") else f"{float(value):g}"
    except (TypeError, ValueError):
        return type(value).__name__.lower()


def _is_weighted(value: Any) -> bool:
    """Whether this is a picture, or the hash of a picture or file, with its weight."""
    if not isinstance(value, tuple) or len(value) != 2 or not isinstance(value[1], Real):
        return False
    given = value[0]
    return bool(_HASH.fullmatch(given)) if isinstance(given, str) else not isinstance(given, Real)


def _option(name: Any) -> str:
    """An option's name; that of a file, as adapters are given, without its folder."""
    path = isinstance(name, PurePath) or str(name).endswith(".safetensors")
    return PurePath(name).stem if path else str(name)


def _exact(value: Any, label: str) -> str:
    return f"{value:.12g}" if isinstance(value, float) else label


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_LABEL else line[: LONGEST_LABEL - 1].rstrip() + "…"


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    try:
        return bool(one == other)
    except (TypeError, ValueError):  # arrays compare element by element
        return False
