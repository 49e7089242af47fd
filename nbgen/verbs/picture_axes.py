"""Pictures among the fields of a comparison: each read once, and labelled in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from ..axes import Axis, field_axis, label_of, varies
from ..inputs import blob_of, control_blobs, is_picture, prompt_pictures
from ..picture import Picture
from ..show.words import one_line

TAKE_PICTURES = ("image", "mask", "control", "image_prompt")
"""Recipe fields whose value may be a picture, or hold one."""


def with_hashes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a comparison as they are, but pictures in them as content hashes.

    Raises PictureFileError and RecipeError for what stands for no picture.
    """
    return {name: _field(name, value) for name, value in fields.items()}


def axes_with_hashes(axes: Sequence[Axis]) -> list[Axis]:
    """As `with_hashes`, for axes that come without a keyword."""
    return [_axis(each) for each in axes]


def _field(name: str, value: Any) -> Any:
    if isinstance(value, Axis):
        return _axis(value.named(name)) if name in TAKE_PICTURES else _axis(value)
    if name not in TAKE_PICTURES:
        return value
    if varies(value):
        axis = field_axis(name, value)
        return _axis(axis if name == "control" else replace(axis, labels=_labels(value)))
    return _hashed(name, value)


def _axis(axis: Axis) -> Axis:
    changes = tuple({name: _hashed(name, value) for name, value in change.items()} for change in axis.changes)
    return replace(axis, changes=changes)


def _hashed(name: str, value: Any) -> Any:
    if name in ("control", "image_prompt"):
        read = control_blobs if name == "control" else prompt_pictures
        return value if value is None or (isinstance(value, Mapping) and not value) else read(value)
    return blob_of(name, value) if name in TAKE_PICTURES and is_picture(value) else value


def _labels(values: Sequence[Any]) -> tuple[str, ...]:
    """What each picture is called: its file's name or its prompt; several of one name are numbered."""
    named = [_name(value) for value in values]
    return tuple(
        f"{name} ({named[: place + 1].count(name)})" if named.count(name) > 1 else name
        for place, name in enumerate(named)
    )


def _name(value: Any) -> str:
    if isinstance(value, (tuple, list)) and len(value) == 2 and isinstance(value[1], (int, float)):
        return f"{_name(value[0])} × {value[1]:g}"  # a picture with its weight
    if isinstance(value, Picture):
        prompt = value.recipe.prompt if value.recipe is not None else None
        return one_line(value.name or (str(prompt) if prompt else "picture"))
    nameless = hasattr(value, "shape") or isinstance(value, Image.Image)
    return "picture" if nameless else label_of(value)
