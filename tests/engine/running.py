"""Running the engine to its end, and watching it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbgen.engine.batching import Engine, Failed, Finished
from nbgen.engine.observer import Observer


def run(model, recipes: Sequence[Any], **options: Any) -> list[Finished]:
    made = sorted(Engine(model, recipes, **options).run(), key=lambda each: each.index)
    failures = [each for each in made if isinstance(each, Failed)]
    assert not failures, failures
    return [each for each in made if isinstance(each, Finished)]


class Watching(Observer):
    def __init__(self, stop_after: int | None = None, steps: bool = False) -> None:
        self.ticks: list[tuple[int, int]] = []
        self.steps: list[Any] = []
        self.stop_after = stop_after
        self.wants_steps = steps
        self.ended_with: Any = None

    def tick(self, done: int, total: int) -> None:
        self.ticks.append((done, total))

    def step(self, event: Any) -> None:
        self.steps.append(event)

    def ended(self, stats: Any) -> None:
        self.ended_with = stats

    def stopping(self) -> bool:
        return self.stop_after is not None and len(self.ticks) >= self.stop_after
