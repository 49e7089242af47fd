"""How does a panel follow the work it started? One thread waits for jobs in turn, and tells the stage about each.

A widget's callback must return at once, and the worker must never wait for the page. So neither of them draws:
this thread looks at the job a few times a second, sends what a person would see, and ends when nothing is left.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from ..errors import JobStopped, NbgenError
from ..jobs import Job
from ..picture import Picture
from .parts import Stage, jpeg_bytes

BEAT = 0.1
"""Seconds between two looks at the job."""
MOST_WAITING = 20
"""Runs that may wait for their turn; more is a cat on the keyboard."""
_SHEET = 384
"""Pixels a side of a preview at most."""
_MOST_SEEN = 16
"""Pictures in one preview."""

_log = logging.getLogger(__name__)

Begin = Callable[[], Job]
Ended = Callable[[Job], None]


class Follower:
    """Runs what it is given, one after the other; `changed` is called when that starts, and when it ends."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._waiting: deque[tuple[Stage, Begin, Ended, int]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._job: Job | None = None
        self._dropped = False

    @property
    def busy(self) -> bool:
        """Whether something runs or waits."""
        with self._lock:
            return self._thread is not None

    @property
    def waiting(self) -> int:
        """Runs that wait for their turn."""
        return len(self._waiting)

    def follow(self, stage: Stage, begin: Begin, ended: Ended, steps: int = 0) -> bool:
        """Start `begin()` when its turn comes, show it on `stage`, then call `ended(job)`.

        steps: those of its one picture; 0 counts calls. False, and nothing, where too many wait.
        """
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                return False
            self._waiting.append((stage, begin, ended, steps))
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="nbgen-follower", daemon=True)
                self._thread.start()
        self._changed()
        return True

    def stop(self) -> None:
        """End the job under way after its tick, and forget those that wait."""
        with self._lock:
            self._waiting.clear()
            self._dropped = True
            job = self._job
        if job is not None:
            job.stop()

    def wait(self, timeout: float) -> bool:
        """Until nothing runs or waits, at most `timeout` seconds. Returns whether that is so."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return not self.busy

    def _serve(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    break
                stage, begin, ended, steps = self._waiting.popleft()
                self._dropped = False
            self._changed()
            self._one(stage, begin, ended, steps)
            del stage, begin, ended  # what they hold may go while this thread ends
        self._changed()

    def _one(self, stage: Stage, begin: Begin, ended: Ended, steps: int) -> None:
        stage.busy = True
        stage.tell("preparing")
        try:
            job = begin()
            with self._lock:
                self._job = job
                dropped = self._dropped
            if dropped:
                job.stop()  # Stop was pressed before there was a job to stop
            while not job.wait(BEAT):
                _look(stage, job, steps)
            _tell_the_end(stage, job)
            ended(job)
        except NbgenError as error:
            stage.tell(error=_sentence(error))
        except Exception as error:  # nothing is swallowed: the panel shows it, and the log has all of it
            stage.tell(error=f"{type(error).__name__}: {_sentence(error)}")
            _log.exception("a run that the panel started failed in a way nobody foresaw")
        finally:
            with self._lock:
                self._job = None
            stage.busy = False
            stage.rest()


def _look(stage: Stage, job: Job, steps: int) -> None:
    done, total = job.calls
    # Some samplers call the denoiser more than once a step; a person thinks in steps.
    count = (
        f"step {round(done / total * steps)} of {steps}" if steps and total else f"{done} of {total} calls"
    )
    words = [job.so_far if job.total > 1 else "", count if total else "preparing", job.time_left]
    if job.stopping():
        words = [job.so_far, "stopping"]
    stage.tell(
        " · ".join(part for part in words if part),
        fraction=min(1.0, done / total) if total else None,
    )
    glimpses = job.glimpses
    if (glimpses or job.total > 1) and stage.wants_frame():
        sheet = preview(job.finished, glimpses, job.columns)
        if sheet is not None:
            stage.frame(jpeg_bytes(sheet), count)


def _tell_the_end(stage: Stage, job: Job) -> None:
    try:
        job.result()
    except JobStopped:
        stage.tell(f"stopped after {job.so_far}")
    except NbgenError as error:
        stage.tell(job.so_far, error=_sentence(error))
    else:
        left_out = len(job.errors)
        why = f" {left_out} could not be made: {next(iter(job.errors.values()))}" if left_out else ""
        stage.tell(job.so_far, error=why.strip())


def preview(finished: dict[int, Picture], glimpses: dict[int, Any], columns: int = 0) -> Image.Image | None:
    """Finished pictures and glimpses of the others on one sheet, in reading order; None where there are none."""
    places = sorted({*finished, *glimpses})
    if not columns:
        places = [place for place in places if place in glimpses or len(places) <= _MOST_SEEN][:_MOST_SEEN]
    if not places:
        return None
    tiles = {
        place: finished[place].pixels() if place in finished else Image.fromarray(np.asarray(glimpses[place]))
        for place in places
    }
    # A grid keeps its empty cells, so that pictures appear where they will stay.
    count = max(places) + 1 if columns else len(places)
    across = columns or math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    side = max(8, min(256, _SHEET // max(across, down)))
    sheet = Image.new("RGB", (across * side, down * side), (128, 128, 128))
    for number, place in enumerate(places):
        row, column = divmod(place if columns else number, across)
        tile = tiles[place].copy()
        scale = side / max(tile.size)
        size = max(1, round(tile.width * scale)), max(1, round(tile.height * scale))
        tile = tile.resize(size, Image.Resampling.BICUBIC)
        sheet.paste(tile, (column * side + (side - size[0]) // 2, row * side + (side - size[1]) // 2))
    return sheet


def _sentence(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
