"""What tests of the verbs share: a tiny model, work that is done at once, and the rows that its forwards had."""

from __future__ import annotations

import contextlib

import pytest

from nbgen import jobs
from nbgen.testing import tiny_sd


@pytest.fixture(scope="module")
def model():
    return tiny_sd()


@pytest.fixture
def at_once(monkeypatch):
    """Jobs run in the caller's thread."""
    monkeypatch.setattr(jobs, "executor", jobs.SynchronousExecutor())


@pytest.fixture
def stopped_after(monkeypatch):
    """`with stopped_after(3):` has jobs stop once so many pictures are finished."""

    @contextlib.contextmanager
    def stopped(count):
        finished = jobs.Job.picture

        def picture(self, index, made):
            finished(self, index, made)
            if len(self.pictures) == count:
                self.stop()

        with monkeypatch.context() as patch:
            patch.setattr(jobs.Job, "picture", picture)
            yield

    return stopped


@pytest.fixture
def rows(model, monkeypatch):
    """How many rows each forward had, as a list that grows."""
    seen = []
    forward = type(model).forward

    def counted(self, group, latents, timesteps, conditionings):
        seen.append(len(latents))
        return forward(self, group, latents, timesteps, conditionings)

    monkeypatch.setattr(type(model), "forward", counted)
    return seen
