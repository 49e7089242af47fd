"""What a notebook remembers between its cells: the latest result, and its own defaults."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any

from .errors import RecipeError, brief
from .names import refuse_unknown
from .recipe import FIELDS, Recipe
from .sampling import find_sampler, find_schedule

EMBEDDED_MODEL = "mini"
"""The model that ships inside the package, used where a notebook names no other."""

_lock = threading.Lock()
_latest: Any = None
_defaults: dict[str, Any] = {}


def latest() -> Any:
    """The latest result, partial ones after an interrupt; None before there is one. `nbgen.last` is this."""
    return _latest


def remember(result: Any) -> None:
    """Make `result` what `nbgen.last` gives."""
    global _latest
    with _lock:
        _latest = result


def defaults(reset: None = ..., /, **fields: Any) -> dict[str, Any]:  # type: ignore[assignment]
    """Set what this notebook's calls use where they say nothing else, and return all that is set.

    `nbgen.defaults(model="mini", steps=12)` sets; a field set to None goes back to the model's own default;
    `nbgen.defaults()` shows; `nbgen.defaults(None)` forgets all. Any field of a recipe can be set. Raises
    RecipeError, changing nothing, for a name that is no field or a value that cannot make a picture.
    """
    refuse_unknown(fields, FIELDS)
    if reset not in (None, ...):
        raise RecipeError(
            "defaults takes fields by name, as in nbgen.defaults(steps=12); nbgen.defaults(None) forgets all."
        )
    checked = {name: _checked(name, value) for name, value in fields.items()}
    with _lock:
        if reset is None:
            _defaults.clear()
        for name, value in checked.items():
            _defaults.pop(name, None)
            if value is not None:
                _defaults[name] = value
        return dict(_defaults)


def default_fields(known: Collection[str] | None = None) -> dict[str, Any]:
    """The fields that `defaults` has set, the model aside: all, or those that are in `known`."""
    with _lock:
        set_here = {name: value for name, value in _defaults.items() if name != "model"}
    return {name: value for name, value in set_here.items() if known is None or name in known}


def default_model() -> Any:
    """What `defaults(model=…)` was given, a name or a Model; else the name of the embedded model."""
    with _lock:
        return _defaults.get("model", EMBEDDED_MODEL)


def default_model_name() -> str:
    """The name of the notebook's model."""
    model = default_model()
    return (
        model if isinstance(model, str) else str(getattr(getattr(model, "ref", None), "name", EMBEDDED_MODEL))
    )


def _checked(name: str, value: Any) -> Any:
    """The value, canonical where a recipe can tell. Input pictures, and what a model can do, are checked at use."""
    if value is None:
        return value
    if name == "model":
        if isinstance(value, (int, float, bytes, list, tuple, set, dict)):
            raise RecipeError(f"defaults(model=…) takes a model or its name, not {brief(value)}.")
        return value
    if name == "sampler":
        find_sampler(value)
    if name == "schedule":
        find_schedule(value)
    if name in ("image", "mask", "control", "image_prompt"):
        return value
    return getattr(Recipe(**{name: value}), name)
