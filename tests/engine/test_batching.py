"""One batch of anything equals each picture alone; errors and stops lose nothing that was finished."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nbgen.engine.batching import Engine
from nbgen.engine.knee import Knee
from nbgen.testing import tiny_gan

from .running import Watching, run
from .stock import distance


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


@pytest.mark.parametrize(("samplers", "saved"), [(("ddim", "ddpm"), 1), (("ddim", "euler"), 0)])
def test_different_samplers_share_no_more_than_their_first_question(model, samplers, saved) -> None:
    """Unscaled noise at the same first timestep is one input, whoever steps on from it; Euler scales it."""
    asked = [model.resolve(prompt="a cat", seed=1, steps=3, guidance=1, sampler=name) for name in samplers]
    watching = Watching()
    made = run(model, asked, observer=watching)
    assert watching.ended_with.rows_saved == saved
    for one, recipe in zip(made, asked, strict=True):
        assert distance(one.latent, run(model, [recipe])[0].latent) <= 1e-5


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
    assert measure(lambda rows: 0.01 * rows).rows == 32  # nothing gained, but nothing to wait for either
    assert measure(lambda rows: 1.0, most=64).rows == 64
    moody = iter([1.0, 4.0, 8.0, 14.0, 20.0, 40.0, 80.0])  # slow once at 8, and still not fooled
    assert measure(lambda rows: next(moody)).rows == 32

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
