"""One generator against one discriminator: how does the game go on, and how does it go back?

Everything a run draws follows from its seed, and states of weights, optimisers and generator of random numbers are
kept on the way: going back to a step and playing on gives the same numbers, bit for bit.
"""

from __future__ import annotations

import contextlib
import copy
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .gan_players import LOSSES, PENALTIES, network
from .gan_settings import LIVE, GanError, Settings, with_changes

MOVES = ("both", "D", "G")
"""k steps of D and one of G; one step of D; one step of G. Each counts as one step of the run."""

MOST_KEPT = 160
"""States kept on the way; past that every second one goes."""


@dataclass
class Played:
    """A stretch of the run: `count` moves of one kind under the same settings."""

    move: str
    count: int
    settings: Settings


class Run:
    """A run of the game. `step` counts moves; `d_losses` and `g_losses` have one entry each, NaN where idle."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.step = 0
        self.played: list[Played] = []
        self.d_losses: list[float] = []
        self.g_losses: list[float] = []
        now = settings
        # The copied code makes them in this order too.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(now.seed)
            self.generator = network(now.noise_dim, now.g_width, now.g_layers, 2).to(now.kind)
            self.discriminator = network(2, now.d_width, now.d_layers, 1).to(now.kind)
        self.d_optimizer = torch.optim.Adam(self.discriminator.parameters(), fused=True)
        self.g_optimizer = torch.optim.Adam(self.generator.parameters(), fused=True)
        self.draw = torch.Generator().manual_seed(now.seed)
        self._means = now.distribution.mixture.means.to(now.kind)
        self._spread = float(now.distribution.mixture.spreads[0])
        self._every = 50
        self._kept: dict[int, Any] = {0: self._state()}
        self._use(settings)

    # Forwards.

    def play(self, count: int, move: str = "both") -> None:
        """So many moves. Raises GanError where a number is no number any more, at the last good step."""
        if move not in MOVES:
            raise GanError(f"a move is one of {', '.join(MOVES)}, not {move!r:.40}.")
        if not (isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= 1_000_000):
            raise GanError(f"steps must be a whole number from 0 to 1,000,000, not {count!r:.40}.")
        self._forget_future()
        with one_thread():
            for _ in range(count):
                self._one(move)

    def _one(self, move: str) -> None:
        d_loss = g_loss = math.nan
        if move != "G":
            for _ in range(self.settings.k if move == "both" else 1):
                d_loss = self._discriminate()
        if move != "D":
            g_loss = self._generate()
        if math.isinf(d_loss) or math.isinf(g_loss) or not self._sound(move, d_loss, g_loss):
            failed = self.step + 1
            self._back(self._last_sound())
            raise GanError(
                f"step {failed} gave numbers that are none (NaN or infinity): the state of step {self.step} is kept. "
                "Choose lower learning rates, or a penalty."
            )
        self.step += 1
        self.d_losses.append(d_loss)
        self.g_losses.append(g_loss)
        last = self.played[-1] if self.played else None
        if last is not None and last.move == move and last.settings == self.settings:
            last.count += 1
        else:
            self.played.append(Played(move, 1, self.settings))
        if self.step % self._every == 0:
            self._keep()

    def _discriminate(self) -> float:
        now = self.settings
        real, noise = self.reals(now.batch, self.draw), self.noise(now.batch, self.draw)
        fake = self.generator(noise).detach()
        loss = LOSSES[now.loss].discriminator(self.discriminator(real), self.discriminator(fake))
        if now.strength:
            loss = loss + now.strength * PENALTIES[now.penalty][0](self.discriminator, real, fake, self.draw)
        self.d_optimizer.zero_grad()
        loss.backward()
        self.d_optimizer.step()
        return float(loss.detach())

    def _generate(self) -> float:
        now = self.settings
        real, noise = self.reals(now.batch, self.draw), self.noise(now.batch, self.draw)
        loss = self.generator_loss(real, self.generator(noise))
        self.g_optimizer.zero_grad()
        loss.backward()
        self.g_optimizer.step()
        return float(loss.detach())

    def generator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the generator minimises, for points (n, 2) of each."""
        chosen = LOSSES[self.settings.loss]
        answers = self.discriminator(real) if chosen.paired else fake.new_zeros(len(fake), 1)
        return chosen.generator(answers, self.discriminator(fake))

    # What is drawn.

    def reals(self, count: int, draw: torch.Generator) -> Tensor:
        """Points of the distribution, (count, 2)."""
        chosen = torch.randint(len(self._means), (count,), generator=draw)
        noise = torch.randn(count, 2, generator=draw, dtype=self.settings.kind)
        return self._means[chosen] + self._spread * noise

    def noise(self, count: int, draw: torch.Generator) -> Tensor:
        """What the generator makes points of, (count, noise_dim)."""
        return torch.randn(count, self.settings.noise_dim, generator=draw, dtype=self.settings.kind)

    def samples(self, count: int = 2000) -> Tensor:
        """Fakes of the generator as it is, (count, 2), from the same noise at every step."""
        draw = torch.Generator().manual_seed(self.settings.seed)
        with torch.no_grad(), one_thread():
            return self.generator(self.noise(count, draw))

    # Settings in the middle of a run.

    def set(self, **changes: Any) -> None:
        """Change what may change while a run goes on. Raises GanError for anything else."""
        for name in changes:
            if name not in LIVE:
                raise GanError(f"{name} begins a new run: it cannot change in the middle of one.")
        self._use(with_changes(self.settings, changes))

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        pairs = (
            (self.d_optimizer, settings.d_learning_rate),
            (self.g_optimizer, settings.g_learning_rate),
        )
        for optimizer, rate in pairs:
            for group in optimizer.param_groups:
                group.update(lr=rate, betas=(settings.beta1, settings.beta2))

    # Back, and forwards again.
