"""What a person types as the values of an axis, read: "1, 3, 7", "0-3", "1-10 [5]", "ddim, heun", prompts by line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..axes import spread
from ..errors import RecipeError
from ..sampling import find_sampler, find_schedule

WHOLE = frozenset({"seed", "steps"})
NUMBERS = frozenset({"guidance", "guidance_rescale", "distilled_guidance", "strength", "truncation", *WHOLE})
WORDS = frozenset({"sampler", "schedule", "model"})
TEXTS = frozenset({"prompt", "negative"})
MOST_VALUES = 400
"""Values that one axis takes at most; more is most likely a slip."""

_NUMBER = r"-?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\s*-\s*({_NUMBER})(?:\s*\[(\d+)\]|\s*\(\+?({_NUMBER})\))?")


def values_of(field: str, text: str) -> list[Any]:
    """The values that `text` means for a field, in the order written. Raises RecipeError, saying how to write them.

    >>> values_of("guidance", "1, 3-7 [3]")
    [1.0, 3.0, 5.0, 7.0]
    >>> values_of("seed", "0-3"), values_of("sampler", "ddim, DPM++ 2M")
    ([0, 1, 2, 3], ['ddim', 'dpm++2m'])
    """
    if field in TEXTS:
        found: list[Any] = [line.strip() for line in text.splitlines() if line.strip()]
    else:
        parts = [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]
        if field in NUMBERS:
            found = [value for part in parts for value in _numbers(field, part)]
        elif field == "sampler":
            found = [find_sampler(part)[0].name for part in parts]
        elif field == "schedule":
            found = [find_schedule(part) for part in parts]
        else:
            found = list(parts)
    if not found:
        raise RecipeError(f"give the values of {field}, such as {example(field)}.")
    if len(found) > MOST_VALUES:
        raise RecipeError(f"an axis here takes at most {MOST_VALUES} values, and {field} has {len(found)}.")
    return list(dict.fromkeys(found))


def example(field: str) -> str:
    """Values of a field as a person would type them."""
    return {
        "seed": "0-3",
        "steps": "5, 10, 20",
        "guidance": "1, 3, 7",
        "strength": "0.3-0.9 [4]",
        "truncation": "0-1 [5]",
        "sampler": "ddim, euler, dpm++2m",
        "schedule": "karras, exponential",
        "prompt": "one prompt a line",
        "negative": "one negative prompt a line",
    }.get(field, "1, 2, 3")


def _numbers(field: str, text: str) -> Sequence[Any]:
    match = _RANGE.fullmatch(text)
    if match is None:
        if not re.fullmatch(_NUMBER, text):
            raise RecipeError(f"{field} takes numbers, such as {example(field)}, not {text!r:.40}.")
        return [_number(field, float(text))]
    low, high = float(match[1]), float(match[2])
    if match[3] is not None:
        count = int(match[3])
        if not 2 <= count <= MOST_VALUES:
            raise RecipeError(f"a range such as {text!r:.40} has from 2 to {MOST_VALUES} values.")
        return spread(low, high, n=count, whole=field in WHOLE)
    step = abs(float(match[4])) if match[4] else 1.0
    count = int(abs(high - low) / step + 1e-9) + 1 if step else 0
    if not 1 <= count <= MOST_VALUES:
        raise RecipeError(f"the range {text!r:.40} has {count or 'endlessly many'} values.")
    # Counted from the start, so that nothing adds up and overshoots the end.
    sign = 1 if high >= low else -1
    return [_number(field, round(low + sign * step * number, 10)) for number in range(count)]


def _number(field: str, value: float) -> Any:
    if field not in WHOLE:
        return float(value)
    if not float(value).is_integer():
        raise RecipeError(f"{field} takes whole numbers, not {value:g}.")
    return int(value)
