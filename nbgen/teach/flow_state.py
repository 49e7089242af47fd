"""How far has the laboratory got, and which points does it hold?"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .distributions import offered
from .flow_exact import guided_measures, noised
from .flow_settings import FlowLab, runnable
from .noising import SCHEDULES


def state(lab: FlowLab) -> dict[str, Any]:
    """Settings, how far the laboratory has got, and what it measured."""
    now = lab.settings
    alpha, sigma = (float(level) for level in lab.schedule.levels(lab.now))
    found: dict[str, Any] = {
        name: getattr(now, name)
        for name in (
            "view", "schedule", "arrows", "points", "seed", "guidance", "target", "data", "width",
            "learning_rate", "batch", "towards",
        )
    }  # fmt: skip
    found |= {
        "distribution": now.distribution.name,
        "t": lab.now,
        "chosen_t": now.t,
        "alpha": alpha,
        "sigma": sigma,
        "sampler": list(now.sampler),
        "steps": list(now.steps),
        "position": lab.position,
        "particles": len(lab.particles),
    }
    if now.view == "sampling":
        found["runs"] = [
            {
                "label": label,
                "calls": path.calls,
                "stochastic": path.stochastic,
                "error": None if lab.pending() else lab.samplers.error(path, now.reference_steps),
            }
            for label, path in zip(run_labels(lab), lab.paths, strict=True)
        ]
    if now.view == "guidance":
        found |= guided_measures(lab)
    if now.view == "learning":
        learner = lab.learner
        found |= {
            "epoch": learner.epoch,
            "loss": learner.losses[-1] if learner.losses else None,
            "losses": list(learner.losses),
            "field_error": learner.errors[-1],
            "field_errors": list(learner.errors),
            "copied": learner.copied(lab.learned),
        }
    return found


def menus(lab: FlowLab) -> dict[str, Any]:
    """What the page's menus offer."""
    return {
        "distributions": offered(lab.settings.distribution),
        "schedules": list(SCHEDULES),
        "samplers": list(runnable(lab.settings.schedule)) if lab.settings.view == "sampling" else [],
        "classes": list(lab.settings.distribution.classes),
    }


def shown_points(lab: FlowLab) -> dict[str, Tensor]:
    """The points of the view as they are now, by name."""
    view = lab.settings.view
    if view == "sampling":
        return {label: path.at(lab.position) for label, path in zip(run_labels(lab), lab.paths, strict=True)}
    if view == "guidance":
        place = round(lab.position * (len(lab.guided) - 1))
        return {"guided": lab.guided[place]}
    return end_points(lab)


def end_points(lab: FlowLab) -> dict[str, Tensor]:
    """Where the points of the view end, by name."""
    view = lab.settings.view
    if view == "sampling":
        return {label: path.end for label, path in zip(run_labels(lab), lab.paths, strict=True)}
    if view == "guidance":
        return {"guided": lab.guided[-1]}
    if view == "learning":
        return {"network": lab.learned}
    if view == "field":
        return {"particles": lab.particles}
    return {"noised": noised(lab)}


def run_labels(lab: FlowLab) -> list[str]:
    """A name for each run: the sampler's, with its steps where those differ."""
    labels = [path.label for path in lab.paths]
    if len(set(labels)) < len(labels) or len(set(lab.settings.steps)) > 1:
        labels = [f"{label}, {steps} steps" for label, steps in zip(labels, lab.settings.steps, strict=True)]
    return [
        label if labels.index(label) == place else f"{label} ({place + 1})"
        for place, label in enumerate(labels)
    ]
