"""The GAN game: a generator and a discriminator learn against each other, live in a cell, on points of the plane."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..errors import brief, did_you_mean
from ..show.table import Table
from .distributions import grid
from .gan_look import SURFACES, reals, state
from .gan_match import Match
from .gan_measures import CELLS, arrows
from .gan_presets import PRESETS
from .gan_run import MOVES
from .gan_settings import MOST_STEPS, GanError, Settings, with_changes
from .live import Laboratory

BEAT_SECONDS, SLOW_SECONDS = 0.025, 0.4
"""How long the players play between two pictures; in slow motion, how long one move is looked at."""

SHOWN = {"surface": "discriminator", "arrows": True, "bent": True, "perfect": False}


def gan(
    distribution: Any = None,
    *,
    preset: str | None = None,
    beside: Mapping[str, Any] | None = None,
    since: int = 0,
    **settings: Any,
) -> GanLab:
    """A laboratory for GANs on a distribution in the plane. Show it in a cell, or script it.

    distribution: "ring of eight", "two moons", "spiral", "checkerboard", "letter A", or drawn points [(x, y), …].
    preset: "it works" (unless settings are given), "mode collapse", "discriminator too strong", "oscillation",
        "a penalty repairs"; a distribution and settings given as well come on top.
    beside: a second run from the same seed that differs in this one setting, for example {"k": 5}; from step `since`
        on, where it may change in the middle of a run.

    loss: "non-saturating", "saturating", "least squares", "Wasserstein" (with its penalty) or "relativistic".
    penalty: "none", "R1", "R2", "R1 and R2" or "slope one" (of the Wasserstein loss). strength: its γ.
    k: steps of D for each of G. d_learning_rate, g_learning_rate, beta1, beta2: of Adam. batch: points a step.
    d_width, g_width, d_layers, g_layers: hidden layers; with g_layers=0 the generator is affine and its density exact.
    noise_dim: dimensions of the generator's noise. seed: of everything drawn. dtype: "float32" or "float64".

        lab = nbgen.teach.gan(preset="mode collapse")
        lab.step(600).state["modes"]
        lab.set(penalty="R1 and R2")
        lab.step(400).rewind(600)
        print(lab.copy_code())

    Raises GanError and DistributionError for what cannot be.
    """
    if preset is None:
        # Without a wish, what works; with one, nothing that was not asked for.
        known = PRESETS["it works"] if not settings and beside is None else None
        preset = "it works" if known else ""
    else:
        if preset not in PRESETS:
            raise GanError(f"there is no preset {brief(preset)}: {did_you_mean(str(preset), PRESETS)}")
        known = PRESETS[preset]
    chosen = {**(known.settings if known else {}), **settings}
    if distribution is not None:
        chosen["distribution"] = distribution
    if beside is None and known is not None:
        beside, since = known.difference, known.since
    if beside is None:
        beside = {}
    return GanLab(Match(with_changes(Settings(), chosen), beside, since), preset)


class GanLab(Laboratory):
    """What `nbgen.teach.gan` returns. It shows itself in a cell; everything in it can be reached from Python."""

    script = "gan_game.js"
    title = "The GAN game: a laboratory"

    def __init__(self, match: Match, preset: str = "") -> None:
        super().__init__()
        self.match = match
        self.preset = preset
        self.shown: dict[str, Any] = dict(SHOWN)
        self.slow = False
        self.copied_code = ""
        self._pressed = 0.0

    def __repr__(self) -> str:
        match = self.match
        beside = f", beside={match.difference}" if match.difference else ""
        now = match.settings
        return f"GanLab({now.distribution.name!r}, loss={now.loss!r}, step={match.step}{beside})"

    # Scripting.

    @property
    def state(self) -> dict[str, Any]:
        """Settings and measurements as plain values; with two runs, those of the second under "beside".

        modes: clusters with a quarter of their fair share of the fakes near them, of `of_modes` (None without any).
        near_data: the part of the fakes within three spreads of the data. divergence: Jensen-Shannon, in nats, of the
        densities that `densities` names. distance_to_optimal: mean of |D - p/(p + q)| over reals and fakes, None for a
        Wasserstein critic. d_loss, g_loss: the last of each.
        """
        with self.lock:
            found = [state(self.match.look(number)) for number in range(len(self.match.runs))]
            return found[0] if len(found) == 1 else {**found[0], "beside": found[1]}

    def step(self, count: int = 1, move: str = "both") -> GanLab:
        """Play `count` steps: "both" (k steps of D, one of G), "D" or "G" alone.

        Raises GanError where a loss is no number any more; every run is then at the last step that was good for all.
        """
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_STEPS:
            raise GanError(f"step takes a whole number from 1 to {MOST_STEPS:,}, not {brief(count)}.")
        if move not in MOVES:
            raise GanError(f"a move is one of {', '.join(MOVES)}, not {brief(move)}.")
        return self._do(lambda: self.match.play(count, move))

    def rewind(self, step: int) -> GanLab:
        """To any step that was played, bit for bit as it was, with the settings of that moment. Raises GanError.

        Steps that were played later can be reached again in the same way, until the next new step.
        """
        return self._do(lambda: self.match.rewind(step))

    def restart(self) -> GanLab:
        """Step 0 again, with the settings of now from the beginning; what was played is forgotten."""
        match = self.match
        return self._do(lambda: self.begin(Match(match.settings, match.difference, match.since), self.preset))

    def begin(self, match: Match, preset: str = "") -> None:
        """Another game in this laboratory."""
        self.match, self.preset = match, preset

    def set(self, **settings: Any) -> GanLab:
        """Change settings, as `gan` takes them. Losses, penalty, k and rates change in the middle of the run; any
        other begins it anew. Raises as `gan` does, and then changes nothing.
        """

        def change() -> None:
            match = self.match
            new = with_changes(match.settings, settings)
            preset = self.preset if new == match.settings else ""
            self.begin(match.changed(new, settings), preset)

        return self._do(change)

    def beside(self, since: int = 0, **difference: Any) -> GanLab:
        """Both runs anew from one seed, the second with this one difference; without one, a single run."""
        return self._do(lambda: self.begin(Match(self.match.settings, difference, since)))

    def show(self, **what: Any) -> GanLab:
        """What the plane shows: surface ("discriminator", "perfect", "difference", "none"), arrows, bent, perfect."""
        for name, value in what.items():
            if name not in SHOWN:
                raise GanError(f"the plane does not show {brief(name)}: {did_you_mean(str(name), SHOWN)}")
            if name == "surface" and value not in SURFACES:
                raise GanError(f"there is no surface {brief(value)}: {did_you_mean(str(value), SURFACES)}")
        chosen = {name: value if name == "surface" else bool(value) for name, value in what.items()}
        return self._do(lambda: self.shown.update(chosen))

    def _do(self, change: Callable[[], None]) -> GanLab:
        """A change under the lock, shown in the panel, whether it went well or not."""
        try:
            with self.lock:
                change()
        finally:
            self.changed()
        return self

    # What students measure.

    def samples(self, which: int = 0, count: int = 2000) -> np.ndarray:
        """Fakes of a run (0, or 1 for the one beside) as it is, (count, 2): what the copied code ends with."""
        with self.lock:
            return self.match.run(which).samples(count).numpy()

    def reals(self, count: int = 1000, which: int = 0) -> np.ndarray:
        """Points of the data, (count, 2), the same at every step."""
        with self.lock:
            return reals(self.match.run(which), count).numpy()

    def losses(self, which: int = 0) -> dict[str, np.ndarray]:
        """The losses "D" and "G" of each step, NaN where that player was idle."""
        with self.lock:
            run = self.match.run(which)
            return {"D": np.array(run.d_losses[: run.step]), "G": np.array(run.g_losses[: run.step])}

    def trace(self, which: int = 0) -> Table:
        """Modes, near_data, divergence and distance_to_optimal, as in `state`: every 50 steps, at first every 10."""
        with self.lock:
            self.match.run(which)
            steps, rows = self.match.trace_of(which)
            return Table([{"step": step, **row} for step, row in zip(steps, rows, strict=True)])

    def arrows(self, fakes: Any, which: int = 0) -> np.ndarray:
        """Where the generator's loss pulls fakes, (n, 2): minus n times its gradient with respect to each.

        A relativistic loss compares them with the first n of `reals`.
        """
        with self.lock:
            run = self.match.run(which)
            points = torch.as_tensor(np.asarray(fakes, dtype=float)).reshape(-1, 2).to(run.settings.kind)
            return arrows(run, reals(run, len(points)), points).numpy()

    def surface(self, kind: str = "discriminator", which: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Places, (n, 2), and the chance there that a point is real, (n,): D's, or the "perfect" p/(p + q).

        Of a Wasserstein critic, whose scores are no chances, the scores.
        """
        if kind not in SURFACES[:2]:
            raise GanError(f"a surface is one of {', '.join(SURFACES[:2])}, not {brief(kind)}.")
        with self.lock:
            self.match.run(which)
            look = self.match.look(which)
            guessed = look.scores if look.chances is None else look.chances
            values = look.both.optimal if kind == "perfect" else guessed
            return grid(CELLS).numpy(), values.double().numpy()

    def copy_code(self, which: int = 0) -> str:
        """Plain torch that plays this run outside nbgen and ends with `samples`, equal within 1e-5."""
        from .gan_code import code

        with self.lock:
            return code(self.match.run(which))

    def figure(self) -> Any:
        """The state as a matplotlib Figure."""
        from .gan_figures import figure
        from .gan_view import frame

        with self.lock:
            return figure(*frame(self))

    # Going on, and the page.

    def play(self, slow: bool = False) -> None:
        """Play on until paused, fast or one move at a time, while somebody looks at the panel."""
        self.slow, self.playing, self._pressed = slow, True, 0.0
        self.changed()

    def pause(self) -> None:
        """Stop playing."""
        self.playing = False
        self.changed()

    def advance(self) -> None:
        if self.slow:
            left = self._pressed + SLOW_SECONDS - time.monotonic()
            if left > 0:
                time.sleep(min(left, 0.04))
            else:
                self.match.play(1, self.match.next_move())
                self._pressed = time.monotonic()
            return
        end = time.monotonic() + BEAT_SECONDS
        self.match.play(1, "both")
        while time.monotonic() < end:
            self.match.play(2, "both")

    def do(self, name: str, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        from .gan_requests import do

        do(self, name, message)

    def frame(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        from .gan_view import frame

        with self.lock:
            drawn, arrays = frame(self)
            # What was asked for is sent once: the page keeps it.
            drawn["code"], self.copied_code = self.copied_code, ""
            return drawn, arrays
