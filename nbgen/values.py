"""Single values of a recipe: what may stand in each field, in canonical form, or an error that says so."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .errors import RecipeError, brief

MAX_SEED = 2**64 - 1

Options = tuple[tuple[str, Any], ...]


def as_number(name: str, value: Any) -> float:
    """A finite Python float: NumPy and torch scalars and whole numbers are taken too."""
    if isinstance(value, (bool, str, bytes)):
        raise RecipeError(f"{name} must be a number, not {brief(value)}.")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise RecipeError(f"{name} must be a number, not {brief(value)}.") from None
    if not math.isfinite(number):
        raise RecipeError(f"{name} must be a finite number, not {number}.")
    return number + 0.0  # -0.0 and 0.0 are one value, so one key


def as_whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise RecipeError(f"{name} must be a whole number, not {brief(value)}.")
    try:
        return int(value) if isinstance(value, float) else value.__index__()
    except (AttributeError, TypeError, ValueError):
        raise RecipeError(f"{name} must be a whole number, not {brief(value)}.") from None


def as_count(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number from `least` to `most`, or upwards."""
    number = as_whole(name, value)
    if number < least or (most is not None and number > most):
        upwards = "" if most is None else f" to {most:,}"
        raise RecipeError(f"{name} must be a whole number from {least}{upwards}, not {brief(number)}.")
    return number


def one_or_several(value: Any) -> Iterable[Any]:
    """A single value (a text too, and an array without a dimension) as the only one of several."""
    single = isinstance(value, (str, bytes)) or getattr(value, "ndim", 1) == 0
    return [value] if single or not isinstance(value, Iterable) else value


def in_range(low: float, high: float) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        number = as_number(name, value)
        if not low <= number <= high:
            raise RecipeError(f"{name} must be from {low:g} to {high:g}, not {number:g}.")
        return number

    return check


as_weight = in_range(-10, 10)
"""The weight of something beside words (an adapter, a ControlNet …); 0.5 to 1 is usual."""


def as_text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise RecipeError(f"{name} must be text, not {brief(value)}.")
    return paired(value)


def paired(text: str) -> str:
    """The text with two halves of one character, side by side, joined: JSON reads them back as that character.

    Halves that stand alone stay as they are. Without this, two texts would share a JSON form and a key.
    """
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def as_steps(name: str, value: Any) -> int:
    number = as_whole(name, value)
    if not 1 <= number <= 1000:
        raise RecipeError(f"steps must be from 1 to 1000 (20 to 50 is usual), not {brief(number)}.")
    return number


def as_feather(name: str, value: Any) -> int:
    number = as_whole(name, value)
    if not 0 <= number <= 1024:
        raise RecipeError(f"feather must be from 0 to 1024 pixels, not {brief(number)}.")
    return number


def as_size(name: str, value: Any) -> tuple[int, int]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise RecipeError(f"{name} must be (width, height) in pixels, not {brief(value)}.")
    sides = tuple(as_whole(f"each side of {name}", side) for side in value)
    if len(sides) != 2 or min(sides) < 1 or max(sides) > 65_536:
        raise RecipeError(f"{name} must be (width, height) in pixels, not {brief(sides)}.")
    return sides[0], sides[1]


def as_interval(name: str, value: Any) -> tuple[float, float]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise RecipeError(f"{name} must be (start, end) as fractions of the run, not {brief(value)}.")
    ends = tuple(as_number(name, end) for end in value)
    if len(ends) != 2 or not 0 <= ends[0] < ends[1] <= 1:
        raise RecipeError(f"{name} must be (start, end) with 0 <= start < end <= 1, not {brief(ends)}.")
    return ends[0], ends[1]


def as_options(name: str, value: Any) -> Options:
    """A dict or pairs as a tuple of pairs sorted by name, its values plain JSON data."""
    pairs = (
        list(value.items())
        if isinstance(value, Mapping)
        else list(value)
        if isinstance(value, (tuple, list))
        else None
    )
    if pairs is None or not all(
        isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
    ):
        raise RecipeError(f"{name} must be a dict of names and values, not {brief(value)}.")
    pairs = [(paired(key), part) for key, part in pairs]
    if len({key for key, _ in pairs}) != len(pairs):
        raise RecipeError(f"{name} names the same option twice.")
    return tuple(
        (key, as_plain_value(f"{name}[{key!r}]", part))
        for key, part in sorted(pairs, key=lambda pair: pair[0])
    )


def as_plain_value(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return paired(value)
    if isinstance(value, (list, tuple, range)):
        return tuple(as_plain_value(name, part) for part in value)
    if isinstance(value, Mapping):
        return as_options(name, value)
    number = as_number(name, value)  # first, as it bounds what JSON and every reader can hold
    if isinstance(value, float):
        return number
    try:
        return as_whole(name, value)
    except RecipeError:
        return number


def as_flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise RecipeError(f"{name} must be True or False, not {brief(value)}.")
    return value


def as_style_of_words(name: str, value: Any) -> str:
    if not isinstance(value, str) or value not in ("plain", "weighted"):
        raise RecipeError(f'words must be "plain" or "weighted", not {brief(value)}.')
    return value


def as_inverted(name: str, value: Any) -> Options:
    """{hash of a picture: (weight, prompt)}, the squared weights 1 at most; as a tuple of pairs, sorted."""
    found = []
    for picture, part in as_options(name, value):
        if not isinstance(part, tuple) or len(part) != 2 or not re.fullmatch("[0-9a-f]{64}", picture):
            raise RecipeError(
                f"{name} must be a dict of pictures' hashes and (weight, prompt), not {brief(value)}."
            )
        found.append((picture, (as_number("a weight", part[0]), as_text("a prompt", part[1]))))
    if not sum(weight * weight for _, (weight, _) in found) <= 1 + 1e-6:
        raise RecipeError(
            f"the squared weights of {name} are 1 together at most: the seed's noise has the rest."
        )
    return tuple(found)


def as_mixing(name: str, value: Any) -> str | None:
    if not isinstance(value, str) or value not in ("embedding", "attention", "style"):
        raise RecipeError(f'mixing must be "embedding", "attention" or "style", not {brief(value)}.')
    return None if value == "embedding" else value  # the first is how mixtures are read if nothing is said


def canonical_seed(value: Any) -> int:
    """A seed as a plain int, or RecipeError: a whole number from 0 to 2⁶⁴ − 1."""
    number = as_whole("seed", value)
    if not 0 <= number <= MAX_SEED:
        raise RecipeError(f"seed must be from 0 to 2**64 - 1, not {brief(number)}.")
    return number
