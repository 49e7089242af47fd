"""A LoRA file: which weights it changes, by how much, and whether it is for this model at all.

A LoRA (Hu et al., arXiv 2106.09685) changes a weight W by s·B·A, two thin matrices with a scale s = α / rank.
diffusers' own table of names is used, so that files of the widely used trainers are read as by its pipelines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .parts import check_whole

ENCODERS = ("text_encoder", "text_encoder_2")
_KOHYA = ("lora_unet_", "lora_transformer_", "lora_te", "joint_blocks_")
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"
_OTHER_KINDS = {
    "dora_scale": "DoRA", "lora_magnitude_vector": "DoRA", "lokr_": "LoKr", "hada_": "LoHa", "lora_mid": "LoCon with "
    "a middle matrix",
}  # fmt: skip


class Change(NamedTuple):
    """What is added to one weight: up · down, the scale multiplied into `up`; (out, rank) and (rank, in)."""

    down: Tensor
    up: Tensor


Lora = Mapping[str, Mapping[str, Change]]
"""Part of a model ("unet" or "transformer", "text_encoder", "text_encoder_2") → name of a module in it → its change."""


class _Kind(NamedTuple):
    """LoRAs of one family: what it is called, the class of diffusers that knows their names, and the parts changed."""

    called: str
    mixin: str
    parts: tuple[str, ...]


_KINDS = {
    "sd": _Kind("Stable Diffusion 1 or 2", "StableDiffusionLoraLoaderMixin", ("unet", *ENCODERS)),
    "sdxl": _Kind("SDXL", "StableDiffusionXLLoraLoaderMixin", ("unet", *ENCODERS)),
    "flux": _Kind("FLUX.1", "FluxLoraLoaderMixin", ("transformer", "text_encoder")),
    "sd3": _Kind("Stable Diffusion 3", "SD3LoraLoaderMixin", ("transformer", *ENCODERS)),
}


def read_lora(path: Path, family: str, denoiser: Any) -> Lora:
    """A LoRA for a model of `family` ("sd", "sdxl", "flux", "sd3") with this denoiser; nothing is changed yet.

    Raises ModelError (DamagedFileError …) for a file that is damaged, no LoRA, or of a kind that is not read.
    """
    from diffusers import loaders
    from safetensors import safe_open

    check_whole(path, path.name)
    with safe_open(path, "pt") as file:
        told = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    _check_kind(path, tensors)
    kind = _KINDS[family]
    if family == "sd3" and all(name.startswith(_KOHYA) for name in tensors):
        raise ModelError(
            f"{path.name} has the names of kohya's trainers, which diffusers does not know for {kind.called}: convert "
            "it to diffusers' names (transformer.….lora_A.weight) with its trainer."
        )
    mixin: Any = getattr(loaders, kind.mixin)
    options = {"unet_config": denoiser.config} if family == "sdxl" else {}
    try:
        found = mixin.lora_state_dict(_scaled(tensors), **options)
        state = found[0] if isinstance(found, tuple) else found  # those with a UNet return scales, too
        parts = {part: _renamed(part, state) for part in kind.parts}
    except (ValueError, KeyError, IndexError, AttributeError, RuntimeError, TypeError) as error:
        raise ModelError(
            f"{path.name} is not a LoRA for {kind.called}: its names are not those of one "
            f"({' '.join(str(error).split())[:160]})."
        ) from None
    strange = [name for name in state if name.partition(".")[0] not in parts]
    if strange:
        raise ModelError(
            f"{path.name} is not a LoRA for {kind.called}: it changes {strange[0]!r:.120}, which such a model has "
            "not."
        )
    scales = _Scales(told.get("lora_adapter_metadata"))
    return {part: _changes(path, part, found, scales) for part, found in parts.items() if found}


def check_fits(name: str, lora: Lora, pipe: Any) -> None:
    """ModelError unless each change has a weight of its own shape in the model."""
    for part, changes in lora.items():
        held = getattr(pipe, part, None)
        if held is None:
            raise ModelError(
                f"the adapter {name!r} is for another family: it changes a {part}, which this model has not."
            )
        modules = _modules(held)
        for module, change in changes.items():
            weight = getattr(modules.get(module), "weight", None)
            if weight is None:
                raise ModelError(
                    f"the adapter {name!r} is for another family: this model's {part} has no {module!r:.120}."
                )
            if change.up.shape[0] != weight.shape[0] or change.down.shape[1] != weight[0].numel():
                raise ModelError(
                    f"the adapter {name!r} is for another family: {part}.{module:.120} is "
                    f"{tuple(weight.shape)} in this model, and the adapter's is ({change.up.shape[0]}, "
                    f"{change.down.shape[1]})."
                )


def weights_to_change(
    held: nn.Module, changes: Mapping[str, Change]
) -> Iterator[tuple[nn.Parameter, Change]]:
    """The weights of a part, each with its change."""
    modules = _modules(held)
    for module, change in changes.items():
        yield modules[module].weight, change  # type: ignore[misc]


def _modules(held: nn.Module) -> dict[str, nn.Module]:
    """The modules of a part by name; those that carry a LoRA of the user's own stand for what lies under it."""
    found = {}
    for name, module in held.named_modules():
        found[name] = getattr(module, "base_layer", module)
    # CLIP's text model is flat in newer versions of transformers, and is not in most LoRAs.
    for name, module in list(found.items()):
        found.setdefault(f"text_model.{name}", module)
    return found


def _check_kind(path: Path, tensors: Mapping[str, Tensor]) -> None:
    for mark, kind in _OTHER_KINDS.items():
        if any(mark in name for name in tensors):
            raise ModelError(
                f"{path.name} is a {kind}, and plain LoRAs are read: convert it with its trainer."
            )
    if not any("lora" in name for name in tensors):
        raise ModelError(
            f"{path.name} is no LoRA: nothing in it is called so. A whole model is loaded with nbgen.load."
        )


def _scaled(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the α of each change, which is multiplied into what is called "up": α / rank."""
    found = {name: tensor for name, tensor in tensors.items() if not name.endswith(".alpha")}
    for name in tensors.keys() - found.keys():
        stem = name.removesuffix(".alpha")
        for down, up in (
            (".lora_down.weight", ".lora_up.weight"),
            (".lora.down.weight", ".lora.up.weight"),
            (_DOWN, _UP),
        ):
            if stem + down in found and stem + up in found:
                scale = float(tensors[name]) / found[stem + down].shape[0]
                found[stem + up] = found[stem + up].float() * scale
    return found


def _renamed(part: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What belongs to one part, under peft's names."""
    from diffusers.utils import state_dict_utils as known

    found = {
        name.removeprefix(f"{part}."): each for name, each in state.items() if name.startswith(f"{part}.")
    }
    if not found:
        return {}
    if "lora_A" in next(iter(found)):
        return found
    if part in ("unet", "transformer"):
        return dict(known.convert_unet_state_dict_to_peft(found))
    older = any("_lora." in name for name in found)
    kind = known.StateDictType.DIFFUSERS_OLD if older else known.StateDictType.DIFFUSERS
    return dict(known.convert_state_dict_to_peft(found, kind))


class _Scales:
    """α / rank of each module, from what peft wrote into the file's head; 1 where nothing is said there."""

    def __init__(self, text: str | None) -> None:
        try:
            self._told = dict(json.loads(text)) if text else {}
        except (ValueError, TypeError):
            self._told = {}

    def of(self, part: str, module: str, rank: int) -> float:
        def told(key: str, default: Any) -> Any:
            found = self._told.get(f"{part}.{key}")
            return default if found is None else found

        alpha = told("lora_alpha", rank)
        for pattern, own in dict(told("alpha_pattern", {})).items():
            if re.match(rf"(.*\.)?({pattern})$", module):
                alpha = own
        return float(alpha) / (rank**0.5 if told("use_rslora", False) else rank)


def _changes(path: Path, part: str, tensors: Mapping[str, Tensor], scales: _Scales) -> dict[str, Change]:
    found = {}
    for name, up in tensors.items():
        if not name.endswith((_DOWN, _UP)):
            raise ModelError(f"{path.name} holds {part}.{name:.120}, which is no part of a plain LoRA.")
        if name.endswith(_DOWN):
            continue
        module = name.removesuffix(_UP)
        down = tensors.get(module + _DOWN)
        if down is None or down.ndim < 2 or up.ndim < 2 or up.shape[1] != down.shape[0]:
            raise ModelError(f"{path.name} is damaged: the two matrices of {part}.{module:.120} do not fit.")
        scale = scales.of(part, module, down.shape[0])
        found[module] = Change(down.flatten(1).float(), up.flatten(1).float() * scale)
    if len(found) * 2 != len(tensors):
        raise ModelError(f"{path.name} is damaged: one of two matrices is missing in its {part}.")
    if not all(bool(torch.isfinite(each).all()) for change in found.values() for each in change):
        raise ModelError(f"{path.name} is damaged: it holds numbers that are not finite.")
    return found
