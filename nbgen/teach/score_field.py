"""The laboratory of score and flow: noise, the field that undoes it, samplers, guidance, and learning the field."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..show.table import Table
from ..values import one_or_several
from . import flow_playing, flow_state, flow_views
from .flow_exact import exact_field, guided
from .flow_settings import MOST_PARTICLES, FlowError, Settings, with_changes
from .learning import Learner
from .live import Laboratory
from .noising import SCHEDULES, Schedule, ddim
from .paths import Path, Samplers, errors

GUIDED_STEPS = 40
"""DDIM steps of guided samples, and of those of the network."""


def flow(distribution: Any = "two moons", **settings: Any) -> FlowLab:
    """A laboratory for diffusion and flow matching on a distribution in the plane. Show it in a cell, or script it.

    distribution: "two moons", "ring of eight", "spiral", "checkerboard", "letter A" (any letter), or drawn points
        as a list of (x, y). Each is a Gaussian mixture, so that its score is exact at every noise level.
    view: "forward" (data become noise), "field" (arrows, and particles to drag), "sampling" (samplers' ways and
        errors), "guidance" (two classes), "learning" (a small network beside the exact field).
    schedule: "scaled linear", "linear", "cosine", "zero-SNR" or "flow". t: noise level, 0 (data) to 1 (noise).
    arrows: "score", "velocity" or "denoised". points, seed: how many points, and which.
    sampler, steps: one to four names of `nbgen.list_samplers()` ("dpm++2m karras" carries a schedule), and counts.
    towards, guidance: a class of the distribution, and the scale.
    target ("epsilon", "x0", "v", "flow"), data (0 for endless), width, learning_rate, batch: the network's training.

        lab = nbgen.teach.flow("ring of eight", view="sampling", sampler=["ddim", "heun"], steps=[20, 10])
        lab.step(10)
        lab.errors(steps=[5, 10, 20])
        print(lab.copy_code())

    Raises FlowError, DistributionError and SamplerError for what cannot be.
    """
    return FlowLab(with_changes(Settings(), {"distribution": distribution, **settings}))


class FlowLab(Laboratory):
    """What `nbgen.teach.flow` returns. It shows itself in a cell; everything in it can be reached from Python."""

    script = "score_field.js"
    title = "Score and flow: a laboratory"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.now = settings.t
        self.position = 0.0 if settings.view == "sampling" else 1.0
        self.particles = torch.empty(0, 2, dtype=torch.float64)
        self.trails: list[Tensor] = []
        self.held: int | None = None
        self.copied_code = ""
        self.beat = 0.0
        self._cache: dict[str, tuple[Hashable, Any]] = {}
        self._learner: Learner | None = None

    def __repr__(self) -> str:
        name = self.settings.distribution.name
        return f"FlowLab({name!r}, view={self.settings.view!r}, schedule={self.settings.schedule!r})"

    # Scripting.

    @property
    def state(self) -> dict[str, Any]:
        """Settings and measurements as plain values: a snapshot, safe to keep."""
        with self.lock:
            self.catch_up()
            return flow_state.state(self)

    def set(self, **settings: Any) -> FlowLab:
        """Change settings, as `flow` takes them. Raises as it does, and then changes nothing."""
        with self.lock:
            old, new = self.settings, with_changes(self.settings, settings)
            self.settings = new
            if {"t", "view"} & settings.keys():
                self.now = new.t
            if {"view", "sampler", "steps", "schedule", "distribution", "seed", "points"} & settings.keys():
                self.position = 0.0 if new.view == "sampling" else 1.0
                self.playing = False
            if new.distribution is not old.distribution or new.schedule != old.schedule:
                self.trails = [self.particles] if len(self.particles) else []
            if self._learner is not None and _training(old) != _training(new):
                self._learner = None
                self.playing = False
        self.changed()
        return self

    def step(self, count: int = 1) -> FlowLab:
        """Go on: `count` beats of 0.02 in time (forward, field), sampler steps (sampling, guidance), or epochs."""
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 10_000:
            raise FlowError(f"step takes a whole number from 1 to 10,000, not {count!r:.40}.")
        with self.lock:
            flow_playing.go(self, count)
        self.changed()
        return self

    def release(self, points: Any) -> FlowLab:
        """Put particles at these places, (k, 2), at noise level t; `step` lets them flow home. [] takes them away."""
        try:
            places = torch.as_tensor(np.asarray(points, dtype=float).reshape(-1, 2))
        except (TypeError, ValueError):
            raise FlowError("particles are a list of places (x, y).") from None
        if (
            len(places) > MOST_PARTICLES
            or not bool(places.isfinite().all())
            or bool((places.abs() > 10).any())
        ):
            raise FlowError(f"at most {MOST_PARTICLES} particles, each between -10 and 10.")
        with self.lock:
            self.particles, self.now = places, self.settings.t
            self.trails = [places]
        self.changed()
        return self

    def field(self, x: Any, t: float | None = None, arrows: str | None = None) -> np.ndarray:
        """The exact field at points (n, 2), in float64: `arrows` is "score", "velocity" or "denoised"."""
        try:
            places = torch.as_tensor(np.asarray(x, dtype=float).reshape(-1, 2))
        except (TypeError, ValueError):
            raise FlowError("the field is asked at a list of places (x, y).") from None
        with self.lock:
            kind = with_changes(self.settings, {} if arrows is None else {"arrows": arrows}).arrows
            return exact_field(self, places, self.now if t is None else t, kind).numpy()

    def errors(
        self, sampler: str | Sequence[str] = (), steps: int | Sequence[int] = (5, 10, 20, 40)
    ) -> Table:
        """A row for each sampler and number of steps: denoiser calls, and the error to the exact solution."""
        with self.lock:
            names = [*one_or_several(sampler)] or [*dict.fromkeys(self.settings.sampler)]
            numbers = [*one_or_several(steps)]
            for name, number in itertools.product(names, numbers):
                self.samplers.recipe(name, number)  # raises before any work
            rows = errors(self.samplers, names, numbers, self.settings.reference_steps)
            self._keep("curves", self._curve_key(), rows)
        self.changed()
        return Table([{**row, "error": float(f"{row['error']:.3g}")} for row in rows])

    @property
    def points(self) -> dict[str, np.ndarray]:
        """The points that are shown now, by name, (n, 2) each."""
        with self.lock:
            return {name: points.float().numpy() for name, points in flow_state.shown_points(self).items()}

    @property
    def samples(self) -> dict[str, np.ndarray]:
        """Where the runs end, by name, (n, 2) each: what the copied code reproduces."""
        with self.lock:
            return {name: points.float().numpy() for name, points in flow_state.end_points(self).items()}

    def copy_code(self, which: int = 0) -> str:
        """Plain torch that makes `samples` of this view without nbgen; of several samplers, the `which`th.

        Samplers other than DDIM, Euler and Heun are those of diffusers there too.
        """
        from .flow_code import code

        with self.lock:
            return code(self, which)

    def figure(self) -> Any:
        """The state as a matplotlib Figure."""
        from .flow_figures import figure

        with self.lock:
            self.catch_up()
            return figure(*flow_views.frame(self))

    # What the views ask for; each is made once for its settings.

    @property
    def schedule(self) -> Schedule:
        return SCHEDULES[self.settings.schedule]

    @property
    def samplers(self) -> Samplers:
        now = self.settings
        key = (now.distribution, now.schedule, now.points, now.seed)
        return self._made("samplers", key, now.samplers)

    @property
    def paths(self) -> list[Path]:
        """Each sampler's way, in the order of `sampler`."""
        now, samplers = self.settings, self.samplers
        key = (samplers, now.sampler, now.steps)
        return self._made(
            "paths", key, lambda: [samplers.run(*run) for run in zip(now.sampler, now.steps, strict=True)]
        )

    @property
    def curves(self) -> list[dict[str, Any]]:
        """What `errors` last measured, while it is still true."""
        key, rows = self._cache.get("curves", (None, []))
        return rows if key == self._curve_key() else []

    @property
    def guided(self) -> Tensor:
        """The guided samples' way, (steps + 1, n, 2)."""
        now = self.settings
        key = (now.distribution, now.schedule, now.points, now.seed, now.towards, now.guidance)
        return self._made("guided", key, lambda: self._sampled(guided(self, now.guidance), torch.float64))

    @property
    def learner(self) -> Learner:
        if self._learner is None:
            now = self.settings
            self._learner = Learner(
                now.distribution, self.schedule, target=now.target, data=now.data, width=now.width,
                learning_rate=now.learning_rate, batch=now.batch, seed=now.seed,
            )  # fmt: skip
        return self._learner

    @property
    def learned(self) -> Tensor:
        """The network's samples after this epoch, (n, 2)."""
        learner = self.learner
        key = (learner, learner.epoch, self.settings.points)
        return self._made("learned", key, lambda: self._sampled(learner.predict)[-1])

    def noise(self) -> Tensor:
        """The starts that every sampler shares, (n, 2): those of the seed."""
        return torch.randn(
            1, self.settings.points, 2, generator=torch.Generator().manual_seed(self.settings.seed)
        )[0]

    def _sampled(self, predict: Callable[..., Any], dtype: torch.dtype = torch.float32) -> Tensor:
        return ddim(predict, self.schedule, self.noise().to(dtype), 1.0, GUIDED_STEPS)

    def _curve_key(self) -> Hashable:
        return self.samplers, self.settings.reference_steps

    def _made(self, name: str, key: Hashable, make: Callable[[], Any]) -> Any:
        known, value = self._cache.get(name, (None, None))
        return value if known == key else self._keep(name, key, make())

    def _keep(self, name: str, key: Hashable, value: Any) -> Any:
        self._cache[name] = (key, value)
        return value

    def forget(self) -> None:
        """A fresh network, from the seed."""
        self._learner = None

    # Going on, and the page.

    def play(self) -> None:
        """Start playing, from the beginning where it was at the end."""
        flow_playing.play(self)

    def pending(self) -> bool:
        now = self.settings
        return now.view == "sampling" and not self.samplers.has_reference(now.reference_steps)

    def catch_up(self) -> None:
        if self.pending():  # hundreds of calls: samplers' ways are shown before their errors
            self.samplers.reference(self.settings.reference_steps)

    def advance(self) -> None:
        flow_playing.advance(self)

    def do(self, name: str, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        from .flow_requests import do

        do(self, name, message, buffers)

    def frame(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        with self.lock:
            words, arrays = flow_views.frame(self)
            # What was asked for is sent once: the page keeps it.
            words["code"], self.copied_code = self.copied_code, ""
            return words, arrays


def _training(settings: Settings) -> tuple[Any, ...]:
    """The settings that a network under training depends on."""
    return (
        settings.distribution, settings.schedule, settings.target, settings.data, settings.width,
        settings.learning_rate, settings.batch, settings.seed,
    )  # fmt: skip
