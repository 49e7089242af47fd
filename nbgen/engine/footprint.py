"""How much memory does a forward take beside the weights: measured as it runs, or foreseen without running it."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Counting(TorchDispatchMode):
    """Counts the bytes of the tensors that operations make, while they live. What a kernel needs inside is not seen."""

    def __init__(self) -> None:
        super().__init__()
        self.most = self._now = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {_place(tensor) for tensor in _tensors((args, kwargs))}
        made = func(*args, **(kwargs or {}))
        for tensor in _tensors(made):
            place, storage = _place(tensor), tensor.untyped_storage()
            if place in given or place in self._known:  # a view, or written in place
                continue
            self._known.add(place)
            self._now += storage.nbytes()
            self.most = max(self.most, self._now)
            weakref.finalize(storage, self._gone, place, storage.nbytes())
        return made

    def _gone(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._now -= size


def measured(work: Callable[[], object]) -> int:
    """The most bytes that the tensors which `work` makes take at once, on any device."""
    with _Counting() as counting:
        work()
    return counting.most


def foreseen(work: Callable[[], object]) -> int | None:
    """The same without doing the arithmetic: shapes only. None where an operation cannot be foreseen.

    Large models answer in a second what their forward would take half a minute for.
    """
    try:
        from torch._subclasses.fake_tensor import FakeTensorMode

        with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
            work()  # once before counting: it makes stand-ins for the weights, too
            return measured(work)
    except Exception:  # of many types, by what a model does: an estimate is no reason to fail
        return None


def bytes_of(modules: Iterable[torch.nn.Module]) -> int:
    """What the weights of these modules take, also of those whose memory was let go."""
    return sum(
        tensor.numel() * tensor.element_size()
        for module in modules
        for tensor in (*module.parameters(), *module.buffers())
    )


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _place(tensor: torch.Tensor) -> int:
    # Sparse tensors have no storage of their own
    with contextlib.suppress(NotImplementedError, RuntimeError):
        return tensor.untyped_storage()._cdata
    return id(tensor)
