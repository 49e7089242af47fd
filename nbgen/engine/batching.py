"""The whole grid is one batch: admission of recipes, ticks, and finished pictures as they come.

Recipes are admitted in reading order and run to completion, so finished pictures arrive early and an interrupt
loses little. Recipes that may be stepped together become one trajectory; all trajectories' asks become one
forward a tick.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..errors import OutOfMemoryError, RecipeError
from ..recipe import Options, Recipe
from .asks import Ask, Drivable, Step, Trajectory
from .forwards import Forwards
from .knee import Knee
from .memory import free_bytes, give_back, is_out_of_memory, without_traceback
from .observer import Observer, RunStats

TRIES = 3
"""How often a picture is begun again after memory ran out in its encoding, its scheduler or its decoding."""
MODEST_ROWS = 16
"""Rows of a tick where the knee is not known: most of what a larger batch gains, and still quick."""
OVERFLOW = (
    "the numbers of this picture overflowed: weaker guidance or tamer sampler options keep them finite."
)
MOST_DECODED = 16
"""Latents decoded in one forward of the decoder, whose activations are far larger than the denoiser's."""


@dataclass(frozen=True)
class Finished:
    """The recipe at `index`, made: uint8 pixels (height, width, 3) and what it cost."""

    index: int
    pixels: np.ndarray
    latent: Tensor
    calls: int
    rows: int
    shared_seconds: float
    batch: int


@dataclass(frozen=True)
class Failed:
    """The recipe at `index` could not be made; the others go on."""

    index: int
    error: Exception


_NOTHING = Ask(torch.empty(0), torch.empty(0), (), ())


@dataclass
class _Running:
    """A trajectory under way. The lists have one entry a picture."""

    indices: list[int]
    trajectory: Trajectory
    ask: Ask
    calls: int = 0
    rows: int = 0
    seconds: float = 0.0
    batch: int = 1


@dataclass
class Engine:
    """One run. `rows` is the most rows of a tick: a number, or None for the knee with its caps.

    tick_seconds: the longest a tick should take, None for as long as throughput likes
    exact: one picture at a time, alone: bitwise repeatable
    """

    model: Drivable
    recipes: Sequence[Recipe]
    observer: Observer = field(default_factory=Observer)
    rows: int | None = None
    knee: Knee | None = None
    tick_seconds: float | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        self.stats = RunStats()
        self._forwards = Forwards(self.model, self.stats)
        self._waiting: deque[int] = deque(self._order())
        self._running: list[_Running] = []
        self._alone: set[int] = set()
        self._tries: dict[int, int] = {}
        self._calls_total = sum(self.model.calls(recipe) for recipe in self.recipes)
        self._calls_done = 0

    def _order(self) -> list[int]:
        """Reading order, but pictures with the same adapters after one another: changing weights is dear."""
        first: dict[Options, int] = {}
        for index, recipe in enumerate(self.recipes):
            first.setdefault(recipe.adapters, index)
        return sorted(range(len(self.recipes)), key=lambda index: first[self.recipes[index].adapters])

    def _adapters(self, taken: list[int]) -> set[Options]:
        """The adapters of what runs and of what is taken; one set of them at a time."""
        at_work = [index for running in self._running for index in running.indices]
        return {self.recipes[index].adapters for index in (*at_work, *taken)}

    def run(self) -> Iterator[Finished | Failed]:
        """Pictures and failures as they come; ends early where the observer says stop."""
        started = time.perf_counter()
        try:
            while (self._waiting or self._running) and not self.observer.stopping():
                yield from self._admit()
                if self._running:
                    yield from self._tick()
                self.stats.wall = time.perf_counter() - started
        finally:
            for running in self._running:
                running.trajectory.close()
            self.stats.wall = time.perf_counter() - started
            self.observer.ended(self.stats)

    def _limit(self) -> int:
        if self.rows is not None:
            return self.rows
        if self.knee is None:
            return MODEST_ROWS
        limit = self.knee.limit(free_bytes(self.model.device), self.tick_seconds)
        return min(limit, self._forwards.most_rows or limit)

    def _admit(self) -> Iterator[Finished | Failed]:
        """Takes waiting recipes in reading order while their asks fit, and begins their trajectories."""
        if not self._waiting:
            return
        limit = self._limit()
        taken: list[int] = []
        asked = sum(len(running.ask.latents) for running in self._running)
        while self._waiting and not (self.exact and (self._running or taken)):
            recipe = self.recipes[self._waiting[0]]
            rows = self.model.asks(recipe)
            if asked + rows > limit and (self._running or taken):
                break
            if self._adapters(taken) - {recipe.adapters}:
                break  # those with other adapters are drained first
            asked += rows
            taken.append(self._waiting.popleft())
        together: dict[object, list[int]] = {}
        for index in taken:
            key = index if index in self._alone else self.model.together(self.recipes[index])
            together.setdefault(key, []).append(index)
        for indices in together.values():
            yield from self._begin(indices)

    def _begin(self, indices: list[int]) -> Iterator[Finished | Failed]:
        trajectory = self.model.trajectory([self.recipes[index] for index in indices], self._watch(indices))
        try:
            ask = next(trajectory)
        except StopIteration as stop:  # no step at all, as where an image is to keep everything
            yield from self._finish([(_Running(indices, trajectory, _NOTHING), stop.value)])
            return
        except Exception as error:
            problem = without_traceback(error)
        else:
            self._running.append(_Running(indices, trajectory, ask))
            return
        yield from self._retry(indices, problem)

    def _retry(self, indices: list[int], problem: Exception) -> Iterator[Failed]:
        """After an error: the pictures of this trajectory one by one, so that only a culprit fails."""
        if is_out_of_memory(problem):
            self.stats.out_of_memory += 1
            give_back(self.model.device)
        for index in reversed(indices):
            self._tries[index] = self._tries.get(index, 0) + 1
            hopeless = self._tries[index] >= TRIES if is_out_of_memory(problem) else len(indices) == 1
            if hopeless:
                if is_out_of_memory(problem) and not isinstance(problem, OutOfMemoryError):
                    problem = OutOfMemoryError(
                        f"memory ran out {TRIES} times for this picture ({problem!s:.200})."
                    )
                self.observer.failed(index, problem)
                self._calls_total -= self.model.calls(self.recipes[index])
                yield Failed(index, problem)
            else:
                self._alone.add(index)
                self._waiting.appendleft(index)

    def _tick(self) -> Iterator[Finished | Failed]:
        started = time.perf_counter()
        running, self._running = self._running, []
        pictures = sum(len(each.indices) for each in running)
        all_rows = sum(len(each.ask.latents) for each in running)
        finished: list[tuple[_Running, Tensor]] = []
        failed: list[tuple[_Running, Exception]] = []
        rows_before = [len(each.ask.latents) for each in running]
        for each, answer in zip(running, self._answers(running), strict=True):
            if isinstance(answer, Exception):
                each.trajectory.close()
                failed.append((each, answer))
                continue
            each.calls += 1
            self._calls_done += len(each.indices)
            each.rows += len(each.ask.latents)
            each.batch = max(each.batch, pictures)
            try:
                each.ask = each.trajectory.send(answer)
            except StopIteration as stop:
                finished.append((each, stop.value))
            except Exception as error:
                failed.append((each, without_traceback(error)))
            else:
                self._running.append(each)
        self.stats.ticks += 1
        seconds = time.perf_counter() - started
        for each, rows in zip(running, rows_before, strict=True):
            each.seconds += seconds * rows / all_rows
        self.observer.tick(self._calls_done, self._calls_total)
        for each, problem in failed:
            self._calls_done -= each.calls * len(each.indices)
            yield from self._retry(each.indices, problem)
        yield from self._finish(finished)

    def _answers(self, running: list[_Running]) -> list[Tensor | Exception]:
        """One forward for all; where it fails other than for memory, one each, so that only a culprit fails."""
        try:
            return list(self._forwards.tick([each.ask for each in running], self._limit()))
        except Exception as error:
            problem = without_traceback(error)
        if len(running) == 1 or is_out_of_memory(problem):
            return [problem] * len(running)
        return [answer for each in running for answer in self._answers([each])]

    def _finish(self, finished: list[tuple[_Running, Tensor]]) -> Iterator[Finished | Failed]:
        """Decodes what is finished, latents of one shape together, in the decoder's own batch size."""
        items = [
            (each, place, latents[place]) for each, latents in finished for place in range(len(each.indices))
        ]
        by_shape: dict[object, list[tuple[_Running, int, Tensor]]] = {}
        for item in items:
            if not torch.isfinite(item[2]).all():
                self._calls_done -= item[0].calls
                yield from self._retry([item[0].indices[item[1]]], RecipeError(OVERFLOW))
                continue
            recipe = self.recipes[item[0].indices[item[1]]]
            by_shape.setdefault((tuple(item[2].shape), recipe.tile), []).append(item)
        for group in by_shape.values():
            size = 1 if self.exact else MOST_DECODED
            while group:
                part = group[:size]
                started = time.perf_counter()
                try:
                    with torch.no_grad():
                        pixels = self.model.develop(
                            [self.recipes[each.indices[place]] for each, place, _ in part],
                            torch.stack([latent for _, _, latent in part]),
                        )
                except Exception as error:
                    problem = without_traceback(error)
                else:
                    self.stats.decode += time.perf_counter() - started
                    share = (time.perf_counter() - started) / len(part)
                    group = group[size:]
                    for (each, place, latent), picture in zip(part, pixels, strict=True):
                        count = len(each.indices)
                        yield Finished(
                            each.indices[place], picture, latent, each.calls, round(each.rows / count),
                            each.seconds / count + share, each.batch,
                        )  # fmt: skip
                    continue
                if len(part) > 1:
                    self.stats.out_of_memory += is_out_of_memory(problem)
                    give_back(self.model.device)
                    size = len(part) // 2
                    continue
                group = group[len(part) :]
                for each, place, _ in part:
                    self._calls_done -= each.calls
                    yield from self._retry([each.indices[place]], problem)

    def _watch(self, indices: list[int]):  # type: ignore[no-untyped-def]
        if not self.observer.wants_steps:
            return None

        def watch(place: int, *rest) -> None:  # type: ignore[no-untyped-def]
            self.observer.step(Step(indices[place], *rest))

        return watch
