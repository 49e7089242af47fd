"""From complete recipes to a job: what the store has is taken, what is missing is made, each once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from ..engine.asks import Step
from ..engine.memory import without_traceback
from ..engine.observer import Observer, RunStats
from ..errors import JobStopped
from ..jobs import Job, submit
from ..models.base import Model
from ..models.preview import LinearPreview
from ..picture import Picture
from ..recipe import Recipe
from ..storage import default_store
from .turns import make_room
from .watching import tick_seconds
from .wishes import Wishes


def start(
    model: Model,
    recipes: Sequence[Recipe],
    wishes: Wishes,
    *,
    whole: bool = False,
    make_result: Callable[[Job], Any] | None = None,
) -> Job:
    """Starts making these pictures on the model's own thread.

    whole: once all others are finished, a picture that failed fails the job. Equal recipes are made once.
    """
    making = _Making(recipes, wishes, tick_seconds())

    def work(job: Job) -> None:
        making.make(job, model, range(len(recipes)), 0, 0)
        if whole and job.errors:
            raise next(iter(job.errors.values()))

    return submit(model, work, total=len(recipes), preview=making.tick is not None, make_result=make_result)


Plan = Generator[Sequence[Recipe], list[Picture], Sequence[Recipe]]
"""Yields what it must see first, is sent those pictures, and returns what is wanted after all."""


def start_planned(
    model: Model,
    plan: Plan,
    total: int,
    wishes: Wishes,
    *,
    make_result: Callable[[Job], Any] | None = None,
) -> Job:
    """As `start` with `whole`, for `total` recipes that follow from pictures made on the way there."""

    tick = tick_seconds()

    def work(job: Job) -> None:
        calls = 0
        try:
            recipes = next(plan)
            while True:
                part = _Part(job)
                later = model.calls(recipes[0]) * total
                _Making(recipes, wishes, tick).make(part, model, range(len(recipes)), calls, later)
                if part.errors:
                    raise next(iter(part.errors.values()))
                if len(part.finished) < len(recipes):
                    raise JobStopped("stopped before the first of the pictures that were asked for.")
                calls = job.calls[0]
                recipes = plan.send(part.pictures)
        except StopIteration as stop:
            recipes = stop.value
        _Making(recipes, wishes, tick).make(job, model, range(total), calls, 0)
        if job.errors:
            raise next(iter(job.errors.values()))

    return submit(model, work, total=total, preview=tick is not None, make_result=make_result)


class _Part(Job):
    """Pictures that a job makes on the way to those that were asked for; it is watched and stopped with it."""

    def __init__(self, whole: Job) -> None:
        super().__init__()
        self._whole = whole

    def tick(self, calls_done: int, calls_total: int) -> None:
        self._whole.tick(calls_done, calls_total)

    def stopping(self) -> bool:
        return self._whole.stopping()


def start_each(
    groups: Sequence[tuple[Model, Sequence[int]]],
    recipes: Sequence[Recipe],
    wishes: Wishes,
    *,
    make_result: Callable[[Job], Any] | None = None,
) -> Job:
    """As `start`, for several models one after the other; `groups` say which recipes are whose, by place.

    Where memory asks for it, the models that have had their turn let go of their weights. One that cannot be
    read fails in its own places.
    """
    making = _Making(recipes, wishes, tick_seconds())
    conductor = _Conductor()

    def work(job: Job, keep: _Conductor = conductor) -> None:
        before = 0
        left = [sum(model.calls(recipes[place]) for place in places) for model, places in groups]
        for number, (model, places) in enumerate(groups):
            if job.stopping():
                break
            if making.lacks(places):
                # Those whose turn was longest ago first, and those still to come last.
                waiting = [*groups[:number], *reversed(groups[number + 1 :])]
                make_room(model, [other for other, _ in waiting])
            # Each on its model's own thread; this one only waits, so two such jobs never wait for each other.
            part = submit(
                model, partial(_on_its_thread, making, job, model, places, before, sum(left[number + 1 :]))
            )
            part.wait()
            try:
                part.result()
            except Exception as error:
                if len(groups) == 1:
                    raise
                for place in set(places) - set(job.finished):
                    job.failed(place, without_traceback(error))
            before = job.calls[0]

    return submit(
        conductor, work, total=len(recipes), preview=making.tick is not None, make_result=make_result
    )


class _Conductor:
    """Owns the thread of a job that waits for several models."""


def _on_its_thread(
    making: _Making, job: Job, model: Model, places: Sequence[int], before: int, after: int, _: Job
) -> None:
    making.make(job, model, places, before, after)


@dataclass(frozen=True)
class _Making:
    """What is to be made, and how: shared by all the models that take part."""

    recipes: Sequence[Recipe]
    wishes: Wishes
    tick: float | None
    """The longest a tick should take, None where nobody watches."""

    def lacks(self, chosen: Sequence[int]) -> bool:
        """Whether any of these is still to be made."""
        keys = {self.recipes[index].key for index in chosen}
        return not self.wishes.reuse or default_store().has(keys, exact=self.wishes.exact) != keys

    def make(self, job: Job, model: Model, chosen: Sequence[int], before: int, after: int) -> None:
        """The recipes at the places `chosen`; other models make `before` and `after` calls in this job."""
        places: dict[str, list[int]] = {}
        for index in chosen:
            places.setdefault(self.recipes[index].key, []).append(index)
        wanted, wishes = [], self.wishes
        for indices in places.values():
            recipe = self.recipes[indices[0]]
            known = default_store().get(recipe.key, exact=wishes.exact) if wishes.reuse else None
            if known is None:
                wanted.append(recipe)
                continue
            known.notes = model.notes(recipe)
            for index in indices:
                job.picture(index, known)
        decode = getattr(model, "decode", None)
        tiny = getattr(model, "preview", None)
        chosen_places = [places[recipe.key] for recipe in wanted]
        watcher = _Placing(job, chosen_places, wishes.store, before, after, decode, tiny)
        if wanted:
            for _ in model.run(wanted, watcher, exact=wishes.exact, tick_seconds=self.tick):
                pass


class _Placing(Observer):
    """Tells a job about each picture at every place it was asked for, and keeps it in the store."""

    def __init__(
        self,
        job: Job,
        places: list[list[int]],
        store: bool,
        before: int,
        after: int,
        decode: Callable[[Tensor], np.ndarray] | None,
        tiny: Callable[[Tensor], np.ndarray | None] | None = None,
    ) -> None:
        self._job = job
        self._places = places
        self._store = store
        self._before, self._after = before, after
        self.wants_steps = job.wants_steps and decode is not None
        self._decode = decode
        self._tiny = tiny
        self._colours: LinearPreview | None = None
        self._latest: dict[int, Tensor] = {}

    def tick(self, calls_done: int, calls_total: int) -> None:
        self._job.tick(self._before + calls_done, self._before + calls_total + self._after)

    def step(self, event: Step) -> None:
        """A glimpse of the picture: its x₀ estimate through a map that is fitted to this model as it runs.

        Where the model has been given a tiny autoencoder, that is used.
        """
        if event.x0.ndim != 3 or self._decode is None:
            return
        if self._tiny is not None:
            colours = self._tiny(event.x0)
            if colours is not None:
                self._show(event.index, colours)
            return
        if self._colours is None:
            self._colours = LinearPreview(len(event.x0))
            self._colours.add(event.x0, self._decode(event.x0[None])[0])
        self._latest[event.index] = event.x0
        self._show(event.index, self._colours(event.x0))

    def _show(self, index: int, colours: np.ndarray) -> None:
        for place in self._places[index]:
            self._job.glimpse(place, colours)

    def picture(self, index: int, picture: Picture) -> None:
        latent = self._latest.pop(index, None)
        if latent is not None and self._colours is not None:
            self._colours.add(latent, np.asarray(picture))
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
