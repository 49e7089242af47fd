"""The table of samplers: each a diffusers scheduler under the name people know, with its cost and its options."""

from __future__ import annotations

import importlib.util
import inspect
from dataclasses import dataclass
from typing import Any

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

STEP_OPTIONS = ("eta", "s_churn", "s_tmin", "s_tmax", "s_noise")
"""Options that belong to each step rather than to the scheduler's construction."""

_NOT_OPTIONS = {
    # What the model was trained with is the model's, not the caller's.
    "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "prediction_type",
    "rescale_betas_zero_snr", "use_flow_sigmas", "use_dynamic_shifting", "base_shift", "max_shift",
    "base_image_seq_len", "max_image_seq_len", "invert_sigmas", "variance_type", "skip_prk_steps",
    "time_shift_type", "shift_terminal",
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
    for flow-matching models, None where there is none; `flow_curves` are the schedules that this one takes.
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
    flow_curves: tuple[str, ...] = ()
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

    def schedules_for(self, kind: str) -> tuple[str, ...]:
        """The schedules it takes for a model of `kind`; flow-matching models visit the timesteps their shift says."""
        return self.flow_curves if kind == "flow" else self.schedules

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
        if kind != "flow":
            found.pop("flow_shift", None)
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
        flow=("FlowMatchEulerDiscreteScheduler", ()), flow_curves=_ALL_CURVES,
        paper="arXiv 2206.00364, algorithm 2",
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
        flow=("UniPCMultistepScheduler", _FLOW_SIGMAS), flow_curves=("karras",), paper="arXiv 2302.04867",
    ),
    Sampler(
        "sa_solver", "SA-Solver", "SASolverScheduler", curves=_ALL_CURVES, stochastic=True,
        aliases=("sa",), paper="arXiv 2309.05019",
    ),
    Sampler("lcm", "LCM", "LCMScheduler", spacings=(), stochastic=True, distilled=True, paper="arXiv 2310.04378"),
    Sampler("tcd", "TCD", "TCDScheduler", spacings=(), stochastic=True, distilled=True, paper="arXiv 2402.19159"),
)  # fmt: skip

BY_NAME: dict[str, Sampler] = {sampler.name: sampler for sampler in SAMPLERS}
