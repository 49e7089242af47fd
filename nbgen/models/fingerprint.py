"""Which weights are these: a short name that changes when, and only when, the weights do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

_WEIGHTS = (".safetensors", ".bin", ".pt", ".ckpt")
_SETTINGS = (".json", ".txt", ".model")
_CHUNK = 1 << 20


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
    total = hashlib.sha256(
        json.dumps(settings, sort_keys=True, default=str).encode("utf-8", "backslashreplace")
    )
    for name, tensor in named:
        total.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} ".encode("utf-8", "backslashreplace"))
        for number in _sums(tensor):
            total.update(number.to_bytes(16, "little", signed=True))
    return total.hexdigest()[:32]


def _sums(tensor: Tensor) -> tuple[int, int]:
    with torch.no_grad():
        raw = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
        extra = (-raw.numel()) % 4
        if extra:
            raw = torch.cat([raw, raw.new_zeros(extra)])
        plain = weighted = 0
        for bits in raw.view(torch.int32).split(1 << 22):
            # Sums of 2²² products of 2³¹ and 2⁸ stay below 2⁶³.
            places = torch.arange(len(bits), device=bits.device, dtype=torch.int64) % 251 + 1
            plain = (plain * 31 + int(bits.sum(dtype=torch.int64))) % (1 << 61)
            weighted = (weighted * 31 + int((bits.to(torch.int64) * places).sum())) % (1 << 61)
    return plain, weighted
