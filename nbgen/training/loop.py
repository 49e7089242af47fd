"""What surrounds every training step: the budget, the learning rate, checkpoints, progress.

A *learner* knows how to take one step; `train` decides how many, how fast, and what is written down. The
learning rate follows the budget and not a step count, so that a busy machine still ends with a small one.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from PIL import Image

from nbgen.training import checkpoints


class Learner(Protocol):
    """Something that gets better by steps. `step` must depend on nothing but its state and its arguments."""

    name: str
    batch: int

    def step(self, number: int, rate: float) -> float:
        """Take step `number` with the learning rate multiplied by `rate`; return the loss."""

    def tensors(self) -> checkpoints.Tensors:
        """Everything that must be kept to go on."""

    def restore(self, tensors: checkpoints.Tensors) -> None:
        """Take up what `tensors` gave."""

    def facts(self) -> dict[str, Any]:
        """JSON-able facts that whoever loads the checkpoint needs."""

    def sheet(self) -> Image.Image:
        """A picture of how well it does now."""


@dataclass(frozen=True)
class Budget:
    """How long a training may take: seconds, steps, or whichever is reached first."""

    seconds: float = float("inf")
    steps: float = float("inf")

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read "90m", "1.5h", "30s" or "200steps".

        >>> Budget.parse("90m").seconds
        5400.0
        """
        match = re.fullmatch(r"([\d.]+) ?(s|m|h|steps)", text.strip())
        if match is None:
            raise ValueError(f"a budget is written 30s, 90m, 1.5h or 200steps, not {text!r}")
        amount = float(match[1])
        if match[2] == "steps":
            return cls(steps=amount)
        return cls(seconds=amount * {"s": 1, "m": 60, "h": 3600}[match[2]])

    def part(self, share: float) -> Budget:
        """A share of this budget."""
        return Budget(self.seconds * share, self.steps * share)

    def used(self, seconds: float, steps: int) -> float:
        """The share of the budget that is spent, 0 to 1."""
        return min(1.0, max(seconds / self.seconds, steps / self.steps))


def learning_rate(step: int, used: float, warmup: int = 100, flat: float = 0.6) -> float:
    """Factor on the peak learning rate: a warm-up, then flat, then falling linearly to a hundredth."""
    falling = 1.0 if used <= flat else max(0.01, (1 - used) / (1 - flat))
    return min(1.0, (step + 1) / warmup) * falling


def train(
    learner: Learner,
    budget: Budget,
    folder: Path,
    *,
    resume: bool = True,
    every: float = 60.0,
    sheet_every: float = 600.0,
    say: Callable[[str], None] = print,
) -> Path:
    """Train until the budget is spent; return the checkpoint's path.

    `every` and `sheet_every` are the seconds between checkpoints and between sample sheets (infinity: none at
    all). While a file named PAUSE lies in `folder` or beside it the training sleeps, and the clock with it.
    """
    path = folder / f"{learner.name}.safetensors"
    step, spent = 0, 0.0
    if resume and path.exists():
        tensors, facts = checkpoints.load(path)
        learner.restore(tensors)
        step, spent = facts["step"], facts["seconds"]
        say(f"{learner.name}: going on from step {step}, {spent / 60:.1f} min")
    else:
        for old in (path.with_suffix(".csv"), *(folder / "sheets").glob(f"{learner.name}-*.png")):
            old.unlink(missing_ok=True)  # of another training: the report would take it for this one's

    losses: list[tuple[int, float, float]] = []

    def keep() -> None:
        facts = {**learner.facts(), "step": step, "seconds": spent}
        checkpoints.save(path, learner.tensors(), facts)
        note(path.with_suffix(".csv"), losses)

    kept = said = drawn = spent
    said_step, mean_loss = step, float("nan")
    while budget.used(spent, step) < 1:
        while any((place / "PAUSE").exists() for place in (folder, folder.parent)):
            time.sleep(1)
        began = time.perf_counter()
        loss = learner.step(step, learning_rate(step, budget.used(spent, step)))
        if loss != loss:
            raise FloatingPointError(f"{learner.name}: the loss is not a number at step {step}")
        mean_loss = loss if mean_loss != mean_loss else 0.98 * mean_loss + 0.02 * loss
        step += 1
        spent += time.perf_counter() - began
        losses.append((step, spent, loss))
        if spent - said >= 10:
            speed = (step - said_step) / (spent - said)
            left = min((budget.seconds - spent) / 60, (budget.steps - step) / speed / 60)
            say(
                f"{learner.name}: step {step}  loss {mean_loss:.4f}  {speed * learner.batch:.0f} pictures/s"
                f"  {spent / 60:.1f} min  {left:.1f} min left"
            )
            said, said_step = spent, step
        if spent - kept >= every:
            keep()
            kept = spent
        if spent - drawn >= sheet_every:
            draw_sheet(learner, folder, step)
            drawn = spent
    keep()
    if sheet_every < float("inf"):
        draw_sheet(learner, folder, step)
    return path


def note(path: Path, losses: list[tuple[int, float, float]]) -> None:
    """Append lines of step, seconds and loss to a file, and forget them."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{step},{seconds:.1f},{loss:.5f}\n" for step, seconds, loss in losses)
    losses.clear()


def draw_sheet(learner: Learner, folder: Path, step: int) -> None:
    """Write the learner's sample sheet to `folder/sheets`."""
    place = folder / "sheets"
    place.mkdir(parents=True, exist_ok=True)
    learner.sheet().save(place / f"{learner.name}-{step:06d}.png")


def pick_device(name: str = "auto") -> torch.device:
    """ "auto" is a CUDA device where there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where it pays: on CUDA, and on CPUs that are found to be faster with it."""
    with _TRYING:
        pays = device.type == "cuda" or bfloat16_pays()
    return torch.autocast(device.type, torch.bfloat16, enabled=pays)


_TRYING = threading.Lock()
"""Several threads ask at once, and would be in each other's way."""
PAYS = 1.3
"""So many times faster in bfloat16 a training must be to use it."""


@cache
def bfloat16_pays() -> bool:
    """Whether this CPU learns faster in bfloat16: tried, since its list of instructions does not tell.

    With AMX it took half the time. With AVX512-BF16 alone the denoiser learned from 18 pictures a core-second
    instead of 25 on one machine, and from 92 instead of 47 on another (an AMD EPYC "Turin").
    """
    pictures, kernel = torch.ones(32, 128, 8, 8), torch.ones((128, 128, 3, 3), requires_grad=True)
    tokens, matrix = torch.ones(1024, 512), torch.ones((512, 512), requires_grad=True)

    def seconds(enabled: bool) -> float:
        began = time.perf_counter()
        with torch.enable_grad(), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            made = F.conv2d(pictures, kernel, padding=1).float().sum() + (tokens @ matrix).float().sum()
        torch.autograd.grad(made, (kernel, matrix))
        return time.perf_counter() - began

    # In turns, so that a busy moment hits both.
    tried = [(seconds(enabled=False), seconds(enabled=True)) for _ in range(5)]
    plain, half = (min(times) for times in zip(*tried, strict=True))
    return plain > PAYS * half
