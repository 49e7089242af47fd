"""Work under way: how is a run started on its model's own thread, watched, stopped, and its result fetched?

One worker thread owns a model, because schedulers and tokenizers are not thread-safe. `Job` is what the
engine reports to (an `Observer`) and what people hold; `executor` says where work runs, and tests replace
it by a `SynchronousExecutor`.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from .engine.observer import Observer
from .errors import JobStopped
from .openmp import release_helpers
from .quantities import counted, in_time

if TYPE_CHECKING:
    import numpy as np

    from .picture import Picture

Work = Callable[["Job"], object]
"""What a job does: it hands the job to `model.run(recipes, observer=job)` and exhausts that."""

_RECENT = 24  # ticks from which the time left is estimated: the first are slowed by warming up
_GRACE = 3.0  # seconds that a leaving interpreter waits for the tick under way


class Job(Observer):
    """Work under way: its progress, the pictures so far, `stop()` and `result()`. Safe to use from any thread.

    `total` is how many pictures were asked for. `preview=True` asks the engine for its steps, so that there are
    glimpses of what is under way; `columns` is how many pictures stand in a row, where they form a grid.
    `make_result` turns the job into what the verb returns, from whatever is finished by then.
    """

    def __init__(
        self,
        total: int = 0,
        *,
        preview: bool = False,
        make_result: Callable[[Job], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = total
        self.wants_steps = preview
        self.make_result = make_result or (lambda job: job.pictures)
        self._clock = clock
        self._changed = threading.Condition()
        self._finished: dict[int, Picture] = {}
        self._errors: dict[int, Exception] = {}
        self._calls = self._calls_total = 0
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._glimpses: dict[int, np.ndarray] = {}
        self.columns = 0
        self._stop_asked = self._done = self._stopped = False
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None
        self._result: list[Any] = []

    # What the engine tells, on the worker's thread.

    def tick(self, calls_done: int, calls_total: int) -> None:
        with self._changed:
            self._calls, self._calls_total = calls_done, calls_total
            self._recent.append((self._clock(), calls_done))

    def glimpse(self, index: int, colours: np.ndarray) -> None:
        """How the picture at `index` looks by now: uint8 (h, w, 3), far smaller than the picture."""
        with self._changed:
            if index not in self._finished:
                self._glimpses[index] = colours

    def picture(self, index: int, picture: Picture) -> None:
        with self._changed:
            self._finished[index] = picture
            self._glimpses.pop(index, None)

    def failed(self, index: int, error: Exception) -> None:
        with self._changed:
            self._errors[index] = error

    def stopping(self) -> bool:
        return self._stop_asked

    # What people and verbs ask.

    @property
    def finished(self) -> dict[int, Picture]:
        """The pictures so far, by their place in reading order."""
        with self._changed:
            return dict(sorted(self._finished.items()))

    @property
    def pictures(self) -> list[Picture]:
        """The pictures so far, in reading order."""
        return list(self.finished.values())

    @property
    def errors(self) -> dict[int, Exception]:
        """Why single pictures could not be made, by their place in reading order; the others went on."""
        with self._changed:
            return dict(sorted(self._errors.items()))

    @property
    def calls(self) -> tuple[int, int]:
        """Denoiser calls so far, and of how many; (0, 0) before the first."""
        with self._changed:
            return self._calls, self._calls_total

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end, from the pace of the recent calls; None while there is nothing to go by."""
        with self._changed:
            if self._done or len(self._recent) < 2:
                return None
            (began, calls_then), (latest, calls_now) = self._recent[0], self._recent[-1]
            if calls_now <= calls_then:
                return None
            left = (self._calls_total - calls_now) * (latest - began) / (calls_now - calls_then)
            return max(0.0, left - (self._clock() - latest))

    @property
    def glimpses(self) -> dict[int, np.ndarray]:
        """How the pictures under way look by now, by their place; only where previews were asked for."""
        with self._changed:
            return dict(sorted(self._glimpses.items()))

    @property
    def done(self) -> bool:
        """Whether the work has ended: finished, stopped or failed."""
        return self._done

    @property
    def stopped(self) -> bool:
        """Whether the work has ended early because it was stopped."""
        return self._stopped

    def stop(self) -> None:
        """End the work after the tick under way. Finished pictures stay; returns at once."""
        self._stop_asked = True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the work has ended, at most `timeout` seconds. Returns whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: self._done, timeout)

    def result(self, timeout: float | None = None) -> Any:
        """What the verb would have returned, once it is there.

        Raises what the work raised, JobStopped where it was stopped, and TimeoutError after `timeout` seconds.
        The pictures finished by then are in `pictures`.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"the job is not done after {timeout:g} seconds; it goes on.")
        if self._error is not None:
            # Its own traceback only: raised twice, it would otherwise grow by the frames of each caller.
            raise self._error.with_traceback(self._traceback)
        if self.stopped:
            raise JobStopped(f"stopped after {self.so_far}.")
        if not self._finished and self._errors:
            raise next(iter(self.errors.values()))
        if not self._result:
            self._result.append(self.make_result(self))
        return self._result[0]

    def partial(self) -> Any:
        """What there is so far, as the verb would return it, or None where no picture is finished."""
        return self.make_result(self) if self._finished else None

    @property
    def so_far(self) -> str:
        """How many pictures are finished, in words: "3 of 8 pictures, 2 of them from the store"."""
        pictures = self.pictures
        stored = sum(picture.cost.stored for picture in pictures)
        count = f"{len(pictures)} of {self.total}" if self.total else str(len(pictures))
        words = f"{count} picture{'' if (self.total or len(pictures)) == 1 else 's'}"
        return f"{words}, {stored} of them from the store" if stored else words

    @property
    def time_left(self) -> str:
        """`seconds_left` in words, "12 s left"; empty while there is nothing to go by."""
        seconds = self.seconds_left
        return "" if seconds is None else f"{in_time(seconds)} left"

    def __repr__(self) -> str:
        # The same on every run, whatever is done by then: it may stand in a saved notebook.
        pictures = counted(self.total, "picture") if self.total else "pictures"
        return f"Job({pictures}; see .done, .pictures, .stop(), .result())"

    def _carry_out(self, work: Work) -> None:
        try:
            if not self._stop_asked:
                work(self)
        except JobStopped:
            self._stop_asked = True
        except BaseException as error:
            self._error, self._traceback = error, error.__traceback__
        with self._changed:
            complete = 0 < self.total <= len(self._finished) + len(self._errors)
            self._stopped = self._stop_asked and self._error is None and not complete
            self._done = True
            self._changed.notify_all()


class Executor(Protocol):
    """Where work on a model is done."""

    def submit(self, model: object, task: Callable[[], None]) -> None: ...


class SynchronousExecutor:
    """Does the work at once, in the caller's thread: for tests."""

    def submit(self, model: object, task: Callable[[], None]) -> None:
        task()


class ThreadExecutor:
    """One thread per model, started by its first work and ended when the model is dropped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: dict[int, tuple[SimpleQueue[Callable[[], None] | None], threading.Thread]] = {}

    def submit(self, model: object, task: Callable[[], None]) -> None:
        with self._lock:
            if id(model) not in self._workers:
                self._start(model)
            tasks, thread = self._workers[id(model)]
        if thread is threading.current_thread():
            task()  # work that asks for more work on its own model would wait for itself for ever
        else:
            release_helpers()
            tasks.put(task)

    def _start(self, model: object) -> None:
        tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        thread = threading.Thread(target=_serve, args=(tasks,), name="nbgen-worker", daemon=True)
        self._workers[id(model)] = tasks, thread
        weakref.finalize(model, _dismiss, self._workers, id(model)).atexit = False
        thread.start()


def _serve(tasks: SimpleQueue[Callable[[], None] | None]) -> None:
    while (task := tasks.get()) is not None:
        task()
        del task  # while the thread waits for the next, this one's model may go
        release_helpers()


def _dismiss(
    workers: dict[int, tuple[SimpleQueue[Callable[[], None] | None], threading.Thread]], model: int
) -> None:
    # Called by the garbage collector, in any thread, at any time: no lock. SimpleQueue.put is reentrant.
    tasks, _ = workers.pop(model)
    tasks.put(None)


executor: Executor = ThreadExecutor()
"""Where `submit` sends work. Replace it by a SynchronousExecutor in tests."""

_under_way: weakref.WeakSet[Job] = weakref.WeakSet()


def submit(
    model: object,
    work: Work,
    *,
    total: int = 0,
    preview: bool = False,
    make_result: Callable[[Job], Any] | None = None,
) -> Job:
    """Start `work(job)` on the model's own thread, after what was submitted before, and return its job."""
    job = Job(total, preview=preview, make_result=make_result)
    _under_way.add(job)
    executor.submit(model, lambda: job._carry_out(work))
    return job


@atexit.register
def _stop_all() -> None:
    """A thread inside torch while the interpreter is taken down can crash it: let the tick under way end."""
    end = time.monotonic() + _GRACE
    for job in list(_under_way):
        job.stop()
    for job in list(_under_way):
        job.wait(max(0.0, end - time.monotonic()))
