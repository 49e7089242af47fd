"""What determines one picture, and nothing else: Recipe, Mix, the key, and JSON both ways.

A recipe is plain, frozen data. It knows neither models nor files; `model.resolve(...)` turns what a person
typed into a complete recipe, and the key of that recipe names the picture for ever.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .errors import RecipeError, did_you_mean

FORMAT = 1
"""The version of the JSON form. It rises only when old readers could misread a new recipe."""

MAX_SEED = 2**64 - 1
MAX_TEXT = 1_000_000
"""Characters of JSON that `Recipe.from_json` accepts; a recipe of a walk through long prompts is far below."""

Options = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class ModelRef:
    """Which weights made a picture.

    `name` is a label for people and takes no part in the key: the `fingerprint` (a hub commit, a file's
    sha256 or a checksum over tensors), the `dtype` and the `quantisation` do.
    """

    name: str
    fingerprint: str
    dtype: str = "float32"
    quantisation: str | None = None

    def __post_init__(self) -> None:
        for name in ("name", "fingerprint"):
            object.__setattr__(self, name, _text(f"a model's {name}", getattr(self, name)))

    def to_plain(self) -> dict[str, Any]:
        plain: dict[str, Any] = {"name": self.name, "fingerprint": self.fingerprint, "dtype": self.dtype}
        if self.quantisation is not None:
            plain["quantisation"] = self.quantisation
        return plain

    @classmethod
    def from_plain(cls, plain: Any) -> ModelRef:
        if not isinstance(plain, Mapping) or not set(plain) <= {
            "name",
            "fingerprint",
            "dtype",
            "quantisation",
        }:
            raise RecipeError(
                f"a recipe's model must be an object with name, fingerprint and dtype, not {plain!r:.80}."
            )
        values = {key: value for key, value in plain.items() if value is not None}
        if not all(isinstance(value, str) for value in values.values()) or not {"name", "fingerprint"} <= set(
            values
        ):
            raise RecipeError("a recipe's model needs a name and a fingerprint, both text.")
        return cls(**values)


@dataclass(frozen=True)
class Mix:
    """A weighted mixture of prompts or of seeds: what a frame of a walk has where a picture has one value.

    `parts` are (weight, value) pairs. Prompts are mixed as embeddings, Σ wᵢ·eᵢ; seeds as unit noises,
    Σ wᵢ·nᵢ / √Σ wᵢ², which keeps the standard deviation at 1 (Bodin et al., "Linear combinations of latents
    in generative models"). Build one with `Mix.of`, which merges equal values and collapses to the value
    itself where one part is left.
    """

    parts: tuple[tuple[float, str | int], ...]

    @classmethod
    def of(cls, *parts: tuple[float, str | int]) -> Mix | str | int:
        """A mixture of (weight, value) pairs, in canonical form: equal values merged, weight 0 dropped."""
        merged: dict[str | int, float] = {}
        for weight, value in parts:
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise RecipeError(f"a Mix holds prompts (text) or seeds (whole numbers), not {value!r:.60}.")
            value = _paired(value) if isinstance(value, str) else value
            number = _number("a Mix's weight", weight)
            merged[value] = merged.get(value, 0.0) + number
        kinds = {isinstance(value, str) for value in merged}
        if len(kinds) > 1:
            raise RecipeError("a Mix holds either prompts or seeds, not both.")
        # Twelve digits: 1/3 reached as 1 - 2/3 is the same weight, so the same picture.
        kept = [(float(f"{weight:.12g}"), value) for value, weight in merged.items()]
        kept = [(weight, value) for weight, value in kept if weight != 0.0]
        if not kept:
            raise RecipeError("a Mix needs at least one part whose weight is not 0.")
        if len(kept) == 1 and kept[0][0] > 0:
            return kept[0][1]
        return cls(tuple(sorted(kept, key=lambda part: (str(part[1]), part[0]))))

    @property
    def values(self) -> tuple[str | int, ...]:
        return tuple(value for _, value in self.parts)

    def __str__(self) -> str:
        return " + ".join(f"{weight:.3g}·{value}" for weight, value in self.parts)


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
    image: str | None = None
    strength: float | None = None
    mask: str | None = None
    control: Options = ()
    adapters: Options = ()
    truncation: float | None = None
    style_mix: Options = ()
    direction: Options = ()
    words: str = "plain"
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
        return hashlib.sha256(_canonical(plain).encode("ascii")).hexdigest()

    def replace(self, **changes: Any) -> Recipe:
        """The same recipe, but. Raises RecipeError for a field that does not exist."""
        unknown = set(changes) - set(FIELDS)
        if unknown:
            name = sorted(unknown)[0]
            raise RecipeError(f"a recipe has no field {name!r}: {did_you_mean(name, FIELDS)}")
        return dataclasses.replace(self, **changes)

    def to_plain(self) -> dict[str, Any]:
        """Dicts, lists, text and numbers only, neutral values left out."""
        plain: dict[str, Any] = {}
        for name in FIELDS:
            value = getattr(self, name)
            if value != _NEUTRAL[name]:
                plain[name] = _to_plain(value)
        return plain

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
        if len(text) > MAX_TEXT:
            raise RecipeError(
                f"a recipe text has at most {MAX_TEXT:,} characters, and this one has {len(text):,}."
            )
        try:
            plain = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"this is not a recipe: the JSON cannot be read ({str(error)[:80]}).") from None
        return cls.from_plain(plain)

    def __repr__(self) -> str:
        shown = []
        for name in FIELDS:
            value = getattr(self, name)
            if value != _NEUTRAL[name] or name == "seed":
                shown.append(f"{name}={value.name!r}" if isinstance(value, ModelRef) else f"{name}={value!r}")
        return f"Recipe({', '.join(shown)})"


def canonical_seed(value: Any) -> int:
    """A seed as a plain int, or RecipeError: a whole number from 0 to 2⁶⁴ − 1."""
    number = _whole("seed", value)
    if not 0 <= number <= MAX_SEED:
        raise RecipeError(f"seed must be from 0 to 2**64 - 1, not {number}.")
    return number


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


def _number(name: str, value: Any) -> float:
    """A finite Python float: NumPy and torch scalars and whole numbers are taken too."""
    if isinstance(value, (bool, str, bytes)):
        raise RecipeError(f"{name} must be a number, not {value!r:.60}.")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise RecipeError(f"{name} must be a number, not {value!r:.60}.") from None
    if not math.isfinite(number):
        raise RecipeError(f"{name} must be a finite number, not {number}.")
    return number + 0.0  # -0.0 and 0.0 are one value, so one key


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise RecipeError(f"{name} must be a whole number, not {value!r:.60}.")
    try:
        return int(value) if isinstance(value, float) else value.__index__()
    except (AttributeError, TypeError, ValueError):
        raise RecipeError(f"{name} must be a whole number, not {value!r:.60}.") from None


def _in_range(low: float, high: float) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        number = _number(name, value)
        if not low <= number <= high:
            raise RecipeError(f"{name} must be from {low:g} to {high:g}, not {number:g}.")
        return number

    return check


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise RecipeError(f"{name} must be text, not {value!r:.60}.")
    return _paired(value)


def _paired(text: str) -> str:
    """The text with two halves of one character, side by side, joined: JSON reads them back as that character.

    Halves that stand alone stay as they are. Without this, two texts would share a JSON form and a key.
    """
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _words_or_mix(name: str, value: Any) -> str | Mix:
    if isinstance(value, Mix):
        mixed = Mix.of(*value.parts)
        if isinstance(mixed, Mix) and not isinstance(mixed.parts[0][1], str):
            raise RecipeError(f"{name} takes a Mix of prompts, and this one holds seeds.")
        return mixed if isinstance(mixed, Mix) else _text(name, mixed)
    return _text(name, value)


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


def _steps(name: str, value: Any) -> int:
    number = _whole(name, value)
    if not 1 <= number <= 1000:
        raise RecipeError(f"steps must be from 1 to 1000 (20 to 50 is usual), not {number}.")
    return number


def _size(name: str, value: Any) -> tuple[int, int]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise RecipeError(f"size must be (width, height) in pixels, not {value!r:.60}.")
    sides = tuple(_whole("each side of size", side) for side in value)
    if len(sides) != 2 or min(sides) < 1 or max(sides) > 65_536:
        raise RecipeError(f"size must be (width, height) in pixels, not {sides!r:.60}.")
    return sides[0], sides[1]


def _interval(name: str, value: Any) -> tuple[float, float]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise RecipeError(f"{name} must be (start, end) as fractions of the run, not {value!r:.60}.")
    ends = tuple(_number(name, end) for end in value)
    if len(ends) != 2 or not 0 <= ends[0] < ends[1] <= 1:
        raise RecipeError(f"{name} must be (start, end) with 0 <= start < end <= 1, not {ends!r:.60}.")
    return ends[0], ends[1]


def _options(name: str, value: Any) -> Options:
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
        raise RecipeError(f"{name} must be a dict of names and values, not {value!r:.60}.")
    pairs = [(_paired(key), part) for key, part in pairs]
    if len({key for key, _ in pairs}) != len(pairs):
        raise RecipeError(f"{name} names the same option twice.")
    return tuple(
        (key, _plain_value(f"{name}[{key!r}]", part)) for key, part in sorted(pairs, key=lambda pair: pair[0])
    )


def _plain_value(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _paired(value)
    if isinstance(value, (list, tuple)):
        return tuple(_plain_value(name, part) for part in value)
    if isinstance(value, Mapping):
        return _options(name, value)
    try:
        return _whole(name, value) if not isinstance(value, float) else _number(name, value)
    except RecipeError:
        return _number(name, value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise RecipeError(f"{name} must be True or False, not {value!r:.60}.")
    return value


def _style_of_words(name: str, value: Any) -> str:
    if value not in ("plain", "weighted"):
        raise RecipeError(f'words must be "plain" or "weighted", not {value!r:.60}.')
    return value


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "prompt": _words_or_mix,
    "negative": _words_or_mix,
    "seed": _seed,
    "model": _model,
    "sampler": _text,
    "schedule": _text,
    "steps": _steps,
    "guidance": _in_range(0, 1000),
    "guidance_interval": _interval,
    "guidance_rescale": _in_range(0, 1),
    "distilled_guidance": _in_range(0, 1000),
    "size": _size,
    "image": _text,
    "strength": _in_range(0, 1),
    "mask": _text,
    "control": _options,
    "adapters": _options,
    "truncation": _in_range(0, 10),
    "style_mix": _options,
    "direction": _options,
    "words": _style_of_words,
    "tile": _flag,
    "options": _options,
    "extra": _options,
}

FIELDS: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(Recipe))
_NEUTRAL: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(Recipe)}
