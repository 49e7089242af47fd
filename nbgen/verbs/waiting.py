"""What every verb ends with: how is a job waited for in a cell, shown under way, interrupted, and remembered?"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any, Protocol, TextIO

from .. import session, unshown
from ..errors import JobStopped
from ..jobs import Job
from ..storage import default_store

QUIET = 0.3
"""Seconds before the first progress: what is quicker shows none."""

BEAT = 0.125
"""Seconds between two looks at the job, so at most eight updates a second. The worker never waits for them."""

PATIENCE = 10.0
"""Seconds that an interrupt waits for the tick under way to end."""


class Progress(Protocol):
    """Shows a job under way and leaves nothing behind."""

    def update(self) -> None: ...

    def close(self) -> None: ...


def deliver(job: Job, make_result: Callable[[Job], Any] | None = None) -> Any:
    """Wait for the job in the main thread, show its progress, remember its result and return it.

    Interrupted or stopped, it displays the pictures finished by then, keeps them in `nbgen.last`, and lets
    KeyboardInterrupt or JobStopped go on, so that "run all" stops. An error of the worker is raised with its
    own type; the pictures finished before it are in `nbgen.last` as well.
    """
    if make_result is not None:
        job.make_result = make_result
    try:
        _wait(job)
        result = job.result()
    except (KeyboardInterrupt, JobStopped) as end:
        _keep(job, display=True)
        _say_briefly(end, f"stopped after {job.so_far}" + ("; nbgen.last has them." if job.finished else "."))
        raise
    except Exception as error:
        if _keep(job, display=False):
            error.add_note(f"{job.so_far} were finished before this; nbgen.last has them.")
        raise
    session.remember(result)
    unshown.made(result)
    # A store that cannot be written is said with the call that meets it.
    default_store().flush(PATIENCE)
    return result


def _wait(job: Job) -> None:
    """Until the job has ended, whatever way. An interrupt stops it; a second one does not wait for that."""
    progress: Progress | None = None
    try:
        try:
            if job.wait(QUIET):
                return
            progress = _progress(job)
            while not job.wait(BEAT):
                progress = _updated(progress)
        except KeyboardInterrupt:
            job.stop()
            _updated(progress)
            job.wait(PATIENCE)
            raise
    finally:
        if progress is not None:
            progress.close()


def _updated(progress: Progress | None) -> Progress | None:
    if progress is not None:
        try:
            progress.update()
        except Exception as error:  # a display that broke is no reason to lose a run
            warnings.warn(f"the progress cannot be shown any more: {error}", stacklevel=4)
            return None
    return progress


def _keep(job: Job, *, display: bool) -> bool:
    """Remember, and display where there is a cell, what is finished. Returns whether anything is."""
    try:
        partial = job.partial()
    except Exception as error:  # why the run ended matters more
        warnings.warn(f"what was finished cannot be put together: {error}", stacklevel=3)
        return False
    if partial is None:
        return False
    session.remember(partial)
    if display and unshown.running_cell() is not None:
        from IPython.display import display as show

        show(partial)
    return True


def _say_briefly(end: BaseException, words: str) -> None:
    """One line instead of a traceback: where the code stood when somebody stopped it tells nothing."""
    end.args = (words,)
    name = type(end).__name__
    with contextlib.suppress(AttributeError):
        end._render_traceback_ = lambda: [f"\x1b[31m{name}\x1b[39m: {words}"]  # type: ignore[attr-defined]


def _progress(job: Job) -> Progress | None:
    """The kind of progress that fits where this code runs; NBGEN_PROGRESS=none, plain or widget decides it."""
    wish = os.environ.get("NBGEN_PROGRESS", "")
    if wish not in ("", "none", "plain", "widget"):
        warnings.warn(f"NBGEN_PROGRESS must be none, plain or widget, not {wish!r:.40}.", stacklevel=4)
        wish = ""
    if wish == "none" or threading.current_thread() is not threading.main_thread():
        return None
    if wish == "plain" or (not wish and not _in_kernel()):
        return Line(job, sys.stderr) if wish == "plain" or sys.stderr.isatty() else None
    shell = unshown.running_cell()
    if shell is None:
        return None
    try:
        from ..widgets import progress
    except ImportError:  # ipywidgets is missing: the work goes on unseen
        return None
    return progress.beside_cell(job, shell)


def _in_kernel() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class Line:
    """Progress as one line of text, rewritten in place on a terminal, and taken away at the end.

    Where the stream is no terminal (a log), a line is added for each finished picture instead.
    """

    def __init__(self, job: Job, stream: TextIO) -> None:
        self._job, self._stream = job, stream
        self._in_place = stream.isatty()
        self._finished = 0
        self.update()

    def update(self) -> None:
        job, count = self._job, len(self._job.finished)
        done, total = job.calls
        parts = [job.so_far, f"{done} of {total} calls" if total else "", job.time_left]
        words = " · ".join(part for part in parts if part)
        if self._in_place:
            self._write(f"\r\x1b[K{words}")
        elif count > self._finished:
            self._finished = count
            self._write(f"{job.so_far}\n")

    def close(self) -> None:
        if self._in_place:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
