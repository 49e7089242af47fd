"""How does work on another thread keep torch's full speed? The idle thread gives its helpers back.

GNU's OpenMP keeps a team of helper threads for every thread that ever ran a parallel loop, and counts them
all. Once they are more than the processors, helpers no longer spin between two loops but sleep, and waking
them costs more than the loops of a small network: mini's steps took twice the time in a job as in the
notebook's own thread, only because that thread had loaded the model. So a thread that hands work on, and a
worker that has nothing to do, let their teams go; the next parallel loop starts one again in microseconds.

Source: `gomp_managed_threads` and `gomp_throttled_spin_count` in libgomp; `omp_pause_resource_all` in the
OpenMP 5.0 specification, section 3.2.44. Elsewhere than on Linux, and with other OpenMPs, nothing is done.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

_SOFT = 1
"""`omp_pause_soft`: what threads keep for themselves stays."""


def release_helpers() -> None:
    """End the calling thread's helper threads, if it has any. Free to call, at any time, from any thread."""
    if "torch" not in sys.modules:
        return
    for pause in _pauses():
        pause(_SOFT)


@cache
def _pauses() -> tuple[Callable[[int], int], ...]:
    """`omp_pause_resource_all` of each GNU OpenMP in this process: wheels carry copies of their own."""
    found = []
    with contextlib.suppress(OSError):
        maps = Path("/proc/self/maps").read_text(errors="replace")
        for path in sorted(set(re.findall(r"\s(/\S*libgomp[^/\s]*\.so[^/\s]*)$", maps, re.MULTILINE))):
            with contextlib.suppress(OSError, AttributeError):  # AttributeError: older than OpenMP 5
                found.append(ctypes.CDLL(path).omp_pause_resource_all)
    return tuple(found)
