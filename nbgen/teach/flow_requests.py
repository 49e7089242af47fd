"""What may the page ask of the laboratory of score and flow? One function, so that a test can press every button."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..errors import brief
from .flow_settings import MOST_PARTICLES, NAMES, FlowError, FlowLab

REACH = 0.18
"""How near to a particle, in the plane's units, a press takes hold of it."""


def do(lab: FlowLab, name: str, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
    """Carry out a request. Raises NbgenError where it cannot be; the state is then as it was."""
    if name == "set":
        lab.set(**{key: message[key] for key in NAMES if key in message})
    elif name == "play":
        if message.get("on", True):
            lab.play()
        else:
            lab.playing = False
    elif name == "step":
        lab.playing = False
        lab.step(int(message.get("count", 1)))
    elif name == "position":
        lab.playing = False
        lab.position = min(1.0, max(0.0, float(message["value"])))
    elif name == "restart":
        _restart(lab)
    elif name == "grab":
        _grab(lab, *_place(message))
    elif name == "drag":
        _drag(lab, message)
    elif name == "release":
        if message.get("at") is not None:
            _drag(lab, message)
        if len(lab.particles):
            lab.trails = [lab.particles]
            lab.play()
    elif name == "measure":
        lab.errors()
    elif name == "drawn":
        points = np.frombuffer(buffers[0], np.float32).reshape(-1, 2) if buffers else np.empty((0, 2))
        lab.set(distribution=points.astype(float))
    elif name == "code":
        lab.copied_code = lab.copy_code(int(message.get("which", 0)))
    else:
        raise FlowError(f"the laboratory does not know the request {brief(name)}.")


def _restart(lab: FlowLab) -> None:
    lab.playing = False
    lab.position = 0.0
    if lab.settings.view == "learning":
        lab.forget()
    elif lab.settings.view == "forward":
        lab.now = 0.0
    else:
        lab.release([])


def _place(message: Mapping[str, Any]) -> tuple[float, float]:
    x, y = (float(value) for value in message["at"])
    return min(10.0, max(-10.0, x)), min(10.0, max(-10.0, y))


def _grab(lab: FlowLab, x: float, y: float) -> None:
    """Takes hold of the particle that is near, else puts one there; time goes back to where it was chosen."""
    place = torch.tensor([[x, y]], dtype=torch.float64)
    lab.playing = False
    near = torch.cdist(place, lab.particles)[0] if len(lab.particles) else torch.empty(0)
    if len(near) and float(near.min()) <= REACH:
        lab.held = int(near.argmin())
    else:
        if len(lab.particles) >= MOST_PARTICLES:
            raise FlowError(f"{MOST_PARTICLES} particles are enough: press Restart to begin anew.")
        lab.particles = torch.cat([lab.particles, place])
        lab.held = len(lab.particles) - 1
    lab.now = lab.settings.t
    lab.trails = [lab.particles]


def _drag(lab: FlowLab, message: Mapping[str, Any]) -> None:
    if lab.held is None or lab.held >= len(lab.particles):
        return
    particles = lab.particles.clone()
    particles[lab.held] = torch.tensor(_place(message), dtype=torch.float64)
    lab.particles = particles
    lab.trails = [particles]
