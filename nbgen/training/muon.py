"""How does a network learn from fewer pictures?  Its matrices are moved by steps that are alike in all directions.

Adam scales every number by itself, and the step of a whole matrix is then mostly along few directions: those the
gradients agree on. Muon (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon) takes the momentum's
nearest orthogonal matrix instead, so that what is rarely seen (one object among a thousand) moves as far as
what every picture shows. Own code rather than `torch.optim.Muon`: that one takes no convolutions, and computes
in bfloat16 always, which took twice as long on a CPU without matrix units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nbgen.training import checkpoints
from nbgen.training.loop import autocast

Each = Callable[[Callable[[Tensor], None], Iterable[Tensor]], None]
"""How a function is applied to every matrix: one after the other, or several at a time."""


def one_by_one(function: Callable[[Tensor], None], matrices: Iterable[Tensor]) -> None:
    """The `Each` for a device that computes with all it has at once."""
    for matrix in matrices:
        function(matrix)


COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the odd polynomial that takes every singular value nearer to 1 (Jordan et al.)."""


def orthogonalised(matrix: Tensor, steps: int = 5) -> Tensor:
    """The matrix (m, n) with all its singular values near 1 (0.7 to 1.2), by Newton and Schulz's iteration."""
    a, b, c = COEFFICIENTS
    flat = matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
    flat = flat / (flat.norm() + 1e-12)
    for _ in range(steps):
        square = flat @ flat.mT
        flat = torch.addmm(flat, torch.addmm(square, square, square, beta=b, alpha=c), flat, beta=a)
    return flat.mT if matrix.shape[0] > matrix.shape[1] else flat


class Muon(torch.optim.Optimizer):
    """Muon for matrices and convolutions (out, in, …), taken as matrices (out, in · …).

    A step's entries have the root mean square that Adam's have (Liu et al., 2502.16982), so that both may be
    given the same learning rate. each: how the matrices are gone through.
    """

    def __init__(
        self, matrices: Iterable[Tensor] | Iterable[dict[str, Any]], lr: float, *,
        momentum: float = 0.95, weight_decay: float = 0.01, each: Each = one_by_one,
    ) -> None:  # fmt: skip
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.each = each

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            self.each(lambda matrix, group=group: self._move(matrix, group), group["params"])  # type: ignore[misc]

    @torch.no_grad()  # a thread's own setting, so it is asked for here again
    def _move(self, matrix: Tensor, group: Mapping[str, Any]) -> None:
        if matrix.grad is None:
            return
        state = self.state[matrix]
        if not state:
            state["momentum"] = torch.zeros_like(matrix)
        gone = state["momentum"].lerp_(matrix.grad, 1 - group["momentum"])
        ahead = matrix.grad.lerp(gone, group["momentum"])  # Nesterov's
        with autocast(matrix.device):
            step = orthogonalised(ahead.flatten(1))
        matrix.mul_(1 - group["lr"] * group["weight_decay"])
        matrix.add_(step.view_as(matrix), alpha=-0.2 * group["lr"] * max(step.shape) ** 0.5)


class Together:
    """Muon for the matrices among named weights and AdamW for the rest, stepping as one.

    pace: of Muon's learning rate, beside AdamW's
    """

    def __init__(
        self, named: Iterable[tuple[str, nn.Parameter]], lr: float, *, pace: float = 1.0,
        weight_decay: float = 0.01, each: Each = one_by_one,
    ) -> None:  # fmt: skip
        named = list(named)
        matrices = [tensor for name, tensor in named if is_matrix(name, tensor)]
        rest = [tensor for name, tensor in named if not is_matrix(name, tensor)]
        self.parameters = [*matrices, *rest]
        self.muon = Muon([{"params": matrices, "pace": pace}], lr=lr, each=each)
        self.adam = torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.99), weight_decay=weight_decay, fused=True)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Of both."""
        return [*self.muon.param_groups, *self.adam.param_groups]

    def step(self) -> None:
        """One after the other."""
        self.muon.step()
        self.adam.step()

    def tensors(self) -> checkpoints.Tensors:
        """What a checkpoint keeps of both."""
        return {
            **checkpoints.prefixed("momentum", checkpoints.optimizer_tensors(self.muon)),
            **checkpoints.prefixed("moments", checkpoints.optimizer_tensors(self.adam)),
        }

    def restore(self, tensors: checkpoints.Tensors) -> None:
        """Take up what `tensors` gave, among whatever else a checkpoint holds."""
        checkpoints.restore_optimizer(self.muon, checkpoints.under("momentum", tensors))
        checkpoints.restore_optimizer(self.adam, checkpoints.under("moments", tensors))


def is_matrix(name: str, tensor: Tensor) -> bool:
    """Whether a weight is what Muon is for: neither a table of words nor what touches pictures, biases nor scales.

    >>> is_matrix("down_blocks.0.resnets.0.conv1.weight", torch.zeros(64, 64, 3, 3))
    True
    >>> is_matrix("conv_in.weight", torch.zeros(64, 4, 3, 3))
    False
    """
    table = "token_embedding" in name or "position_embedding" in name
    return tensor.ndim >= 2 and not table and not name.startswith(("conv_in", "conv_out", "readers"))
