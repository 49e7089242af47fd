"""The laboratory's run as about thirty lines that a student owns: plain torch, and nothing of nbgen's.

The mixture's source is that of `distributions`, and the network's class that of `learning`, copied as they stand.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING

from ..engine.schedule import scheduler_config
from ..errors import brief
from ..sampling import BY_NAME
from .flow_exact import PARTS
from .flow_playing import BEAT
from .flow_settings import FlowError
from .learning import AVERAGING, BATCHES, Network
from .noising import Schedule

if TYPE_CHECKING:
    from .score_field import FlowLab


def code(lab: FlowLab, which: int = 0) -> str:
    """Python that ends with `samples`, (n, 2): those of `lab.samples` within 1e-5."""
    parts = _VIEWS[lab.settings.view](lab, which)
    return "\n".join(part.strip("\n") for part in parts if part) + "\n"


def _head(lab: FlowLab, *, modules: str = "import torch") -> str:
    return f"{modules}\n\n{lab.settings.distribution.source}"


_DENOISED = """
def denoised(x, alpha, sigma, means=means):  # E[x0 | x] and E[noise | x], exact for a mixture of Gaussians
    offset = x[:, None] - alpha * means.to(x)
    variance = (alpha * spread) ** 2 + sigma ** 2
    weights = (-(offset ** 2).sum(-1) / (2 * variance)).softmax(-1)[..., None]
    x0 = (weights * (means.to(x) + alpha * spread ** 2 / variance * offset)).sum(1)
    return x0, sigma / variance * (weights * offset).sum(1)
"""


def _levels(schedule: Schedule) -> str:
    """α and σ at t, as the laboratory has them."""
    if schedule.kind == "flow":
        return "\ndef levels(t):  # x = alpha * x0 + sigma * noise\n    return 1 - t, t\n"
    return f"""
{_betas(schedule)}
alpha_bar = torch.cumprod(1 - betas, 0).double(){_rescaled(schedule)}
log_ratio = ((1 - alpha_bar) / alpha_bar).sqrt().log()

def levels(t):  # x = alpha * x0 + sigma * noise, log(sigma / alpha) interpolated between 1,000 timesteps
    place = t * 999
    low = place.floor().long().clamp(max=998)
    ratio = ((1 - (place - low)) * log_ratio[low] + (place - low) * log_ratio[low + 1]).exp()
    alpha = (1 + ratio ** 2).rsqrt()
    return alpha, ratio * alpha
"""


def _betas(schedule: Schedule) -> str:
    trained = schedule.trained
    if trained["beta_schedule"] == "squaredcos_cap_v2":
        return (
            "bar = [math.cos((place / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2 for place in range(1001)]\n"
            "betas = torch.tensor([min(1 - after / before, 0.999) for before, after in zip(bar, bar[1:])])"
        )
    first, last = trained["beta_start"], trained["beta_end"]
    if trained["beta_schedule"] == "linear":
        return f"betas = torch.linspace({first}, {last}, 1000)"
    return f"betas = torch.linspace({first} ** 0.5, {last} ** 0.5, 1000) ** 2"


def _rescaled(schedule: Schedule) -> str:
    if not schedule.trained.get("rescale_betas_zero_snr"):
        return ""
    return (
        ".sqrt()\n# The last signal-to-noise ratio is zero: arXiv 2305.08891, algorithm 1.\n"
        "alpha_bar = ((alpha_bar - alpha_bar[-1]) * alpha_bar[0] / (alpha_bar[0] - alpha_bar[-1])) ** 2\n"
        "alpha_bar = torch.where(alpha_bar > 0, alpha_bar, 2.0 ** -24)"
    )


def _modules(lab: FlowLab) -> str:
    cosine = lab.schedule.trained.get("beta_schedule") == "squaredcos_cap_v2"
    return "import math\nimport torch" if cosine else "import torch"


def _noise(lab: FlowLab) -> str:
    return (
        f"torch.randn({lab.settings.points}, 2, generator=torch.Generator().manual_seed({lab.settings.seed}))"
    )


def _forward(lab: FlowLab, which: int) -> list[str]:
    now = lab.settings
    return [
        _head(lab, modules=_modules(lab)),
        _levels(lab.schedule),
        f"""
generator = torch.Generator().manual_seed({now.seed})
chosen = torch.multinomial(torch.full((len(means),), 1 / len(means), dtype=torch.float64), {now.points},
                           replacement=True, generator=generator)
x0 = means[chosen].float() + torch.tensor(spread) * torch.randn({now.points}, 2, generator=generator)
alpha, sigma = levels(torch.tensor({lab.now!r}, dtype=torch.float64))
samples = alpha * x0 + sigma * {_noise(lab)}
""",
    ]


def _field(lab: FlowLab, which: int) -> list[str]:
    if not lab.trails:
        raise FlowError("there are no particles yet: press into the plane, or call release([(1, 1)]).")
    beats = len(lab.trails) - 1
    return [
        _head(lab, modules=_modules(lab)),
        _DENOISED,
        _levels(lab.schedule),
        f"""
x = torch.tensor({lab.trails[0].tolist()}, dtype=torch.float64)
t = torch.tensor({lab.settings.t!r}, dtype=torch.float64)
for _ in range({PARTS * beats}):  # the probability-flow ODE, in second-order steps that predict x0
    after = (t - {BEAT / PARTS!r}).clamp(min=0)
    if t == 0:
        break
    after = torch.zeros_like(after) if after < 1e-9 else after
    alpha, sigma = levels(t)
    alpha_after, sigma_after = levels(after) if after > 0 else (torch.tensor(1.0), torch.tensor(0.0))
    shrink = sigma_after / sigma
    gain = alpha_after - alpha * shrink
    first = denoised(x, alpha, sigma)[0]
    second = denoised(shrink * x + gain * first, alpha_after, sigma_after)[0]
    x, t = shrink * x + gain * (first + second) / 2, after
samples = x
""",
    ]


_DESCENT = """
times = torch.linspace(1, 0, 41, dtype=torch.float64)
alphas, sigmas = levels(times)
alphas[-1], sigmas[-1] = 1, 0
for place in range(40):  # DDIM
    x0, noise = predict(x, float(times[place]), float(alphas[place]), float(sigmas[place]))
    x = alphas[place + 1].to(x) * x0 + sigmas[place + 1].to(x) * noise
samples = x
"""


def _guidance(lab: FlowLab, which: int) -> list[str]:
    half = "first" if lab.settings.towards == lab.settings.distribution.classes[0] else "second"
    part = "[:len(means) // 2]" if half == "first" else "[len(means) // 2:]"
    return [
        _head(lab, modules=_modules(lab)),
        _DENOISED,
        _levels(lab.schedule),
        f"""
def predict(x, t, alpha, sigma):  # from everything, {lab.settings.guidance:g} times the way to the class
    everything = denoised(x, alpha, sigma)
    conditional = denoised(x, alpha, sigma, means{part})
    return [u + {lab.settings.guidance!r} * (c - u) for u, c in zip(everything, conditional)]

x = {_noise(lab)}.double()
""",
        _DESCENT,
    ]


_TARGETS = {
    "epsilon": ("noise", "(x - sigma * answer) / max(alpha, 1e-2), answer"),
    "x0": ("x0", "answer, (x - alpha * answer) / max(sigma, 1e-2)"),
    "v": ("alpha * noise - sigma * x0", "alpha * x - sigma * answer, sigma * x + alpha * answer"),
    "flow": ("noise - x0", "(x - sigma * answer) / (alpha + sigma), (x + alpha * answer) / (alpha + sigma)"),
}


def _learning(lab: FlowLab, which: int) -> list[str]:
    now = lab.settings
    wanted, both = _TARGETS[now.target]
    network = inspect.getsource(Network).replace("Tensor", "torch.Tensor")
    network = network.replace("  # fmt: skip", "")
    start, end = network.index('    """'), network.index("    def __init__")
    network = (
        (network[:start] + network[end:])
        .replace(" -> None", "")
        .replace("x: torch.Tensor, t: torch.Tensor", "x, t")
    )
    network = network.replace(" -> torch.Tensor", "").replace("width: int", "width")
    drawn = "x0 = data(BATCH, generator)"
    tiny = ""
    if now.data:
        tiny = f"training_set = data({now.data}, torch.Generator().manual_seed({now.seed}))\n"
        drawn = "x0 = training_set[torch.randint(len(training_set), (BATCH,), generator=generator)]"
    return [
        _head(
            lab,
            modules=_modules(lab)
            + "\nfrom torch import nn\nfrom torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn",
        ),
        _levels(lab.schedule),
        network,
        f"""

def data(count, generator):
    even = torch.full((len(means),), 1 / len(means), dtype=torch.float64)
    chosen = torch.multinomial(even, count, replacement=True, generator=generator)
    return means[chosen].float() + torch.tensor(spread) * torch.randn(count, 2, generator=generator)

BATCH = {now.batch}
torch.manual_seed({now.seed})
network = Network({now.width})
average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn({AVERAGING}))
optimizer = torch.optim.Adam(network.parameters(), lr={now.learning_rate!r})
generator = torch.Generator().manual_seed({now.seed})
{tiny}for _ in range({BATCHES * lab.learner.epoch}):
    {drawn}
    t = torch.rand(BATCH, generator=generator)
    noise = torch.randn(BATCH, 2, generator=generator)
    alpha, sigma = (level.float()[:, None] for level in levels(t.double()))
    answer = network(alpha * x0 + sigma * noise, t)
    loss = ((answer - ({wanted})) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    average.update_parameters(network)

@torch.no_grad()
def predict(x, t, alpha, sigma):
    answer = average(x, torch.full((len(x),), t))
    return {both}

x = {_noise(lab)}
""",
        _DESCENT,
    ]


def _sampling(lab: FlowLab, which: int) -> list[str]:
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
    brownian = ""
    if row.scheduler == "DPMSolverSDEScheduler":
        brownian = f"scheduler.noise_sampler_seed = {recipe.seed}\n"
    return [
        _head(lab, modules=f"import torch\nfrom diffusers import {name}"),
        _DENOISED,
        f"""

{made}
scheduler.set_timesteps({recipe.steps})
{brownian}{table}
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
        _head(lab, modules=_modules(lab)),
        _DENOISED,
        f"""
{_betas(lab.schedule)}
alpha_bar = torch.cumprod(1 - betas, 0)
STEPS = {steps}
timesteps = (torch.arange(STEPS) * (1000 // STEPS)).flip(0) + 1

def model(x, alpha_bar):
    x0, noise = denoised(x.double(), alpha_bar.double().sqrt(), (1 - alpha_bar.double()).sqrt())
    return x0.float(), noise.float()

x = {_noise(lab)}
""",
        _PLAIN[sampler],
    ]


def _takes_generator(scheduler: type) -> bool:
    return "generator" in inspect.signature(scheduler.step).parameters  # type: ignore[attr-defined]


_VIEWS = {
    "forward": _forward,
    "field": _field,
    "sampling": _sampling,
    "guidance": _guidance,
    "learning": _learning,
}
