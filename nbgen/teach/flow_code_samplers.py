"""A sampler's run as code: DDIM, Euler and Heun written out, any other through diffusers."""

from __future__ import annotations

import inspect
import textwrap

from ..engine.schedule import scheduler_config
from ..errors import brief
from ..sampling import BY_NAME
from .flow_code_parts import DENOISED, betas, head, modules, noise
from .flow_settings import FlowError, FlowLab


def sampling(lab: FlowLab, which: int) -> list[str]:
    if not isinstance(which, int) or not 0 <= which < len(lab.paths):
        raise FlowError(f"there are {len(lab.paths)} runs, numbered from 0; not {brief(which)}.")
    recipe, trained = lab.paths[which].recipe, lab.schedule.trained
    if recipe.sampler in _PLAIN and not recipe.schedule and lab.schedule.name in _BY_TIMESTEPS:
        return _plain(lab, str(recipe.sampler), int(recipe.steps or 0))
    kind = lab.schedule.kind
    scheduler, config = scheduler_config(recipe, trained, kind)
    name = scheduler.__name__
    settings = ", ".join(f"{key}={value!r}" for key, value in config.items())
    made = textwrap.fill(
        f"scheduler = {name}({settings})",
        110,
        subsequent_indent=" " * (13 + len(name)),
        break_on_hyphens=False,
    )
    row = BY_NAME[str(recipe.sampler)]
    answer = {"epsilon": "noise", "v_prediction": "alpha * noise - sigma * x0"}.get(
        trained.get("prediction_type", ""), "noise - x0"
    )
    if kind == "flow":
        levels = "    sigma = t / 1000\n    alpha = 1 - sigma"
        table = ""
    else:
        levels = (
            "    low = t.floor().long().clamp(0, 999)\n"
            "    part = t - low\n"
            "    ratio = ((1 - part) * log_ratio[low] + part * log_ratio[(low + 1).clamp(max=999)]).exp()\n"
            "    alpha = (1 + ratio ** 2).rsqrt()\n"
            "    sigma = (1 + ratio ** -2).rsqrt()"
        )
        table = (
            "alpha_bar = scheduler.alphas_cumprod.double()\n"
            "alpha_bar = torch.where(alpha_bar > 0, alpha_bar, 2.0 ** -24)\n"
            "log_ratio = ((1 - alpha_bar) / alpha_bar).sqrt().log()\n"
        )
    keywords = ", generator=generator" if _takes_generator(scheduler) else ""
    # Not the same without it where the first two timesteps fall together; those of DDIM's kind have none.
    begun = "scheduler.set_begin_index(0)\n" if hasattr(scheduler, "set_begin_index") else ""
    if row.scheduler == "DPMSolverSDEScheduler":
        begun += f"scheduler.noise_sampler_seed = {recipe.seed}\n"
    return [
        head(lab, modules=f"import torch\nfrom diffusers import {name}"),
        DENOISED,
        f"""

{made}
scheduler.set_timesteps({recipe.steps})
{begun}{table}
def model(x, t):  # what a perfect network would answer at timestep t
{levels}
    x0, noise = denoised(x.double(), alpha, sigma)
    return ({answer}).float()

generator = torch.Generator().manual_seed({recipe.seed})
x = torch.randn({lab.settings.points}, 2, generator=generator) * getattr(scheduler, "init_noise_sigma", 1.0)
for t in scheduler.timesteps:
    scaled = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
    x = scheduler.step(model(scaled, t.double()), t, x{keywords}).prev_sample
samples = x
""",
    ]


_BY_TIMESTEPS = ("scaled linear", "linear", "cosine")

_PLAIN = {
    "ddim": """
for t in timesteps:  # DDIM: arXiv 2010.02502, eq. 12
    x0, noise = model(x, alpha_bar[t])
    before = alpha_bar[(t - 1000 // STEPS).clamp(min=0)]
    x = before.sqrt() * x0 + (1 - before).sqrt() * noise
samples = x
""",
    "euler": """
sigmas = torch.cat([((1 - alpha_bar) / alpha_bar).sqrt()[timesteps], torch.zeros(1)])
x = x * (sigmas[0] ** 2 + 1).sqrt()  # now x = x0 + sigma * noise
for sigma, after in zip(sigmas, sigmas[1:]):  # Euler: arXiv 2206.00364, algorithm 1 without its second half
    noise = model(x / (sigma ** 2 + 1).sqrt(), 1 / (sigma ** 2 + 1))[1]
    x = x + (after - sigma) * noise
samples = x
""",
    "heun": """
sigmas = torch.cat([((1 - alpha_bar) / alpha_bar).sqrt()[timesteps], torch.zeros(1)])
x = x * (sigmas[0] ** 2 + 1).sqrt()  # now x = x0 + sigma * noise

def slope(x, place):
    sigma = sigmas[place]
    noise = model(x / (sigma ** 2 + 1).sqrt(), alpha_bar[timesteps[place]])[1]
    return (x - (x - sigma * noise)) / sigma

for place in range(STEPS):  # Heun: arXiv 2206.00364, algorithm 1
    first, step = slope(x, place), sigmas[place + 1] - sigmas[place]
    trial = x + first * step
    x = x + (first + slope(trial, place + 1)) / 2 * step if place + 1 < STEPS else trial
samples = x
""",
}
"""Samplers that are written out; they visit whole timesteps, STEPS of them."""


def _plain(lab: FlowLab, sampler: str, steps: int) -> list[str]:
    return [
        head(lab, modules=modules(lab)),
        DENOISED,
        f"""
{betas(lab.schedule)}
alpha_bar = torch.cumprod(1 - betas, 0)
STEPS = {steps}
timesteps = (torch.arange(STEPS) * (1000 // STEPS)).flip(0) + 1

def model(x, alpha_bar):
    x0, noise = denoised(x.double(), alpha_bar.double().sqrt(), (1 - alpha_bar.double()).sqrt())
    return x0.float(), noise.float()

x = {noise(lab)}
""",
        _PLAIN[sampler],
    ]


def _takes_generator(scheduler: type) -> bool:
    return "generator" in inspect.signature(scheduler.step).parameters  # type: ignore[attr-defined]
