"""The laboratory's run as about thirty lines that a student owns: plain torch, and nothing of nbgen's.

The mixture's source is that of `distributions`, and the network's class that of `learning`, copied as they stand.
"""

from __future__ import annotations

import inspect

from .flow_code_parts import DENOISED, head, levels, modules, noise
from .flow_code_samplers import sampling
from .flow_exact import PARTS
from .flow_playing import BEAT
from .flow_settings import FlowError, FlowLab
from .learning import AVERAGING, BATCHES, Network


def code(lab: FlowLab, which: int = 0) -> str:
    """Python that ends with `samples`, (n, 2): those of `lab.samples` within 1e-5."""
    parts = _VIEWS[lab.settings.view](lab, which)
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _forward(lab: FlowLab, which: int) -> list[str]:
    now = lab.settings
    return [
        head(lab, modules=modules(lab)),
        levels(lab.schedule),
        f"""
generator = torch.Generator().manual_seed({now.seed})
chosen = torch.multinomial(torch.full((len(means),), 1 / len(means), dtype=torch.float64), {now.points},
                           replacement=True, generator=generator)
x0 = means[chosen].float() + torch.tensor(spread) * torch.randn({now.points}, 2, generator=generator)
alpha, sigma = levels(torch.tensor({lab.now!r}, dtype=torch.float64))
samples = alpha * x0 + sigma * {noise(lab)}
""",
    ]


def _field(lab: FlowLab, which: int) -> list[str]:
    if not lab.trails:
        raise FlowError("there are no particles yet: press into the plane, or call release([(1, 1)]).")
    beats = len(lab.trails) - 1
    return [
        head(lab, modules=modules(lab)),
        DENOISED,
        levels(lab.schedule),
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
        head(lab, modules=modules(lab)),
        DENOISED,
        levels(lab.schedule),
        f"""
def predict(x, t, alpha, sigma):  # from everything, {lab.settings.guidance:g} times the way to the class
    everything = denoised(x, alpha, sigma)
    conditional = denoised(x, alpha, sigma, means{part})
    return [u + {lab.settings.guidance!r} * (c - u) for u, c in zip(everything, conditional)]

x = {noise(lab)}.double()
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
        head(
            lab,
            modules=modules(lab)
            + "\nfrom torch import nn\nfrom torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn",
        ),
        levels(lab.schedule),
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

x = {noise(lab)}
""",
        _DESCENT,
    ]


_VIEWS = {
    "forward": _forward,
    "field": _field,
    "sampling": sampling,
    "guidance": _guidance,
    "learning": _learning,
}
