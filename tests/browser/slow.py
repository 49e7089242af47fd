"""A model that takes its time, for notebooks that look at work under way. Each picture is one plain colour."""

from __future__ import annotations

import time

import numpy as np

from nbgen import Picture, Pictures, Recipe, jobs
from nbgen.jobs import Job
from nbgen.verbs.waiting import deliver


class Slow:
    """Anything that can be referred to weakly may own a worker."""


MODEL = Slow()


def make(n: int = 3, *, ticks: int = 5, beat: float = 0.1, fail: bool = False) -> Pictures:
    """`n` pictures of `ticks` calls each, every call `beat` seconds long, as a verb makes them."""

    def work(job: Job) -> None:
        for number in range(n):
            for tick in range(ticks):
                if job.stopping():
                    return
                time.sleep(beat)
                job.tick(number * ticks + tick + 1, n * ticks)
            if fail and number == n - 1:
                raise ValueError("the last one fails")
            colour = np.full((64, 64, 3), (60 * number % 256, 120, 200), np.uint8)
            job.picture(number, Picture(colour, Recipe(prompt="a plain colour", seed=number)))

    return deliver(jobs.submit(MODEL, work, total=n), lambda job: Pictures(job.pictures))
