"""`filmstrip`: snapshots along one run, from noise to picture."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, Literal

import torch

from .. import session
from ..engine.asks import Step
from ..engine.batching import Engine, Failed
from ..engine.observer import Observer
from ..errors import RecipeError, brief
from ..jobs import Job, submit
from ..models.base import Model
from ..models.driven import DrivenModel
from ..names import refuse_unknown
from ..picture import Picture, Pictures
from ..recipe import Recipe, canonical_seed
from ..styling import styled
from ..values import one_or_several
from .making import as_model, model_of
from .waiting import deliver

SNAPSHOTS = 8
MOST_NUMBERS = 100_000
"""Entries of `at` that are looked at: a run has far fewer calls."""
AT_ONCE = 8
"""Latents decoded in one forward of the decoder."""


def filmstrip(
    prompt: str | Picture | None = None,
    *,
    at: int | Iterable[int] | None = None,
    show: Literal["estimate", "noisy"] = "estimate",
    seed: int | None = None,
    model: Any = None,
    **fields: Any,
) -> Pictures:
    """Snapshots along **one** run: what the model sees in the noise at each of the denoiser calls `at`.

    prompt: the words, or a picture whose run is shown; left out, the notebook's
    seed: of the starting noise; left out, the picture's own, the notebook's, or 0
    at: numbers of denoiser calls, from 1; left out, eight spread over the run, the last one included
    show: "estimate", the finished picture as the model would guess it at that moment (x₀ from xₜ and the
        guided prediction); "noisy", the latent itself at that moment, decoded

    To run with different numbers of steps instead, which is another question, give `steps` a list in
    `nbgen.compare`. Snapshots are not stored: they are no finished pictures. Raises RecipeError before any work.

        nbgen.filmstrip("a cat face", at=[1, 2, 5, 10, 20])
    """
    recipe, chosen = _recipe(prompt, seed, model, fields)
    if show not in ("estimate", "noisy"):
        raise RecipeError(f'show must be "estimate" or "noisy", not {show!r:.40}.')
    total = chosen.calls(recipe)
    numbers = _numbers(at, total)
    watching = _Watching({number - 1 for number in numbers}, show == "noisy")

    def work(job: Job) -> None:
        watching.job = job
        chosen.ready()
        for made in Engine(chosen, [recipe], watching).run():
            if isinstance(made, Failed):
                raise made.error
        for begin in range(0, len(numbers), AT_ONCE):
            part = [number for number in numbers[begin : begin + AT_ONCE] if number - 1 in watching.kept]
            if not part:
                break
            with torch.no_grad():
                frames = chosen.decode(torch.stack([watching.kept[number - 1] for number in part]))
            for index, (number, frame) in enumerate(zip(part, frames, strict=True), begin):
                job.picture(index, Picture(frame, name=f"{number} of {total}"))

    job = submit(chosen, work, total=len(numbers), make_result=lambda job: Pictures(job.pictures))
    return deliver(job)


def _recipe(prompt: Any, seed: int | None, model: Any, fields: dict[str, Any]) -> tuple[Recipe, DrivenModel]:
    if not isinstance(prompt, Picture):
        chosen = _with_a_run(as_model(model))
        refuse_unknown(fields, chosen.fields | {"style"})
        base = {"seed": 0, **session.default_fields(chosen.fields)}
        if fields.get("sampler") is not None:  # these belong to the sampler that the notebook has set
            base = {name: value for name, value in base.items() if name not in ("schedule", "options")}
        base |= {name: value for name, value in fields.items() if value is not None or name == "negative"}
        base |= {} if prompt is None else {"prompt": prompt}
        base |= {} if seed is None else {"seed": canonical_seed(seed)}
        return chosen.resolve(**styled(base, chosen.fields)), chosen
    if prompt.recipe is None or prompt.recipe.model is None:
        raise RecipeError("this picture carries no recipe of a model, so its run cannot be shown.")
    chosen = _with_a_run(model_of(prompt.recipe, model))
    if seed is not None:
        fields = {**fields, "seed": canonical_seed(seed)}
    if "style" in fields:
        own = {"prompt": prompt.recipe.prompt, "negative": prompt.recipe.negative}
        fields = styled({**own, **fields}, chosen.fields)
    return chosen.check(prompt.recipe.replace(**fields, model=chosen.ref)), chosen


def _with_a_run(model: Model) -> DrivenModel:
    if not isinstance(model, DrivenModel):
        why = "draws in one forward" if model.kind == "gan" else "runs through its own pipeline"
        raise RecipeError(f"the model {model.ref.name!r} {why}: there is no run to show.")
    return model


def _numbers(at: Any, total: int) -> list[int]:
    if at is None:
        count = min(SNAPSHOTS, total)
        return sorted({round(1 + place * (total - 1) / max(1, count - 1)) for place in range(count)})
    numbers: set[int] = set()
    # Looked at one by one, and refused at the first that is wrong: a range may be longer than memory.
    for number in itertools.islice(one_or_several(at), MOST_NUMBERS):
        whole = hasattr(number, "__index__") and not isinstance(number, bool)
        if not whole or not 1 <= number.__index__() <= total:
            raise RecipeError(
                f"at must list denoiser calls of this run, from 1 to {total}, not {brief(number, 40)}."
            )
        numbers.add(number.__index__())
    if not numbers:
        raise RecipeError(f"at must list denoiser calls of this run, from 1 to {total}.")
    return sorted(numbers)


class _Watching(Observer):
    """Keeps the latents of the steps that are asked for, and passes progress on."""

    wants_steps = True

    def __init__(self, wanted: set[int], noisy: bool) -> None:
        self.kept: dict[int, torch.Tensor] = {}
        self.job: Job | None = None
        self._wanted = wanted
        self._noisy = noisy

    def step(self, event: Step) -> None:
        if event.number in self._wanted:
            self.kept[event.number] = event.x if self._noisy else event.x0

    def tick(self, calls_done: int, calls_total: int) -> None:
        if self.job is not None:
            self.job.tick(calls_done, calls_total)

    def stopping(self) -> bool:
        return self.job is not None and self.job.stopping()
