"""What a comparison says about itself outside a notebook: table rows, file metadata, the data of its HTML page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from PIL.PngImagePlugin import PngInfo

from ..arranging import Arrangement
from ..layout import Layout
from ..metadata import XMP, xmp_packet
from ..picture import Picture
from ..recipe import ModelRef, Recipe
from ..show.table import Table
from ..show.viewer import ViewCell

GRID = "nbgen-grid"
"""The text chunk of a PNG, and the element of a WebP's XMP, that hold axes and recipes."""

MOST_METADATA = 1_000_000
"""Characters; readers of PNG refuse more in one chunk."""


def table_of(
    layout: Layout,
    pictures: Mapping[int, Picture],
    reasons: Mapping[int, str],
    columns: Mapping[str, Mapping[int, Any]],
) -> Table:
    """A row for each cell in reading order."""
    rows = []
    for number, cell in enumerate(layout.cells):
        row: dict[str, Any] = {}
        for each, position in zip(layout.axes, cell.index, strict=True):
            value = each.values[position]
            plain = value is None or isinstance(value, (bool, int, float, str))
            row[each.title] = value if plain else each.labels[position]
        picture = pictures.get(number)
        # 0 where a picture was made elsewhere, and nobody knows.
        row["calls"] = picture.cost.calls or None if picture is not None else None
        row |= {name: values.get(number) for name, values in columns.items()}
        if reasons:
            row["failed"] = "" if picture is not None else reasons.get(number, "not made")
        rows.append(row)
    return Table(rows)


def figure_metadata(layout: Layout, pictures: Mapping[int, Picture], level: str) -> dict[str, Any]:
    """Axes and recipes for a saved figure, as `figure_bytes` takes them; nothing at the level "none"."""
    made = [(number, picture) for number, picture in sorted(pictures.items()) if picture.recipe is not None]
    if level == "none" or not made:
        return {}
    cells = [{"at": layout.cells[number].index, "recipe": _plain(picture)} for number, picture in made]
    if level == "full":
        cells = [
            {**cell, "cost": picture.cost.to_plain()} for cell, (_, picture) in zip(cells, made, strict=True)
        ]
    axes = [{"title": each.title, "labels": each.labels} for each in layout.axes]
    text = json.dumps(
        {"axes": axes, "cells": cells}, sort_keys=True, separators=(",", ":"), ensure_ascii=True
    )
    if len(text) > MOST_METADATA:
        # Only what the figure shows anyway, rather than a file that none can read.
        text = json.dumps(
            {"axes": axes, "cells": []}, sort_keys=True, separators=(",", ":"), ensure_ascii=True
        )
    first = made[0][1].recipe
    assert first is not None
    info = PngInfo()
    info.add_text(GRID, text, zip=True)
    info.add_itxt(XMP, xmp_packet(first, {}))
    return {
        "info": info,
        "xmp": xmp_packet(first, {"grid": text}).encode("ascii"),
        "document": {"Subject": text, "Keywords": "trainedAlgorithmicMedia"},
    }


def _plain(picture: Picture) -> dict[str, Any]:
    assert picture.recipe is not None
    return picture.recipe.to_plain()


def viewer_arguments(
    layout: Layout,
    pictures: Mapping[int, Picture],
    reasons: Mapping[int, str],
    title: str,
    notes: Sequence[str],
    arrangement: Arrangement | None,
) -> dict[str, Any]:
    """What `show.viewer` takes, for the HTML page and for the panel in a cell, in the arrangement given."""
    cells = []
    for number, cell in enumerate(layout.cells):
        picture = pictures.get(number)
        place = layout.describe(cell.index)
        recipe = picture.recipe if picture is not None else cell.recipe
        prompt = str(recipe.prompt) if recipe is not None and recipe.prompt is not None else ""
        cells.append(
            ViewCell(
                index=cell.index,
                key=picture.key if picture is not None else "",
                image=picture.pixels if picture is not None else None,
                reason="" if picture is not None else reasons.get(number, "not made"),
                recipe=_recipe_text(recipe, picture),
                alt="; ".join(part for part in (prompt, place) if part) or "a picture",
            )
        )
    axes = [(each.title, each.labels) for each in layout.axes]
    # The title is mostly the prompt, which the notes begin with where all cells share it.
    said = [note.removeprefix(f"{title} · ") for note in notes]
    return {
        "title": title,
        "axes": axes,
        "cells": cells,
        "roles": _roles(layout, arrangement),
        "notes": said,
    }


def _roles(layout: Layout, arrangement: Arrangement | None) -> list[str]:
    last = len(layout.axes) - 1
    if arrangement is None:
        order = ["inside", "columns", "rows"] if layout.inside else ["columns", "rows"]
        return [order[last - number] if last - number < len(order) else "pages" for number in range(last + 1)]
    roles = {arrangement.columns: "columns", arrangement.rows: "rows", arrangement.inside: "inside"}
    return [roles.get(number, "pages") for number in range(last + 1)]


def _recipe_text(recipe: Recipe | None, picture: Picture | None) -> str:
    """A line for each field that the recipe sets, and what the picture took."""
    lines = []
    if recipe is not None:
        lines += [
            (name, value.name if isinstance(value, ModelRef) else _words(value))
            for name, value in recipe.written().items()
        ]
    elif picture is not None and picture.name:
        lines.append(("name", picture.name))
    if picture is not None and picture.cost.calls:
        lines.append(("calls", str(picture.cost.calls)))
    width = max((len(name) for name, _ in lines), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in lines)


def _words(value: Any) -> str:
    if isinstance(value, tuple) and value and all(isinstance(part, tuple) for part in value):
        return ", ".join(f"{name}={part}" for name, part in value)
    if isinstance(value, tuple):
        return " × ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
