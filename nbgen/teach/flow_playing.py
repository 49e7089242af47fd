"""How does the laboratory of score and flow go on: by steps, and by itself while it plays?"""

from __future__ import annotations

import time

from .flow_exact import flow_home
from .flow_settings import FlowLab

BEAT = 0.02
"""A step of time, and of a particle on its way home."""
RATE = 16
"""Such steps a second while the laboratory plays; time alone runs twice as fast."""
SECONDS = 3
"""From noise to samples, however many steps that takes."""


def go(lab: FlowLab, count: int) -> None:
    """`count` steps of the view: beats of time, sampler steps, or epochs."""
    view = lab.settings.view
    if view == "learning":
        lab.learner.train(count)
    elif view in ("sampling", "guidance"):
        steps = max(lab.settings.steps) if view == "sampling" else len(lab.guided) - 1
        # Whole steps, counted rather than added up, so that ten steps of 0.1 are 1.
        lab.position = min(1.0, (round(lab.position * steps) + count) / steps)
    elif view == "forward":
        lab.now = min(1.0, round(lab.now + count * BEAT, 9))
    else:
        for _ in range(count):
            flow_home(lab, BEAT)


def at_end(lab: FlowLab) -> bool:
    """Whether playing has nothing left to do; a network may be trained for ever."""
    view = lab.settings.view
    if view in ("sampling", "guidance"):
        return lab.position >= 1
    return (lab.now >= 1 if view == "forward" else lab.now <= 0) and view != "learning"


def play(lab: FlowLab) -> None:
    """Start playing, from the beginning where it was at the end."""
    if at_end(lab):
        lab.position = 0.0
        lab.now = 0.0 if lab.settings.view == "forward" else max(lab.settings.t, BEAT)
        lab.trails = lab.trails[:1]
        lab.particles = lab.trails[0] if lab.trails else lab.particles
    lab.beat = time.monotonic()
    lab.playing = True


def advance(lab: FlowLab) -> None:
    """One beat of playing, as far as the clock has run; whole steps, so that a particle always goes the same way."""
    view, now = lab.settings.view, time.monotonic()
    since = min(0.25, now - lab.beat)
    if view == "learning":
        go(lab, 1)
    elif view in ("sampling", "guidance"):
        lab.position = min(1.0, lab.position + since / SECONDS)
        lab.beat = now
    else:
        beats = int(since * RATE * (2 if view == "forward" else 1))
        if beats:
            go(lab, beats)
            lab.beat = now
        else:
            time.sleep(0.01)
    if at_end(lab):
        lab.playing = False
