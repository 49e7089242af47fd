"""How do several CPU cores share one training step?  Each takes a piece of the batch, alone, from end to end.

The usual way, every operation split over all cores, makes the cores wait for each other some thousand times
a step. Where anything else runs on the machine that is ruinous (measured on two cores: 13 pictures a second
instead of 45; this way 30). Here they wait once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from nbgen.training.muon import Together

Batch = tuple[torch.Tensor, ...]


class Shards:
    """Computes gradients of a mean loss over pieces of a batch, one thread a piece."""

    def __init__(self, count: int) -> None:
        self.count = count
        # Each worker computes on its own core alone; the setting is the thread's own.
        self.pool = (
            ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) if count > 1 else None
        )

    @classmethod
    def on(cls, device: torch.device) -> Shards:
        """As many as fit the device: one on a GPU, one a core on a CPU, at most eight."""
        return cls(1 if device.type != "cpu" else min(8, torch.get_num_threads()))

    def map(self, function: Callable[[torch.Tensor], torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        """`function` of a batch, piece by piece along the first axis, at the same time."""
        pieces = batch.chunk(self.count)
        return torch.cat(list(self.pool.map(function, pieces)) if self.pool else [function(pieces[0])])

    def each(self, function: Callable[[torch.Tensor], None], items: Iterable[torch.Tensor]) -> None:
        """`function` of every item, whoever is free taking the next."""
        for _ in self.pool.map(function, items) if self.pool else map(function, items):
            pass

    def backward(
        self, loss_of: Callable[..., torch.Tensor], batch: Batch, parameters: Sequence[torch.nn.Parameter]
    ) -> float:
        """Set `.grad` to the gradient of the mean loss over the batch; return that loss.

        `loss_of` takes pieces of the tensors in `batch`, cut along the first axis, and gives their mean loss.
        """

        def piece_of_work(piece: Batch) -> tuple[float, tuple[torch.Tensor, ...]]:
            loss = loss_of(*piece)
            # Not loss.backward(): two threads adding into the same .grad would lose some of it.
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
            return float(loss.detach()), gradients

        pieces = list(zip(*(tensor.chunk(self.count) for tensor in batch), strict=True))
        shares = [len(piece[0]) / len(batch[0]) for piece in pieces]
        results = list(self.pool.map(piece_of_work, pieces)) if self.pool else [piece_of_work(pieces[0])]

        def mean(part: slice) -> None:
            (_, first), *others = results
            total = torch._foreach_mul(first[part], shares[0])
            for share, (_, gradients) in zip(shares[1:], others, strict=True):
                torch._foreach_add_(total, gradients[part], alpha=share)
            for parameter, gradient in zip(parameters[part], total, strict=True):
                parameter.grad = gradient

        # Millions of numbers each: one core alone would take a tenth of a step for it.
        parts = [slice(n, None, self.count) for n in range(min(self.count, len(parameters)))]
        for _ in self.pool.map(mean, parts) if self.pool else map(mean, parts):
            pass
        return sum(share * loss for share, (loss, _) in zip(shares, results, strict=True))

    def descend(
        self,
        optimizer: torch.optim.Optimizer | Together,
        rate: float,
        loss_of: Callable[..., torch.Tensor],
        batch: Batch,
        parameters: Sequence[torch.nn.Parameter],
        clip: float = 1.0,
    ) -> float:
        """One step of the optimiser, gradients clipped at a norm; the loss before it.

        rate: the learning rate, times the "pace" of a group of weights that has one
        """
        loss = self.backward(loss_of, batch, parameters)
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("pace", 1.0)
        torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        return loss
