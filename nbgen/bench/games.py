"""`python -m nbgen.bench games`: do the presets of the GAN game show what they promise, over how many seeds?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ..show.table import Table
from ..teach.gan_look import Look
from ..teach.gan_presets import PRESETS
from ..teach.gan_run import Run
from ..teach.gan_settings import Settings, with_changes

SECONDS = 15.0
COLLAPSED, REPAIRED = 600, 600
"""Steps until a collapse is looked at, and steps with the penalty after it."""


def table(count: int = 10) -> Table:
    """One row a promise, over seeds 0 to count - 1."""
    seeds = range(count)
    works, collapse = PRESETS["it works"], PRESETS["mode collapse"]
    covered = [_covers(works.settings, seed) for seed in seeds]
    runs = [_played(collapse.settings, seed, COLLAPSED) for seed in seeds]
    before = [_modes(run) for run in runs]
    lost = [run for run, modes in zip(runs, before, strict=True) if modes <= 3]
    for run in lost:
        run.adopt(with_changes(run.settings, {"penalty": "R1 and R2"}))
        run.play(REPAIRED)
    after = [_modes(run) for run in lost]
    in_time = sum(taken <= SECONDS for taken, _ in covered)
    return Table(
        [
            _row(
                f"it works: at least 7 modes within {SECONDS:g} s", in_time, count, "9 of 10",
                f"wall {max(taken for taken, _ in covered):.1f} s at most, "
                f"processor {max(used for _, used in covered):.1f} s",
            ),
            _row(
                f"mode collapse: at most 3 modes at step {COLLAPSED}", len(lost), count, "9 of 10", _listed(before)
            ),
            _row(
                f"R1 and R2 for {REPAIRED} steps: at least 7 modes again",
                sum(modes >= 7 for modes in after), len(lost), "8 of 10", _listed(after),
            ),
        ]
    )  # fmt: skip


def _row(figure: str, number: int, of: int, wanted: str, seen: str) -> dict[str, Any]:
    return {"figure": figure, "nbgen": f"{number} of {of}", "wanted": wanted, "seen": seen}


def _listed(modes: Sequence[int]) -> str:
    return "modes " + " ".join(map(str, modes))


def _played(settings: Any, seed: int, steps: int) -> Run:
    run = Run(with_changes(Settings(), {**settings, "seed": seed}))
    run.play(steps)
    return run


def _modes(run: Run) -> int:
    return int(Look(run).measured["modes"])


def _covers(settings: Any, seed: int) -> tuple[float, float]:
    """Wall and processor seconds until 7 modes are covered, twice in a row, 100 steps apart. Gives up in the end."""
    began, used = time.perf_counter(), time.process_time()
    run = _played(settings, seed, 0)
    before = 0
    while time.perf_counter() - began < 3 * SECONDS:
        run.play(100)
        now = _modes(run)
        if min(before, now) >= 7:
            break
        before = now
    return time.perf_counter() - began, time.process_time() - used
