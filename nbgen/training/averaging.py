"""Why is the model that is kept not the last one?  Because the running average of its weights paints better.

A training step follows a random batch, so the weights jitter around where they are going. Their exponential
moving average does not (Karras et al., 2312.02696, on how much that matters in diffusion).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from nbgen.training import checkpoints


class Average:
    """An exponential moving average over the weights of several modules, in float32.

    `tensors` is named `<module>.<weight>`. `decay` is reached gradually: at step n it is at most
    (1 + n) / (10 + n), so that the random start is forgotten soon.
    """

    def __init__(self, modules: Mapping[str, nn.Module], decay: float = 0.999) -> None:
        self.modules, self.decay = modules, decay
        self.tensors = {name: tensor.detach().clone() for name, tensor in self._weights().items()}

    def _weights(self) -> checkpoints.Tensors:
        weights: checkpoints.Tensors = {}
        for name, module in self.modules.items():
            weights |= checkpoints.prefixed(name, module.state_dict())
        return weights

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the weights after step `step` into the average."""
        decay = min(self.decay, (1 + step) / (10 + step))
        weights = self._weights()
        names = [name for name, tensor in self.tensors.items() if tensor.is_floating_point()]
        # One fused call: a Python loop over some 300 tensors would cost more than the arithmetic.
        torch._foreach_lerp_([self.tensors[n] for n in names], [weights[n] for n in names], 1 - decay)

    def reset(self) -> None:
        """Forget everything but the weights as they are now."""
        self.restore(self._weights())

    def restore(self, tensors: checkpoints.Tensors) -> None:
        """Take up an average that was kept."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    def of(self, module: str) -> checkpoints.Tensors:
        """The averaged weights of one module, as its `load_state_dict` takes them."""
        return checkpoints.under(module, self.tensors)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Within this context the modules have the averaged weights."""
        own = {name: tensor.clone() for name, tensor in self._weights().items()}
        for name, module in self.modules.items():
            module.load_state_dict(self.of(name))
        try:
            yield
        finally:
            for name, module in self.modules.items():
                module.load_state_dict(checkpoints.under(name, own))
