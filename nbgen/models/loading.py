"""From whatever a person has (a name, a folder, a pipeline object) to a Model, loaded once."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import torch

from .. import machine
from ..errors import ModelError, did_you_mean
from ..recipe import ModelRef
from .base import Model, alive
from .catalogue import EMBEDDED, embedded_folder
from .families import DRIVEN, family_of
from .fingerprint import of_folder
from .gan import Generator
from .parts import read_folder
from .pipeline import PipelineModel
from .residence import Residence
from .sd import StableDiffusion
from .vocabulary import Vocabulary

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_loaded: dict[Hashable, Model] = {}
_KEPT_ON = "_nbgen_model"
"""The attribute under which a pipeline keeps its Model, so that both live, and go, together."""
_lock = threading.RLock()


def load(
    source: Any = "mini",
    *,
    device: str | None = None,
    dtype: str | None = None,
    rows: int | None = None,
    gan: torch.nn.Module | None = None,
    latent: int | None = None,
) -> Model:
    """A model, ready to draw; the same arguments give the same object again.

    source: the name of a model that ships with nbgen ("mini"); a folder in diffusers' layout, as a Path or a
        text that names one; a diffusers pipeline you already have (its scheduler stays untouched); a Model
    device: "cpu", "cuda", "cuda:1", "mps"; the best there is when left out
    dtype: "float32", "float16" or "bfloat16"; float32 on a CPU and for mini, half precision on a GPU
    rows: the most rows in one denoiser forward; measured when left out
    gan, latent: instead of a source, your own generator module and the length of its latent

    Raises ModelError, saying what was wrong and what would be right.
    """
    dtype = str(dtype).removeprefix("torch.") if isinstance(dtype, torch.dtype) else dtype
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1):
        raise ModelError(
            f"rows must be a whole number from 1, or None to have it measured, not {rows!r:.40}."
        )
    if gan is not None:
        return _generator(gan, latent, rows)
    if isinstance(source, Model):
        return source.ready()
    if isinstance(source, torch.nn.Module):
        raise ModelError("a bare module is loaded as nbgen.load(gan=module, latent=512).")
    with _lock:
        if isinstance(source, (str, os.PathLike)):
            return _from_place(source, device, dtype, rows).ready()
        return _from_pipeline(source, rows)


def find(ref: ModelRef) -> Model:
    """The loaded model with these weights, or the shipped one; ModelError where neither is it."""
    same = [
        model for model in alive if model.ref.fingerprint == ref.fingerprint and model.ref.dtype == ref.dtype
    ]
    if same:
        return next((model for model in same if model.ref.name == ref.name), same[0])
    if ref.name in EMBEDDED:
        model = load(ref.name)
        if model.ref.fingerprint == ref.fingerprint:
            return model
        raise ModelError(f"this picture was made by another version of {ref.name!r} than is installed.")
    raise ModelError(
        f"the model {ref.name!r} that made this picture is not loaded: load it, and give it as model=."
    )


def _generator(module: torch.nn.Module, latent: int | None, rows: int | None) -> Model:
    if not isinstance(module, torch.nn.Module):
        raise ModelError(f"gan must be a torch.nn.Module, not {type(module).__name__}.")
    if isinstance(latent, bool) or not isinstance(latent, int) or latent < 1:
        raise ModelError(
            "a generator needs the length of its latent, as in nbgen.load(gan=module, latent=512)."
        )
    return Generator(module, latent, rows=rows)


def _from_place(
    source: str | os.PathLike[str], device: str | None, dtype: str | None, rows: int | None
) -> Model:
    where = _device(device)
    name = source if isinstance(source, str) else None
    if name in EMBEDDED:
        folder, kind, embedded = embedded_folder(name), "float32", True
        if dtype not in (None, "float32"):
            raise ModelError(
                f"{name} is always float32: it is small, and its pictures stay the same everywhere."
            )
    else:
        folder, embedded = Path(source), False
        kind = dtype if dtype is not None else ("float32" if where.type == "cpu" else "float16")
    if kind not in _DTYPES:
        raise ModelError(f"there is no dtype {kind!r:.40}: {did_you_mean(str(kind), _DTYPES)}")
    key = (name or os.path.abspath(folder), str(where), kind, rows)
    if key in _loaded:
        return _loaded[key]
    if not os.fspath(source) or not os.path.isdir(
        folder
    ):  # which is False, not an error, for impossible names
        raise ModelError(_not_found(os.fspath(source), folder))
    # The cgroup's quota rules, not the host's cores; who asked for fewer keeps fewer.
    torch.set_num_threads(min(torch.get_num_threads(), machine.usable_threads()))
    parts = Residence(lambda: _channels_last(read_folder(folder, where, _DTYPES[kind])), where)
    listed = folder / "vocabulary.json"
    model = StableDiffusion(
        parts,
        ModelRef(name if embedded and name else folder.resolve().name, of_folder(folder), kind),
        vocabulary=Vocabulary.read(listed) if listed.is_file() else None,
        defaults=EMBEDDED.get(name or "", {}) if embedded else None,
        rows=rows,
    )
    model.live_in(parts)
    _loaded[key] = model
    return model


def _channels_last(parts: Any) -> Any:
    """Convolutions over channels-last tensors are about 15% faster on a CPU, and lose nothing."""
    parts.unet.to(memory_format=torch.channels_last)
    return parts


def _from_pipeline(pipe: Any, rows: int | None) -> Model:
    from diffusers import DiffusionPipeline

    known = getattr(pipe, _KEPT_ON, None)
    if isinstance(known, Model):
        return known
    family = family_of(pipe)
    if family is None and isinstance(pipe, DiffusionPipeline):
        model: Model = PipelineModel(pipe, rows=rows)
    else:
        family = family or DRIVEN["StableDiffusionPipeline"]
        missing = [part for part in family.parts if getattr(pipe, part, None) is None]
        if missing:
            raise ModelError(
                f"nbgen.load takes a name, a folder, a file or a diffusers pipeline, not {type(pipe).__name__} "
                f"(it has no {missing[0]})."
            )
        model = family.make()(pipe, name=type(pipe).__name__, rows=rows)
    with contextlib.suppress(AttributeError):  # an object without room for it is wrapped anew each time
        setattr(pipe, _KEPT_ON, model)
    return model


def _device(device: str | None) -> torch.device:
    if device is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise ModelError(f'there is no device {device!r:.40}: "cpu", "cuda" and "mps" are known.') from None
    usable = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not usable.get(found.type, False):
        raise ModelError(
            f'this machine, or the installed torch, has no device {device!r:.40}; device="cpu" always works.'
        )
    return found


def _not_found(source: str, folder: Path) -> str:
    if not source:
        return f"an empty name means no model: give a folder, or one of {', '.join(map(repr, EMBEDDED))}."
    if os.path.exists(folder):
        return f"{folder.name!r} is a file; this nbgen loads folders in diffusers' layout (model_index.json and parts)."
    shipped = ", ".join(repr(name) for name in EMBEDDED)
    near = did_you_mean(source, EMBEDDED) if "/" not in source and os.sep not in source else ""
    if source.count("/") == 1 and not source.startswith(("/", ".", "~")):
        near = "names on a hub are not fetched by this nbgen; download the model, and give its folder."
    return f"there is no model {folder.name!r:.80} here: {near or 'no such folder.'} Shipped with nbgen: {shipped}."
