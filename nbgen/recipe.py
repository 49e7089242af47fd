"""What determines one picture, and nothing else: Recipe, Mix, the key, and JSON both ways.

A recipe is plain, frozen data. It knows neither models nor files; `model.resolve(...)` turns what a person
typed into a complete recipe, and the key of that recipe names the picture for ever.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .errors import RecipeError, brief, did_you_mean
from .mix import Mix
from .model_ref import ModelRef
from .values import (
    MAX_SEED,
    Options,
    as_feather,
    as_flag,
    as_interval,
    as_inverted,
    as_mixing,
    as_options,
    as_size,
    as_steps,
    as_style_of_words,
    as_text,
    canonical_seed,
    in_range,
)

__all__ = [
    "FIELDS",
    "FORMAT",
    "MAX_SEED",
    "MAX_TEXT",
    "Mix",
    "ModelRef",
    "Options",
    "Recipe",
    "canonical_seed",
]

FORMAT = 1
"""The version of the JSON form. It rises only when old readers could misread a new recipe."""

MAX_TEXT = 1_000_000
"""Characters of JSON that `Recipe.from_json` accepts; a recipe of a walk through long prompts is far below."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Recipe:
    """Everything that determines one picture. Frozen, hashable, JSON both ways.

    A field that is None, empty or 0 by default is *neutral*: it stands in neither the JSON nor the key, so
    that a field added later never changes the key of an old picture. `size` is (width, height) in pixels.
    Pictures and masks are content hashes of blobs in the store, never paths.
    """

    prompt: str | Mix | None = None
    negative: str | Mix | None = None
    seed: int | Mix = 0
    model: ModelRef | None = None
    sampler: str | None = None
    schedule: str | None = None
    steps: int | None = None
    guidance: float | None = None
    guidance_interval: tuple[float, float] | None = None
    guidance_rescale: float = 0.0
    distilled_guidance: float | None = None
    size: tuple[int, int] | None = None
    windows: tuple[int, int] | None = None
    image: str | Mix | None = None
    strength: float | None = None
    mask: str | None = None
    feather: int = 0
    inverted: Options = ()
    control: Options = ()
    adapters: Options = ()
    image_prompt: Options = ()
    truncation: float | None = None
    style_mix: Options = ()
    direction: Options = ()
    words: str = "plain"
    mixing: str | None = None
    tile: bool = False
    options: Options = ()
    extra: Options = ()

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not _NEUTRAL[name]:
                object.__setattr__(self, name, check(name, value))

    @cached_property
    def key(self) -> str:
        """64 hexadecimal digits that name this picture: SHA-256 of the canonical JSON without neutral values."""
        plain = self.to_plain()
        if self.model is not None:
            plain["model"].pop("name")
            plain["model"].pop("family", None)
            plain["model"].pop("beside", None)
        return hashlib.sha256(_canonical(plain).encode("ascii")).hexdigest()

    def replace(self, **changes: Any) -> Recipe:
        """The same recipe, but. Raises RecipeError for a field that does not exist."""
        unknown = set(changes) - set(FIELDS)
        if unknown:
            name = sorted(unknown)[0]
            raise RecipeError(f"a recipe has no field {name!r}: {did_you_mean(name, FIELDS)}")
        return dataclasses.replace(self, **changes)

    def written(self) -> dict[str, Any]:
        """The fields as a call would write them: neutral ones left out, but the seed even where it is 0."""
        values = {name: getattr(self, name) for name in FIELDS}
        return {name: value for name, value in values.items() if value != _NEUTRAL[name] or name == "seed"}

    def to_plain(self) -> dict[str, Any]:
        """Dicts, lists, text and numbers only, neutral values left out."""
        written = self.written()
        return {name: _to_plain(value) for name, value in written.items() if value != _NEUTRAL[name]}

    def to_json(self) -> str:
        """Canonical JSON, pure ASCII (so it survives any text chunk), with the format's version."""
        return _canonical({"nbgen": FORMAT, **self.to_plain()})

    @classmethod
    def from_plain(cls, plain: Any) -> Recipe:
        if not isinstance(plain, Mapping):
            raise RecipeError("a recipe is a JSON object, and this text is not one.")
        values = dict(plain)
        version = values.pop("nbgen", FORMAT)
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise RecipeError(f"a recipe's format version must be a whole number, not {version!r:.40}.")
        if version > FORMAT:
            raise RecipeError(
                f"this recipe was written by a newer nbgen (format {version}, this one reads {FORMAT}): upgrade nbgen."
            )
        unknown = sorted(set(values) - set(FIELDS), key=str)
        if unknown:
            raise RecipeError(
                f"a recipe has no field {unknown[0]!r:.60}: {did_you_mean(str(unknown[0]), FIELDS)}"
            )
        try:
            return cls(**{name: _from_plain(name, value) for name, value in values.items()})
        except RecursionError:
            raise RecipeError("this recipe is nested too deeply to be one.") from None

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """The recipe in a JSON text. Raises RecipeError where the text is malformed or oversized."""
        if not isinstance(text, (str, bytes)):
            raise RecipeError(f"a recipe is read from text, not from {brief(text)}.")
        if len(text) > MAX_TEXT:
            raise RecipeError(
                f"a recipe text has at most {MAX_TEXT:,} characters, and this one has {len(text):,}."
            )
        try:
            plain = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"this is not a recipe: the JSON cannot be read ({str(error)[:80]}).") from None
        return cls.from_plain(plain)

    def code(self, kind: str = "nbgen") -> str:
        """Python that makes this picture: `kind` "nbgen" (one call) or "diffusers" (without nbgen)."""
        from .verbs.coding import code

        return code(self, kind)

    def __repr__(self) -> str:
        shown = [
            f"{name}={value.name!r}" if isinstance(value, ModelRef) else f"{name}={value!r}"
            for name, value in self.written().items()
        ]
        return f"Recipe({', '.join(shown)})"


def _canonical(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _to_plain(value: Any) -> Any:
    if isinstance(value, ModelRef):
        return value.to_plain()
    if isinstance(value, Mix):
        return {"mix": [[weight, part] for weight, part in value.parts]}
    if isinstance(value, tuple):
        return [_to_plain(part) for part in value]
    return value


def _from_plain(name: str, value: Any) -> Any:
    if name == "model" and value is not None:
        return ModelRef.from_plain(value)
    if isinstance(value, Mapping) and set(value) == {"mix"}:
        parts = value["mix"]
        if not isinstance(parts, list) or not all(
            isinstance(part, list) and len(part) == 2 for part in parts
        ):
            raise RecipeError(f"the mix in {name} must be a list of [weight, value] pairs.")
        return Mix.of(*((weight, part) for weight, part in parts))
    return _tuples(value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, (list, tuple)) else value


def _words_or_mix(name: str, value: Any) -> str | Mix:
    if isinstance(value, Mix):
        mixed = Mix.of(*value.parts)
        if isinstance(mixed, Mix) and not isinstance(mixed.parts[0][1], str):
            raise RecipeError(f"{name} takes a Mix of {name}s, and this one holds seeds.")
        return mixed if isinstance(mixed, Mix) else as_text(name, mixed)
    return as_text(name, value)


def _seed(name: str, value: Any) -> int | Mix:
    if not isinstance(value, Mix):
        return canonical_seed(value)
    for part in value.values:
        if isinstance(part, str):
            raise RecipeError("seed takes a Mix of seeds, and this one holds prompts.")
        canonical_seed(part)
    mixed = Mix.of(*value.parts)
    return mixed if isinstance(mixed, Mix) else canonical_seed(mixed)


def _model(name: str, value: Any) -> ModelRef:
    if not isinstance(value, ModelRef):
        raise RecipeError(f"a recipe's model must be a ModelRef, not {value!r:.60}.")
    return value


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "prompt": _words_or_mix,
    "negative": _words_or_mix,
    "seed": _seed,
    "model": _model,
    "sampler": as_text,
    "schedule": as_text,
    "steps": as_steps,
    "guidance": in_range(0, 1000),
    "guidance_interval": as_interval,
    "guidance_rescale": in_range(0, 1),
    "distilled_guidance": in_range(0, 1000),
    "size": as_size,
    "windows": as_size,
    "image": _words_or_mix,
    "strength": in_range(0, 1),
    "mask": as_text,
    "feather": as_feather,
    "inverted": as_inverted,
    "control": as_options,
    "adapters": as_options,
    "image_prompt": as_options,
    "truncation": in_range(0, 10),
    "style_mix": as_options,
    "direction": as_options,
    "words": as_style_of_words,
    "mixing": as_mixing,
    "tile": as_flag,
    "options": as_options,
    "extra": as_options,
}

FIELDS: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(Recipe))
_NEUTRAL: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(Recipe)}
