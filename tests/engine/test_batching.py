"""One batch of anything equals each picture alone; errors and stops lose nothing that was finished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from nbgen.engine.batching import Engine, Failed, Finished
from nbgen.engine.knee import Knee
from nbgen.engine.observer import Observer
from nbgen.errors import OutOfMemoryError
from nbgen.testing import tiny_gan, tiny_sd

from .stock import distance

SAMPLERS = ["ddim", "heun", "dpm++2m", "euler_a", "dpm++sde", "pndm", "unipc", "lms"]


@pytest.fixture(scope="module")
def model():
    return tiny_sd()


@pytest.fixture(scope="module")
def recipes(model) -> list[Any]:
    """Sixteen pictures that share as little as possible."""
    return [
        model.resolve(
            prompt=["a cat", "", "a dog on a red mat"][place % 3], seed=place // 2, sampler=SAMPLERS[place % 8],
            steps=3 + place % 4, guidance=[1.0, 3.0, 7.5][place % 3], negative=None if place % 2 else "blue",
            size=(32, 32) if place % 5 else (16, 48), schedule="karras" if place % 8 in (1, 2) else None,
        )
        for place in range(16)
    ]  # fmt: skip


def run(model, recipes: Sequence[Any], **options: Any) -> list[Finished]:
    made = sorted(Engine(model, recipes, **options).run(), key=lambda each: each.index)
    failures = [each for each in made if isinstance(each, Failed)]
    assert not failures, failures
    return [each for each in made if isinstance(each, Finished)]


@pytest.fixture(scope="module")
def alone(model, recipes) -> list[Finished]:
    return [run(model, [recipe], exact=True)[0] for recipe in recipes]


@pytest.mark.parametrize("rows", [1, 3, 8, 64])
def test_a_mixed_batch_equals_each_row_alone(model, recipes, alone, rows: int) -> None:
    made = run(model, recipes, rows=rows)
    assert [each.index for each in made] == list(range(16))
    for batched, single in zip(made, alone, strict=True):
        assert distance(batched.latent, single.latent) <= 1e-4
        assert batched.calls == single.calls


def test_exact_twice_is_bitwise_equal(model, recipes, alone) -> None:
    for again, single in zip(run(model, recipes[:6], exact=True), alone[:6], strict=True):
        assert torch.equal(again.latent, single.latent)
        assert (again.pixels == single.pixels).all()


class Watching(Observer):
    def __init__(self, stop_after: int | None = None, steps: bool = False) -> None:
        self.ticks: list[tuple[int, int]] = []
        self.steps: list[Any] = []
        self.stop_after = stop_after
        self.wants_steps = steps
        self.ended_with: Any = None

    def tick(self, done: int, total: int) -> None:
        self.ticks.append((done, total))

    def step(self, event: Any) -> None:
        self.steps.append(event)

    def ended(self, stats: Any) -> None:
        self.ended_with = stats

    def stopping(self) -> bool:
        return self.stop_after is not None and len(self.ticks) >= self.stop_after


def test_calls_add_up(model, recipes) -> None:
    watching = Watching()
    run(model, recipes, rows=8, observer=watching)
    total = sum(model.calls(recipe) for recipe in recipes)
    assert watching.ticks[-1] == (total, total)
    assert watching.ended_with.ticks == len(watching.ticks)
    assert [done for done, _ in watching.ticks] == sorted(done for done, _ in watching.ticks)


def test_pictures_finish_in_reading_order_and_early(model) -> None:
    many = [model.resolve(prompt="x", seed=seed, steps=4, guidance=1) for seed in range(12)]
    watching = Watching()
    order, ticks = [], []
    for made in Engine(model, many, rows=4, observer=watching).run():
        order.append(made.index)
        ticks.append(len(watching.ticks))
    assert order == list(range(12))
    assert ticks == [4] * 4 + [8] * 4 + [12] * 4


def test_stop_keeps_what_is_finished_and_the_model_usable(model) -> None:
    many = [model.resolve(prompt="x", seed=seed, steps=4, guidance=1) for seed in range(12)]
    watching = Watching(stop_after=6)
    made = list(Engine(model, many, rows=4, observer=watching).run())
    assert [each.index for each in made] == [0, 1, 2, 3]
    assert len(watching.ticks) == 6
    assert len(run(model, many[:2])) == 2


def test_rows_bound_every_forward(model, recipes, monkeypatch) -> None:
    sizes = []
    forward = model.forward
    monkeypatch.setattr(
        model, "forward", lambda group, x, *rest: (sizes.append(len(x)), forward(group, x, *rest))[1]
    )
    run(model, recipes, rows=6)
    assert max(sizes) <= 6


def test_identical_asks_are_computed_once(model) -> None:
    """At the first step guidance has not acted yet, so its whole axis asks the same two rows."""
    scales = [model.resolve(prompt="a cat", seed=1, steps=3, guidance=scale) for scale in (1, 2, 5, 9)]
    watching = Watching()
    made = run(model, scales, observer=watching)
    assert watching.ended_with.rows_saved == 7 - 2  # the first tick: 1 + 2 + 2 + 2 rows asked, two different
    for one, recipe in zip(made, scales, strict=True):
        assert distance(one.latent, run(model, [recipe])[0].latent) <= 1e-5


def test_equal_timesteps_of_different_samplers_are_not_mistaken_for_identical(model) -> None:
    two = [
        model.resolve(prompt="a cat", seed=1, steps=3, guidance=1, sampler=name) for name in ("ddim", "ddpm")
    ]
    watching = Watching()
    run(model, two, observer=watching)
    assert watching.ended_with.rows_saved == 0


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
        "encode": (model, "_encode"),
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
        kept = model._encode
        model._encodings.clear()

        def encode(prompt: Any) -> Any:
            if prompt == "poison":
                raise ValueError("poison")
            return kept(prompt)

        monkeypatch.setattr(model, "_encode", encode)
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


def test_observers_see_the_schedulers_own_estimate(model) -> None:
    """x₀ is computed by nbgen for every sampler; DDIM and Euler give theirs, so those are the oracle."""
    from diffusers import DDIMScheduler, EulerDiscreteScheduler

    for scheduler, name in ((DDIMScheduler, "ddim"), (EulerDiscreteScheduler, "euler")):
        seen = []
        step = scheduler.step

        def recording(self: Any, *arguments: Any, step: Any = step, seen: Any = seen, **keywords: Any) -> Any:
            made = step(self, *arguments, **keywords)
            seen.append(made.pred_original_sample.clone())
            return made

        scheduler.step = recording
        try:
            watching = Watching(steps=True)
            run(
                model,
                [model.resolve(prompt="a cat", seed=seed, steps=5, sampler=name) for seed in (1, 2)],
                observer=watching,
            )
        finally:
            scheduler.step = step
        assert len(watching.steps) == 10
        for event in watching.steps:
            expected = seen[event.number][event.index]
            assert distance(event.x0, expected) <= 1e-4
            assert event.unconditional is not None
            assert event.total == 5


def test_observers_get_clones(model) -> None:
    class Vandal(Watching):
        def step(self, event: Any) -> None:
            for tensor in (event.x, event.x0, event.conditional):
                tensor.fill_(float("nan"))

    recipe = model.resolve(prompt="a cat", seed=1, steps=4)
    untouched = run(model, [recipe])[0].latent
    assert torch.equal(run(model, [recipe], observer=Vandal(steps=True))[0].latent, untouched)


def test_gradients_are_off_around_ticks_only(model) -> None:
    recipe = model.resolve(prompt="a cat", seed=1, steps=3)
    engine = Engine(model, [recipe], observer=Watching(steps=True)).run()
    assert torch.is_grad_enabled()
    made = next(engine)
    assert torch.is_grad_enabled()
    assert not made.latent.requires_grad


def test_a_gan_picture_is_one_ask() -> None:
    gan = tiny_gan()
    recipes = [gan.resolve(seed=seed, truncation=psi) for seed in range(4) for psi in (0.5, 1.0)]
    watching = Watching()
    made = run(gan, recipes, observer=watching)
    assert len(watching.ticks) == 1
    assert [each.calls for each in made] == [1] * 8
    for batched, recipe in zip(made, recipes, strict=True):
        assert distance(batched.latent, run(gan, [recipe])[0].latent) <= 1e-5


def test_the_knee_is_where_throughput_stops_rising() -> None:
    from nbgen.engine.knee import measure

    assert measure(lambda rows: 1.0 + max(0, rows - 16) / 16).rows == 16
    assert measure(lambda rows: 0.1 * rows).rows == 4
    assert measure(lambda rows: 1.0, most=64).rows == 64

    def small(rows: int) -> float:
        if rows > 8:
            raise MemoryError
        return 1.0

    assert measure(small).rows == 8


def test_a_knee_is_capped_by_memory_and_time() -> None:
    knee = Knee(64, 0.01, bytes_a_row=1000)
    assert knee.limit(10**9, None) == 64
    assert knee.limit(10_000, None) == 7
    assert knee.limit(10**9, 0.25) == 25
    assert knee.limit(0, 0.0) == 1
