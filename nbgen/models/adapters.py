"""Adapters as people name them, a file or the name of one that was used before, and as recipes do, by hash."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import MissingFileError, ModelError, RecipeError, brief, did_you_mean
from ..inputs import is_hash
from ..recipe import Options
from ..values import as_number, as_weight
from .fingerprint import of_file
from .pickles import refuse_pickle

_files: dict[str, Path] = {}
"""Where the adapters lie that this process has met, by hash."""
_names: dict[str, str] = {}
"""The hash of the one that was met last under a name."""


def taken_in(value: Any) -> dict[str, tuple[str, float]]:
    """{name: (hash, weight)} of {file or name: weight}, of one file alone, or of what a recipe holds.

    Raises RecipeError; MissingFileError where there is no such file, UnsafeModelError for a pickle.
    """
    if isinstance(value, (str, os.PathLike)):
        value = {value: 1.0}
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(value, (Mapping, tuple)) or not all(
        isinstance(pair, tuple) and len(pair) == 2 for pair in pairs
    ):
        raise RecipeError(
            f'adapters takes files and weights, as in adapters={{"ink.safetensors": 0.8}}, not {brief(value)}.'
        )
    found: dict[str, tuple[str, float]] = {}
    for key, part in pairs:
        if isinstance(part, (tuple, list)) and len(part) == 2 and is_hash(part[0]):
            name, digest, weight = str(key), part[0], part[1]
        else:
            (name, digest), weight = _met(key), part
        if name in found:
            raise RecipeError(f"adapters has two that are called {name!r}: give the files different names.")
        found[name] = digest, as_number(f"the weight of the adapter {name!r}", weight)
    return found


def checked(adapters: Options) -> Options:
    """A recipe's adapters in canonical form: those without weight change nothing, and so must not change the key."""
    found = []
    for name, value in adapters:
        if not isinstance(value, tuple) or len(value) != 2 or not is_hash(value[0]):
            raise RecipeError(f"adapters[{name!r}] must be (hash of its file, weight), not {brief(value)}.")
        weight = as_weight(f"the weight of the adapter {name!r}", value[1])
        if weight:
            found.append((name, (value[0], weight)))
    return tuple(found)


def file_of(name: str, digest: str) -> Path:
    """The file with this SHA-256. MissingFileError where this process has not met it, or it has changed."""
    path = _files.get(digest)
    if path is None or not path.is_file() or of_file(path) != digest:
        raise MissingFileError(
            f"the adapter {name!r} (SHA-256 {digest[:12]}…) is not known here: say where it lies once, as in "
            f'adapters={{"folder/{name}.safetensors": 0.8}}.'
        )
    return path


def _met(key: Any) -> tuple[str, str]:
    """(name, hash) of a file, or of a name that was met."""
    if not isinstance(key, (str, os.PathLike)) or not os.fspath(key):
        raise RecipeError(f"an adapter is a file or its name, not {brief(key)}.")
    path = Path(key)
    refuse_pickle(
        path,
        "Convert it on a machine you trust: "
        "safetensors.torch.save_file(torch.load(path, weights_only=True), 'lora.safetensors').",
    )
    safe = path if path.suffix.lower() == ".safetensors" else path.with_name(path.name + ".safetensors")
    try:
        there, folder = safe.is_file(), path.is_dir()
    except (OSError, ValueError):  # a name that no file system takes
        there = folder = False
    if there:
        digest = of_file(safe)
        _files[digest] = safe.resolve()
        _names[safe.stem] = digest
        return safe.stem, digest
    if isinstance(key, str) and key in _names:
        return key, _names[key]
    if folder:
        raise ModelError(f"{path.name!r:.80} is a folder: an adapter is one .safetensors file.")
    known = f" {did_you_mean(str(key), list(_names))}" if _names else ""
    raise MissingFileError(f"there is no adapter {safe.name!r:.120} here.{known}")
