"""A run of the game as code that a student owns: plain torch, and nothing of nbgen's.

Networks, losses and penalties are the sources of `gan_players` as they stand, without their types.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

from .gan_players import LOSSES, PENALTIES, network, squared_slope
from .gan_run import Played, Run
from .gan_settings import Settings

SAMPLES = 2000
"""Fakes that the code ends with."""

_RATES = ("d_learning_rate", "g_learning_rate", "beta1", "beta2")


def code(run: Run) -> str:
    """Python that ends with `samples`, those of `run.samples()` within 1e-5.

    A run under one setting becomes constants; of one with changes on the way, what changed becomes a table.
    """
    played = run.history() or [Played("both", 0, run.settings)]
    first = played[0].settings
    varied = [name for name in ("k", "loss", "penalty", "strength", *_RATES) if _differs(played, name)]
    parts = [
        "import torch\nfrom torch import nn" + _imports(played),
        _distribution(first),
        "\n\n".join(_plain(function) for function in _functions(played)),
        _players(first),
        _steps(played, varied),
        _loop(played, varied),
        f"samples = generator(torch.randn({SAMPLES}, {first.noise_dim}, "
        f"generator=torch.Generator().manual_seed({first.seed}){_kind(first)})).detach()",
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _differs(played: list[Played], name: str) -> bool:
    return len({getattr(part.settings, name) for part in played}) > 1


def _penalised(played: list[Played]) -> bool:
    return any(part.settings.strength for part in played)


def _functions(played: list[Played]) -> Iterable[Callable[..., Any]]:
    """Every function that the run needs, once each, in an order in which they may be defined."""
    found: dict[Callable[..., Any], None] = {network: None}
    for part in played:
        loss = LOSSES[part.settings.loss]
        found |= {loss.discriminator: None, loss.generator: None}
        if part.settings.strength:
            found |= {squared_slope: None, PENALTIES[part.settings.penalty][0]: None}
    return found


def _imports(played: list[Played]) -> str:
    used = any("softplus" in inspect.getsource(function) for function in _functions(played))
    return "\nfrom torch.nn.functional import softplus" if used else ""


def _plain(function: Callable[..., Any]) -> str:
    """A function's source without its types."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    tree = ast.fix_missing_locations(_Untyped().visit(tree))
    return ast.unparse(tree)


class _Untyped(ast.NodeTransformer):
    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return ast.Assign(targets=[node.target], value=node.value) if node.value else node


def _kind(settings: Settings) -> str:
    return "" if settings.dtype == "float32" else ", dtype=torch.float64"


def _distribution(settings: Settings) -> str:
    cast = "float" if settings.dtype == "float32" else "double"
    return f"{settings.distribution.source.strip()}\nmeans = means.{cast}()"


def _players(now: Settings) -> str:
    cast = "" if now.dtype == "float32" else ".double()"
    return f"""
torch.set_num_threads(1)  # sums in another order drift apart
torch.manual_seed({now.seed})
generator = network({now.noise_dim}, {now.g_width}, {now.g_layers}, 2){cast}
discriminator = network(2, {now.d_width}, {now.d_layers}, 1){cast}
betas = ({now.beta1:g}, {now.beta2:g})
d_adam = torch.optim.Adam(discriminator.parameters(), lr={now.d_learning_rate:g}, betas=betas, fused=True)
g_adam = torch.optim.Adam(generator.parameters(), lr={now.g_learning_rate:g}, betas=betas, fused=True)
draw = torch.Generator().manual_seed({now.seed})
"""


def _steps(played: list[Played], varied: list[str]) -> str:
    now = played[0].settings
    batch, kind = now.batch, _kind(now)
    loss = LOSSES[now.loss]
    d_loss, g_loss = loss.discriminator.__name__, loss.generator.__name__
    paired = "discriminator(reals())" if loss.paired else "None"
    if "loss" in varied:
        d_loss, g_loss, paired = "d_loss", "g_loss", "discriminator(reals()) if paired else None"
    lines = [f"    loss = {d_loss}(discriminator(real), discriminator(fake))"]
    if _penalised(played):
        penalty = "penalty" if "penalty" in varied else PENALTIES[now.penalty][0].__name__
        strength = "strength" if "strength" in varied else f"{now.strength:g}"
        when = "if strength:\n        " if "strength" in varied else ""
        lines.append(f"    {when}loss = loss + {strength} * {penalty}(discriminator, real, fake, draw)")
    middle = "\n".join(lines)
    return f"""
def reals():
    chosen = torch.randint(len(means), ({batch},), generator=draw)
    return means[chosen] + spread * torch.randn({batch}, 2, generator=draw{kind})

def fakes():
    return generator(torch.randn({batch}, {now.noise_dim}, generator=draw{kind}))

def learn(adam, loss):
    adam.zero_grad()
    loss.backward()
    adam.step()

def step_d():
    real, fake = reals(), fakes().detach()
{middle}
    learn(d_adam, loss)

def step_g():
    learn(g_adam, {g_loss}({paired}, discriminator(fakes())))
"""


def _loop(played: list[Played], varied: list[str]) -> str:
    if len(played) == 1 and played[0].move == "both":
        now = played[0].settings
        turns = "    step_d()" if now.k == 1 else f"    for _ in range({now.k}):\n        step_d()"
        return f"for step in range({played[0].count}):\n{turns}\n    step_g()"
    columns = ["d_steps", "g_steps", "count"]
    for name in varied:
        if name == "loss":
            columns += ["d_loss", "g_loss", "paired"]
        elif name != "k":  # k stands in d_steps
            columns.append(name)
    if "penalty" in columns and not _penalised(played):
        columns.remove("penalty")
    rows = ",\n".join(f"    ({', '.join(_cell(part, name) for name in columns)})" for part in played)
    rates = "" if not {*_RATES} & {*varied} else _rates(played[0].settings, varied)
    return f"""
for {", ".join(columns)} in [
{rows},
]:{rates}
    for step in range(count):
        for _ in range(d_steps):
            step_d()
        for _ in range(g_steps):
            step_g()
"""


def _rates(now: Settings, varied: list[str]) -> str:
    written = {name: name if name in varied else f"{getattr(now, name):g}" for name in _RATES}
    betas = f"({written['beta1']}, {written['beta2']})"
    return "".join(
        f"\n    {one}_adam.param_groups[0].update(lr={written[f'{one}_learning_rate']}, betas={betas})"
        for one in "dg"
    )


def _cell(part: Played, name: str) -> str:
    now, loss = part.settings, LOSSES[part.settings.loss]
    if name == "d_steps":
        return str({"both": now.k, "D": 1, "G": 0}[part.move])
    if name == "g_steps":
        return str(int(part.move != "D"))
    if name == "count":
        return str(part.count)
    if name == "penalty":
        return PENALTIES[now.penalty][0].__name__ if now.strength else "None"
    if name == "paired":
        return str(loss.paired)
    if name in ("d_loss", "g_loss"):
        return (loss.discriminator if name == "d_loss" else loss.generator).__name__
    return f"{getattr(now, name):g}"
