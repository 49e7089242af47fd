"""What does each view of the laboratory show? Numbers for the page and for the figure alike.

A frame is a dict of words and numbers, and arrays. Of the plane: `density` (rows, columns) from 0 to 1, `points0` …,
`path0` … (steps, k, 2), `at` and `arrow0` … (m, 2). Of the chart: `x0`, `y0` …
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .distributions import grid
from .flow_exact import (
    arrow_scale,
    clipped,
    density,
    exact_field,
    noised,
    plain,
    strengths,
)
from .flow_settings import FlowLab
from .flow_state import menus, shown_points, state
from .noising import SCHEDULES

ARROWS = 19
"""Arrows a side."""
WAYS = 12
"""Starts whose ways are drawn; of the others only where they are."""

Frame = tuple[dict[str, Any], dict[str, np.ndarray]]


def frame(lab: FlowLab) -> Frame:
    """The view that is chosen."""
    words, arrays = _VIEWS[lab.settings.view](lab)
    return {**state(lab), "menus": menus(lab), **words}, arrays


def _forward(lab: FlowLab) -> Frame:
    chart, arrays = _log_snr_chart(lab)
    arrays |= {"density": density(lab, lab.now), "points0": plain(noised(lab))}
    alpha, sigma = (float(level) for level in lab.schedule.levels(lab.now))
    return {
        "says": f"t = {lab.now:.2f}: each point is {alpha:.2f} of the data and {sigma:.2f} of noise.",
        "legend": [{"mark": "dot", "colour": 0, "text": f"{lab.settings.points} points with their noise"}],
        "chart": chart,
    }, arrays


def _log_snr_chart(lab: FlowLab) -> Frame:
    """All schedules as curves, and where the laboratory is on its own."""
    t = np.linspace(0, 1, 101)
    arrays, series = {}, []
    for number, schedule in enumerate(SCHEDULES.values()):
        arrays[f"x{number}"] = t
        arrays[f"y{number}"] = schedule.log_snr(torch.from_numpy(t)).numpy()
        series.append({"label": schedule.name, "strong": schedule.name == lab.settings.schedule})
    here = float(lab.schedule.log_snr(torch.tensor(lab.now)))
    return {
        "title": "How fast is the signal lost?", "xlabel": "t", "ylabel": "log-SNR", "series": series,
        "ylim": [-12, 12], "dot": [lab.now, max(-12.0, min(12.0, here))],
    }, arrays  # fmt: skip


def _field(lab: FlowLab) -> Frame:
    at = grid(ARROWS)
    names = {
        "score": "score: uphill in log density",
        "velocity": "velocity of the flow, towards the data",
        "denoised": "from x to the mean of the data it may have come from",
    }
    field = exact_field(lab, at, lab.now, lab.settings.arrows)
    chart, arrays = _log_snr_chart(lab)
    arrays |= {
        "density": density(lab, lab.now),
        "at": plain(at),
        "arrow0": plain(clipped(field * arrow_scale(field, ARROWS), ARROWS)),
        "points0": plain(lab.particles),
    }
    if len(lab.trails) > 1 and len(lab.particles):
        arrays["path0"] = plain(torch.stack(lab.trails))
    count = len(lab.particles)
    held = (
        f"{count} particle{'' if count == 1 else 's'}"
        if count
        else "Press into the plane to put a particle there"
    )
    return {
        "says": f"{held}; t = {lab.now:.2f}.",
        "legend": [
            {"mark": "arrow", "colour": -1, "text": names[lab.settings.arrows]},
            {"mark": "dot", "colour": 1, "text": "particles: drag, and let go"},
        ],
        "chart": chart,
    }, arrays  # fmt: skip


def _sampling(lab: FlowLab) -> Frame:
    arrays = {"density": density(lab, 0.0)}
    words = state(lab)["runs"]
    legend, marks = [], []
    shown = list(shown_points(lab).values())
    for number, (run, path, points) in enumerate(zip(words, lab.paths, shown, strict=True)):
        arrays[f"points{number}"] = plain(points)
        arrays[f"path{number}"] = plain(path.points[:, :WAYS])
        measured = "measuring …" if run["error"] is None else f"error {run['error']:.3f}"
        off = "noise added on the way" if run["stochastic"] else measured
        legend.append(
            {"mark": "dot", "colour": number, "text": f"{run['label']}: {run['calls']} calls, {off}"}
        )
        if run["error"] is not None:
            marks.append({"x": run["calls"], "y": run["error"], "colour": number})
    series = []
    for number, label in enumerate(dict.fromkeys(row["sampler"] for row in lab.curves)):
        rows = [row for row in lab.curves if row["sampler"] == label]
        arrays[f"x{number}"] = np.array([row["calls"] for row in rows], float)
        arrays[f"y{number}"] = np.array([row["error"] for row in rows], float)
        series.append({"label": label, "strong": True})
    return {
        "says": f"{lab.position:.0%} of the way from noise to data; shaded is where the data are.",
        "legend": legend,
        "chart": {
            "title": "Error to the exact solution", "xlabel": "denoiser calls", "ylabel": "error",
            "log": True, "series": series, "marks": marks,
        },
    }, arrays  # fmt: skip


def _guidance(lab: FlowLab) -> Frame:
    now = lab.settings
    at = grid(13)
    alpha, sigma = (float(level) for level in lab.schedule.levels(lab.now))
    whole, half = now.distribution.mixture, now.distribution.half(now.towards)
    unconditional = whole.score(at, alpha, sigma)
    conditional = half.score(at, alpha, sigma)
    length = arrow_scale(unconditional, 13)
    arrays = {
        "density": density(lab, 0.0, towards=True),
        "at": plain(at),
        "points0": plain(shown_points(lab)["guided"]),
    }
    for number, score in enumerate(
        (unconditional, conditional, unconditional + now.guidance * (conditional - unconditional))
    ):
        arrays[f"arrow{number}"] = plain(clipped(score * length, 13))
    measures = state(lab)
    key = (now.distribution, now.schedule, now.seed, now.towards)
    scales, spreads, outside = lab._made("strengths", key, lambda: strengths(lab))
    arrays |= {"x0": scales, "y0": spreads, "x1": scales, "y1": outside}
    return {
        "says": (
            f"Scale {now.guidance:g} towards the {now.towards}: the samples are spread "
            f"{measures['spread']:.2f} times as wide as the class, {measures['outside']:.0%} lie outside it."
        ),
        "legend": [
            {"mark": "arrow", "colour": -1, "text": "score of everything"},
            {"mark": "arrow", "colour": 0, "text": "score of the class"},
            {"mark": "arrow", "colour": 1, "text": "guided score"},
            {"mark": "dot", "colour": 2, "text": "guided samples (shaded: the class)"},
        ],
        "chart": {
            "title": "What does the scale do?", "xlabel": "guidance scale", "ylabel": "",
            "series": [
                {"label": "spread, of the class's", "strong": True},
                {"label": "part outside the class", "strong": True},
            ],
            "ylim": [0, 1.6], "line": now.guidance,
        },
    }, arrays  # fmt: skip


def _learning(lab: FlowLab) -> Frame:
    now, learner = lab.settings, lab.learner
    at = grid(15)
    alpha, sigma = (float(level) for level in lab.schedule.levels(lab.now))
    mixture = now.distribution.mixture
    exact = (mixture.x0(at, alpha, sigma) - at).float()
    learned = learner.predict(at, lab.now, alpha, sigma)[0] - at.float()
    length = arrow_scale(exact, 15)
    arrays = {
        "density": density(lab, lab.now),
        "at": plain(at),
        "arrow0": plain(clipped(exact * length, 15)),
        "arrow1": plain(clipped(learned * length, 15)),
        "points0": plain(lab.learned),
    }
    legend = [
        {"mark": "arrow", "colour": -1, "text": "exact: from x to the denoised mean"},
        {"mark": "arrow", "colour": 0, "text": "the network's"},
        {"mark": "dot", "colour": 2, "text": "the network's samples"},
    ]
    if learner.set is not None:
        arrays["points1"] = plain(learner.set)
        legend.append({"mark": "square", "colour": 1, "text": f"all {len(learner.set)} training points"})
    epochs = np.arange(learner.epoch + 1, dtype=float)
    arrays |= {"x0": epochs, "y0": np.array(learner.errors), "x1": epochs[1:], "y1": np.array(learner.losses)}
    copied = learner.copied(lab.learned)
    copies = "" if copied is None else f" {copied:.0%} of its samples copy a training point."
    return {
        "says": f"Epoch {learner.epoch}: mean error of the field {learner.errors[-1]:.3f}.{copies}",
        "legend": legend,
        "chart": {
            "title": f"Learning {now.target}", "xlabel": "epoch", "ylabel": "", "logy": True,
            "series": [{"label": "error of the field", "strong": True}, {"label": "loss", "strong": False}],
        },
    }, arrays  # fmt: skip


_VIEWS: dict[str, Callable[[FlowLab], Frame]] = {
    "forward": _forward,
    "field": _field,
    "sampling": _sampling,
    "guidance": _guidance,
    "learning": _learning,
}
