"""A comparison that was killed in the middle goes on where it stopped; two that run at once do not disturb."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import nbgen
from nbgen import jobs
from nbgen.storage import default_store
from nbgen.testing import tiny_sd

REPOSITORY = Path(__file__).parents[2]

ARGUMENTS = {
    "sampler": ["ddim", "heun", "dpm++2m", "euler_a", "unipc", "ddpm"],
    "seed": range(4),
    "guidance": [1, 3, 7],
    "steps": 6,
}

CHILD = """
import os, signal, sys
import nbgen
from nbgen import jobs
from nbgen.storage import default_store
from nbgen.testing import tiny_sd

def tick(self, calls_done, calls_total):
    if KILL and calls_done * 2 >= calls_total:
        default_store().flush()  # this model outruns the disk, which none of a real one's size does
        os.kill(os.getpid(), signal.SIGKILL)

KILL = sys.argv[1] == "kill"
jobs.Job.tick = tick
model = tiny_sd()
model.rows = 16
grid = nbgen.compare("a cat", model=model, **eval(sys.argv[2]))
print(len(grid))
"""


def child(how: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, how, repr(ARGUMENTS)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill a process outright")
def test_after_a_kill_only_what_is_missing_is_made(empty_store, monkeypatch):
    killed = child("kill")
    killed.communicate(timeout=240)
    assert killed.returncode == -signal.SIGKILL
    files = sorted(Path(empty_store).rglob("*.png"))
    for path in files:
        with Image.open(path) as image:
            image.load()  # none is half-written
    model = tiny_sd()
    monkeypatch.setattr(jobs, "executor", jobs.SynchronousExecutor())
    plan = nbgen.plan("a cat", model=model, **ARGUMENTS)
    assert plan.cells == 72 and plan.stored == len(files) >= 0.35 * 72
    grid = nbgen.compare("a cat", model=model, **ARGUMENTS)
    assert len(grid) == 72 and sum(picture.cost.stored for picture in grid) == len(files)
    made = sum(picture.cost.calls for picture in grid if not picture.cost.stored)
    assert made == plan.calls  # calls of both runs: all 72 cells', and those in flight when it was killed
    assert default_store().has(picture.key for picture in grid) == {picture.key for picture in grid}


def test_two_processes_make_the_same_grid_at_once(empty_store):
    both = [child("go"), child("go")]
    outputs = [process.communicate(timeout=240)[0] for process in both]
    assert [output.splitlines()[-1] for output in outputs] == ["72", "72"]
    assert {process.returncode for process in both} == {0}
    files = list(Path(empty_store).rglob("*.png"))
    assert len(files) == 72 and not list(Path(empty_store).rglob("*.part"))
    for path in files:
        with Image.open(path) as image:
            image.load()
    assert os.environ["NBGEN_STORE"] == str(empty_store)
