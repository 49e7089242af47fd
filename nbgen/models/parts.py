"""A diffusers folder read part by part, checked before it is trusted: whole files, safetensors only, no remote code."""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import ModelError, did_you_mean
from .residence import shell_of

PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
_LIBRARIES = ("diffusers", "transformers")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
MOST_HEADER = 100_000_000
"""Bytes of a safetensors header that the format itself allows."""


@dataclass
class Parts:
    """The parts of a Stable Diffusion pipeline, under the names that diffusers' pipelines give them."""

    vae: Any
    text_encoder: Any
    tokenizer: Any
    unet: Any
    scheduler: Any


def read_folder(folder: Path, device: torch.device, dtype: torch.dtype) -> Parts:
    """The parts of the model in a folder of StableDiffusionPipeline's layout, in evaluation mode on `device`.

    Raises ModelError for a folder that is not a model, a missing or damaged file, weights that are pickles, and
    a pipeline of another family. Messages name files below the folder only.
    """
    index = _index(folder)
    for weights in _weights(folder):
        check_whole(weights, weights.relative_to(folder).as_posix())
    with _quiet():
        return Parts(**{part: _part(folder, part, *index[part], device, dtype) for part in PARTS})


def _part(
    folder: Path, part: str, library: str, class_name: str, device: torch.device, dtype: torch.dtype
) -> Any:
    kind = getattr(importlib.import_module(library), class_name, None)
    if kind is None:
        raise ModelError(
            f"{library} has no class {class_name!r}, which this model's {part} needs: upgrade {library}."
        )
    weighed = isinstance(kind, type) and issubclass(kind, torch.nn.Module)
    shell = shell_of(kind, folder / part, dtype) if weighed else None
    if shell is not None:
        return shell
    kind_of = "torch_dtype" if library == "diffusers" else "dtype"
    options: dict[str, Any] = {kind_of: dtype, "use_safetensors": True} if weighed else {}
    try:
        made = kind.from_pretrained(folder / part, local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        told = str(error).replace(str(folder), folder.name).strip().split("\n")[0]
        raise ModelError(f"the {part} of this model cannot be read: {told:.300}") from None
    return made.to(device).eval() if weighed else made


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the bars that transformers draws for each part, which would stay in a notebook's output."""
    from transformers.utils import logging

    drawn = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if drawn:
            logging.enable_progress_bar()


def _index(folder: Path) -> dict[str, tuple[str, str]]:
    """model_index.json, checked: part name to (library, class)."""
    path = folder / "model_index.json"
    if not path.is_file():
        inside = sorted(child.name for child in folder.iterdir())[:5]
        held = f"it holds {', '.join(inside)}" if inside else "it is empty"
        raise ModelError(
            f"the folder {folder.name!r} is not a diffusers model: it has no model_index.json ({held})."
        )
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        family = plain["_class_name"]
    except (ValueError, KeyError, TypeError, OSError):
        raise ModelError(f"the model_index.json in {folder.name!r} cannot be read as one.") from None
    if family != "StableDiffusionPipeline":
        raise ModelError(
            f"{folder.name!r} holds a {family!s:.80}; this nbgen drives StableDiffusionPipeline folders."
        )
    found = {}
    for part in PARTS:
        entry = plain.get(part)
        if not isinstance(entry, list) or len(entry) != 2 or not all(isinstance(word, str) for word in entry):
            raise ModelError(
                f"the model in {folder.name!r} has no {part}: "
                + did_you_mean(part, [name for name in plain if name[0] != "_"])
            )
        if entry[0] not in _LIBRARIES:
            raise ModelError(
                f"the {part} of this model needs code of its own ({entry[0]!s:.60}), which nbgen does not run."
            )
        if not (folder / part).is_dir():
            raise ModelError(
                f"the model in {folder.name!r} has no folder {part!r}, which its model_index.json names."
            )
        found[part] = entry[0], entry[1]
    return found


def _weights(folder: Path) -> Iterator[Path]:
    for part in ("vae", "text_encoder", "unet"):
        safe = sorted((folder / part).glob("*.safetensors"))
        if not safe:
            pickles = [path.name for path in (folder / part).iterdir() if path.suffix in _PICKLES]
            if pickles:
                raise ModelError(
                    f"{part}/{pickles[0]} is a pickle, which can run code when it is opened, so nbgen does not open "
                    "it. Convert it on a machine you trust: diffusers' save_pretrained writes safetensors."
                )
            raise ModelError(f"the model in {folder.name!r} has no weights in {part}/ (*.safetensors).")
        yield from safe


def check_whole(path: Path, called: str) -> None:
    """Raises ModelError unless the safetensors file has exactly the bytes that its own header promises."""
    size = path.stat().st_size
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(MOST_HEADER, size):
                raise ValueError("its header is not one")
            header = json.loads(file.read(length))
        promised = (
            8
            + length
            + max(
                (entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"),
                default=0,
            )
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError):
        raise ModelError(
            f"{called} is damaged: it is not a safetensors file. Fetch or copy it again."
        ) from None
    if promised != size:
        state = "truncated" if size < promised else "longer than it says"
        raise ModelError(
            f"{called} is {state}: it has {size:,} bytes and its header promises {promised:,}. Fetch or copy it again."
        )
