"""Memory that runs out and pictures that cannot be made: everything else arrives all the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nbgen.engine.batching import Engine, Failed, Finished
from nbgen.errors import OutOfMemoryError

from .running import Watching, run
from .stock import distance


def fail_once(monkeypatch, target: Any, name: str, error: Exception, at: int) -> list[int]:
    """Makes the call number `at` of target.name raise; returns a list with the number of calls."""
    calls = [0]
    kept = getattr(target, name)

    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        calls[0] += 1
        if calls[0] == at:
            raise error
        return kept(*arguments, **keywords)

    monkeypatch.setattr(target, name, wrapped)
    return calls


@pytest.mark.parametrize("where", ["encode", "forward", "step", "decode"])
@pytest.mark.parametrize("at", [1, 2, 5])
def test_out_of_memory_anywhere_loses_nothing(
    model, recipes, alone, monkeypatch, where: str, at: int
) -> None:
    from diffusers import DDIMScheduler

    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    model._encodings.clear()
    target, name = {
        "encode": (model, "encode"),
        "forward": (model, "forward"),
        "step": (DDIMScheduler, "step"),
        "decode": (model, "decode"),
    }[where]
    calls = fail_once(monkeypatch, target, name, error, at)
    made = run(model, recipes, rows=12)
    assert calls[0] >= at or where in ("decode", "encode")
    for batched, single in zip(made, alone, strict=True):
        assert distance(batched.latent, single.latent) <= 1e-4


def test_memory_too_small_for_one_row_is_a_typed_error(model, recipes, monkeypatch) -> None:
    def full(*arguments: Any) -> Any:
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] data. DefaultCPUAllocator: can't allocate memory"
        )

    monkeypatch.setattr(model, "forward", full)
    made = list(Engine(model, recipes[:2]).run())
    assert len(made) == 2
    assert all(isinstance(each, Failed) and isinstance(each.error, OutOfMemoryError) for each in made)


def test_memory_that_fits_half_is_remembered(model, recipes, alone, monkeypatch) -> None:
    sizes = []
    forward = model.forward

    def small(group: Any, x: Any, *rest: Any) -> Any:
        if len(x) > 5:
            raise MemoryError
        sizes.append(len(x))
        return forward(group, x, *rest)

    monkeypatch.setattr(model, "forward", small)
    watching = Watching()
    made = run(model, recipes, rows=16, observer=watching)
    assert max(sizes) <= 5
    assert watching.ended_with.out_of_memory <= 2
    assert all(distance(a.latent, b.latent) <= 1e-4 for a, b in zip(made, alone, strict=True))


@pytest.mark.parametrize("where", ["encode", "forward", "step"])
def test_a_culprit_fails_alone(model, recipes, monkeypatch, where: str) -> None:
    """One picture that cannot be made leaves fifteen that can."""
    from diffusers import DDIMScheduler

    if where == "encode":
        kept = model.encode
        model._encodings.clear()

        def encode(prompt: Any) -> Any:
            if prompt == "poison":
                raise ValueError("poison")
            return kept(prompt)

        monkeypatch.setattr(model, "encode", encode)
        poisoned = [*recipes[:4], model.resolve(prompt="poison", seed=3, steps=3), *recipes[5:8]]
    else:
        poisoned = [
            *recipes[:4],
            model.resolve(prompt="a cat", seed=666, steps=3, sampler="ddim"),
            *recipes[5:8],
        ]
        noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(666))[0]
        name, target = ("forward", model) if where == "forward" else ("step", DDIMScheduler)
        method = getattr(target, name)

        def wrapped(*arguments: Any, **keywords: Any) -> Any:
            x = arguments[1] if where == "forward" else arguments[3]
            if any(row.shape == noise.shape and torch.equal(row, noise) for row in x):
                raise ValueError("poison")
            return method(*arguments, **keywords)

        monkeypatch.setattr(target, name, wrapped)
    made = {each.index: each for each in Engine(model, poisoned, rows=32).run()}
    assert sorted(made) == list(range(8))
    assert isinstance(made[4], Failed)
    assert "poison" in str(made[4].error)
    assert all(isinstance(each, Finished) for index, each in made.items() if index != 4)


def test_numbers_that_overflow_are_a_failure_and_no_picture(model) -> None:
    """diffusers goes on with NaN; a black square in the store would look like a result."""
    good = model.resolve(prompt="a cat", seed=1, sampler="ddim", steps=3)
    wild = model.resolve(
        prompt="a cat", seed=1, sampler="ddim", steps=3, guidance=1000.0, guidance_rescale=0.5
    )
    forward = model.forward

    def overflowing(group: Any, x: Any, timesteps: Any, conditionings: Any) -> Any:
        answers = forward(group, x, timesteps, conditionings)
        return torch.where(torch.arange(len(answers)).view(-1, 1, 1, 1) == 1, torch.inf, answers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "forward", overflowing)
        made = {each.index: each for each in Engine(model, [good, wild.replace(guidance=1.0, seed=9)]).run()}
    assert isinstance(made[1], Failed)
    assert "overflowed" in str(made[1].error)
    assert isinstance(made[0], Finished)
