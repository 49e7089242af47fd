"""Windows over a large latent: they cover it, agree with the whole where they can, and share forwards."""

from __future__ import annotations

import pytest
import torch

from nbgen.engine.asks import Ask, Conditioning
from nbgen.engine.windows import Windows
from nbgen.testing import tiny_sd

from .running import run

NO_WORDS = Conditioning("none", {})


@pytest.mark.parametrize(
    ("outer", "inner", "count"),
    [
        ((16, 16), (8, 8), 9),
        ((8, 8), (8, 8), 1),
        ((8, 20), (8, 8), 3),
        ((5, 7), (8, 8), 1),
        ((64, 24), (8, 24), 11),
    ],
)
def test_every_place_is_covered_and_an_answer_that_needs_no_context_is_the_whole_one(
    outer, inner, count
) -> None:
    windows = Windows(outer, inner)
    assert len(windows) == count
    x = torch.randn(3, 4, *outer)
    ask = windows.ask(Ask(x, torch.full((3,), 5.0), [NO_WORDS] * 3, [b"a", b"b", None], "group"))
    assert ask.latents.shape == (3 * count, 4, min(outer[0], inner[0]), min(outer[1], inner[1]))
    assert len(ask.conditionings) == len(ask.lineages) == len(ask.timesteps) == 3 * count
    named = [lineage for lineage in ask.lineages if lineage is not None]
    assert len(set(named)) == len(named) == 2 * count
    torch.testing.assert_close(windows.join(torch.sin(ask.latents)), torch.sin(x))


def test_one_window_over_everything_is_no_window() -> None:
    model = tiny_sd()
    recipe = model.resolve(prompt="a cat", seed=3, size=(48, 48), steps=3)
    assert model.resolve(prompt="a cat", seed=3, size=(48, 48), steps=3, windows=(64, 64)) == recipe
    windows = model.windows(recipe.replace(windows=(32, 32)))
    assert windows is not None and len(windows) == 4 and model.asks(recipe.replace(windows=(32, 32))) == 8


def test_seen_through_windows_a_picture_equals_itself_alone_and_an_overlapping_mean_by_hand() -> None:
    """The oracle is one step of Euler on predictions that are averaged by hand."""
    model = tiny_sd()
    recipes = [
        model.resolve(
            prompt="a cat", seed=seed, size=(64, 32), windows=(32, 32), guidance=guidance, sampler="euler", steps=2
        )
        for seed, guidance in ((1, 1.0), (2, 3.0))
    ]  # fmt: skip
    recipes.append(model.resolve(prompt="a dog", seed=4, sampler="euler", steps=3))
    together = run(model, recipes)
    for recipe, found in zip(recipes, together, strict=True):
        alone = run(model, [recipe], exact=True)[0].latent
        assert (found.latent - alone).norm() / alone.norm() <= 1e-4

    from diffusers import EulerDiscreteScheduler

    scheduler = EulerDiscreteScheduler.from_config(model._pipe.scheduler.config)
    scheduler.set_timesteps(2)
    x = torch.randn((1, 4, 8, 16), generator=torch.Generator().manual_seed(1)) * scheduler.init_noise_sigma
    words = model.encode("a cat")["words"][None]
    weight = torch.sin((torch.arange(8) + 0.5) / 8 * torch.pi) ** 2 + 1e-3
    with torch.no_grad():
        for timestep in scheduler.timesteps:
            scaled, total, mean = (
                scheduler.scale_model_input(x, timestep),
                torch.zeros(16),
                torch.zeros_like(x),
            )
            for left in (0, 4, 8):
                part = model._pipe.unet(scaled[..., left : left + 8], timestep, words).sample
                mean[..., left : left + 8] += part * weight
                total[left : left + 8] += weight
            x = scheduler.step(mean / total, timestep, x).prev_sample
    assert (together[0].latent[None] - x).norm() / x.norm() <= 1e-4
