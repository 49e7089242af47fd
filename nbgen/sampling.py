"""Which sampler is meant, what it takes, and who can run it: names read, options checked, schedulers' settings.

Names are the ones people know from papers and other programs, and `find_sampler` reads their spellings.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from .errors import SamplerError, did_you_mean
from .samplers import BY_NAME, CURVES, SAMPLERS, SPACINGS, STEP_OPTIONS, Sampler

__all__ = [
    "BY_NAME",
    "CURVES",
    "SAMPLERS",
    "SPACINGS",
    "STEP_OPTIONS",
    "Sampler",
    "check_sampling",
    "find_sampler",
    "find_schedule",
    "scheduler_options",
    "table_of_samplers",
]

_SPOKEN = {
    "karras": "karras",
    "exponential": "exponential",
    "beta": "beta",
    "lu": "lu",
    "sgmuniform": "trailing",
    "simple": "trailing",
    "trailing": "trailing",
    "leading": "leading",
    "linspace": "linspace",
    "normal": None,
    "automatic": None,
    "default": None,
    "": None,
}

_REFUSED = {
    "edmeuler": "EDMEuler is for models trained in EDM's own scaling, and gives garbage on others: use 'euler'.",
    "ipndm": "IPNDM ignores the noise schedule the model was trained with; use sampler='pndm'.",
}


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-()]", "", name.lower()).replace("dpmpp", "dpm++")


@cache
def _spellings() -> dict[str, Sampler]:
    known: dict[str, Sampler] = {}
    for sampler in SAMPLERS:
        shortened = sampler.scheduler.removesuffix("Scheduler")
        # Two rows share DPMSolverMultistep; its class name means the first, deterministic one.
        for spelling in (
            sampler.name,
            sampler.label,
            *sampler.aliases,
            sampler.scheduler,
            shortened,
            shortened.removesuffix("Discrete"),
        ):
            known.setdefault(_plain(spelling), sampler)
    return known


def find_sampler(name: str) -> tuple[Sampler, str | None]:
    """The sampler that a name means, and the schedule where the name carries one.

    "DPM++ 2M Karras" means the sampler "dpm++2m" on the schedule "karras"; class names of diffusers are read
    too. Raises SamplerError with the nearest names.

    >>> sampler, schedule = find_sampler("DPM++ 2M Karras")
    >>> sampler.name, schedule
    ('dpm++2m', 'karras')
    """
    if not isinstance(name, str):
        raise SamplerError(f"sampler must be a name such as 'euler', not {name!r:.60}.")
    known, plain = _spellings(), _plain(name)
    if plain in known:
        return known[plain], None
    for ending, schedule in _SPOKEN.items():
        if ending and plain.endswith(ending) and plain.removesuffix(ending) in known:
            return known[plain.removesuffix(ending)], schedule
    for refused, reason in _REFUSED.items():
        if plain.startswith(refused):
            raise SamplerError(reason)
    raise SamplerError(
        f"there is no sampler {name!r:.60}: {did_you_mean(name, [row.name for row in SAMPLERS])}"
    )


def find_schedule(name: str | None) -> str | None:
    """The schedule that a name means ("SGM Uniform" is "trailing"); None for a model's own."""
    if name is None:
        return None
    if not isinstance(name, str) or _plain(name) not in _SPOKEN:
        raise SamplerError(
            f"there is no schedule {name!r:.60}: {did_you_mean(str(name), (*CURVES, *SPACINGS))}"
        )
    return _SPOKEN[_plain(name)]


def check_sampling(
    sampler: Sampler, schedule: str | None, options: Mapping[str, Any], kind: str = "diffusion"
) -> dict[str, Any]:
    """Raises SamplerError unless the sampler runs for `kind` and takes this schedule and these options.

    Returns the options, each as a number of the type its default has.
    """
    reason = sampler.unavailable(kind)
    if reason:
        raise SamplerError(f"sampler {sampler.name!r} cannot run here: {reason}.")
    if schedule is not None and schedule not in sampler.schedules_for(kind):
        taken = ", ".join(sampler.schedules_for(kind)) or "none"
        raise SamplerError(
            f"sampler {sampler.name!r} does not take the schedule {schedule!r}; it takes: {taken}."
        )
    if schedule == "beta" and importlib.util.find_spec("scipy") is None:
        raise SamplerError("the schedule 'beta' needs scipy: pip install scipy.")
    known = sampler.options(kind) if options else {}
    checked = {}
    for name, value in options.items():
        if name not in known:
            raise SamplerError(
                f"sampler {sampler.name!r} has no option {name!r:.60}: {did_you_mean(name, known)}"
            )
        default = known[name]
        numeric = isinstance(default, (int, float)) and not isinstance(default, bool)
        if numeric and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise SamplerError(
                f"option {name!r} of sampler {sampler.name!r} must be a number, not {value!r:.60}."
            )
        if numeric and isinstance(default, int) and not float(value).is_integer():
            raise SamplerError(
                f"option {name!r} of sampler {sampler.name!r} must be a whole number, not {value!r:.60}."
            )
        if isinstance(default, bool) and not isinstance(value, bool):
            raise SamplerError(
                f"option {name!r} of sampler {sampler.name!r} must be True or False, not {value!r:.60}."
            )
        checked[name] = float(value) if isinstance(default, float) and numeric else value
    if checked:
        _try_out(sampler, schedule, tuple(sorted(checked.items())), kind)
    return checked


@cache
def _try_out(sampler: Sampler, schedule: str | None, options: tuple[tuple[str, Any], ...], kind: str) -> None:
    """Makes a scheduler with these options, which is the only way to learn whether diffusers takes their values."""
    try:
        made: Any = sampler.scheduler_class(kind)(**scheduler_options(sampler, schedule, dict(options), kind))
        made.set_timesteps(4)
    except Exception as error:  # of nearly every built-in type
        named = ", ".join(f"{name}={value!r:.40}" for name, value in options)
        told = " ".join(str(error).split())[:160].rstrip(".")
        raise SamplerError(f"sampler {sampler.name!r} does not take {named}: {told}.") from None


def table_of_samplers(kind: str = "diffusion") -> Any:
    """A row for each sampler as a model of `kind` "diffusion" or "flow" has it."""
    from .show.table import Table

    rows = []
    for sampler in SAMPLERS:
        cost = "2n - 1" if sampler.second_order else "n + 1" if sampler.extra_call else "n"
        reason = sampler.unavailable(kind)
        rows.append(
            {
                "name": sampler.name,
                "known as": sampler.label,
                "calls": cost,
                "noise": "stochastic" if sampler.stochastic else "deterministic",
                "schedules": ", ".join(sampler.schedules_for(kind)),
                "options": ", ".join(sampler.options(kind)) if reason is None else "",
                "remark": reason or ("for distilled models" if sampler.distilled else ""),
            }
        )
    return Table(rows)


def scheduler_options(
    sampler: Sampler, schedule: str | None, options: Mapping[str, Any], kind: str
) -> dict[str, Any]:
    """What the scheduler is constructed with beside the model's own settings."""
    chosen: dict[str, Any] = dict(sampler.flow[1] if kind == "flow" and sampler.flow else sampler.fixed)
    if schedule in CURVES:
        chosen[CURVES[schedule]] = True
    elif schedule is not None:
        chosen["timestep_spacing"] = schedule
    chosen |= {name: value for name, value in options.items() if name not in STEP_OPTIONS}
    return chosen
