"""Which weights are these: a short name that changes when, and only when, the weights do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

_WEIGHTS = (".safetensors", ".bin", ".pt", ".ckpt")
_SETTINGS = (".json", ".txt", ".model")
_FREE_U = ("s1", "s2", "b1", "b2")
_CHUNK = 1 << 20
_WRAP = 1 << 61
_MOST = 1 << 22
"""Numbers that are summed at once: 2²² products of 2³¹ and 2⁸ stay below 2⁶³."""
_SMALL = 1 << 14
"""Numbers up to which a tensor is summed together with others: beyond, it is no slower alone."""


def of_files(paths: Iterable[Path], root: Path) -> str:
    """SHA-256 over names (below `root`) and contents; a file read once is not read again until it changes."""
    total = hashlib.sha256()
    for path in sorted(paths):
        found = path.stat()
        total.update(path.relative_to(root).as_posix().encode("utf-8", "surrogateescape"))
        total.update(_of_file(str(path), found.st_size, found.st_mtime_ns).encode("ascii"))
    return total.hexdigest()[:32]


def of_folder(folder: Path) -> str:
    """The fingerprint of a diffusers folder: weights and every setting that shapes them."""
    return of_files(
        (path for path in folder.rglob("*") if path.suffix in (*_WEIGHTS, *_SETTINGS) and path.is_file()),
        folder,
    )


def of_file(path: Path) -> str:
    """The SHA-256 of one file, whatever it is called."""
    found = path.stat()
    return _of_file(str(path.resolve()), found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4096)
def _of_file(path: str, size: int, changed: int) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def of_tensors(named: Iterable[tuple[str, Tensor]], settings: object = None) -> str:
    """A checksum over tensors in memory, for a model that was handed over as an object.

    Two sums over the bits of each tensor, one of them weighted by position, so that a changed, moved or
    swapped value shows. It is not cryptographic; it is fast enough to be checked before every run.
    """
    pairs = list(named)
    total = hashlib.sha256(
        json.dumps(settings, sort_keys=True, default=str).encode("utf-8", "backslashreplace")
    )
    for (name, tensor), sums in zip(pairs, _sums([tensor for _, tensor in pairs]), strict=True):
        total.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} ".encode("utf-8", "backslashreplace"))
        for number in sums:
            total.update(number.to_bytes(16, "little", signed=True))
    return total.hexdigest()[:32]


def switches(module: nn.Module) -> list[Any]:
    """What a person set in a module that changes its answers and is no tensor: how strong the adapters that diffusers
    loaded into it are, which of them are on, and FreeU. Empty where nothing of the kind was set.
    """
    found: list[Any] = []
    for name, layer in module.named_modules():
        held = vars(layer)
        if isinstance(held.get("scaling"), dict) and hasattr(layer, "active_adapters"):  # a layer of peft's
            on = [] if layer.disable_adapters else list(layer.active_adapters)
            found.append((name, sorted(held["scaling"].items()), on, list(layer.merged_adapters)))
        set_by_hand = {key: held[key] for key in _FREE_U if held.get(key) is not None}
        if len(set_by_hand) == len(_FREE_U):
            found.append((name, sorted(set_by_hand.items())))
    return found


Sums = tuple[int, int]


@torch.no_grad()
def _sums(tensors: Sequence[Tensor]) -> list[Sums]:
    """Both sums of each tensor; small ones are summed together, since a model has hundreds of them."""
    found: list[Sums] = [(0, 0)] * len(tensors)
    small: dict[int, Tensor] = {}

    def sum_small() -> None:
        for place, sums in zip(small, _side_by_side(list(small.values())), strict=True):
            found[place] = sums
        small.clear()

    held, device = 0, None
    for place, tensor in enumerate(tensors):
        bits = _bits(tensor)
        if bits.numel() > _SMALL or bits.device.type not in ("cpu", "cuda"):
            found[place] = _alone(bits)
            continue
        if small and (bits.device != device or held + bits.numel() > _MOST):
            sum_small()
            held = 0
        small[place], device = bits, bits.device
        held += bits.numel()
    if small:
        sum_small()
    return found


def _bits(tensor: Tensor) -> Tensor:
    """The bytes of a tensor as int32, filled up with zeros."""
    flat = tensor.reshape(-1)
    if tensor.element_size() % 4 == 0:
        return flat.view(torch.int32)
    raw = flat.view(torch.uint8)
    extra = -raw.numel() % 4
    return (torch.cat([raw, raw.new_zeros(extra)]) if extra else raw).view(torch.int32)


def _alone(bits: Tensor) -> Sums:
    plain = weighted = 0
    for part in bits.split(_MOST):
        places = torch.arange(len(part), device=part.device, dtype=torch.int64) % 251 + 1
        plain = (plain * 31 + int(part.sum(dtype=torch.int64))) % _WRAP
        weighted = (weighted * 31 + int((part.to(torch.int64) * places).sum())) % _WRAP
    return plain, weighted


def _side_by_side(rows: Sequence[Tensor]) -> list[Sums]:
    """As `_alone` of each, in a few operations: the sums of a row are what a running sum gains along it."""
    lengths = torch.tensor([row.numel() for row in rows])
    ends = lengths.cumsum(0)
    begins = ends - lengths
    bits = torch.cat(list(rows)).to(torch.int64)
    here = torch.arange(len(bits)) - begins.repeat_interleave(lengths)
    gained = []
    for each in (bits, bits * (here % 251 + 1).to(bits.device)):
        running = torch.cat([each.new_zeros(1), each.cumsum(0)]).cpu()
        gained.append((running[ends] - running[begins]).tolist())
    return [(plain % _WRAP, weighted % _WRAP) for plain, weighted in zip(*gained, strict=True)]
