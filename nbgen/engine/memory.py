"""Memory as the engine needs it: is this error an exhausted memory, how much is free, how to get it back."""

from __future__ import annotations

import gc

import torch

from .. import machine

_SIGNS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_cpu",
    "not enough memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this error means that memory ran out, on a GPU or on the host."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def without_traceback(error: Exception) -> Exception:
    """The error, no longer holding the frames (and so the tensors) it came through."""
    error.__traceback__ = None
    error.__context__ = None
    return error


def give_back(device: torch.device) -> None:
    """Collects what an abandoned forward, or weights that were let go, left behind, and hands it to the system.

    Call it after an error's traceback is gone.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    machine.return_freed_memory()


def free_bytes(device: torch.device) -> int:
    """Bytes that may still be taken: a shared GPU's free memory, or what the host and its cgroup leave."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What PyTorch has reserved and does not use is ours to use again.
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return machine.memory_available()
