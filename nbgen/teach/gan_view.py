"""What is there to see of a game: measurements of its runs, and the arrays that the page and the figure draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .distributions import NAMES
from .gan_measures import (
    CELLS,
    COUNTED,
    Densities,
    arrows,
    bent_grid,
    cells,
    densities,
    distance_to_optimal,
    modes_covered,
    near_data,
    probability,
    scores,
)
from .gan_players import LOSSES, PENALTIES
from .gan_presets import PRESETS
from .gan_run import Run

if TYPE_CHECKING:
    from .gan_game import GanLab

SHOWN = 1000
"""Points of each kind that are shown."""
PULLED = 160
"""Fakes with an arrow."""
LENGTH = 1.0
"""Length of an arrow, in the plane's units, for a gradient of 1."""
LONGEST = 0.6
CURVE = 240
"""Points of a curve of losses: more steps are averaged."""

SURFACES = ("discriminator", "perfect", "difference", "none")


class Look:
    """Everything measured on one run at one step, each thing once and only where it is asked for."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.both: Densities = densities(run)
        self.scores = scores(run, cells())
        self.chances = probability(run, self.scores, self.both)
        self.fakes = run.samples(COUNTED)

    @cached_property
    def measured(self) -> dict[str, Any]:
        """Numbers: see `GanLab.state`."""
        distribution = self.run.settings.distribution
        return {
            "modes": modes_covered(distribution, self.fakes),
            "near_data": float(near_data(distribution, self.fakes).double().mean()),
            "divergence": self.both.divergence,
            "distance_to_optimal": distance_to_optimal(self.chances, self.both),
        }

    def pulls(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The first fakes and their arrows, (`PULLED`, 2) each; a paired loss compares with the first reals."""
        fakes = self.fakes[:SHOWN]
        real = reals(self.run) if LOSSES[self.run.settings.loss].paired else None
        return fakes[:PULLED], arrows(self.run, real, fakes)[:PULLED]

    def surface(self, kind: str) -> np.ndarray:
        """From -1 (fake for certain) to 1 (real for certain), (CELLS, CELLS); a critic's scores by rank of size."""
        if kind == "perfect":
            values = 2 * self.both.optimal - 1
        elif self.chances is None:
            centred = self.scores.double() - self.scores.double().median()
            values = centred / centred.abs().max().clamp(min=1e-12)
            values = torch.zeros_like(values) if kind == "difference" else values
        elif kind == "difference":
            weights = (self.both.p + self.both.q).sqrt()
            values = (self.chances.double() - self.both.optimal) * 2 * weights / weights.max()
        else:
            values = 2 * self.chances.double() - 1
        return values.reshape(CELLS, CELLS).float().numpy()


def reals(run: Run, count: int = SHOWN) -> torch.Tensor:
    """Points of the data, the same at every step."""
    return run.reals(count, torch.Generator().manual_seed(run.settings.seed + 1))


def state(look: Look) -> dict[str, Any]:
    """A run as plain values."""
    run = look.run
    moved = [
        next((one for one in reversed(losses[: run.step]) if not math.isnan(one)), None)
        for losses in (run.d_losses, run.g_losses)
    ]
    return {
        "step": run.step,
        "furthest": run.furthest,
        "settings": run.settings.plain(),
        "d_loss": moved[0],
        "g_loss": moved[1],
        **look.measured,
        "of_modes": run.settings.distribution.modes or None,
        "densities": named(look.both),
    }


def named(both: Densities) -> str:
    """Where q came from, in words."""
    if not both.exact:
        return f"q estimated from {COUNTED:,} fakes, p and q blurred by {both.blur:g}"
    return "q exact" + (f", p and q blurred by {both.blur:.2g}" if both.blur else "")


def frame(lab: GanLab) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Words and numbers, and arrays: what `gan_game.js` and `gan_figures.py` draw."""
    arrays: dict[str, np.ndarray] = {}
    sides = []
    for number, run in enumerate(lab.match.runs):
        look = lab.match.look(number)
        fakes = look.fakes[:SHOWN]
        at, pulls = look.pulls()
        length = pulls.norm(dim=1, keepdim=True)
        drawn = pulls * (LENGTH * length).clamp(max=LONGEST) / length.clamp(min=1e-12)
        arrays |= {
            f"real{number}": reals(run).float().numpy(),
            f"fake{number}": fakes.float().numpy(),
            f"at{number}": at.float().numpy(),
            f"pull{number}": drawn.float().numpy(),
            f"bent{number}": bent_grid(run).float().numpy(),
            f"surface{number}": look.surface(lab.shown["surface"]),
            f"perfect{number}": look.surface("perfect"),
        }
        sides.append(state(look) | {"title": lab.match.titles[number], "pull": float(length.mean())})
        sides[-1]["lines"] = said(sides[-1])
    charts = [_losses(lab, arrays), _divergence(lab, arrays)]
    words = {
        "sides": sides,
        "charts": charts,
        "shown": dict(lab.shown),
        "settings": lab.match.settings.plain(),
        "preset": lab.preset,
        "says": PRESETS[lab.preset].says if lab.preset else "",
        "difference": dict(lab.match.difference),
        "since": lab.match.since,
        "slow": lab.slow,
        "moved": lab.match.moved,
        "menus": {
            "presets": list(PRESETS),
            "distributions": _offered(lab),
            "losses": list(LOSSES),
            "penalties": list(PENALTIES),
        },
    }
    return words, arrays


def said(side: Mapping[str, Any]) -> list[str]:
    """What the measurements of a run say, in two lines."""
    modes = "" if side["modes"] is None else f"{side['modes']} of {side['of_modes']} modes covered, "
    first = f"{modes}divergence {side['divergence']:.3f} ({'exact' if 'exact' in side['densities'] else 'estimated'})"
    far = side["distance_to_optimal"]
    second = "the critic's scores are no chances" if far is None else f"D is {far:.3f} from the perfect D"
    return [first, f"{second}, mean arrow {side['pull']:.2g}"]


def _offered(lab: GanLab) -> list[str]:
    name = lab.match.settings.distribution.name
    return [*NAMES] if name in NAMES else [*NAMES, name]


def _losses(lab: GanLab, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    series: list[dict[str, Any]] = []
    for number, run in enumerate(lab.match.runs):
        for player, losses in (("D", run.d_losses), ("G", run.g_losses)):
            place = len(series)
            arrays[f"x{place}"], arrays[f"y{place}"] = curve(losses)
            of = f", {lab.match.titles[number]}" if len(lab.match.runs) > 1 else ""
            series.append(
                {"label": f"loss of {player}{of}", "strong": False, "colour": 2 * number + (player == "G")}
            )
    return {
        "title": "Losses at each step",
        "xlabel": "",
        "ylabel": "",
        "first": 0,
        "series": series,
        "line": lab.match.step,
    }


def _divergence(lab: GanLab, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    first = 2 * len(lab.match.runs)
    series = []
    for number in range(len(lab.match.runs)):
        steps, rows = lab.match.trace_of(number)
        found = {step: row["divergence"] for step, row in zip(steps, rows, strict=True)}
        found[lab.match.step] = lab.match.look(number).both.divergence
        arrays[f"x{first + number}"] = np.asarray(sorted(found), np.float32)
        arrays[f"y{first + number}"] = np.asarray([found[step] for step in sorted(found)], np.float32)
        label = (
            lab.match.titles[number] if len(lab.match.runs) > 1 else "divergence of the fakes from the data"
        )
        series.append({"label": label, "strong": True, "colour": 2 * number})
    return {
        "title": "Jensen\u2013Shannon divergence (nats)", "xlabel": "step", "ylabel": "", "first": first,
        "series": series, "line": lab.match.step, "ylim": [0, round(math.log(2), 3)],
    }  # fmt: skip


def curve(losses: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Steps and losses, at most `CURVE` of them; neighbours are averaged, and who was idle is left out."""
    steps = np.arange(1, len(losses) + 1, dtype=np.float64)
    values = np.asarray(losses, np.float64)
    there = ~np.isnan(values)
    steps, values = steps[there], values[there]
    if len(steps) > CURVE:
        edges = np.linspace(0, len(steps), CURVE + 1).astype(int)
        counts = np.diff(edges)
        steps, values = (np.add.reduceat(one, edges[:-1]) / counts for one in (steps, values))
    return steps.astype(np.float32), np.clip(values, -1e30, 1e30).astype(np.float32)
