"""A run of the game as code that a student owns: about thirty lines of plain torch, and nothing of nbgen's.

Losses and penalties are the expressions of `gan_players`, put in their places. Where they changed in the middle of a
run, they stand as functions, and what changed becomes a table.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .gan_players import LOSSES, PENALTIES, squared_slope
from .gan_run import Played, Run
from .gan_settings import Settings

SAMPLES = 2000
"""Fakes that the code ends with."""

_RATES = ("d_learning_rate", "g_learning_rate", "beta1", "beta2")
_TYPES = (" -> Tensor", ": Tensor", ": nn.Module", ": torch.Generator")
_WIDTH = 110


def code(run: Run) -> str:
    """Python that ends with `samples`, those of `run.samples()` within 1e-5."""
    played = run.history() or [Played("both", 0, run.settings)]
    first = played[0].settings
    parts = [
        _distribution(first),
        _players(first),
        _drawing(first),
        *(_plain(function) for function in _functions(played)),
        _loop(played),
        f"noise = torch.randn({SAMPLES}, {first.noise_dim}, "
        f"generator=torch.Generator().manual_seed({first.seed}){_kind(first)})\n"
        "samples = generator(noise).detach()",
    ]
    text = "\n\n".join(part.strip("\n") for part in parts) + "\n"
    softplus = "from torch.nn.functional import softplus\n" if "softplus(" in text else ""
    return f"import torch\nfrom torch import nn\n{softplus}\n{text}"


def _kind(settings: Settings) -> str:
    return "" if settings.dtype == "float32" else ", dtype=torch.float64"


def _distribution(settings: Settings) -> str:
    cast = "float" if settings.dtype == "float32" else "double"
    return f"{settings.distribution.source.strip()}\nmeans = means.{cast}()"


def _players(now: Settings) -> str:
    cast = "" if now.dtype == "float32" else ".double()"
    leaky = "leaky = nn.LeakyReLU(0.2)\n" if now.g_layers + now.d_layers else ""
    betas = f"betas=({now.beta1:g}, {now.beta2:g}), fused=True"
    return f"""
torch.set_num_threads(1)  # sums in another order drift apart
torch.manual_seed({now.seed})
{leaky}{_network("generator", now.noise_dim, now.g_width, now.g_layers, 2)}{cast}
{_network("discriminator", 2, now.d_width, now.d_layers, 1)}{cast}
d_adam = torch.optim.Adam(discriminator.parameters(), lr={now.d_learning_rate:g}, {betas})
g_adam = torch.optim.Adam(generator.parameters(), lr={now.g_learning_rate:g}, {betas})
"""


def _network(name: str, inputs: int, width: int, layers: int, outputs: int) -> str:
    sizes = [inputs, *[width] * layers]
    parts = [f"nn.Linear({size}, {width}), leaky" for size in sizes[:-1]]
    made = f"{name} = nn.Sequential({', '.join([*parts, f'nn.Linear({sizes[-1]}, {outputs})'])})"
    return textwrap.fill(made, _WIDTH, subsequent_indent=" " * (len(name) + 17))


def _drawing(now: Settings) -> str:
    batch, kind = now.batch, _kind(now)
    return f"""
draw = torch.Generator().manual_seed({now.seed})

def reals():
    chosen = torch.randint(len(means), ({batch},), generator=draw)
    return means[chosen] + spread * torch.randn({batch}, 2, generator=draw{kind})

def fakes():
    return generator(torch.randn({batch}, {now.noise_dim}, generator=draw{kind}))
"""


def _functions(played: Sequence[Played]) -> list[Callable[..., Any]]:
    """What the run needs beside its loop, in an order in which it may be defined."""
    found: list[Callable[..., Any]] = []
    if _loss_changed(played):
        for part in played:
            found += [LOSSES[part.settings.loss].discriminator, LOSSES[part.settings.loss].generator]
    penalties = _penalties(played)
    if penalties:
        found.append(squared_slope)
    return list(dict.fromkeys([*found, *(penalties if len(penalties) > 1 else ())]))


def _penalties(played: Sequence[Played]) -> list[Callable[..., Any]]:
    """The penalties that were ever paid."""
    return list(dict.fromkeys(PENALTIES[part.settings.penalty][0] for part in played if _paid(part)))


def _paid(part: Played) -> bool:
    return bool(part.settings.strength) and part.settings.penalty != "none"


def _plain(function: Callable[..., Any]) -> str:
    """A function's source without its types."""
    text = inspect.getsource(function)
    for typed in _TYPES:
        text = text.replace(typed, "")
    return text


def _inlined(function: Callable[..., Any], names: Mapping[str, str]) -> tuple[list[str], ast.expr]:
    """The statements of a function and what it returns, with other names for its arguments."""
    (defined,) = ast.parse(inspect.getsource(function)).body
    assert isinstance(defined, ast.FunctionDef)
    *before, last = (_Renamed(names).visit(statement) for statement in defined.body)
    assert isinstance(last, ast.Return) and last.value is not None
    return [ast.unparse(statement) for statement in before], last.value


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(self._names.get(node.id, node.id), mode="eval").body


def _loop(played: Sequence[Played]) -> str:
    """The moves one after the other; those under different settings as rows of a table."""
    rows = {name: [value(part) for part in played] for name, value in _COLUMNS.items()}
    columns = {name: values for name, values in rows.items() if name == "count" or len({*values}) > 1}
    if len(_penalties(played)) < 2:
        columns.pop("penalty", None)
    if len(played) == 1:
        columns = {}
    said = {name: name if name in columns else values[0] for name, values in rows.items()}
    both = _turn(said["d_steps"], _step_d(played, said)) + _turn(said["g_steps"], _step_g(played, said))
    moves = f"for step in range({said['count']}):\n{textwrap.indent(both, '    ')}"
    if not columns:
        return moves
    table = "\n".join(f"    ({', '.join(row)})," for row in zip(*columns.values(), strict=True))
    body = _rates(said) + moves if {*_RATES} & {*columns} else moves
    return f"for {', '.join(columns)} in [\n{table}\n]:\n{textwrap.indent(body, '    ')}"


def _turn(times: str, moves: str) -> str:
    if times in ("0", "1"):
        return moves * int(times)
    return f"for _ in range({times}):\n{textwrap.indent(moves, '    ')}"


def _step_d(played: Sequence[Played], said: Mapping[str, str]) -> str:
    loss = LOSSES[played[0].settings.loss].discriminator
    before, scored = _inlined(loss, {"real": "real_score", "fake": "fake_score"})
    lines = [
        "real, fake = reals(), fakes().detach()  # the discriminator's move",
        "real_score, fake_score = discriminator(real), discriminator(fake)",
    ]
    if _loss_changed(played):
        lines.append(f"loss = {said['d_loss']}(real_score, fake_score)")
    else:
        lines += [*before, f"loss = {ast.unparse(scored)}"]
    paid = _penalty(played, said["strength"])
    if paid and said["strength"] == "strength":
        lines += ["if strength:", *(f"    {line}" for line in paid)]
    else:
        lines += paid
    return _learn("d_adam", lines)


def _penalty(played: Sequence[Played], strength: str) -> list[str]:
    penalties = _penalties(played)
    if not penalties:
        return []
    before: list[str] = []
    value = ast.parse("penalty(discriminator, real, fake, draw)", mode="eval").body
    if len(penalties) == 1:
        before, value = _inlined(penalties[0], {})
    weighted = ast.BinOp(ast.parse(strength, mode="eval").body, ast.Mult(), value)
    return [*before, f"loss = loss + {ast.unparse(weighted)}"]


def _step_g(played: Sequence[Played], said: Mapping[str, str]) -> str:
    scores = {"real": "discriminator(reals())", "fake": "discriminator(fakes())"}
    before, value = _inlined(LOSSES[played[0].settings.loss].generator, scores)
    loss = ast.unparse(value)
    if _loss_changed(played):
        paired = {"True": scores["real"], "False": "None"}.get(
            said["paired"], f"{scores['real']} if paired else None"
        )
        before, loss = [], f"{said['g_loss']}({paired}, {scores['fake']})"
    return _learn("g_adam", [*before, f"loss = {loss}  # the generator's move"])


def _learn(adam: str, lines: Sequence[str]) -> str:
    return "\n".join([*lines, f"{adam}.zero_grad()", "loss.backward()", f"{adam}.step()", ""])


def _loss_changed(played: Sequence[Played]) -> bool:
    return len({part.settings.loss for part in played}) > 1


def _rates(said: Mapping[str, str]) -> str:
    betas = f"({said['beta1']}, {said['beta2']})"
    return "".join(
        f"{one}_adam.param_groups[0].update(lr={said[f'{one}_learning_rate']}, betas={betas})\n"
        for one in "dg"
    )


_COLUMNS: Mapping[str, Callable[[Played], str]] = {
    "d_steps": lambda part: str({"both": part.settings.k, "D": 1, "G": 0}[part.move]),
    "g_steps": lambda part: str(int(part.move != "D")),
    "count": lambda part: str(part.count),
    "d_loss": lambda part: LOSSES[part.settings.loss].discriminator.__name__,
    "g_loss": lambda part: LOSSES[part.settings.loss].generator.__name__,
    "paired": lambda part: str(LOSSES[part.settings.loss].paired),
    "penalty": lambda part: PENALTIES[part.settings.penalty][0].__name__ if _paid(part) else "None",
    "strength": lambda part: f"{part.settings.strength:g}" if _paid(part) else "0",
    **{name: lambda part, name=name: f"{getattr(part.settings, name):g}" for name in _RATES},  # type: ignore[misc]
}
"""What may differ from one row of the table to the next, and what it is in a row."""
