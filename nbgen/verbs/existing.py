"""Comparing pictures that exist already: a dict of them, or a folder, from here or from other programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from .. import session
from ..axes import Axis, field_axis
from ..errors import PictureFileError, RecipeError
from ..layout import Cell, Layout, find_reference
from ..picture import Picture, as_image, read
from ..pixels import KINDS
from .grid import Grid


def compare_existing(
    source: Mapping[str, Any] | PurePath,
    axes: Sequence[Axis],
    fields: Mapping[str, Any],
    n: int | None,
    where: Callable[..., bool] | None,
    reference: Any,
    wait: bool = True,
) -> Grid:
    """A grid of pictures that were made before, here or elsewhere."""
    if axes or fields or n is not None or where is not None or not wait:
        raise RecipeError(
            "pictures that exist already are compared as they are: leave out fields, axes, n, where and wait."
        )
    named = source if isinstance(source, Mapping) else _pictures_in(Path(source))
    if not named:
        raise RecipeError("there are no pictures to compare: the dict is empty.")
    pictures, problems = {}, []
    for number, (name, picture) in enumerate(named.items()):
        try:
            pictures[number] = _as_picture(picture, str(name))
        except PictureFileError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise PictureFileError("\n".join(problems))
    along = field_axis("picture", [str(name) for name in named])
    layout = Layout((along,), tuple(Cell((number,), {}) for number in pictures))
    positions = find_reference(layout, reference) if reference is not None else {}
    grid = Grid(Layout(layout.axes, layout.cells, positions), pictures, title="comparison of pictures")
    session.remember(grid)
    return grid


def _as_picture(source: Any, name: str) -> Picture:
    if isinstance(source, Picture):
        return source
    return read(source) if isinstance(source, (str, os.PathLike)) else Picture(as_image(source), name=name)


def _pictures_in(folder: Path) -> dict[str, Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in KINDS and path.is_file())
    except OSError:
        raise PictureFileError(f"{folder.name!r} is not a folder that can be read.") from None
    if not found:
        raise PictureFileError(
            f"there are no pictures in {folder.name!r}: {', '.join(KINDS)} are looked for."
        )
    return {path.name: path for path in found}
