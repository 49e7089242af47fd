"""Adapters in a model's weights for the time of a call, and the very weights back afterwards.

The merged weights lie beside the model's own, and a call swaps them in and out: nothing is computed back, so the
model is bitwise as it was, and a pipeline that somebody handed over is never seen changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator, Sequence

import torch
from torch import Tensor, nn

from .lora import Change, Lora, weights_to_change


class Merging:
    """The merged weights of one part of a model, kept for the adapters that were used last."""

    def __init__(self) -> None:
        self._name: Hashable = None
        self._held: nn.Module | None = None
        self._merged: list[tuple[nn.Parameter, Tensor]] = []

    @contextlib.contextmanager
    def inside(
        self, held: nn.Module, part: str, name: Hashable, weighted: Callable[[], Sequence[tuple[float, Lora]]]
    ) -> Iterator[None]:
        """Inside, the weights of `held` are W + Σ weight·B·A.

        name: stands for the adapters and their weights, and for the weights they are merged with
        """
        # Weights that were let go are read into another object
        if name != self._name or held is not self._held:
            self.forget()
            self._merged = _merge(held, part, weighted())
            self._name, self._held = name, held
        own = [(parameter, parameter.data) for parameter, _ in self._merged]
        try:
            for parameter, merged in self._merged:
                parameter.data = merged.to(parameter.device)
            yield
        finally:
            for parameter, data in own:
                # Where parts take turns on a GPU, this one may have moved meanwhile.
                parameter.data = data.to(parameter.device)

    def forget(self) -> None:
        self._name, self._held, self._merged = None, None, []


def _merge(
    held: nn.Module, part: str, weighted: Sequence[tuple[float, Lora]]
) -> list[tuple[nn.Parameter, Tensor]]:
    found: dict[int, tuple[nn.Parameter, list[tuple[float, Change]]]] = {}
    for weight, lora in weighted:
        for parameter, change in weights_to_change(held, lora.get(part, {})):
            found.setdefault(id(parameter), (parameter, []))[1].append((weight, change))
    merged = []
    with torch.no_grad():
        for parameter, changes in found.values():
            total = parameter.detach().float()
            for weight, change in changes:
                up, down = change.up.to(parameter.device), change.down.to(parameter.device)
                total = total + weight * (up @ down).view(parameter.shape)
            # In the weight's own type, and in its own order in memory.
            merged.append((parameter, torch.empty_like(parameter).copy_(total)))
    return merged
