"""Waiting for a job: results remembered, interrupts, errors, and the line of text on a terminal."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import numpy as np
import pytest

import nbgen
from nbgen import jobs, unshown
from nbgen.errors import JobStopped
from nbgen.jobs import Job, SynchronousExecutor
from nbgen.picture import Picture, Pictures
from nbgen.verbs import waiting
from nbgen.verbs.waiting import Line, deliver


class Model:
    """Anything that can be referred to weakly."""


MODEL = Model()


@pytest.fixture(autouse=True)
def synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "executor", SynchronousExecutor())


def picture(value: int = 0) -> Picture:
    return Picture(np.full((4, 4, 3), value, np.uint8))


def submitted(work: Callable[[Job], object], total: int = 2) -> Job:
    return jobs.submit(MODEL, work, total=total, make_result=lambda job: Pictures(job.pictures))


class Interrupted(Job):
    """A job whose waiting is interrupted, as Ctrl-C does, the first `times` times."""

    times = 1

    def wait(self, timeout: float | None = None) -> bool:
        if self.times:
            self.times -= 1
            raise KeyboardInterrupt
        self.waited = timeout
        return super().wait(timeout)


def test_a_result_is_returned_and_remembered() -> None:
    result = deliver(submitted(lambda job: job.picture(0, picture()), total=1))
    assert nbgen.last is result
    assert len(result) == 1


def test_what_is_made_of_the_job_may_be_said_at_the_end() -> None:
    assert (
        deliver(jobs.submit(MODEL, lambda job: job.picture(0, picture())), lambda job: len(job.pictures)) == 1
    )


def test_an_error_goes_on_with_its_type_and_says_where_the_finished_pictures_are() -> None:
    def work(job: Job) -> None:
        job.picture(0, picture())
        raise ZeroDivisionError("by chance")

    with pytest.raises(ZeroDivisionError, match="by chance") as raised:
        deliver(submitted(work))
    assert raised.value.__notes__ == ["1 of 2 pictures were finished before this; nbgen.last has them."]
    assert len(nbgen.last) == 1


def test_an_error_before_the_first_picture_leaves_the_latest_result_alone() -> None:
    latest = deliver(submitted(lambda job: job.picture(0, picture()), total=1))

    def work(job: Job) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        deliver(submitted(work))
    assert not hasattr(raised.value, "__notes__")
    assert nbgen.last is latest


def test_an_error_keeps_its_type_even_where_the_rest_cannot_be_put_together() -> None:
    def work(job: Job) -> None:
        job.picture(0, picture())
        raise ZeroDivisionError

    def make_result(job: Job) -> None:
        raise ValueError("not enough")

    with (
        pytest.warns(UserWarning, match="cannot be put together: not enough"),
        pytest.raises(ZeroDivisionError),
    ):
        deliver(jobs.submit(MODEL, work, total=2), make_result)


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_stops_the_job_keeps_what_is_there_and_goes_on(times: int) -> None:
    job = Interrupted(2, make_result=lambda job: Pictures(job.pictures))
    job.times = times
    job.picture(0, picture())
    job._done = True
    with pytest.raises(
        KeyboardInterrupt, match=r"stopped after 1 of 2 pictures; nbgen.last has them\."
    ) as raised:
        deliver(job)
    assert job.stopping()
    assert len(nbgen.last) == 1
    (line,) = raised.value._render_traceback_()  # type: ignore[attr-defined]
    assert "KeyboardInterrupt" in line and "1 of 2" in line
    # The first interrupt waits for the tick under way, bounded; the second does not.
    assert getattr(job, "waited", None) == (waiting.PATIENCE if times == 1 else None)


def test_a_job_that_was_stopped_elsewhere_is_an_error_for_the_cell_that_waits() -> None:
    def work(job: Job) -> None:
        job.picture(0, picture())
        job.stop()

    with pytest.raises(JobStopped, match=r"stopped after 1 of 2 pictures; nbgen.last has them\."):
        deliver(submitted(work))
    assert len(nbgen.last) == 1


def test_what_is_slow_shows_progress_and_what_is_quick_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Watched:
        def __init__(self, job: Job) -> None:
            self.job, self.updates, self.closed = job, 0, False

        def update(self) -> None:
            self.updates += 1
            self.job._done = self.updates == 3

        def close(self) -> None:
            self.closed = True

    shown: list[Watched] = []

    def begin(job: Job) -> Watched:
        shown.append(Watched(job))
        return shown[-1]

    monkeypatch.setattr(waiting, "_progress", begin)
    monkeypatch.setattr(waiting, "QUIET", 0)
    monkeypatch.setattr(waiting, "BEAT", 0)
    deliver(submitted(lambda job: None, total=0))
    assert shown == []
    deliver(Job())
    assert [(progress.updates, progress.closed) for progress in shown] == [(3, True)]


def test_a_progress_that_breaks_does_not_take_the_work_along(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def update(self) -> None:
            job._done = True
            raise OSError("gone")

        def close(self) -> None:
            raise AssertionError("what broke is left alone")

    job = Job()
    monkeypatch.setattr(waiting, "_progress", lambda job: Broken())
    monkeypatch.setattr(waiting, "QUIET", 0)
    monkeypatch.setattr(waiting, "BEAT", 0)
    with pytest.warns(UserWarning, match="cannot be shown any more: gone"):
        assert deliver(job) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_is_rewritten_and_taken_away() -> None:
    job, stream = Job(3), Terminal()
    line = Line(job, stream)
    job.picture(0, picture())
    job.tick(5, 15)
    line.update()
    line.close()
    assert stream.getvalue().split("\r\x1b[K") == [
        "",
        "0 of 3 pictures",
        "1 of 3 pictures · 5 of 15 calls",
        "",
    ]


def test_in_a_log_a_line_is_added_for_each_picture() -> None:
    job, stream = Job(2), io.StringIO()
    line = Line(job, stream)
    job.tick(1, 10)
    line.update()
    job.picture(0, picture())
    line.update()
    line.update()
    line.close()
    assert stream.getvalue() == "1 of 2 pictures\n"


@pytest.mark.parametrize(
    ("wish", "terminal", "kind"),
    [
        ("", True, Line),
        ("", False, type(None)),
        ("none", True, type(None)),
        ("plain", False, Line),
        ("widget", True, type(None)),
    ],
)
def test_which_progress_is_shown_outside_notebooks(
    monkeypatch: pytest.MonkeyPatch, wish: str, terminal: bool, kind: type
) -> None:
    monkeypatch.setenv("NBGEN_PROGRESS", wish)
    monkeypatch.setattr("sys.stderr", Terminal() if terminal else io.StringIO())
    assert type(waiting._progress(Job())) is kind


def test_a_misspelt_wish_is_said_and_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBGEN_PROGRESS", "fancy")
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with pytest.warns(UserWarning, match="must be none, plain or widget, not 'fancy'"):
        assert waiting._progress(Job()) is None


def test_nothing_is_shown_off_the_main_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBGEN_PROGRESS", "plain")
    shown = []
    thread = threading.Thread(target=lambda: shown.append(waiting._progress(Job())))
    thread.start()
    thread.join()
    assert shown == [None]
    assert unshown.running_cell() is None
