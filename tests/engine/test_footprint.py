"""Is the memory of a forward what the allocator says it is, and is it foreseen without running it?"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from nbgen.engine.footprint import bytes_of, foreseen, measured
from nbgen.engine.knee import Knee

MEGABYTE = 250_000
"""Numbers of float32 that take one megabyte."""


def test_tensors_count_while_they_live():
    def work():
        x = torch.zeros(MEGABYTE)
        y = x + 1  # two
        del x
        z = y.view(500, 500).t()  # a view takes nothing
        z = z * 2  # two: x is gone
        z += 1
        return z.sum()

    assert measured(work) == pytest.approx(2e6, rel=0.01)
    assert foreseen(work) == pytest.approx(2e6, rel=0.01)
    assert measured(lambda: None) == 0


def of_the_allocator(work):
    """The most bytes in use at once, by the records that torch's own allocator keeps."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        work()
    now = most = 0
    for event in recorded.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most


def test_each_row_of_a_forward_takes_what_the_allocator_says(model):
    recipe = model.resolve(prompt="a cat", seed=0)
    condition, group = model.condition(recipe)[0], model.group(recipe)

    def forward(rows):
        latents = torch.zeros((rows, *model.latent_shape(recipe)))
        return model.forward(group, latents, torch.full((rows,), 500.0), [condition] * rows)

    with torch.no_grad():
        forward(1)  # what is made once and kept is no part of it
        # Kernels take some room of their own while they run, at any number of rows, and a little with each.
        counted, allocated = (
            [how(partial(forward, rows)) for rows in (2, 6, 14)] for how in (measured, of_the_allocator)
        )
        for here, there in zip(pairwise(counted), pairwise(allocated), strict=True):
            assert 0.8 <= (here[1] - here[0]) / (there[1] - there[0]) <= 1.01
        assert foreseen(partial(forward, 6)) == pytest.approx(counted[1], rel=0.05)


def test_what_cannot_be_foreseen_is_none(model):
    assert foreseen(lambda: torch.ones(3).sum().item()) is None
    assert foreseen(lambda: 1 / 0) is None


def test_weights_count_also_when_they_are_let_go():
    layers = torch.nn.Sequential(torch.nn.Linear(10, 20), torch.nn.BatchNorm1d(20))
    expected = 4 * (10 * 20 + 20 + 4 * 20) + 8
    assert bytes_of([layers]) == expected
    assert bytes_of([layers.to("meta")]) == expected


def test_the_knee_on_a_cpu_knows_what_a_row_takes(model):
    knee = model._measure_knee(model.resolve(prompt="a cat", seed=0))
    assert knee.bytes_a_row > 10_000
    assert Knee(64, 0.0, knee.bytes_a_row).limit(10 * knee.bytes_a_row, None) == 7
