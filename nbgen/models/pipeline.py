"""Every other text-to-image pipeline: recipes grouped by what one call can take, run by the pipeline itself."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ..engine.asks import Step
from ..engine.batching import MODEST_ROWS, TRIES
from ..engine.memory import give_back, is_out_of_memory, without_traceback
from ..engine.observer import Observer, RunStats
from ..errors import OutOfMemoryError, RecipeError
from ..picture import Cost, Picture
from ..recipe import Mix, ModelRef, Recipe
from .asking import Asking, Made
from .base import Model, versions
from .calling import NotTogether, Stopped, Watch
from .held import checksum, decoder_of, device_of, dtype_of, own_size
from .residence import Residence
from .safety import BLANKED
from .signature import Signature
from .swapping import Samplers


class PipelineModel(Model):
    """A diffusers pipeline that nbgen does not drive row by row.

    pipe: the pipeline, or a Residence of one; after each call it is as it was
    ref: which weights these are, or None to take a checksum over them, again before every run

    Its fields are what its signature has; its own arguments stand in `extra`. Raises ModelError for a pipeline
    that makes no pictures, or needs what no recipe has.
    """

    family = "pipeline"
    times = 1
    """How many times larger, on each side, its pictures are than those it makes them of."""

    def __init__(
        self,
        pipe: Any,
        ref: ModelRef | None = None,
        *,
        name: str | None = None,
        defaults: Mapping[str, Any] | None = None,
        rows: int | None = None,
    ) -> None:
        self._held = pipe
        self._class = type(self._pipe).__name__
        self._signature = Signature.of(self._pipe)
        self._samplers = self._choosable()
        self._asking = Asking(self._signature, self._samplers, self.times)
        self.kind = self._samplers.kind
        self._handed_over = ref is None
        self._name = name or self._class
        self._given_defaults = dict(defaults or {})
        self._most: int | None = None
        self.fields = self._fields()
        named = dataclasses.replace(ref or self._checksum(), family=self._class)
        super().__init__(named, device_of(self._pipe), rows=rows)

    @property
    def _pipe(self) -> Any:
        return self._held.parts if isinstance(self._held, Residence) else self._held

    def _choosable(self) -> Samplers:
        """The samplers that recipes may choose for this pipeline."""
        return Samplers.of(self._pipe)

    def _fields(self) -> frozenset[str]:
        found = {"seed", *self._signature.fields, *self._samplers.fields}
        found |= {"size"} if self._signature.sized else set()
        return frozenset(found | ({"extra"} if self._signature.own else set()))

    @property
    def ref(self) -> ModelRef:
        if self._handed_over and not self._settled:
            self._ref = dataclasses.replace(self._checksum(), family=self._class)
        return self._ref

    def _checksum(self) -> ModelRef:
        dtype = str(dtype_of(self._pipe)).removeprefix("torch.")
        return ModelRef(self._name, checksum(self._pipe), dtype)

    @property
    def defaults(self) -> dict[str, Any]:
        taken = self._signature
        found = {field: taken.default(name) for field, name in taken.fields.items() if field != "prompt"}
        found |= {"size": own_size(self._pipe, taken)} if taken.sized else {}
        found = {**found, **self._samplers.own, **self._given_defaults}
        return {field: value for field, value in found.items() if value is not None and field in self.fields}

    @property
    def decode(self) -> Callable[[Tensor], np.ndarray] | None:
        """Latents to pixels, for previews; None where there are none."""
        return decoder_of(self._pipe, self.device)

    def resolve(self, **fields: Any) -> Recipe:
        return super().resolve(**self._samplers.named(fields))

    def check(self, recipe: Recipe) -> Recipe:
        """The pipeline's own arguments, mixtures and the sampler, in canonical form."""
        if recipe.prompt is None and self._signature.needs_prompt:
            raise RecipeError('a prompt is needed, such as "a lighthouse at dusk" ("" draws without words).')
        for field in ("prompt", "negative"):
            if isinstance(getattr(recipe, field), Mix):
                raise RecipeError(
                    f"{self._class} encodes its words itself, so nbgen cannot mix prompts for it; "
                    'interpolate(along="seed") and whole prompts work.'
                )
        if isinstance(recipe.seed, Mix) and not self._signature.takes("latents"):
            raise RecipeError(
                f"{self._class} takes no latents, so it cannot start between two seeds: whole seeds work."
            )
        extra = self._signature.check_extra(dict(recipe.extra))
        return self._samplers.check(recipe.replace(extra=extra), self._signature)

    def forget_what_it_read(self) -> None:
        super().forget_what_it_read()
        self._asking.forget()

    def calls(self, recipe: Recipe) -> int:
        return self._signature.calls(self._asking.arguments(recipe))

    def asks(self, recipe: Recipe) -> int:
        return 2 if (recipe.guidance or 0) > 1 else 1

    def notes(self, recipe: Recipe) -> tuple[str, ...]:
        if self._signature.step_callback is None:
            return (
                f"{self._class} has no step callback: it is watched and stopped through its progress bar, "
                "without previews.",
            )
        return ()

    def run(
        self,
        recipes: Sequence[Recipe],
        observer: Observer | None = None,
        *,
        exact: bool = False,
        tick_seconds: float | None = None,
    ) -> Iterator[tuple[int, Picture]]:
        """As every model's: groups of recipes in one call each, in the order of their first.

        A call that runs out of memory is halved; one that fails for another reason is made picture by picture, so
        that only a culprit fails.
        """
        self.check_weights(recipes)
        watcher = observer or Observer()
        self.ready()
        self.last_stats = stats = RunStats()
        progress = _Progress(watcher, [self.calls(recipe) for recipe in recipes])
        waiting = deque(self._groups(recipes, exact))
        tries = [0] * len(recipes)
        started = time.perf_counter()
        try:
            while waiting and not watcher.stopping():
                group = waiting.popleft()
                began = time.perf_counter()
                try:
                    made = self._make(recipes, group, progress, watcher)
                except Stopped:
                    break
                except NotTogether:
                    self._asking.one_by_one = True
                    waiting.extendleft([index] for index in reversed(group))
                except Exception as error:
                    problem = without_traceback(error)
                    stats.out_of_memory += is_out_of_memory(problem)
                    again = self._again(group, problem, tries)
                    waiting.extendleft(reversed(again))
                    if not again:
                        progress.finished(group)
                        watcher.failed(group[0], self._told(problem))
                else:
                    seconds = (time.perf_counter() - began) / len(group)
                    stats.ticks, stats.rows = stats.ticks + 1, stats.rows + len(group)
                    progress.finished(group)
                    for index, pixels, blanked in zip(group, *made, strict=True):
                        if blanked:
                            watcher.failed(index, RecipeError(BLANKED))
                            continue
                        picture = self._picture(recipes[index], pixels, seconds, len(group), exact)
                        watcher.picture(index, picture)
                        self.used = time.monotonic()
                        yield index, picture
        finally:
            stats.wall = time.perf_counter() - started
            watcher.ended(stats)

    def _groups(self, recipes: Sequence[Recipe], exact: bool) -> list[list[int]]:
        """Places of recipes that one call can take together."""
        found: dict[Hashable, list[int]] = {}
        for index, recipe in enumerate(recipes):
            alone = exact or self._asking.one_by_one
            found.setdefault(index if alone else self._asking.together(recipe), []).append(index)
        groups = []
        for indices in found.values():
            most = (self.rows or MODEST_ROWS) // self.asks(recipes[indices[0]])
            groups += _parts(indices, max(1, min(most, self._most or most)))
        return sorted(groups)

    def _make(
        self, recipes: Sequence[Recipe], group: Sequence[int], progress: _Progress, watcher: Observer
    ) -> Made:
        seen = watcher.wants_steps and self.decode is not None

        def step(number: int, latents: Tensor | None) -> None:
            progress.step(group, number)
            if not seen or latents is None or latents.ndim != 4 or len(latents) != len(group):
                return
            for index, latent in zip(group, latents.detach().float().cpu(), strict=True):
                total = progress.calls[index]
                # The latents themselves, noise and all: a pipeline does not show what it predicted.
                watcher.step(Step(index, number - 1, total, 0.0, latent, latent, latent, None))

        watch = Watch(step, watcher.stopping)
        return self._asking.pictures(self._pipe, [recipes[index] for index in group], watch)

    def _again(self, group: list[int], problem: Exception, tries: list[int]) -> list[list[int]]:
        """The parts in which a call that failed is tried again; none where there is no hope."""
        out = is_out_of_memory(problem)
        if out:
            give_back(self.device)
            self._most = max(1, len(group) // 2)
        if len(group) > 1:
            return _parts(group, len(group) // 2 if out else 1)
        tries[group[0]] += 1
        return [group] if out and tries[group[0]] < TRIES else []

    def _told(self, problem: Exception) -> Exception:
        if is_out_of_memory(problem):
            return OutOfMemoryError(f"memory ran out {TRIES} times for this picture ({problem!s:.200}).")
        if isinstance(problem, RecipeError):
            return problem
        told = " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
        return RecipeError(f"{self._class} did not make this picture: {told}")

    def _picture(
        self, recipe: Recipe, pixels: np.ndarray, seconds: float, batch: int, exact: bool
    ) -> Picture:
        calls = self.calls(recipe)
        cost = Cost(
            calls=calls, rows=calls * self.asks(recipe), shared_seconds=seconds, batch=batch,
            device=self.device.type, versions=versions(), exact=exact,
        )  # fmt: skip
        notes = self.notes(recipe)
        height, width = pixels.shape[:2]
        if recipe.size not in (None, (width, height)):
            asked = "×".join(map(str, recipe.size or ()))
            notes += (f"{self._class} made {width}×{height} pixels where {asked} were asked for.",)
        return Picture(pixels, recipe, cost, notes=notes)


class _Progress:
    """Denoiser calls of a run, told to its observer as they are made."""

    def __init__(self, observer: Observer, calls: Sequence[int]) -> None:
        self.calls = list(calls)
        self._observer = observer
        self._done = [0] * len(calls)

    def step(self, group: Sequence[int], number: int) -> None:
        for index in group:
            self._done[index] = min(number, self.calls[index])
        self._observer.tick(sum(self._done), sum(self.calls))

    def finished(self, group: Sequence[int]) -> None:
        for index in group:
            self._done[index] = self.calls[index]
        self._observer.tick(sum(self._done), sum(self.calls))


def _parts(group: Sequence[int], size: int) -> list[list[int]]:
    return [list(group[begin : begin + size]) for begin in range(0, len(group), size)]
