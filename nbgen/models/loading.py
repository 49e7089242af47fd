"""From whatever a person has (a name, a folder, a pipeline object) to a Model, loaded once."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections import deque
from collections.abc import Hashable, Mapping, MutableMapping
from typing import Any

import torch

from .. import machine
from ..errors import ModelError, brief
from ..recipe import ModelRef
from ..saying import say
from .agreement import CLIP, read_clip
from .attached import Attached, Beside
from .base import Model, alive
from .catalogue import EMBEDDED
from .families import DRIVEN, family_of
from .gan_files import gan_folder, handed_over, read_gan
from .glimpses import show_by
from .parts import assemble, numbers_in, read_folder, weights_of
from .placing import DTYPES, SPEED, Placing, choose, settle
from .residence import Residence
from .shipped import shipped_parts
from .single_file import read_file
from .sources import Source, check_arguments, find_source
from .upscaler import runs
from .vocabulary import Vocabulary

KEPT = 2
"""Models loaded by name that stay in memory without anybody holding them, so that a name can be used again."""

_loaded: MutableMapping[Hashable, Model] = weakref.WeakValueDictionary()
_kept: deque[Model] = deque(maxlen=KEPT)
_shipped: dict[Hashable, Model] = {}
_KEPT_ON = "_nbgen_model"
"""The attribute under which a pipeline keeps its Model, so that both live, and go, together."""
_lock = threading.RLock()


def load(
    source: Any = "mini",
    *,
    device: str | None = None,
    dtype: str | None = None,
    rows: int | None = None,
    memory: str | None = None,
    speed: str | None = None,
    revision: str | None = None,
    variant: str | None = None,
    token: str | bool | None = None,
    config: str | os.PathLike[str] | None = None,
    control: Mapping[str, Any] | None = None,
    vae: Any = None,
    embeddings: Mapping[str, Any] | None = None,
    image_prompt: Any = None,
    image_encoder: Any = None,
    preview: Any = None,
    gan: torch.nn.Module | None = None,
    latent: int | None = None,
) -> Model:
    """A model, ready to draw; the same arguments give the same object again.

    source: a name of `nbgen.list_models()` ("mini" ships with nbgen); a name on the hub ("owner/model"); a folder in
        diffusers' layout or a .safetensors checkpoint, as a Path or a text that names one; a diffusers pipeline you
        already have (it is left as it is); a Model
    device: "cpu", "cuda", "cuda:1", "mps"; the best there is when left out
    dtype: "float32", "float16" or "bfloat16"; float32 on a CPU and for mini, half precision on a GPU
    rows: the most rows in one denoiser forward; measured when left out
    memory: "low" keeps one part at a time on the GPU and decodes in tiles; chosen by itself where weights do not fit
    speed: "compile" compiles the denoiser's repeated block at its first use, which pays in long runs
    revision: a branch, tag or commit on the hub; variant: weights under another name, such as "fp16"
    token: for gated and private models; HF_TOKEN or what `hf auth login` keeps when left out
    config: for a checkpoint, a folder in diffusers' layout or a name on the hub that has its settings
    control: ControlNets by name, {"canny": a folder in diffusers' layout or a ControlNetModel}; recipes say them as
        control={"canny": picture}. For mini one ships: control={"sketch": "mini-sketch"} takes white lines on black.
        vae: another autoencoder, a folder or an AutoencoderKL
    embeddings: words of textual inversion, {"<cat-toy>": a .safetensors file}; preview: a folder with a tiny
        autoencoder (TAESD and its siblings), or an AutoencoderTiny, that shows pictures while they are made
    image_prompt: the .safetensors file of an IP-Adapter, or several, {"plus": file}; recipes say image_prompt=picture.
        image_encoder: what it sees with, a folder or a CLIPVisionModelWithProjection; "image_encoder" beside the file
        when left out
    gan, latent: instead of a source, your own generator module and the length of its latent

    What was chosen, and why, is said. Only safetensors are read, and no code that comes with a model is run. A safety
    checker is asked where a pipeline that you hand over has one; families that run row by row read none. Raises
    ModelError: NetworkError, GatedModelError, MissingFileError, DamagedFileError, UnsafeModelError say which.
    """
    dtype = str(dtype).removeprefix("torch.") if isinstance(dtype, torch.dtype) else dtype
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1):
        raise ModelError(
            f"rows must be a whole number from 1, or None to have it measured, not {rows!r:.40}."
        )
    if speed not in (None, *SPEED):
        raise ModelError(f'speed must be "compile" or left out, not {brief(speed, 40)}.')
    if gan is not None:
        return handed_over(gan, latent, rows)
    if isinstance(source, Model):
        return _showing(source.ready(), preview)
    if isinstance(source, torch.nn.Module):
        raise ModelError("a bare module is loaded as nbgen.load(gan=module, latent=512).")
    given = {
        "memory": memory, "speed": speed, "revision": revision, "variant": variant, "token": token, "config": config,
    }  # fmt: skip
    attached = Attached.of(control, vae, embeddings, image_prompt, image_encoder)
    with _lock:
        if isinstance(source, (str, os.PathLike)):
            return _showing(_from_place(source, device, dtype, rows, given, attached).ready(), preview)
        said = [
            name for name, value in {"device": device, "dtype": dtype, **given}.items() if value is not None
        ]
        if said:
            raise ModelError(
                f"{said[0]}= is not for a pipeline that you hand over, which nbgen leaves as it is: place it yourself."
            )
        return _showing(_from_pipeline(source, rows, attached), preview)


def find(ref: ModelRef) -> Model:
    """The loaded model with these weights, or the shipped one; ModelError where neither is it."""
    same = [
        model for model in alive if model.ref.fingerprint == ref.fingerprint and model.ref.dtype == ref.dtype
    ]
    if same:
        return next((model for model in same if model.ref.name == ref.name), same[0])
    if (control := shipped_parts(ref)) is not None:
        model = load(ref.name, control=control or None)
        if model.ref.fingerprint == ref.fingerprint:
            return model
        raise ModelError(f"this picture was made by another version of {ref.name!r} than is installed.")
    raise ModelError(
        f"the model {ref.name!r} that made this picture is not loaded: load it, and give it as model=."
    )


def loaded(place: str | os.PathLike[str] | None = None) -> list[Model]:
    """The models that were loaded by name and are still there: all, or those of one place."""
    with _lock:
        name = None if place is None else _whole_name(place)
        found = [model for key, model in _loaded.items() if name is None or key[0] == name]  # type: ignore[index]
    return list(dict.fromkeys(found))


def forget(model: Model) -> None:
    """No longer keep a model that nobody else holds."""
    with _lock:
        if model in _kept:
            _kept.remove(model)


def _showing(model: Model, preview: Any) -> Model:
    if preview is not None:
        show_by(model, preview)
    return model


def _from_place(
    place: str | os.PathLike[str],
    device: str | None,
    dtype: str | None,
    rows: int | None,
    given: dict[str, Any],
    attached: Attached,
) -> Model:
    known: Any = place if isinstance(place, str) and place in EMBEDDED else None
    check_arguments(known is not None, str(place), dtype, given)
    key = (known or _whole_name(place), device, dtype, rows, *given.values(), attached)
    if key in _loaded:
        return _loaded[key]
    if (folder := gan_folder(place)) is not None:
        # Small, and float32 everywhere, like every model that ships.
        check_arguments(True, known or folder.resolve().name, dtype, {**given, "control": attached or None})
        found = read_gan(folder, known or folder.resolve().name, choose(device, "float32").device, rows)
        _loaded[key] = found
        if known:
            _shipped[key] = found
        else:
            _kept.append(found)
        return found
    sought = {name: given[name] for name in ("revision", "variant", "token", "config")}
    source = find_source(place, **sought)
    # The cgroup's quota rules, not the host's cores; who asked for fewer keeps fewer.
    torch.set_num_threads(min(torch.get_num_threads(), machine.usable_threads()))
    placing = _placing(source, device, dtype, given["memory"])
    if not source.embedded:
        say(f"{source.name}: {placing.why}")
    model = _model(source, placing, rows, given, attached)
    _loaded[key] = model
    if source.embedded:
        _shipped[key] = model
    else:
        _kept.append(model)
    return model


def _whole_name(place: str | os.PathLike[str]) -> str:
    """One name for one place: a path from its root, or the text where nothing is there."""
    text = os.fspath(place)
    return os.path.abspath(text) if text and os.path.exists(text) else text


def _placing(source: Source, device: str | None, dtype: str | None, memory: str | None) -> Placing:
    if source.embedded:
        return choose(device, "float32")
    family = family_of(source.index.pipeline)
    denoiser = source.index.parts.get("transformer")
    flow = family.name in ("flux", "sd3") if family else denoiser is not None
    if source.file is not None:
        numbers = numbers_in([source.file])
    else:
        numbers = numbers_in(weights_of(source.index.folder, source.names()))
    return choose(device, dtype, memory, flow=flow, numbers=numbers)


def _model(
    source: Source, placing: Placing, rows: int | None, given: dict[str, Any], attached: Attached
) -> Model:
    ref = ModelRef(source.name, attached.fingerprint(source.fingerprint()), placing.dtype)
    if attached:
        known = family_of(source.index.pipeline)
        attached.check_takes(known.name if known else None, source.index.pipeline)
    home = Residence(
        lambda: _read(source, placing, given["variant"], given["speed"], attached), placing.device
    )
    listed = source.index.folder / "vocabulary.json"
    family = family_of(source.index.pipeline)
    if family is None:
        model: Model = runs(source.index.pipeline)(
            home, ref, name=source.name, defaults=source.defaults, rows=rows
        )
    else:
        model = family.make()(
            home, ref, name=source.name, defaults=source.defaults or None, rows=rows,
            vocabulary=Vocabulary.read(listed) if listed.is_file() else None,
        )  # fmt: skip
    model.live_in(home)
    return model


def _read(
    source: Source, placing: Placing, variant: str | None, speed: str | None, attached: Attached
) -> Any:
    """The parts of a model in their places: an object that has them, or the whole pipeline."""
    index, host = source.index, torch.device("cpu")
    where, kind = host if placing.low_memory else placing.device, DTYPES[placing.dtype]
    held: Any
    if source.file is not None:
        held = read_file(source.file, index, kind).to(where)
    else:
        held = read_folder(index.folder, where, kind, source.names(), variant)
        if family_of(index.pipeline) is None:
            held = assemble(held, index)
    if source.file is None and (index.folder / CLIP).is_dir():
        vars(held)["clip_model"] = read_clip(index.folder / CLIP, where)
    vars(held).update(attached.parts(held, where, kind))
    settle(held, placing, speed, driven=family_of(index.pipeline) is not None)
    return held


def _from_pipeline(pipe: Any, rows: int | None, attached: Attached) -> Model:
    from diffusers import DiffusionPipeline

    known = getattr(pipe, _KEPT_ON, None)
    if isinstance(known, Model) and not attached:
        return known
    family = family_of(pipe)
    if attached:
        attached.check_takes(family.name if family else None, type(pipe).__name__)
    if family is None and isinstance(pipe, DiffusionPipeline):
        model: Model = runs(type(pipe).__name__)(pipe, rows=rows)
    else:
        family = family or DRIVEN["StableDiffusionPipeline"]
        missing = [part for part in family.parts if getattr(pipe, part, None) is None]
        if missing:
            raise ModelError(
                f"nbgen.load takes a name, a folder, a file or a diffusers pipeline, not {type(pipe).__name__} "
                f"(it has no {missing[0]})."
            )
        whole = pipe
        if attached:
            where = next(pipe.vae.parameters())
            whole = Beside(pipe, attached.parts(pipe, where.device, where.dtype))
        model = family.make()(whole, name=type(pipe).__name__, rows=rows)
    if attached:
        return model
    with contextlib.suppress(AttributeError):  # an object without room for it is wrapped anew each time
        setattr(pipe, _KEPT_ON, model)
    return model
