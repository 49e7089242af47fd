"""A comparison as one HTML file that works offline: rearrange it, look closer, wipe, blink and subtract."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image

from .words import one_line, printable

MODULES = ("elements.js", "arranging.js", "looking.js", "viewer.js")
"""The front end, in the order in which each needs only those before it."""

_START = 'mount(document.getElementById("viewer"), JSON.parse(document.getElementById("data").textContent), document);'

STATIC = Path(__file__).parent / "static"
"""Where those modules are."""

BUDGET = 48_000_000
"""Bytes that the pictures of one file may take before they are compressed with loss, then reduced."""


@dataclass(frozen=True)
class ViewCell:
    """One cell: its position along each axis, its picture, and what is said about it.

    Cells with the same `key` share one copy of their picture. `image` is None where there is none, and `reason`
    says why. `recipe` is the text beside the full picture.
    """

    index: tuple[int, ...]
    key: str = ""
    image: Callable[[], Image.Image] | None = None
    reason: str = ""
    recipe: str = ""
    alt: str = ""


@dataclass(frozen=True)
class _Packing:
    """How the pictures of a file are stored: lossless, or with loss and at most `side` pixels long."""

    quality: int | None
    side: int | None

    def pack(self, image: Image.Image) -> tuple[str, bytes, tuple[int, int]]:
        shown = image.convert("RGB")
        if self.side is not None and max(shown.size) > self.side:
            shown.thumbnail((self.side, self.side), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        if self.quality is None:
            shown.save(buffer, "PNG", optimize=max(shown.size) <= 256)
        else:
            shown.save(buffer, "WEBP", quality=self.quality)
        return ("image/png" if self.quality is None else "image/webp"), buffer.getvalue(), shown.size

    @property
    def note(self) -> str:
        if self.quality is None:
            return ""
        reduced = f", at most {self.side} pixels a side" if self.side else ""
        return f"pictures are stored here with slight loss{reduced}"


_PACKINGS = (
    _Packing(None, None),
    _Packing(90, None),
    *(_Packing(85, side) for side in (1024, 768, 512, 384, 256, 128, 64)),
)


def view_data(
    title: str,
    axes: Sequence[tuple[str, Sequence[str]]],
    cells: Sequence[ViewCell],
    *,
    roles: Sequence[str] | None = None,
    notes: Iterable[str] = (),
    budget: int = BUDGET,
) -> dict[str, Any]:
    """What the viewer shows, as plain JSON data; every different picture stands in it once.

    `axes` are (title, labels); `roles` say for each whether it starts as "columns", "rows", "inside" or "pages".
    Pictures are stored losslessly where they fit into `budget` bytes together, else as WebP, else smaller.
    """
    data, pictures = view_parts(title, axes, cells, roles=roles, notes=notes, budget=budget)
    as_text = [
        f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}" for kind, content in pictures
    ]
    return {**data, "pictures": as_text}


def view_parts(
    title: str,
    axes: Sequence[tuple[str, Sequence[str]]],
    cells: Sequence[ViewCell],
    *,
    roles: Sequence[str] | None = None,
    notes: Iterable[str] = (),
    budget: int = BUDGET,
) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """The same with the pictures apart: the data without them, and the kind and content of each."""
    images = {
        cell.key or f"cell {number}": cell.image
        for number, cell in enumerate(cells)
        if cell.image is not None
    }
    packing = _choose_packing(list(images.values()), budget)
    pictures: list[tuple[str, bytes]] = []
    sizes: list[tuple[int, int]] = []
    numbers: dict[str, int] = {}
    for key, image in images.items():
        kind, content, size = packing.pack(image())
        numbers[key] = len(pictures)
        pictures.append((kind, content))
        sizes.append(size)
    data = {
        "title": printable(title),
        "notes": [printable(note) for note in (*notes, packing.note if images else "") if note],
        "axes": [
            {"title": printable(name), "labels": [printable(label) for label in labels]}
            for name, labels in axes
        ],
        "roles": list(roles) if roles is not None else None,
        "cells": [
            {
                "at": list(cell.index),
                "picture": numbers[cell.key or f"cell {number}"] if cell.image is not None else None,
                "reason": printable(cell.reason),
                "recipe": printable(cell.recipe),
                "alt": printable(cell.alt),
            }
            for number, cell in enumerate(cells)
        ],
        "sizes": sizes,
    }
    return data, pictures


def packed(images: Sequence[Callable[[], Image.Image]], budget: int) -> list[tuple[str, bytes]]:
    """The kind and content of each picture, in the gentlest packing in which all fit into `budget` bytes."""
    packing = _choose_packing(images, budget)
    return [packing.pack(image())[:2] for image in images]


def _choose_packing(images: Sequence[Callable[[], Image.Image]], budget: int) -> _Packing:
    """The gentlest packing in which all pictures fit, judged from eight of them."""
    samples = [image() for image in images[:: max(1, len(images) // 8)]][:8]
    for packing in _PACKINGS:
        mean = sum(len(packing.pack(image)[1]) for image in samples) / max(1, len(samples))
        if mean * len(images) * 4 / 3 <= budget:
            break
    return packing


def html_page(data: Mapping[str, Any]) -> str:
    """The whole page: markup, style, script and data in one text that refers to nothing outside itself.

    The content security policy allows this script, this style and data: pictures by hash, and nothing else, so
    that even text that found a way to be read as markup could neither run nor load anything.
    """
    script = f"{bundle()}\n{_START}\n"
    style = _static("viewer.css") + "\n#viewer { height: 100%; }\nhtml, body { height: 100%; margin: 0; }\n"
    policy = (
        f"default-src 'none'; img-src data:; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return Template(_static("viewer.html")).substitute(
        policy=policy,
        title=escape(one_line(data["title"], 120)),
        style=style,
        script=script,
        data=_inert(data),
    )


@lru_cache(maxsize=1)
def bundle() -> str:
    """The modules of the front end as one, `mount` still exported."""
    return joined([_static(name) for name in MODULES])


def joined(modules: Iterable[str]) -> str:
    """The texts of JavaScript modules as one, each after those it needs: imports between them are taken out."""
    return "\n".join(re.sub(r"^import .*$", "", text, flags=re.MULTILINE).strip() + "\n" for text in modules)


def _inert(data: Mapping[str, Any]) -> str:
    """JSON that no HTML parser can read as markup: no <, > or & in it, and pure ASCII."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@lru_cache
def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
