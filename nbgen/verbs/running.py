"""From complete recipes to a job: what the store has is taken, what is missing is made, each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import unshown
from ..engine.asks import Step
from ..engine.observer import Observer, RunStats
from ..jobs import Job, submit
from ..models.base import Model
from ..picture import Picture
from ..recipe import Recipe
from ..storage import default_store

CELL_TICK = 0.5
"""Seconds that a tick may take where somebody watches: it is what a stop or a first preview waits for."""


def start(
    model: Model,
    recipes: Sequence[Recipe],
    *,
    fresh: bool = False,
    store: bool = True,
    exact: bool = False,
    preview: bool = False,
    make_result: Callable[[Job], Any] | None = None,
) -> Job:
    """Starts making these pictures on the model's own thread.

    fresh: make anew what is stored; store: look into the store and keep the pictures there; exact: one at a
    time, alone, and reuse only pictures that were made so. Equal recipes are made once.
    """
    watched = unshown.running_cell() is not None

    def work(job: Job) -> None:
        places: dict[str, list[int]] = {}
        for index, recipe in enumerate(recipes):
            places.setdefault(recipe.key, []).append(index)
        wanted = []
        for indices in places.values():
            recipe = recipes[indices[0]]
            known = default_store().get(recipe.key, exact=exact) if store and not fresh else None
            if known is None:
                wanted.append(recipe)
                continue
            known.notes = model.notes(recipe)
            for index in indices:
                job.picture(index, known)
        watcher = _Placing(job, [places[recipe.key] for recipe in wanted], store)
        if wanted:
            for _ in model.run(wanted, watcher, exact=exact, tick_seconds=CELL_TICK if watched else None):
                pass

    return submit(model, work, total=len(recipes), preview=preview, make_result=make_result)


class _Placing(Observer):
    """Tells a job about each picture at every place it was asked for, and keeps it in the store."""

    def __init__(self, job: Job, places: list[list[int]], store: bool) -> None:
        self._job = job
        self._places = places
        self._store = store
        self.wants_steps = job.wants_steps

    def tick(self, calls_done: int, calls_total: int) -> None:
        self._job.tick(calls_done, calls_total)

    def step(self, event: Step) -> None:
        self._job.step(event)

    def picture(self, index: int, picture: Picture) -> None:
        kept = default_store().put(picture) if self._store else picture
        for place in self._places[index]:
            self._job.picture(place, kept)

    def failed(self, index: int, error: Exception) -> None:
        for place in self._places[index]:
            self._job.failed(place, error)

    def ended(self, stats: RunStats) -> None:
        self._job.ended(stats)

    def stopping(self) -> bool:
        return self._job.stopping()
