"""A thread that hands its work on must not keep helpers: two teams of them slow each other down."""

import subprocess
import sys
from pathlib import Path

import pytest

from nbgen.openmp import _pauses

PARALLEL = """
import os, threading, time, torch
from nbgen.jobs import submit
from nbgen.openmp import release_helpers
torch.set_num_threads(3)
count = lambda: len(os.listdir("/proc/self/task"))
loop = lambda *_: torch.ones(4_000_000).sin().sum()
alone = count()


def settled(wanted):
    # A thread that has ended is listed for a moment yet, the longer the busier the machine.
    for _ in range(500):
        if count() - alone == wanted:
            break
        time.sleep(0.01)
    return count() - alone
"""


def run(code: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", PARALLEL + code], capture_output=True, text=True, check=True)
    return [int(number) for number in done.stdout.split()]


@pytest.fixture(autouse=True)
def _gnu_openmp() -> None:
    import torch  # noqa: F401

    if not Path("/proc/self/task").exists() or not _pauses():
        pytest.skip("torch runs on another OpenMP than GNU's here")


def test_helpers_are_given_back() -> None:
    kept, left, again = run("""
loop(); print(count() - alone)
release_helpers(); print(settled(0))
loop(); print(count() - alone)
""")
    assert kept == again == 2
    assert left == 0


def test_a_job_leaves_no_helpers_on_either_side() -> None:
    during, after, own = run(
        """
class Model: pass
model, seen = Model(), []
torch.set_num_threads(3)
loop()
def work(job):
    torch.set_num_threads(3)
    loop()
    seen.append(settled(3))
submit(model, work).result()
print(seen[0])
submit(model, lambda job: None).result()  # the first one's helpers are gone before the second begins
print(settled(1))
"""
        + "print(len([t for t in threading.enumerate() if t.name == 'nbgen-worker']))"
    )
    assert own == 1
    assert during == 3  # the worker and its two helpers, and none of this thread's
    assert after == 1  # the worker


def test_a_process_without_torch_is_left_alone() -> None:
    code = (
        "import sys; from nbgen.openmp import release_helpers; release_helpers(); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
