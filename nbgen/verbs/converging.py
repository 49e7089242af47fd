"""`convergence`: how fast do samplers approach the exact solution, for what they cost?"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import session
from ..engine.batching import Engine, Failed
from ..errors import RecipeError
from ..jobs import Job, submit
from ..models.driven import DrivenModel
from ..names import refuse_unknown
from ..recipe import Recipe, canonical_seed
from ..sampling import BY_NAME, find_sampler, find_schedule
from ..show.curves import Curve, log_log
from ..show.table import Table
from ..styling import styled
from ..unshown import shown
from ..values import one_or_several
from .making import as_model
from .waiting import deliver

SAMPLERS = ("ddim", "euler", "heun", "dpm++2m", "unipc")
STEPS = (5, 10, 20, 40)
MOST_RUNS = 10_000
"""Runs of one call, references included; more is most likely a slip."""

STOCHASTIC = (
    "Dashed: samplers that add noise at every step. They draw from the same distribution but end elsewhere, so "
    "their distance to the ODE's solution does not shrink; judge them by their pictures."
)


@dataclass(frozen=True)
class Setting:
    """One sampler at one number of steps, measured over several starting noises.

    errors: the RMSE of the latents to the reference, one a seed; calls: denoiser evaluations of one picture
    """

    sampler: str
    schedule: str | None
    steps: int
    calls: int
    stochastic: bool
    errors: tuple[float, ...]

    @property
    def error(self) -> float:
        """The mean over the seeds."""
        return sum(self.errors) / len(self.errors)

    @property
    def label(self) -> str:
        return self.sampler if self.schedule is None else f"{self.sampler} {self.schedule}"


class Convergence:
    """Errors against denoiser calls. Shows itself as a figure; `table()` has the numbers, `settings` all of them."""

    def __init__(self, settings: Sequence[Setting], reference: str, title: str) -> None:
        self.settings = tuple(settings)
        self.reference = reference
        self._title = title

    def __iter__(self) -> Any:
        return iter(self.settings)

    def table(self) -> Table:
        """One row a setting: calls, mean error, and the range over the seeds."""
        return Table(
            [
                {
                    "sampler": each.label,
                    "steps": each.steps,
                    "calls": each.calls,
                    "error": each.error,
                    "lowest": min(each.errors),
                    "highest": max(each.errors),
                    "seeds": len(each.errors),
                }
                for each in self.settings
            ]
        )

    def figure(self) -> Any:
        """Both axes logarithmic: a solver of order p falls with slope -p."""
        curves = []
        for label in dict.fromkeys(each.label for each in self.settings):
            points = sorted(
                (each for each in self.settings if each.label == label), key=lambda each: each.calls
            )
            band = points[0].stochastic
            curves.append(
                Curve(
                    label,
                    [each.calls for each in points],
                    [each.error for each in points],
                    [min(each.errors) for each in points] if band else None,
                    [max(each.errors) for each in points] if band else None,
                )
            )
        drawn = [each for each in self.settings if each.stochastic]
        note = STOCHASTIC if drawn else ""
        if drawn and all(len(each.errors) == 1 for each in drawn):
            note += " How far apart they end is seen over several noises: seed=range(4)."
        ylabel = f"RMSE of the latent to\n{self.reference}"
        return log_log(curves, "denoiser calls", ylabel, self._title, note)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        shown(self)
        buffer = io.BytesIO()
        self.figure().savefig(buffer, format="png")
        return {"image/png": buffer.getvalue(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        names = dict.fromkeys(each.label for each in self.settings)
        count = "1 setting" if len(self.settings) == 1 else f"{len(self.settings)} settings"
        return f"Convergence({', '.join(names)}: {count} against {self.reference})"


def convergence(
    prompt: str | None = None,
    *,
    sampler: str | Iterable[str] | None = None,
    steps: int | Iterable[int] | None = None,
    seed: int | Iterable[int] | None = None,
    model: Any = None,
    reference_steps: int = 250,
    **fields: Any,
) -> Convergence:
    """How far each sampler ends from the exact solution, against denoiser **calls** (not steps).

    The exact solution is that of the probability-flow ODE from the same starting noise, computed by Heun's
    method with `reference_steps` steps on the model's linear spacing.

    sampler: names, each of which may carry a schedule ("DPM++ 2M Karras"); left out, usual ones
    steps: numbers of steps; left out, 5, 10, 20 and 40
    seed: one starting noise or several; left out, the notebook's, or 0
    model, fields: as in `generate`, the same for all; what `nbgen.defaults` has set holds here too

    Everything runs as one batch. Nothing is stored: what counts are latents, not pictures.

        nbgen.convergence("a cat face", sampler=["ddim", "heun", "DPM++ 2M Karras"], steps=[5, 10, 20])

    Raises RecipeError and SamplerError before any work.
    """
    chosen = as_model(model)
    if not isinstance(chosen, DrivenModel):
        raise RecipeError(f"the model {chosen.ref.name!r} has no samplers to compare.")
    refuse_unknown(fields, chosen.fields | {"style"})
    # A schedule or options that the notebook has set belong to its own sampler.
    base = session.default_fields(chosen.fields - {"sampler", "schedule", "options", "steps"})
    base |= {name: value for name, value in fields.items() if value is not None or name == "negative"}
    base |= {} if prompt is None else {"prompt": prompt}
    base = styled(base, chosen.fields)
    seeds = [canonical_seed(one) for one in _several("seed", seed, base.pop("seed", 0))]
    usual = [name for name in SAMPLERS if BY_NAME[name].unavailable(chosen.kind) is None]
    names, numbers = _several("sampler", sampler, usual), _several("steps", steps, STEPS)
    runs = (len(names) * len(numbers) + 1) * len(seeds)
    if runs > MOST_RUNS:
        raise RecipeError(
            f"{len(names):,} (sampler) × {len(numbers):,} (steps) × {len(seeds):,} (seed) and the references "
            f"would be {runs:,} runs or more, and {MOST_RUNS:,} is the most: measure less at once."
        )
    with chosen.settled():
        wanted = [_setting(chosen, name, number, base) for name in names for number in numbers]
        exact = chosen.resolve(
            **{
                **base,
                "sampler": "heun",
                "schedule": None if chosen.kind == "flow" else "linspace",
                "steps": reference_steps,
                "options": None,
            }
        )
    recipes = [recipe.replace(seed=number) for recipe in (exact, *wanted) for number in seeds]

    latents: dict[int, Tensor] = {}  # beside the job, which keeps pictures only

    def work(job: Job) -> None:
        chosen.ready()
        for made in Engine(
            chosen, recipes, job, rows=chosen.rows, knee=None if chosen.rows else chosen.knee(recipes)
        ).run():
            if isinstance(made, Failed):
                raise made.error
            latents[made.index] = made.latent

    def make_result(job: Job) -> Convergence:
        settings = []
        for place, recipe in enumerate(wanted, 1):
            row = BY_NAME[recipe.sampler or ""]
            errors = tuple(
                _rmse(latents[place * len(seeds) + number], latents[number]) for number in range(len(seeds))
            )
            settings.append(
                Setting(
                    row.name, recipe.schedule, recipe.steps or 0, chosen.calls(recipe), row.stochastic, errors
                )
            )
        title = f'"{exact.prompt}"' if exact.prompt else chosen.ref.name
        return Convergence(settings, f"Heun with {chosen.calls(exact)} calls", title)

    return deliver(submit(chosen, work), make_result)


def _several(name: str, values: Any, otherwise: Any) -> list[Any]:
    """One value or several as a list, cut off once there are too many: a range may be endless in effect."""
    several = list(itertools.islice(one_or_several(otherwise if values is None else values), MOST_RUNS + 1))
    if not several:
        raise RecipeError(f"the list of {name} is empty: there is nothing to measure.")
    return several


def _setting(model: DrivenModel, name: str, steps: int, fields: dict[str, Any]) -> Recipe:
    sampler, carried = find_sampler(name)
    given = find_schedule(fields.get("schedule"))
    # A schedule for all is taken by those that can, so that it may stand beside samplers that have none.
    schedule = carried or (given if given in sampler.schedules_for(model.kind) else None)
    return model.resolve(**{**fields, "sampler": sampler.name, "schedule": schedule, "steps": steps})


def _rmse(a: Tensor, b: Tensor) -> float:
    return float(torch.sqrt(((a - b) ** 2).mean()))
