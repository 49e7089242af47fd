"""How does a small network learn the field, beside the exact one, and what does it make of a tiny data set?"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..errors import NbgenError
from .distributions import Distribution
from .noising import Schedule
from .threads import one_thread

TARGETS = ("epsilon", "x0", "v", "flow")
"""What the network may be asked for: ε, x₀, v = αε - σx₀ (arXiv 2202.00512), or the flow's ε - x₀."""

BATCHES = 50
"""Batches in an epoch."""

AVERAGING = 0.98
"""Of the running average of the weights, what is kept at each step."""

MEMORISED = 0.05
"""A sample nearer than this to a training point is a copy of it: far below the spread between points of a tiny set."""


class TrainingError(NbgenError):
    """Training that went wrong; the weights of the last good epoch are kept."""


class Network(nn.Module):
    """(n, 2) points and (n,) times to (n, 2): three hidden layers, and waves of t as inputs.

    The copied code carries the source of this class, so it uses nothing but torch.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(10, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2),
        )  # fmt: skip

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        waves = t[:, None] * torch.tensor([1.0, 2.0, 4.0, 8.0])
        return self.layers(torch.cat([x, waves.sin(), waves.cos()], 1))


def both(target: str, answer: Tensor, x: Tensor, alpha: Any, sigma: Any) -> tuple[Tensor, Tensor]:
    """x₀ and ε from a prediction of x = αx₀ + σε. α and σ are numbers or broadcast against x."""
    if target == "epsilon":
        # Near pure noise x₀ = (x - σε)/α would blow any error up; the floor keeps it finite at α = 0.
        return (x - sigma * answer) / max(alpha, 1e-2), answer
    if target == "x0":
        return answer, (x - alpha * answer) / max(sigma, 1e-2)
    if target == "v":
        return alpha * x - sigma * answer, sigma * x + alpha * answer
    return (x - sigma * answer) / (alpha + sigma), (x + alpha * answer) / (alpha + sigma)


def wanted(target: str, x0: Tensor, epsilon: Tensor, alpha: Any, sigma: Any) -> Tensor:
    """What the network should answer, from x₀ and ε."""
    if target == "epsilon":
        return epsilon
    if target == "x0":
        return x0
    if target == "v":
        return alpha * epsilon - sigma * x0
    return epsilon - x0


class Learner:
    """A network under training on one distribution. Everything it draws follows from the seed.

    data: training points, 0 for fresh ones in every batch. losses and errors: one an epoch, errors[0] before any.
    """

    def __init__(
        self, distribution: Distribution, schedule: Schedule, *,
        target: str, data: int, width: int, learning_rate: float, batch: int, seed: int,
    ) -> None:  # fmt: skip
        self.distribution, self.schedule, self.target = distribution, schedule, target
        self.data, self.batch = data, batch
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._trained = Network(width)
        # What is shown is the running average of the weights, which is far less restless than they are.
        self.network = AveragedModel(self._trained, multi_avg_fn=get_ema_multi_avg_fn(AVERAGING))
        self.generator = torch.Generator().manual_seed(seed)
        self.set = distribution.sample(data, seed)[0] if data else None
        self.optimizer = torch.optim.Adam(self._trained.parameters(), lr=learning_rate)
        self.losses: list[float] = []
        self._probe = self._probe_points(seed)
        self.errors = [self.field_error()]

    @property
    def epoch(self) -> int:
        return len(self.losses)

    def train(self, epochs: int = 1) -> None:
        """Raises TrainingError where the loss is no number any more, with the last good epoch's weights kept."""
        for _ in range(epochs):
            parts: tuple[Any, ...] = (self._trained, self.network, self.optimizer)
            before = [copy.deepcopy(part.state_dict()) for part in parts]
            drawn = self.generator.get_state()
            with one_thread():
                loss = self._epoch()
                error = self.field_error()
            if not (math.isfinite(loss) and math.isfinite(error)):
                for part, state in zip(parts, before, strict=True):
                    part.load_state_dict(state)
                self.generator.set_state(drawn)
                raise TrainingError(
                    f"the loss of epoch {self.epoch + 1} is no number any more: the weights of epoch {self.epoch} "
                    "are kept. Choose a lower learning rate."
                )
            self.losses.append(loss)
            self.errors.append(error)

    def _epoch(self) -> float:
        total = 0.0
        for _ in range(BATCHES):
            x0 = self._batch()
            t = torch.rand(self.batch, generator=self.generator)
            epsilon = torch.randn(self.batch, 2, generator=self.generator)
            alpha, sigma = (level.float()[:, None] for level in self.schedule.levels(t))
            answer = self._trained(alpha * x0 + sigma * epsilon, t)
            loss = ((answer - wanted(self.target, x0, epsilon, alpha, sigma)) ** 2).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.network.update_parameters(self._trained)
            total += loss.item()
        return total / BATCHES

    def _batch(self) -> Tensor:
        if self.set is None:
            return self.distribution.mixture.sample(self.batch, self.generator)[0]
        return self.set[torch.randint(len(self.set), (self.batch,), generator=self.generator)]

    @torch.no_grad()
    def predict(self, x: Tensor, t: float, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
        """The network's E[x₀ | x] and E[ε | x] at points (n, 2)."""
        answer = self.network(x.float(), torch.full((len(x),), t))
        return both(self.target, answer, x.float(), alpha, sigma)

    @torch.no_grad()
    def field_error(self) -> float:
        """The mean length of (answer - exact answer) over points of the noised distribution at ten times."""
        x, t, exact = self._probe
        return float((self.network(x, t) - exact).norm(dim=1).mean())

    def copied(self, samples: Tensor) -> float | None:
        """The part of the samples that copies a training point; None where there is no fixed set."""
        if self.set is None or len(samples) == 0:
            return None
        return float((torch.cdist(samples.float(), self.set).amin(1) < MEMORISED).float().mean())

    def _probe_points(self, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed + 1)
        x0 = self.distribution.mixture.sample(1000, generator)[0]
        epsilon = torch.randn(1000, 2, generator=generator)
        t = torch.linspace(0.05, 0.95, 10).repeat(100)
        alpha, sigma = (level.float() for level in self.schedule.levels(t))
        x = alpha[:, None] * x0 + sigma[:, None] * epsilon
        mixture = self.distribution.mixture
        exact = wanted(
            self.target,
            mixture.x0(x, alpha, sigma),
            mixture.epsilon(x, alpha, sigma),
            alpha[:, None],
            sigma[:, None],
        )
        return x, t, exact
