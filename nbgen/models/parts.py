"""A diffusers folder read part by part, checked before it is trusted: whole files, safetensors only, no remote code."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from ..errors import DamagedFileError, MissingFileError, ModelError, UnsafeModelError, did_you_mean
from .pickles import PICKLES, unsafe
from .residence import shell_of

_CONVERT = "Convert it on a machine you trust: diffusers' save_pretrained writes safetensors."
MOST_HEADER = 100_000_000
"""Bytes of a safetensors header that the format itself allows."""


class Parts(SimpleNamespace):
    """The parts of a pipeline, under the names that diffusers' pipelines give them; `config` holds its settings."""


@dataclass(frozen=True)
class Index:
    """A model_index.json, checked: the pipeline's class, its parts as (library, class), and its settings.

    A part that the model does not have is None.
    """

    folder: Path
    pipeline: str
    parts: Mapping[str, tuple[str, str] | None]
    settings: Mapping[str, Any]

    def present(self) -> list[str]:
        return [name for name, entry in self.parts.items() if entry is not None]


def read_index(folder: Path) -> Index:
    """Raises ModelError for a folder that is not a model, and UnsafeModelError for one that needs code of its own."""
    path = folder / "model_index.json"
    if not path.is_file():
        inside = sorted(child.name for child in folder.iterdir())[:5]
        held = f"it holds {', '.join(inside)}" if inside else "it is empty"
        raise MissingFileError(
            f"the folder {folder.name!r} is not a diffusers model: it has no model_index.json ({held})."
        )
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        pipeline = plain["_class_name"]
        entries = {name: value for name, value in plain.items() if not name.startswith("_")}
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        raise ModelError(f"the model_index.json in {folder.name!r} cannot be read as one.") from None
    if not isinstance(pipeline, str):
        raise UnsafeModelError(
            f"the pipeline of {folder.name!r} needs code of its own ({pipeline!s:.60}), which nbgen does not run."
        )
    parts = {name: _entry(name, value) for name, value in entries.items() if isinstance(value, list)}
    settings = {name: value for name, value in entries.items() if not isinstance(value, list)}
    return Index(folder, pipeline, parts, settings)


def read_folder(
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    names: Sequence[str] | None = None,
    variant: str | None = None,
) -> Parts:
    """The parts of the model in a folder in diffusers' layout, in evaluation mode on `device`.

    names: those that are read; all that the model has when left out
    variant: weights under another name, as "fp16" in unet/diffusion_pytorch_model.fp16.safetensors

    Raises ModelError for a folder that is not a model, a missing or damaged file, weights that are pickles, and
    code of its own. Messages name files below the folder only.
    """
    index = read_index(folder)
    made: dict[str, Any] = {}
    for name in names or index.present():
        if index.parts.get(name) is None:
            raise ModelError(
                f"the model in {folder.name!r}, a {index.pipeline:.80}, has no {name}: "
                + did_you_mean(name, index.present())
            )
        if not (folder / name).is_dir():
            raise MissingFileError(
                f"the model in {folder.name!r} has no folder {name!r}, which its model_index.json names."
            )
    kinds = {
        name: _class(name, *entry)
        for name, entry in index.parts.items()
        if entry and name in (names or index.parts)
    }
    variants = {
        name: _check_weights(folder, name, variant) for name, kind in kinds.items() if _is_weighed(kind)
    }
    if variant is not None and variant not in variants.values():
        raise no_variant(folder.name, variant)
    with quiet():
        for name, kind in kinds.items():
            made[name] = _part(folder, name, kind, device, dtype, variants.get(name))
    return Parts(**made, config={**index.settings, "_class_name": index.pipeline})


def no_variant(called: str, variant: str) -> MissingFileError:
    """The error for a model that has no weights under the name that was asked for."""
    return MissingFileError(
        f"{called} has no weights called {variant!r:.40} (*.{variant:.40}.safetensors): leave variant out."
    )


def read_part(folder: Path, kind: type, device: torch.device, dtype: torch.dtype) -> Any:
    """One part, of class `kind`, in a folder of its own; errors as `read_folder`'s."""
    variant = _check_weights(folder.parent, folder.name, None)
    with quiet():
        return _part(folder.parent, folder.name, kind, device, dtype, variant)


def assemble(parts: Parts, index: Index) -> Any:
    """The pipeline that a folder holds, of its parts. Raises ModelError where diffusers has no such class."""
    import diffusers

    kind = getattr(diffusers, index.pipeline, None)
    if not (isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)):
        raise UnsafeModelError(
            f"{index.folder.name!r} holds a {index.pipeline:.80}, which this diffusers does not have: upgrade it, or "
            "the model needs code of its own, which nbgen does not run."
        )
    held = {name: part for name, part in vars(parts).items() if name != "config"}
    absent = {name: None for name, entry in index.parts.items() if entry is None}
    try:
        made = kind(**{**absent, **held, **index.settings})
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"{index.pipeline} cannot be put together of these parts: {str(error)[:200]}"
        ) from None
    made.set_progress_bar_config(disable=True)
    return made


def weights_of(folder: Path, names: Sequence[str]) -> list[Path]:
    """The files of weights of these parts, of one variant of each."""
    return [
        path
        for name in names
        if (folder / name).is_dir()
        for path in _of_variant(folder / name, _variant(folder / name, None))
    ]


def numbers_in(paths: Sequence[Path]) -> int:
    """How many numbers there are in safetensors files, from their headers; 0 for what is none."""
    total = 0
    for path in paths:
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, OSError):
            total += sum(math.prod(entry["shape"]) for entry in header_of(path).values())
    return total


def header_of(path: Path) -> dict[str, Any]:
    """The tensors in a safetensors file: name to shape, dtype and place. ValueError for a header that is not one."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MOST_HEADER, path.stat().st_size):
            raise ValueError("its header is not one")
        header = json.loads(file.read(length))
    return {name: entry for name, entry in header.items() if name != "__metadata__"}


def _entry(name: str, value: list[Any]) -> tuple[str, str] | None:
    if len(value) == 2 and value[1] is None:
        return None
    if len(value) != 2 or not all(isinstance(word, str) for word in value):
        raise ModelError(f"the model_index.json says no library and class for {name}.")
    return value[0], value[1]


def _class(part: str, library: str, name: str) -> type:
    """The part's class, from diffusers and transformers only; pipelines' own modules are diffusers' too."""
    if library not in ("diffusers", "transformers"):
        inside = f"diffusers.pipelines.{library}"
        if not library.isidentifier() or importlib.util.find_spec(inside) is None:
            raise UnsafeModelError(
                f"the {part} of this model needs code of its own ({library:.60}), which nbgen does not run."
            )
        library = inside
    kind = getattr(importlib.import_module(library), name, None)
    if not isinstance(kind, type):
        top = library.partition(".")[0]
        raise ModelError(f"{top} has no class {name!r}, which this model's {part} needs: upgrade {top}.")
    return kind


def _is_weighed(kind: type) -> bool:
    return issubclass(kind, torch.nn.Module)


def _part(
    folder: Path,
    part: str,
    kind: Any,
    device: torch.device,
    dtype: torch.dtype,
    variant: str | None,
) -> Any:
    weighed = _is_weighed(kind)
    shell = shell_of(kind, folder / part, dtype) if weighed else None
    if shell is not None:
        return shell
    kind_of = "torch_dtype" if hasattr(kind, "load_config") else "dtype"
    options: dict[str, Any] = {kind_of: dtype, "use_safetensors": True} if weighed else {}
    options |= {"variant": variant} if variant else {}
    try:
        made = kind.from_pretrained(folder / part, local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        told = str(error).replace(str(folder), folder.name).strip().split("\n")[0]
        raise ModelError(f"the {part} of this model cannot be read: {told:.300}") from None
    return made.to(device).eval() if weighed else made


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the bars that transformers and diffusers draw for each part, which would stay in a notebook's output."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    drawn = [each for each in (of_transformers, of_diffusers) if each.is_progress_bar_enabled()]
    for each in drawn:
        each.disable_progress_bar()
    try:
        yield
    finally:
        for each in drawn:
            each.enable_progress_bar()


def _check_weights(folder: Path, part: str, wanted: str | None) -> str | None:
    """The variant to read; ModelError for weights that are missing, damaged or pickles."""
    variant = _variant(folder / part, wanted)
    safe = _of_variant(folder / part, variant)
    if not safe:
        pickles = [path.name for path in (folder / part).iterdir() if path.suffix in PICKLES]
        if pickles:
            raise unsafe(f"{part}/{pickles[0]}", _CONVERT)
        raise MissingFileError(f"the model in {folder.name!r} has no weights in {part}/ (*.safetensors).")
    for listing in (folder / part).glob("*.safetensors.index*.json"):
        with contextlib.suppress(ValueError, AttributeError, OSError):
            named = set(json.loads(listing.read_text(encoding="utf-8")).get("weight_map", {}).values())
            lacking = sorted(name for name in named if not (folder / part / name).is_file())
            if lacking and _variant_of(Path(lacking[0])) == variant:
                raise MissingFileError(f"{part}/{lacking[0]} is missing: fetch or copy the model again.")
    for path in safe:
        check_whole(path, path.relative_to(folder).as_posix())
    return variant


def _variant(folder: Path, wanted: str | None) -> str | None:
    """The variant that is there: the one that is wanted, else none, else the only one."""
    there = {_variant_of(path) for path in folder.glob("*.safetensors")}
    if wanted in there or not there:
        return wanted if wanted in there else None
    return None if None in there else sorted(there, key=str)[0]


def _variant_of(path: Path) -> str | None:
    """ "fp16" of diffusion_pytorch_model.fp16-00001-of-00002.safetensors and of model.fp16.safetensors."""
    words = path.name.removesuffix(".safetensors").split(".")
    return words[1].partition("-0")[0] if len(words) > 1 else None


def _of_variant(folder: Path, variant: str | None) -> list[Path]:
    return sorted(path for path in folder.glob("*.safetensors") if _variant_of(path) == variant)


def check_whole(path: Path, called: str) -> None:
    """Raises DamagedFileError unless the safetensors file has exactly the bytes that its own header promises."""
    size = path.stat().st_size
    try:
        header = header_of(path)
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
        promised = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError):
        raise DamagedFileError(
            f"{called} is damaged: it is not a safetensors file. Fetch or copy it again."
        ) from None
    if promised != size:
        state = "truncated" if size < promised else "longer than it says"
        raise DamagedFileError(
            f"{called} is {state}: it has {size:,} bytes and its header promises {promised:,}. Fetch or copy it again."
        )
