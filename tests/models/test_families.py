"""What every row-by-row family must do alike: mixed batches, half precision, mixtures of prompts, walks, estimates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import nbgen
from nbgen import jobs
from nbgen.bench import batches
from nbgen.bench.batches import mixed
from nbgen.engine.batching import Engine
from nbgen.recipe import Mix
from nbgen.testing import (
    tiny_flux,
    tiny_sd,
    tiny_sd3,
    tiny_sd3_pipeline,
    tiny_sdxl,
)
from tests.engine.running import Watching

from .oracle import distance, flow_stock, latent, latents, stock_latents

MAKERS = {
    "sd": tiny_sd,
    "sdxl": tiny_sdxl,
    "flux": tiny_flux,
    "schnell": lambda: tiny_flux(guidance_embeds=False),
    "sd3": tiny_sd3,
    "sd3-dynamic": lambda: tiny_sd3(use_dynamic_shifting=True, base_image_seq_len=4, max_image_seq_len=99),
    "sd3-without-t5": lambda: tiny_sd3(t5=False),
}


@pytest.fixture(scope="module", params=list(MAKERS))
def model(request):
    return MAKERS[request.param]()


def alone(model: Any, recipes: list[Any]) -> list[torch.Tensor]:
    return [latents(model, [recipe], exact=True)[0] for recipe in recipes]


def test_a_mixed_batch_equals_each_row_alone(model) -> None:
    recipes = mixed(model)
    single = alone(model, recipes)
    for rows in (3, 64):
        found = [distance(*pair) for pair in zip(latents(model, recipes, rows=rows), single, strict=True)]
        assert max(found) <= 1e-4


@pytest.mark.parametrize("family", list(batches.FAMILIES))
def test_half_precision_stays_near(family: str) -> None:
    """bfloat16 has three digits, and rounds otherwise in other batches: near is what can be asked for."""
    found = batches.measure(family)
    assert found.together <= 1e-4
    assert found.half_together <= 0.02
    assert 1e-4 < found.half <= 0.1
    assert f"{found.half:.1e}" in repr(batches.table([found]))


def test_finished_latents_are_float32_in_any_precision() -> None:
    half = nbgen.load(tiny_sd3_pipeline().to(torch.bfloat16))
    assert half.ref.dtype == "bfloat16"
    (made,) = latents(half, [half.resolve(prompt="a cat", seed=1, steps=2, size=(32, 32))])
    assert made.dtype == torch.float32


WEIGHTS = {"a cat": 0.25, "a dog on a mat": 0.75}


def summed(encoded: list[Any]) -> list[Any]:
    """What a pipeline's encode_prompt gives for each prompt, weighted and added up."""
    parts = zip(*encoded, strict=True)
    return [sum(weight * part for weight, part in zip(WEIGHTS.values(), each, strict=True)) for each in parts]


def test_a_mixture_of_prompts_reaches_sdxl_with_its_pooled_words() -> None:
    """The oracle: the stock pipeline, given the weighted sum of all that it encodes itself."""
    model = tiny_sdxl()
    encode = model._pipe.encode_prompt
    words, _, pooled, _ = summed([encode(prompt, do_classifier_free_guidance=True) for prompt in WEIGHTS])
    _, unwanted, _, unwanted_pooled = encode("x", do_classifier_free_guidance=True, negative_prompt="blue")
    expected = stock_latents(
        model._pipe, "DDIMScheduler", None, 11, 4, 3.0, prompt_embeds=words, pooled_prompt_embeds=pooled,
        negative_prompt_embeds=unwanted, negative_pooled_prompt_embeds=unwanted_pooled,
    )  # fmt: skip
    assert distance(latent(model, prompt=mixture(), negative="blue"), expected) <= 1e-4


def test_a_mixture_of_prompts_reaches_flux_with_its_pooled_words() -> None:
    model = tiny_flux()
    encode = model._pipe.encode_prompt
    words, pooled, _ = summed([encode(prompt, max_sequence_length=24) for prompt in WEIGHTS])
    expected = flow_stock(model._pipe, None, 11, 4, prompt_embeds=words, pooled_prompt_embeds=pooled)
    assert distance(latent(model, prompt=mixture()), expected) <= 1e-4


def test_a_mixture_of_prompts_reaches_sd3_with_its_pooled_words() -> None:
    model = tiny_sd3()
    encoded = [model._pipe.encode_prompt(one, None, None, max_sequence_length=24) for one in WEIGHTS]
    words, unwanted, pooled, unwanted_pooled = summed(encoded)
    expected = flow_stock(
        model._pipe, None, 11, 4, guidance_scale=3.0, prompt_embeds=words, pooled_prompt_embeds=pooled,
        negative_prompt_embeds=unwanted, negative_pooled_prompt_embeds=unwanted_pooled,
    )  # fmt: skip
    assert distance(latent(model, prompt=mixture(), guidance=3.0), expected) <= 1e-4


def mixture() -> Any:
    return Mix.of(*((weight, prompt) for prompt, weight in WEIGHTS.items()))


@pytest.mark.parametrize("ends", [("a cat", "two red dogs"), ("", "a very long prompt " * 9)])
def test_a_stop_of_a_walk_is_what_generate_makes(model, monkeypatch, ends) -> None:
    monkeypatch.setattr(jobs, "executor", jobs.SynchronousExecutor())
    walk = nbgen.interpolate(list(ends), frames=3, seed=3, steps=3, model=model)
    singles = [nbgen.generate(prompt, seed=3, steps=3, model=model)[0] for prompt in ends]
    assert [walk[0].recipe, walk[-1].recipe] == [single.recipe for single in singles]
    for frame, single in zip((walk[0], walk[-1]), singles, strict=True):
        assert np.abs(np.asarray(frame).astype(int) - np.asarray(single)).max() <= 1
    assert isinstance(walk[1].recipe.prompt, Mix)


@pytest.mark.parametrize("sampler", ["euler", "heun", "dpm++2m", "unipc"])
def test_the_estimate_of_a_flow_follows_the_schedulers_sigma(sampler: str) -> None:
    """With one velocity everywhere the path is a straight line, and every estimate is where it ends.

    Some schedulers round the timesteps that they hand to the model; the sigmas that count are not rounded.
    """
    model = tiny_sd3()
    x0 = torch.randn((4, 8, 8), generator=torch.Generator().manual_seed(1))
    noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(5))[0]
    watching = Watching(steps=True)

    def velocity(group, latents, timesteps, conditionings):
        return (noise - x0).expand_as(latents)

    model.forward = velocity  # type: ignore[method-assign]
    recipe = model.resolve(prompt="x", seed=5, steps=6, sampler=sampler, guidance=1)
    (made,) = Engine(model, [recipe], observer=watching).run()
    assert len(watching.steps) == model.calls(recipe)
    assert distance(made.latent, x0) <= 2e-3  # UniPC and DPM++ begin a thousandth below all noise
    for event in watching.steps:
        assert distance(event.x0, made.latent) <= 1e-5
