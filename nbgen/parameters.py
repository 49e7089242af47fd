"""The widely used "parameters" text: a recipe in the words that other programs write and read.

Prompt lines, then `Negative prompt: …`, then one line `Steps: 20, Sampler: Euler a, CFG scale: 7, …`. It is
written for those programs and for people. nbgen's own pictures carry the exact recipe beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from .errors import PictureFileError, RecipeError, SamplerError
from .recipe import MAX_TEXT, Mix, ModelRef, Recipe
from .show.words import printable

NEGATIVE = "Negative prompt:"
OWN = "nbgen"
"""The value of `Version` in text that nbgen wrote."""

_ENOUGH = 3
"""Fewer pairs than this, and a last line is one more line of the prompt: what other readers hold to, too."""

_KEY = re.compile(r"\w[\w \-/+.]{0,60}")
_WEIGHTED = re.compile(r"(?<!\\)[(\[]")


def to_parameters(recipe: Recipe) -> str:
    """The recipe as "parameters" text. What this form has no name for stands only in the JSON recipe.

    A Mix of prompts is written as people read it, "0.25·a cat + 0.75·a dog", and exactly in a pair of its
    own; a Mix of seeds only there, because a reader that finds `Seed` expects one whole number.

    >>> print(to_parameters(Recipe(prompt="a cat", negative="blurry", steps=20, guidance=7, seed=1)))
    a cat
    Negative prompt: blurry
    Steps: 20, CFG scale: 7, Seed: 1, RNG: CPU, Version: nbgen
    """
    pairs: list[tuple[str, Any]] = [
        ("Steps", recipe.steps),
        *_sampler_pairs(recipe),
        ("CFG scale", recipe.guidance),
    ]
    pairs += [("Seed mix" if isinstance(recipe.seed, Mix) else "Seed", recipe.seed)]
    if recipe.size is not None:
        pairs.append(("Size", f"{recipe.size[0]}x{recipe.size[1]}"))
    if recipe.model is not None:
        pairs += [("Model hash", recipe.model.fingerprint[:10]), ("Model", recipe.model.name)]
    pairs += [(name, getattr(recipe, field)) for name, (field, _) in _FURTHER.items()]
    pairs += [
        (name, value)
        for name, value in zip(_MIXES, (recipe.prompt, recipe.negative), strict=True)
        if isinstance(value, Mix)
    ]
    pairs += [("Words", "weighted" if recipe.words == "weighted" else None), ("RNG", "CPU"), ("Version", OWN)]
    lines = [] if recipe.prompt is None else [printable(str(recipe.prompt))]
    if recipe.negative is not None and str(recipe.negative):
        lines.append(f"{NEGATIVE} {printable(str(recipe.negative))}")
    lines.append(
        ", ".join(f"{name}: {_quoted(value)}" for name, value in pairs if value not in (None, False, ""))
    )
    return "\n".join(lines)


def parse_parameters(text: str) -> Recipe:
    """The recipe that a "parameters" text tells, as far as it goes. PictureFileError for oversized text."""
    return read_parameters(text)[0]


def read_parameters(text: str) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe, and the pairs of the text ("Clip skip: 2") that it has no field for or that make no sense.

    Where other programs read `(word:1.3)` as a weight, the recipe says `words="weighted"`.
    """
    if len(text) > MAX_TEXT:
        raise PictureFileError(
            f"the text in a picture has at most {MAX_TEXT:,} characters, and this one has {len(text):,}."
        )
    lines = printable(text).strip().split("\n")
    pairs = read_pairs(lines[-1])
    if len(pairs) >= _ENOUGH:
        lines.pop()
    else:
        pairs = {}
    first = next((index for index, line in enumerate(lines) if line.strip().startswith(NEGATIVE)), len(lines))
    prompt = "\n".join(lines[:first]).strip()
    negative = "\n".join(lines[first:]).strip().removeprefix(NEGATIVE).strip()
    fields: dict[str, Any] = {"prompt": prompt or None, "negative": negative or None}
    if pairs.get("Version") != OWN and _WEIGHTED.search(f"{prompt} {negative}"):
        fields["words"] = "weighted"
    recipe, aside = Recipe(**fields), []
    for name, value in _split_up(pairs).items():
        change = _understood(name, value, pairs)
        try:
            recipe = recipe.replace(**change) if change is not None else recipe
        except RecipeError:
            change = None
        if change is None:
            aside.append(f"{name}: {value}")
    return recipe, tuple(aside)


def read_pairs(line: str) -> dict[str, str]:
    """The `Name: value` pairs of a line, in one pass; a value in quotes may hold commas and colons."""
    pairs: dict[str, str] = {}
    position = 0
    while (colon := line.find(":", position)) >= 0:
        key = line[position:colon].rpartition(",")[2].strip()
        start = colon + 1
        while line[start : start + 1] == " ":
            start += 1
        value, end = _quoted_value(line, start)
        if value is None:
            end = line.find(",", start)
            end = len(line) if end < 0 else end
            value = line[start:end].strip()
        if _KEY.fullmatch(key):
            pairs[key] = value
        position = end + 1 if line[end : end + 1] == "," else end
    return pairs


def _quoted_value(line: str, start: int) -> tuple[str | None, int]:
    if line[start : start + 1] != '"':
        return None, start
    try:
        value, end = _DECODER.raw_decode(line, start)
    except ValueError:
        return None, start
    return value, end


_DECODER = json.JSONDecoder(strict=False)


def _quoted(value: Any) -> str:
    if isinstance(value, Mix):
        text = json.dumps([[weight, part] for weight, part in value.parts], ensure_ascii=True)
    elif isinstance(value, float):
        text = f"{value:.12g}"
    else:
        text = printable(str(value))
    return (
        json.dumps(text, ensure_ascii=False)
        if any(mark in text for mark in ',:\n"') or text != text.strip()
        else text
    )


def _sampler_pairs(recipe: Recipe) -> list[tuple[str, str | None]]:
    from .sampling import BY_NAME  # its names of samplers are those that other programs show

    known = BY_NAME.get(recipe.sampler or "")
    schedule = recipe.schedule and _SCHEDULES.get(recipe.schedule, recipe.schedule)
    return [("Sampler", known.label if known else recipe.sampler), ("Schedule type", schedule)]


_SCHEDULES = {"karras": "Karras", "exponential": "Exponential", "beta": "Beta", "trailing": "SGM Uniform"}


def _split_up(pairs: dict[str, str]) -> dict[str, str]:
    """The pairs less those that only mark the text; model name and hash are read as one."""
    marks = {"Version", "RNG"} if pairs.get("Version") == OWN else set()
    if "Model" in pairs:
        marks.add("Model hash")
    # A schedule that has its own pair wins over one inside the sampler's name, so it comes after it.
    return {
        name: value
        for name, value in sorted(pairs.items(), key=lambda pair: pair[0] == "Schedule type")
        if name not in marks
    }


def _understood(name: str, value: str, pairs: dict[str, str]) -> dict[str, Any] | None:
    """The change to the recipe that a pair asks for; None where it has no field. May raise RecipeError."""
    if name == "Denoising strength" and any(key.startswith("Hires") for key in pairs):
        return None  # the strength of a second pass, not of an image to start from
    if name in _READERS:
        try:
            return _READERS[name](value, pairs)
        except (ValueError, TypeError, OverflowError, RecursionError):
            return None
    return None


def _sampler(value: str, pairs: dict[str, str]) -> dict[str, Any]:
    from .sampling import find_sampler

    try:
        sampler, schedule = find_sampler(value)
    except SamplerError:
        return {"sampler": value}  # kept as it stands: whoever runs it is told the nearest names
    return {"sampler": sampler.name, "schedule": schedule}


def _schedule(value: str, pairs: dict[str, str]) -> dict[str, Any]:
    from .sampling import find_schedule

    schedule = find_schedule(value)
    # "Automatic" says nothing, so it must not undo what the sampler's name said.
    return {} if schedule is None else {"schedule": schedule}


def _model(value: str, pairs: dict[str, str]) -> dict[str, Any]:
    return {"model": ModelRef(name=pairs.get("Model", value), fingerprint=pairs.get("Model hash", ""))}


def _size(value: str, pairs: dict[str, str]) -> dict[str, Any]:
    width, height = value.lower().split("x")
    return {"size": (_whole(width), _whole(height))}


def _whole(value: str) -> int:
    if len(value) > 24:  # int() is quadratic in the digits
        raise ValueError("not a whole number of any field")
    return int(value)


def _flag(value: str) -> bool:
    return (
        {"true": True, "false": False}[value.lower()]
        if value.lower() in ("true", "false")
        else bool(_whole(value))
    )


def _mix(value: str) -> Mix | str | int:
    return Mix.of(*((weight, part) for weight, part in json.loads(value)))


def _into(field: str, convert: Callable[[str], Any]) -> Callable[[str, dict[str, str]], dict[str, Any]]:
    return lambda value, pairs: {field: convert(value)}


_FURTHER: dict[str, tuple[str, Callable[[str], Any]]] = {
    "Denoising strength": ("strength", float),
    "Distilled CFG Scale": ("distilled_guidance", float),
    "Guidance rescale": ("guidance_rescale", float),
    "Truncation": ("truncation", float),
    "Tiling": ("tile", _flag),
    "Mixing": ("mixing", str),
}
"""Names of single values, the field that each is, and how it is read."""

_MIXES = ("Prompt mix", "Negative prompt mix")

_READERS: dict[str, Callable[[str, dict[str, str]], dict[str, Any]]] = {
    "Steps": _into("steps", _whole),
    "Sampler": _sampler,
    "Schedule type": _schedule,
    "CFG scale": _into("guidance", float),
    "Seed": _into("seed", _whole),
    "Seed mix": _into("seed", _mix),
    "Size": _size,
    "Model": _model,
    "Model hash": _model,
    "Prompt mix": _into("prompt", _mix),
    "Negative prompt mix": _into("negative", _mix),
    "Words": _into("words", str),
    **{name: _into(field, convert) for name, (field, convert) in _FURTHER.items()},
}
