"""Seventy-two cells while memory runs out here and there: all arrive, equal to a run that nothing disturbed."""

from __future__ import annotations

import functools
import random

import numpy as np
import pytest
import torch

import nbgen
from nbgen.engine import batching
from nbgen.testing import tiny_sd

pytestmark = pytest.mark.usefixtures("at_once")

SAMPLERS = {
    "ddim": "DDIMScheduler", "heun": "HeunDiscreteScheduler", "dpm++2m": "DPMSolverMultistepScheduler",
    "euler_a": "EulerAncestralDiscreteScheduler", "unipc": "UniPCMultistepScheduler", "ddpm": "DDPMScheduler",
}  # fmt: skip
ARGUMENTS = {"sampler": list(SAMPLERS), "seed": range(4), "guidance": [1, 3, 7], "steps": 5}
ERRORS = (
    lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    lambda: RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
    lambda: MemoryError(),
)


class Shortage:
    """Makes calls fail by chance, each place at least once and never more often than a run has patience for."""

    def __init__(self, seed: int, share: float, most: int) -> None:
        self._random = random.Random(seed)
        self._share, self._most = share, most
        self.failed: dict[str, int] = {}

    def around(self, monkeypatch, where: str, target, name: str, first: int) -> None:
        kept, calls = getattr(target, name), 0

        @functools.wraps(kept)  # schedulers are asked for the arguments that their steps take
        def wrapped(*arguments, **keywords):
            nonlocal calls
            calls += 1
            often = self.failed.get(where, 0)
            if calls == first or (often < self._most and self._random.random() < self._share):
                self.failed[where] = often + 1
                raise self._random.choice(ERRORS)()
            return kept(*arguments, **keywords)

        monkeypatch.setattr(target, name, wrapped)


@pytest.fixture(scope="module")
def latents_of():
    """Runs the comparison on a fresh model; returns the grid and the finished latents by recipe."""

    def run():
        model, latents = tiny_sd(), {}
        model.rows = 24
        engine_run = batching.Engine.run

        def kept(engine):
            for made in engine_run(engine):
                if isinstance(made, batching.Finished):
                    latents[engine.recipes[made.index].key] = made.latent
                yield made

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batching.Engine, "run", kept)
            grid = nbgen.compare("a cat", model=model, store=False, **ARGUMENTS)
        return grid, latents, model

    return run


@pytest.fixture(scope="module")
def undisturbed(latents_of):
    return latents_of()


@pytest.mark.parametrize("seed", [1, 2])
def test_all_cells_arrive_and_are_the_same(latents_of, undisturbed, monkeypatch, seed):
    import diffusers

    before, expected, _ = undisturbed
    chance = random.Random(seed)
    shortage = Shortage(seed, share=0.01, most=2)
    # The first of these is certain, so that each kind of place fails in each run.
    kind = type(tiny_sd())
    shortage.around(monkeypatch, "encode", kind, "encode", chance.randint(1, 2))
    shortage.around(monkeypatch, "forward", kind, "forward", chance.randint(1, 20))
    shortage.around(monkeypatch, "decode", kind, "decode", chance.randint(1, 3))
    for sampler in SAMPLERS.values():
        shortage.around(monkeypatch, sampler, getattr(diffusers, sampler), "step", chance.randint(1, 10))
    grid, latents, model = latents_of()
    assert set(shortage.failed) == {"encode", "forward", "decode", *SAMPLERS.values()}
    assert len(grid) == 72 and not grid.failures
    assert model.last_stats.out_of_memory >= len(shortage.failed)
    for key, latent in expected.items():
        assert float((latents[key] - latent).norm() / latent.norm()) <= 1e-4
    for one, other in zip(before, grid, strict=True):
        difference = np.abs(np.asarray(one).astype(float) - np.asarray(other)) / 255
        # A latent that differs in its seventh digit may round to the neighbouring of 256 values.
        assert difference.max() <= 1 / 255 + 1e-9 and difference.mean() <= 1e-4
