"""The pieces that all copied code begins with: the mixture, its exact answers, and the noise schedule."""

from __future__ import annotations

from .flow_settings import FlowLab
from .noising import Schedule


def head(lab: FlowLab, *, modules: str = "import torch") -> str:
    return f"{modules}\n\n{lab.settings.distribution.source}"


DENOISED = """
def denoised(x, alpha, sigma, means=means):  # E[x0 | x] and E[noise | x], exact for a mixture of Gaussians
    offset = x[:, None] - alpha * means.to(x)
    variance = (alpha * spread) ** 2 + sigma ** 2
    weights = (-(offset ** 2).sum(-1) / (2 * variance)).softmax(-1)[..., None]
    x0 = (weights * (means.to(x) + alpha * spread ** 2 / variance * offset)).sum(1)
    return x0, sigma / variance * (weights * offset).sum(1)
"""


def levels(schedule: Schedule) -> str:
    """α and σ at t, as the laboratory has them."""
    if schedule.kind == "flow":
        return "\ndef levels(t):  # x = alpha * x0 + sigma * noise\n    return 1 - t, t\n"
    return f"""
{betas(schedule)}
alpha_bar = torch.cumprod(1 - betas, 0).double(){rescaled(schedule)}
log_ratio = ((1 - alpha_bar) / alpha_bar).sqrt().log()

def levels(t):  # x = alpha * x0 + sigma * noise, log(sigma / alpha) interpolated between 1,000 timesteps
    place = t * 999
    low = place.floor().long().clamp(max=998)
    ratio = ((1 - (place - low)) * log_ratio[low] + (place - low) * log_ratio[low + 1]).exp()
    alpha = (1 + ratio ** 2).rsqrt()
    return alpha, ratio * alpha
"""


def betas(schedule: Schedule) -> str:
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


def rescaled(schedule: Schedule) -> str:
    if not schedule.trained.get("rescale_betas_zero_snr"):
        return ""
    return (
        ".sqrt()\n# The last signal-to-noise ratio is zero: arXiv 2305.08891, algorithm 1.\n"
        "alpha_bar = ((alpha_bar - alpha_bar[-1]) * alpha_bar[0] / (alpha_bar[0] - alpha_bar[-1])) ** 2\n"
        "alpha_bar = torch.where(alpha_bar > 0, alpha_bar, 2.0 ** -24)"
    )


def modules(lab: FlowLab) -> str:
    cosine = lab.schedule.trained.get("beta_schedule") == "squaredcos_cap_v2"
    return "import math\nimport torch" if cosine else "import torch"


def noise(lab: FlowLab) -> str:
    return (
        f"torch.randn({lab.settings.points}, 2, generator=torch.Generator().manual_seed({lab.settings.seed}))"
    )
