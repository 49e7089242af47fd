"""One generator against one discriminator: how does the game go on, and how does it go back?

Everything a run draws follows from its seed, and states of weights, optimisers and random numbers are kept on the
way: going back to a step and playing on gives the same numbers, bit for bit.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .gan_players import LOSSES, PENALTIES, network
from .gan_settings import MOST_STEPS, GanError, Settings
from .threads import one_thread

MOVES = ("both", "D", "G")
"""k steps of D and one of G; one step of D; one step of G. Each counts as one step of the run."""

MOST_KEPT, MOST_KEPT_BYTES = 160, 2**26
"""States kept on the way, and their size together; past either, every second one goes."""


@dataclass(frozen=True)
class Played:
    """A stretch of a run: `count` moves of one kind under the same settings."""

    move: str
    count: int
    settings: Settings


class Run:
    """A run of the game. `step` counts moves; each has an entry in `d_losses` and `g_losses`, NaN where one was idle.

    After going back, `played` and the losses reach beyond `step`, to `furthest`, until the next new move.
    """

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
        self._d_optimizer = torch.optim.Adam(self.discriminator.parameters(), fused=True)
        self._g_optimizer = torch.optim.Adam(self.generator.parameters(), fused=True)
        self._draw = torch.Generator().manual_seed(now.seed)
        self._means = now.distribution.mixture.means.to(now.kind)
        self._spread = float(now.distribution.mixture.spreads[0])
        self.adopt(settings)
        numbers = sum(one.numel() for net in (self.generator, self.discriminator) for one in net.parameters())
        # Adam keeps two more of each
        self._room = max(4, min(MOST_KEPT, MOST_KEPT_BYTES // (3 * 8 * numbers)))
        self._every = 50
        self._kept: dict[int, Any] = {0: self._state()}

    @property
    def furthest(self) -> int:
        """How far the run has ever got, and can be followed again."""
        return len(self.d_losses)

    # Forwards.

    def play(self, count: int, move: str = "both") -> None:
        """So many new moves from here. Raises GanError where a loss is no number any more, at the last good step."""
        if move not in MOVES:
            raise GanError(f"a move is one of {', '.join(MOVES)}, not {move!r:.40}.")
        if not (isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= MOST_STEPS):
            raise GanError(f"steps must be a whole number from 0 to {MOST_STEPS:,}, not {count!r:.40}.")
        if count:
            self._forget(self.step)
        with one_thread():
            for _ in range(count):
                d_loss, g_loss = self._move(move)
                if math.isfinite(d_loss or 0.0) and math.isfinite(g_loss or 0.0):
                    self._note(move, d_loss, g_loss)
                    continue
                failed = self.step + 1
                self._rescue()
                raise GanError(
                    f"step {failed} gave numbers that are none (NaN or infinity): the state of step {self.step} is "
                    "kept. Choose lower learning rates or a stronger penalty."
                )

    def _note(self, move: str, d_loss: float | None, g_loss: float | None) -> None:
        self.d_losses.append(math.nan if d_loss is None else d_loss)
        self.g_losses.append(math.nan if g_loss is None else g_loss)
        last = self.played[-1] if self.played else Played("", 0, self.settings)
        if last.move == move and last.settings == self.settings:
            self.played[-1] = Played(move, last.count + 1, last.settings)
        else:
            self.played.append(Played(move, 1, self.settings))
        self._advance()

    def _advance(self) -> None:
        self.step += 1
        if self.step % self._every == 0 and self.step not in self._kept:
            self._kept[self.step] = self._state()
            if len(self._kept) > self._room:
                self._every *= 2
                self._kept = {step: state for step, state in self._kept.items() if step % self._every == 0}

    def _move(self, move: str) -> tuple[float | None, float | None]:
        """The losses of D and of G; None for who was idle."""
        d_loss = g_loss = None
        if move != "G":
            for _ in range(self.settings.k if move == "both" else 1):
                d_loss = self._discriminate()
        if move != "D":
            g_loss = self._generate()
        return d_loss, g_loss

    def _discriminate(self) -> float:
        now = self.settings
        real = self.reals(now.batch, self._draw)
        fake = self.generator(self.noise(now.batch, self._draw)).detach()
        loss = LOSSES[now.loss].discriminator(self.discriminator(real), self.discriminator(fake))
        if now.strength:
            penalty = PENALTIES[now.penalty][0]
            loss = loss + now.strength * penalty(self.discriminator, real, fake, self._draw)
        self._d_optimizer.zero_grad()
        loss.backward()
        self._d_optimizer.step()
        return loss.item()

    def _generate(self) -> float:
        now = self.settings
        real = self.reals(now.batch, self._draw) if LOSSES[now.loss].paired else None
        loss = self.generator_loss(real, self.generator(self.noise(now.batch, self._draw)))
        self._g_optimizer.zero_grad()
        loss.backward()
        self._g_optimizer.step()
        return loss.item()

    def generator_loss(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """What the generator minimises, for points (n, 2) of each; a loss that is not paired needs no reals."""
        scores = self.discriminator(fake)
        answers = scores.new_zeros(()) if real is None else self.discriminator(real)
        return LOSSES[self.settings.loss].generator(answers, scores)

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

    def adopt(self, settings: Settings) -> None:
        """Play on under these settings, which differ only in what may change in the middle of a run."""
        self.settings = settings
        rates = settings.d_learning_rate, settings.g_learning_rate
        for optimizer, rate in zip((self._d_optimizer, self._g_optimizer), rates, strict=True):
            for group in optimizer.param_groups:
                group.update(lr=rate, betas=(settings.beta1, settings.beta2))

    # Back, and forwards again.

    def rewind(self, step: int) -> None:
        """To any step from 0 to `furthest`, bit for bit as it was, with the settings of the move that came next.

        What comes after is followed again by another `rewind`, and forgotten by the next new move. Raises GanError.
        """
        if not (isinstance(step, int) and not isinstance(step, bool) and 0 <= step <= self.furthest):
            raise GanError(f"the run can go to any step from 0 to {self.furthest}, not to {step!r:.40}.")
        latest = self.settings if self.step == self.furthest else None
        near = max(kept for kept in self._kept if kept <= step)
        if not near <= self.step <= step:
            self._restore(near)
        with one_thread():
            for part in self._stretch(self.step, step):
                self.adopt(part.settings)
                for _ in range(part.count):
                    self._move(part.move)
                    self._advance()
        following = self._stretch(step, self.furthest)
        if following:
            self.adopt(following[0].settings)
        elif self.played:
            self.adopt(latest or self.played[-1].settings)

    def cut(self, step: int) -> None:
        """Back to a step, and what came after is forgotten. The settings stay as they are."""
        settings = self.settings
        self.rewind(step)
        self._forget(step)
        self.adopt(settings)

    def history(self) -> list[Played]:
        """The moves that led here, in order: what the copied code plays."""
        return self._stretch(0, self.step)

    def _stretch(self, start: int, end: int) -> list[Played]:
        """The moves from one step to another."""
        found, place = [], 0
        for part in self.played:
            count = min(end, place + part.count) - max(start, place)
            if count > 0:
                found.append(Played(part.move, count, part.settings))
            place += part.count
        return found

    def _forget(self, step: int) -> None:
        self.played = self._stretch(0, step)
        del self.d_losses[step:], self.g_losses[step:]
        self._kept = {kept: state for kept, state in self._kept.items() if kept <= step}

    def _rescue(self) -> None:
        """Back to the last step whose weights are all numbers: a loss tells of its weights one move too late."""
        settings, step = self.settings, self.step
        self._restore(max(self._kept))
        self.rewind(step)
        while self.step and not self._sound():
            self.rewind(self.step - 1)
        self._forget(self.step)
        self.adopt(settings)

    def _sound(self) -> bool:
        nets = (self.generator, self.discriminator)
        return all(bool(one.isfinite().all()) for net in nets for one in net.parameters())

    def _parts(self) -> tuple[nn.Module | torch.optim.Optimizer, ...]:
        return self.generator, self.discriminator, self._d_optimizer, self._g_optimizer

    def _state(self) -> Any:
        # Copies on the way in and on the way out: optimisers share the tensors of what they are given.
        return [copy.deepcopy(part.state_dict()) for part in self._parts()], self._draw.get_state()

    def _restore(self, step: int) -> None:
        states, drawn = self._kept[step]
        for part, state in zip(self._parts(), states, strict=True):
            part.load_state_dict(copy.deepcopy(state))
        self._draw.set_state(drawn)
        self.step = step
