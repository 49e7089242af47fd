"""How is noise mixed in? Five schedules as α and σ at each time t from 0 (data) to 1 (noise): x = αx₀ + σε.

The laboratories call time t; a schedule of diffusers' has 1,000 timesteps, and t = 1 is its last. Between them
log σ/α is interpolated, as diffusers' schedulers do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..analytic import TRAINED, log_sigmas
from .threads import one_thread

_LINEAR = {**TRAINED, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"}
_COSINE = {**TRAINED, "beta_schedule": "squaredcos_cap_v2"}
_ZERO = {
    **TRAINED, "rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing",
}  # fmt: skip
_FLOW = {"num_train_timesteps": 1000, "shift": 1.0}


@dataclass(frozen=True, eq=False)
class Schedule:
    """A noise schedule. `trained` is what diffusers calls the scheduler's configuration; `kind` as a model's."""

    name: str
    trained: Mapping[str, Any]
    kind: str
    paper: str

    @cached_property
    def log_sigmas(self) -> Tensor:
        """log σ/α at the 1,000 timesteps, float64; not for the flow, whose σ/α is t/(1 - t)."""
        return log_sigmas(self.trained)

    def levels(self, t: float | Tensor) -> tuple[Tensor, Tensor]:
        """α and σ at t, in float64 and the shape of t."""
        time = torch.as_tensor(t, dtype=torch.float64)
        if self.kind == "flow":
            return 1 - time, time
        place = time.clamp(0, 1) * (len(self.log_sigmas) - 1)
        low = place.floor().long().clamp(max=len(self.log_sigmas) - 2)
        part = place - low
        ratio = ((1 - part) * self.log_sigmas[low] + part * self.log_sigmas[low + 1]).exp()
        alpha = (1 + ratio * ratio).rsqrt()
        return alpha, ratio * alpha

    def log_snr(self, t: Tensor) -> Tensor:
        """log α²/σ², in nats."""
        alpha, sigma = self.levels(t)
        return 2 * (alpha.log() - sigma.log())

    def rates(self, t: float) -> tuple[float, float]:
        """dα/dt and dσ/dt, by a central difference of 1e-4 (one-sided at the ends)."""
        ends = torch.tensor([max(0.0, t - 1e-4), min(1.0, t + 1e-4)], dtype=torch.float64)
        alpha, sigma = self.levels(ends)
        span = ends[1] - ends[0]
        return float((alpha[1] - alpha[0]) / span), float((sigma[1] - sigma[0]) / span)

    def descent(self, start: float, steps: int) -> tuple[Tensor, Tensor, Tensor]:
        """t, α and σ of `steps` even steps from `start` down to 0, (steps + 1,) each; the last is α = 1, σ = 0."""
        times = torch.linspace(start, 0, steps + 1, dtype=torch.float64)
        alpha, sigma = self.levels(times)
        alpha[-1], sigma[-1] = 1.0, 0.0
        return times, alpha, sigma


SCHEDULES: dict[str, Schedule] = {
    schedule.name: schedule
    for schedule in (
        Schedule("scaled linear", TRAINED, "diffusion", "arXiv 2112.10752"),
        Schedule("linear", _LINEAR, "diffusion", "arXiv 2006.11239"),
        Schedule("cosine", _COSINE, "diffusion", "arXiv 2102.09672, eq. 17"),
        Schedule("zero-SNR", _ZERO, "diffusion", "arXiv 2305.08891"),
        Schedule("flow", _FLOW, "flow", "arXiv 2210.02747; 2209.03003"),
    )
}

Both = Callable[[Tensor, float, float, float], tuple[Tensor, Tensor]]
"""(x, t, α, σ) → E[x₀ | x] and E[ε | x]."""


def ddim(predict: Both, schedule: Schedule, x: Tensor, start: float, steps: int) -> Tensor:
    """The probability-flow ODE from t = `start` to 0 in `steps` even steps of DDIM (arXiv 2010.02502, eq. 12).

    x: (n, 2). Returns the whole path, (steps + 1, n, 2), the start included.
    """
    times, alphas, sigmas = schedule.descent(start, steps)
    path = [x]
    with one_thread():
        for place in range(steps):
            x0, epsilon = predict(x, float(times[place]), float(alphas[place]), float(sigmas[place]))
            x = alphas[place + 1].to(x) * x0 + sigmas[place + 1].to(x) * epsilon
            path.append(x)
    return torch.stack(path)
