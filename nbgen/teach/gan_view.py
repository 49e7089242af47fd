"""What is there to see of a game: the words and arrays that the page and the still figure draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .distributions import offered
from .gan_look import SHOWN, reals, said, state
from .gan_measures import bent_grid
from .gan_players import LOSSES, PENALTIES
from .gan_presets import PRESETS

if TYPE_CHECKING:
    from .gan_game import GanLab

LENGTH = 1.0
"""Length of an arrow, in the plane's units, for a gradient of 1."""
LONGEST = 0.6
CURVE = 240
"""Points of a curve of losses: more steps are averaged."""


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
            "distributions": offered(lab.match.settings.distribution),
            "losses": list(LOSSES),
            "penalties": list(PENALTIES),
        },
    }
    return words, arrays


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
