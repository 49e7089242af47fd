"""What may be set in the laboratory of score and flow? Checked as a whole before anything changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any

from ..errors import NbgenError, brief
from ..samplers import SAMPLERS
from .checking import Rules
from .distributions import Distribution, distribution
from .learning import TARGETS
from .noising import SCHEDULES
from .paths import MOST_STEPS, Samplers

VIEWS = ("forward", "field", "sampling", "guidance", "learning")
FIELDS = ("score", "velocity", "denoised")
"""Arrows: ∇ log p; the way the probability-flow ODE goes, towards the data; from x to E[x₀ | x]."""

MOST_RUNS = 4
MOST_POINTS = 5000
MOST_PARTICLES = 50

_NUMBERS: dict[str, tuple[float, float, bool]] = {
    "t": (0.0, 1.0, False),
    "points": (1, MOST_POINTS, True),
    "seed": (0, 2**32 - 1, True),
    "guidance": (0.0, 20.0, False),
    "data": (0, MOST_POINTS, True),
    "width": (4, 512, True),
    "learning_rate": (1e-6, 1.0, False),
    "batch": (8, 4096, True),
    "reference_steps": (50, 1000, True),
}
"""Least, most, whether whole."""

_WORDS: dict[str, tuple[str, ...]] = {
    "view": VIEWS,
    "schedule": tuple(SCHEDULES),
    "arrows": FIELDS,
    "target": TARGETS,
}

FlowLab = Any
"""The laboratory of `score_field`, which imports the modules that work on it."""


class FlowError(NbgenError, ValueError):
    """A setting of the laboratory that cannot be."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides what the laboratory shows, but for how far it has got."""

    distribution: Distribution = field(default_factory=lambda: distribution("two moons"))
    view: str = "forward"
    schedule: str = "scaled linear"
    t: float = 0.4
    arrows: str = "score"
    points: int = 600
    seed: int = 0
    sampler: tuple[str, ...] = ("ddim", "dpm++2m karras")
    steps: tuple[int, ...] = (10, 10)
    towards: str = ""
    guidance: float = 3.0
    target: str = "epsilon"
    data: int = 0
    width: int = 128
    learning_rate: float = 4e-3
    batch: int = 512
    reference_steps: int = 250

    def samplers(self) -> Samplers:
        return Samplers(self.distribution, SCHEDULES[self.schedule], self.points, self.seed)


NAMES = tuple(one.name for one in fields(Settings))

_RULES = Rules("the laboratory", FlowError, NAMES, _WORDS, _NUMBERS)


def with_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with these changes. Raises FlowError, DistributionError and SamplerError, and changes nothing."""
    _RULES.check_names(changes)
    known = {name: _one(name, value) for name, value in changes.items()}
    if "distribution" in known and "towards" not in known:
        known["towards"] = ""
    if "sampler" in known or "steps" in known:
        known["sampler"], known["steps"] = _runs(
            known.get("sampler", settings.sampler), known.get("steps", settings.steps)
        )
    made = replace(settings, **known)
    if not made.towards:
        made = replace(made, towards=made.distribution.classes[0])
    made.distribution.members(made.towards)  # raises: no such class
    return _with_runnable(made, given="sampler" in changes)


def _one(name: str, value: Any) -> Any:
    if name == "distribution":
        return distribution(value)
    if name == "sampler":
        several = (
            [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple)) else []
        )
        if not 1 <= len(several) <= MOST_RUNS:
            raise FlowError(f"sampler must be one to {MOST_RUNS} names such as 'ddim', not {brief(value)}.")
        return tuple(several)
    if name == "steps":
        several = list(value) if isinstance(value, (list, tuple)) else [value]
        if not 1 <= len(several) <= MOST_RUNS:
            raise FlowError(f"steps must be one to {MOST_RUNS} whole numbers, not {brief(value)}.")
        return tuple(int(_RULES.number("steps", one, 1, MOST_STEPS, True)) for one in several)
    if name == "towards":
        return value
    return _RULES.checked(name, value)


def _runs(samplers: tuple[str, ...], steps: tuple[int, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """As many samplers as step counts: one of either goes with all of the other."""
    samplers = samplers[:1] if len(set(samplers)) == 1 else samplers
    steps = steps[:1] if len(set(steps)) == 1 else steps
    count = max(len(samplers), len(steps))
    samplers = samplers * count if len(samplers) == 1 else samplers
    steps = steps * count if len(steps) == 1 else steps
    if len(samplers) != len(steps):
        raise FlowError(
            f"{len(samplers)} samplers and {len(steps)} step counts do not match: give one or as many."
        )
    return samplers, steps


def _with_runnable(settings: Settings, *, given: bool) -> Settings:
    """Samplers that cannot run on a schedule are refused where they were given, and else replaced by Euler."""
    if settings.view != "sampling" and not given:
        return settings
    samplers = settings.samplers()
    names = []
    for name, steps in zip(settings.sampler, settings.steps, strict=True):
        try:
            samplers.recipe(name, steps)
        except NbgenError:
            if given:
                raise
            name = "euler"
        names.append(name)
    return replace(settings, sampler=tuple(names))


@cache
def runnable(schedule: str) -> tuple[str, ...]:
    """The samplers that a menu offers for this noise schedule, those on a bent schedule of steps beside the plain."""
    samplers, found = Samplers(distribution("ring of eight"), SCHEDULES[schedule], 1, 0), []
    for row in SAMPLERS:
        for name in (row.name, *(f"{row.name} {curve}" for curve in row.curves if curve in ("karras", "lu"))):
            try:
                samplers.recipe(name, 2)
            except NbgenError:
                continue
            found.append(name)
    return tuple(found)
