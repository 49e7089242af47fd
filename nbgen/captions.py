"""What a picture is called: a recipe's field in few words, and the name of a file."""

from __future__ import annotations

import re
from typing import Any

from .axes import label_of
from .recipe import Recipe


def caption(name: str, value: Any) -> str:
    """A field for below a picture: "seed 7"; prompts, samplers and models speak for themselves."""
    if name in ("prompt", "sampler", "model") and value is not None:
        return label_of(value)
    if name in ("image", "mask") and value is not None:
        return name + " " + re.sub("([0-9a-f]{8})[0-9a-f]{56}", r"\1", str(value))  # hashes, shortened
    return f"{name.replace('_', ' ')} {label_of(value)}"


def file_stem(recipe: Recipe | None, name: str | None, key: str) -> str:
    """A file's name without its suffix, from prompt (or `name`), seed and key."""
    prompt = str(recipe.prompt or "") if recipe is not None else name or ""
    words = "".join(
        character if character.isascii() and character.isalnum() else " " for character in prompt[:200]
    ).split()
    parts = ["-".join(words)[:40].strip("-").lower(), key[:8]]
    if recipe is not None and isinstance(recipe.seed, int):
        parts.insert(1, f"seed{recipe.seed}")
    return "-".join(part for part in parts if part)
