"""Jobs: one thread per model, progress, stop, results and errors."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from nbgen import jobs
from nbgen.errors import JobStopped
from nbgen.jobs import Job, SynchronousExecutor, ThreadExecutor, submit
from nbgen.picture import Cost, Picture

PATIENCE = 30  # seconds until a test that hangs gives up; nothing is ever measured against it


class Model:
    """Anything that can be referred to weakly."""


def picture(stored: bool = False) -> Picture:
    from PIL import Image

    return Picture(Image.new("RGB", (4, 4)), cost=Cost(stored=stored))


@pytest.fixture
def synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "executor", SynchronousExecutor())


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadExecutor]:
    executor = ThreadExecutor()
    monkeypatch.setattr(jobs, "executor", executor)
    yield executor
    for tasks, thread in list(executor._workers.values()):
        tasks.put(None)
        thread.join(PATIENCE)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pictures_are_in_reading_order_whatever_order_they_are_finished_in(synchronous: None) -> None:
    first, second, third = picture(), picture(), picture()

    def work(job: Job) -> None:
        job.picture(2, third)
        job.picture(0, first)
        job.failed(3, ValueError("no"))
        job.picture(1, second)

    job = submit(Model(), work, total=4)
    assert job.done and not job.stopped
    assert job.result() == [first, second, third]
    assert list(job.finished) == [0, 1, 2]
    assert list(job.errors) == [3]


def test_the_result_is_what_the_verb_makes_of_the_job_and_made_once(synchronous: None) -> None:
    made = []
    job = submit(
        Model(),
        lambda job: job.picture(0, picture()),
        total=1,
        make_result=lambda job: made.append(job) or made,
    )
    assert job.result() is job.result()
    assert made == [job]


def test_an_error_of_the_worker_keeps_its_type_its_place_and_the_finished_pictures(
    threads: ThreadExecutor,
) -> None:
    def work(job: Job) -> None:
        job.picture(0, picture())
        raise KeyError("seldom")

    job = submit(Model(), work, total=2)
    depths = []
    for _ in range(2):
        with pytest.raises(KeyError, match="seldom") as raised:
            job.result(PATIENCE)
        depths.append(len(raised.traceback))
        assert raised.traceback[-1].name == "work"
    assert depths[0] == depths[1]
    assert len(job.pictures) == 1
    assert not job.stopped


def test_where_every_picture_failed_the_first_reason_is_raised(synchronous: None) -> None:
    job = submit(Model(), lambda job: job.failed(0, ValueError("no such thing")), total=1)
    with pytest.raises(ValueError, match="no such thing"):
        job.result()


def test_stop_ends_the_work_and_keeps_what_is_finished(threads: ThreadExecutor) -> None:
    one_done = threading.Event()

    def work(job: Job) -> None:
        job.picture(0, picture())
        one_done.set()
        while not job.stopping():
            pass

    job = submit(Model(), work, total=2)
    assert one_done.wait(PATIENCE)
    job.stop()
    with pytest.raises(JobStopped, match="stopped after 1 of 2 pictures"):
        job.result(PATIENCE)
    assert job.stopped
    assert len(job.partial()) == 1


def test_a_job_that_is_stopped_before_its_turn_does_nothing(threads: ThreadExecutor) -> None:
    model, go = Model(), threading.Event()
    submit(model, lambda job: go.wait(PATIENCE))
    job = submit(model, lambda job: job.picture(0, picture()), total=1)
    job.stop()
    go.set()
    with pytest.raises(JobStopped):
        job.result(PATIENCE)
    assert job.partial() is None


def test_a_stop_that_comes_too_late_changes_nothing(synchronous: None) -> None:
    job = submit(Model(), lambda job: job.picture(0, picture()), total=1)
    job.stop()
    assert not job.stopped
    assert len(job.result()) == 1


def test_a_result_that_takes_too_long_says_so_and_the_work_goes_on(threads: ThreadExecutor) -> None:
    go = threading.Event()
    job = submit(Model(), lambda job: go.wait(PATIENCE), total=0)
    with pytest.raises(TimeoutError, match="it goes on"):
        job.result(timeout=0)
    go.set()
    assert job.result(PATIENCE) == []


def test_a_model_has_one_thread_and_does_its_work_in_order(threads: ThreadExecutor) -> None:
    model, other, seen = Model(), Model(), []

    def work(name: str) -> jobs.Work:
        return lambda job: seen.append((name, threading.get_ident()))

    for job in [submit(model, work("first")), submit(model, work("second")), submit(other, work("other"))]:
        assert job.wait(PATIENCE)
    mine = [place for place in seen if place[0] != "other"]
    assert [name for name, _ in mine] == ["first", "second"]
    assert len({thread for _, thread in mine}) == 1
    assert len({thread for _, thread in seen}) == 2
    assert threading.get_ident() not in {thread for _, thread in seen}


def test_work_that_asks_for_more_work_on_its_own_model_does_not_wait_for_itself(
    threads: ThreadExecutor,
) -> None:
    model = Model()

    def work(job: Job) -> None:
        job.picture(0, submit(model, lambda inner: inner.picture(0, picture()), total=1).result(PATIENCE)[0])

    assert len(submit(model, work, total=1).result(PATIENCE)) == 1


def test_a_dropped_model_is_freed_and_its_thread_ends(threads: ThreadExecutor) -> None:
    model = Model()
    job = submit(model, lambda job, model=model: job.picture(0, picture()), total=1)
    assert job.wait(PATIENCE)
    ((_, thread),) = threads._workers.values()
    gone = weakref.ref(model)
    del model, job
    deadline = time.monotonic() + PATIENCE
    while gone() is not None and time.monotonic() < deadline:
        thread.join(0.01)  # lets the worker leave the task that it has just ended
        gc.collect()
    assert gone() is None
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert threads._workers == {}


def test_time_left_follows_the_pace_of_the_calls() -> None:
    clock = Clock()
    job = Job(2, clock=clock)
    assert job.seconds_left is None and job.time_left == ""
    job.tick(10, 100)
    assert job.seconds_left is None
    clock.now += 2
    job.tick(20, 100)
    assert job.seconds_left == pytest.approx(16)
    assert job.time_left == "16 s left"
    clock.now += 1
    assert job.seconds_left == pytest.approx(15)
    clock.now += 100
    assert job.seconds_left == 0
    assert job.calls == (20, 100)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "1 s left"), (89, "89 s left"), (150, "2 min left"), (9000, "2.5 h left")]
)
def test_time_left_in_words(seconds: float, words: str) -> None:
    clock = Clock()
    job = Job(clock=clock)
    job.tick(0, 2)
    clock.now += seconds
    job.tick(1, 2)
    assert job.time_left == words


def test_progress_says_what_came_from_the_store_and_the_repr_says_nothing_that_changes() -> None:
    job = Job(4)
    before = repr(job)
    job.picture(0, picture())
    job.picture(1, picture(stored=True))
    assert job.so_far == "2 of 4 pictures, 1 of them from the store"
    assert repr(job) == before == "Job(4 pictures; see .done, .pictures, .stop(), .result())"
    assert repr(Job(1)).startswith("Job(1 picture;")
    assert Job(1).so_far == "0 of 1 picture"
    assert Job().so_far == "0 pictures"


def test_previews_are_kept_only_where_they_were_asked_for() -> None:
    assert not Job().wants_steps
    job = Job(preview=True)
    assert job.wants_steps and job.glimpses == {}
    colours = np.zeros((2, 2, 3), np.uint8)
    job.glimpse(1, colours)
    job.glimpse(0, colours)
    assert list(job.glimpses) == [0, 1]
    job.picture(0, picture())
    job.glimpse(0, colours)  # a late one: the finished picture stays
    assert list(job.glimpses) == [1]


def test_an_interpreter_can_leave_while_work_is_under_way() -> None:
    code = """
import threading
import time
from nbgen.jobs import submit
class Model: pass
model, started = Model(), threading.Event()
def work(job):
    started.set()
    while not job.stopping():
        time.sleep(0.01)
    print("stopped")
submit(model, work)
started.wait()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "stopped\n"
    assert done.stderr == ""
