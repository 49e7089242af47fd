"""Which samplers there are: their names, what a run of n steps costs, their options, and who can run which.

The table is nbgen's; the arithmetic is that of the diffusers scheduler each row names. Names are the ones
people know from papers and other programs, and `find_sampler` reads those programs' spellings.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import SamplerError, did_you_mean

CURVES = {
    "karras": "use_karras_sigmas",
    "exponential": "use_exponential_sigmas",
    "beta": "use_beta_sigmas",
    "lu": "use_lu_lambdas",
}
"""Schedules that bend the sigmas, with the scheduler option that asks for each.

Karras: arXiv 2206.00364, eq. 5. Exponential: even in log sigma. Beta: arXiv 2407.12173. Lu: arXiv 2211.01095.
"""
SPACINGS = ("trailing", "leading", "linspace")
"""Schedules that say which timesteps are visited (arXiv 2305.08891, table 2)."""

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

STEP_OPTIONS = ("eta", "s_churn", "s_tmin", "s_tmax", "s_noise")
"""Options that belong to each step rather than to the scheduler's construction."""

_NOT_OPTIONS = {
    # What the model was trained with is the model's, not the caller's.
    "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "prediction_type",
    "rescale_betas_zero_snr", "use_flow_sigmas", "use_dynamic_shifting", "base_shift", "max_shift",
    "base_image_seq_len", "max_image_seq_len", "invert_sigmas", "variance_type", "skip_prk_steps",
    # These are the field `schedule`.
    "timestep_spacing", *CURVES.values(),
    # The recipe's seed decides the noise.
    "noise_sampler_seed", "tau_func",
}  # fmt: skip


@dataclass(frozen=True)
class Sampler:
    """One row of the table: a diffusers scheduler under the name people know.

    `calls(n)` is the number of denoiser evaluations that n steps take. `stochastic` samplers add fresh noise
    along the way, so they do not converge to the ODE's solution. `flow` names the scheduler and its options
    for flow-matching models, None where there is none.
    """

    name: str
    label: str
    scheduler: str
    fixed: tuple[tuple[str, Any], ...] = ()
    curves: tuple[str, ...] = ()
    spacings: tuple[str, ...] = SPACINGS
    stochastic: bool = False
    second_order: bool = False
    extra_call: bool = False
    flow: tuple[str, tuple[tuple[str, Any], ...]] | None = None
    needs: str | None = None
    distilled: bool = False
    aliases: tuple[str, ...] = ()
    paper: str = ""

    def calls(self, steps: int) -> int:
        """Denoiser evaluations in a run of `steps` steps (guided or not: a guided one counts once)."""
        if self.second_order:
            return 2 * steps - 1
        return steps + 1 if self.extra_call and steps > 1 else steps

    @property
    def schedules(self) -> tuple[str, ...]:
        return self.curves + self.spacings

    def scheduler_class(self, kind: str) -> type:
        """The diffusers class for a model of `kind` "diffusion" or "flow"."""
        import diffusers

        return getattr(diffusers, self.flow[0] if kind == "flow" and self.flow else self.scheduler)

    def unavailable(self, kind: str = "diffusion") -> str | None:
        """Why this sampler cannot run for a model of `kind`, with the remedy; None where it can."""
        if kind == "flow" and self.flow is None:
            return "not made for flow-matching models"
        if self.needs is not None and importlib.util.find_spec(self.needs) is None:
            return f"needs {self.needs}: pip install {self.needs}"
        return None

    def options(self, kind: str = "diffusion") -> dict[str, Any]:
        """The options this sampler takes, with their defaults."""
        scheduler = self.scheduler_class(kind)
        built = inspect.signature(scheduler).parameters
        stepped = inspect.signature(scheduler.step).parameters  # type: ignore[attr-defined]
        found = {
            name: parameter.default
            for name, parameter in built.items()
            if name not in _NOT_OPTIONS and name != "kwargs" and name not in dict(self.fixed)
        }
        found |= {name: stepped[name].default for name in STEP_OPTIONS if name in stepped}
        return found


_ALL_CURVES = ("karras", "exponential", "beta")
_FLOW_SIGMAS = (("use_flow_sigmas", True), ("prediction_type", "flow_prediction"))

SAMPLERS: tuple[Sampler, ...] = (
    Sampler("ddim", "DDIM", "DDIMScheduler", paper="arXiv 2010.02502"),
    Sampler("ddpm", "DDPM", "DDPMScheduler", stochastic=True, paper="arXiv 2006.11239"),
    Sampler(
        "pndm", "PNDM", "PNDMScheduler", (("skip_prk_steps", True),), extra_call=True,
        aliases=("plms",), paper="arXiv 2202.09778",
    ),
    Sampler("lms", "LMS", "LMSDiscreteScheduler", curves=_ALL_CURVES, needs="scipy", paper="arXiv 2206.00364"),
    Sampler(
        "euler", "Euler", "EulerDiscreteScheduler", curves=_ALL_CURVES,
        flow=("FlowMatchEulerDiscreteScheduler", ()), paper="arXiv 2206.00364, algorithm 2",
    ),
    Sampler(
        "euler_a", "Euler a", "EulerAncestralDiscreteScheduler", stochastic=True,
        aliases=("euler ancestral",), paper="k-diffusion, sample_euler_ancestral",
    ),
    Sampler(
        "heun", "Heun", "HeunDiscreteScheduler", curves=_ALL_CURVES, second_order=True,
        flow=("FlowMatchHeunDiscreteScheduler", ()), paper="arXiv 2206.00364, algorithm 1",
    ),
    Sampler(
        "dpm2", "DPM2", "KDPM2DiscreteScheduler", curves=_ALL_CURVES, second_order=True,
        aliases=("kdpm2",), paper="arXiv 2206.00927",
    ),
    Sampler(
        "dpm2_a", "DPM2 a", "KDPM2AncestralDiscreteScheduler", curves=_ALL_CURVES, second_order=True,
        stochastic=True, aliases=("dpm2 ancestral", "kdpm2 a"), paper="arXiv 2206.00927",
    ),
    Sampler(
        "dpm++2m", "DPM++ 2M", "DPMSolverMultistepScheduler", curves=(*_ALL_CURVES, "lu"),
        flow=("DPMSolverMultistepScheduler", _FLOW_SIGMAS), aliases=("dpmpp 2m",), paper="arXiv 2211.01095",
    ),
    Sampler(
        "dpm++2m_sde", "DPM++ 2M SDE", "DPMSolverMultistepScheduler", (("algorithm_type", "sde-dpmsolver++"),),
        curves=(*_ALL_CURVES, "lu"), stochastic=True, aliases=("dpmpp 2m sde",), paper="arXiv 2211.01095",
    ),
    Sampler(
        "dpm++2s", "DPM++ 2S", "DPMSolverSinglestepScheduler", (("lower_order_final", True),),
        curves=_ALL_CURVES, spacings=(), aliases=("dpmpp 2s",), paper="arXiv 2211.01095",
    ),
    Sampler(
        "dpm++sde", "DPM++ SDE", "DPMSolverSDEScheduler", curves=_ALL_CURVES, second_order=True, stochastic=True,
        needs="torchsde", aliases=("dpmpp sde",), paper="k-diffusion, sample_dpmpp_sde",
    ),
    Sampler("deis", "DEIS", "DEISMultistepScheduler", curves=_ALL_CURVES, paper="arXiv 2204.13902"),
    Sampler(
        "unipc", "UniPC", "UniPCMultistepScheduler", curves=_ALL_CURVES,
        flow=("UniPCMultistepScheduler", _FLOW_SIGMAS), paper="arXiv 2302.04867",
    ),
    Sampler(
        "sa_solver", "SA-Solver", "SASolverScheduler", curves=_ALL_CURVES, stochastic=True,
        aliases=("sa",), paper="arXiv 2309.05019",
    ),
    Sampler("lcm", "LCM", "LCMScheduler", spacings=(), stochastic=True, distilled=True, paper="arXiv 2310.04378"),
    Sampler("tcd", "TCD", "TCDScheduler", spacings=(), stochastic=True, distilled=True, paper="arXiv 2402.19159"),
)  # fmt: skip

BY_NAME: dict[str, Sampler] = {sampler.name: sampler for sampler in SAMPLERS}

_REFUSED = {
    "edmeuler": "EDMEuler is for models trained in EDM's own scaling, and gives garbage on others: use 'euler'.",
    "ipndm": "IPNDM ignores the noise schedule the model was trained with; use sampler='pndm'.",
}


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-()]", "", name.lower()).replace("dpmpp", "dpm++")


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
    if schedule is not None and schedule not in sampler.schedules:
        taken = ", ".join(sampler.schedules) or "none"
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
        if numeric and (isinstance(value, (str, bool)) or value is None):
            raise SamplerError(
                f"option {name!r} of sampler {sampler.name!r} must be a number, not {value!r:.60}."
            )
        checked[name] = float(value) if isinstance(default, float) and numeric else value
    return checked


def list_samplers(model: Any = None) -> Any:
    """A table of the samplers: cost, kind of randomness, schedules, options, and why one is unavailable.

    `model` (a Model, or None for any diffusion model) decides which can run.
    """
    from .show.table import Table

    kind = getattr(model, "kind", "diffusion")
    if kind not in ("diffusion", "flow"):
        raise SamplerError(
            f"the model {model.ref.name!r} draws a picture in one forward: it has no samplers."
        )
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
                "schedules": ", ".join(sampler.schedules),
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
