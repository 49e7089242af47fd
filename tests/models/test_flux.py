"""FLUX.1, dev and schnell, against diffusers' own pipeline; its two kinds of guidance; its limits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler

import nbgen
from nbgen.errors import ModelError, RecipeError, SamplerError
from nbgen.models.flux import Flux
from nbgen.sampling import SAMPLERS
from nbgen.testing import tiny_flux, tiny_flux_pipeline

from .oracle import distance, flow_stock, latent, latents

FLOWS = [
    (sampler.name, schedule)
    for sampler in SAMPLERS
    if sampler.flow
    for schedule in (None, *sampler.schedules_for("flow"))
]
SAID = {"max_sequence_length": 24}
"""The stock pipeline pads to 512 tokens unless it is told what the tokenizer reads."""


@pytest.fixture(scope="module")
def model():
    return tiny_flux()


@pytest.fixture(scope="module")
def schnell():
    return tiny_flux(guidance_embeds=False)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize(("sampler", "schedule"), FLOWS)
def test_samplers_match_the_stock_pipeline(model, schnell, sampler, schedule, steps) -> None:
    for each in (model, schnell):
        made = latent(each, prompt="a cat", sampler=sampler, schedule=schedule, steps=steps)
        expected = flow_stock(each._pipe, "a cat", 11, steps, sampler=sampler, schedule=schedule, **SAID)
        assert distance(made, expected) <= 1e-4


@pytest.mark.parametrize("sampler", ["euler", "heun", "dpm++2m", "unipc"])
def test_a_model_with_a_constant_shift(sampler) -> None:
    """Schedulers call it by two names, and the shift that the model came with reaches both kinds."""
    model = tiny_flux(use_dynamic_shifting=False, shift=2.5)
    made = latent(model, prompt="a cat", sampler=sampler)
    expected = flow_stock(model._pipe, "a cat", 11, 4, sampler=sampler, **SAID)
    assert distance(made, expected) <= 1e-4
    unshifted = flow_stock(
        tiny_flux_pipeline(use_dynamic_shifting=False, shift=1.0), "a cat", 11, 4, sampler=sampler
    )
    assert distance(made, unshifted) > 1e-3


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.5, 10.0])
def test_distilled_guidance_is_the_pipelines_guidance_scale(model, scale) -> None:
    made = latent(model, prompt="a cat", distilled_guidance=scale)
    assert distance(made, flow_stock(model._pipe, "a cat", 11, 4, guidance_scale=scale, **SAID)) <= 1e-4


@pytest.mark.parametrize("negative", ["", "a dog on a mat"])
@pytest.mark.parametrize("which", ["model", "schnell"])
def test_guidance_is_the_pipelines_true_cfg(which, negative, request) -> None:
    model = request.getfixturevalue(which)
    made = latent(model, prompt="a cat", guidance=4.0, negative=negative)
    expected = flow_stock(model._pipe, "a cat", 11, 4, true_cfg_scale=4.0, negative_prompt=negative, **SAID)
    assert distance(made, expected) <= 1e-4
    assert distance(made, latent(model, prompt="a cat")) > 1e-3


@pytest.mark.parametrize("size", [(32, 32), (64, 16), (24, 40), (8, 8)])
def test_sizes_match_the_stock_pipeline(model, size) -> None:
    """The size decides the shift, too."""
    made = latent(model, prompt="a cat", size=size)
    assert made.shape == (1, 4, size[1] // 4, size[0] // 4)
    assert distance(made, flow_stock(model._pipe, "a cat", 11, 4, size=size, **SAID)) <= 1e-4


@pytest.mark.parametrize("prompt", ["", "x", "a cat face", "words " * 4, "a very long prompt " * 9])
def test_prompts_match_the_stock_pipeline(model, prompt) -> None:
    assert distance(latent(model, prompt=prompt), flow_stock(model._pipe, prompt, 11, 4, **SAID)) <= 1e-4


@pytest.mark.parametrize(("guidance_embeds", "tokens"), [(True, 512), (False, 256)])
def test_tokens_that_are_read(guidance_embeds: bool, tokens: int) -> None:
    """Dev reads 512, schnell 256; padding is read, so their number changes the picture."""
    pipe = tiny_flux_pipeline(guidance_embeds=guidance_embeds)
    pipe.tokenizer_2.model_max_length = 512
    model = nbgen.load(pipe)
    assert model.readers()[1].length == tokens
    expected = flow_stock(pipe, "a cat", 11, 2, max_sequence_length=tokens)
    assert distance(latent(model, prompt="a cat", size=(32, 32), steps=2), expected) <= 1e-4


def test_pixels_are_those_of_the_stock_pipeline(model) -> None:
    (_, picture), = model.run([model.resolve(prompt="a cat", seed=1, steps=3)])  # fmt: skip
    stock = model._pipe(
        "a cat",
        num_inference_steps=3,
        width=32,
        height=32,
        generator=torch.Generator().manual_seed(1),
        **SAID,
    ).images[0]
    assert np.abs(np.asarray(picture).astype(int) - np.asarray(stock)).max() <= 1


def test_rows_of_one_forward_have_their_own_guidance(model) -> None:
    scales = [model.resolve(prompt="a cat", seed=1, steps=3, distilled_guidance=scale) for scale in (1, 2, 7)]
    for made, recipe in zip(latents(model, scales), scales, strict=True):
        expected = flow_stock(model._pipe, "a cat", 1, 3, guidance_scale=recipe.distilled_guidance, **SAID)
        assert distance(made, expected) <= 1e-4
    assert len({recipe.key for recipe in scales}) == 3


def test_defaults() -> None:
    dev, schnell = (nbgen.load(tiny_flux_pipeline(guidance_embeds=embeds)) for embeds in (True, False))
    assert isinstance(dev, Flux) and isinstance(schnell, Flux)
    recipe = dev.resolve(prompt="x")
    assert (recipe.sampler, recipe.steps, recipe.guidance) == ("euler", 28, 1.0)
    assert (recipe.distilled_guidance, recipe.negative, recipe.size) == (3.5, None, (512, 512))
    recipe = schnell.resolve(prompt="x")
    assert (recipe.sampler, recipe.steps, recipe.guidance, recipe.distilled_guidance) == (
        "euler",
        4,
        1.0,
        None,
    )


def test_a_negative_prompt_is_empty_where_guidance_has_none(model) -> None:
    guided = model.resolve(prompt="x", guidance=3)
    assert guided.negative == ""
    assert guided.key == model.resolve(prompt="x", guidance=3, negative="").key
    assert model.resolve(prompt="x", negative="").negative is None
    assert model.asks(model.resolve(prompt="x")) == 1 and model.asks(guided) == 2


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"size": (30, 32)}, RecipeError, r"multiple of 8 .* size=\(32, 32\)"),
        ({"size": (32, 4100)}, RecipeError, "to 4096 pixels"),
        ({"negative": "blurry"}, RecipeError, "guidance=3"),
        ({"sampler": "ddim"}, SamplerError, "flow-matching"),
        ({"sampler": "lms"}, SamplerError, "flow-matching"),
        ({"sampler": "heun", "schedule": "karras"}, SamplerError, "it takes: none"),
        ({"sampler": "dpm++2m", "schedule": "karras"}, SamplerError, "it takes: none"),
        ({"sampler": "euler", "schedule": "trailing"}, SamplerError, "karras, exponential, beta"),
        ({"options": {"shift": 2.0}}, RecipeError, "by the picture's size"),
        ({"distilled_guidance": -1}, RecipeError, "distilled_guidance"),
        ({"distilled_guidance": float("nan")}, RecipeError, "distilled_guidance"),
    ],
    ids=str,
)
def test_bad_input_is_told_before_any_work(model, fields, error, said) -> None:
    with pytest.raises(error, match=said):
        model.resolve(**{"prompt": "x", **fields})


def test_schnell_has_no_distilled_guidance(schnell) -> None:
    with pytest.raises(RecipeError, match=r"no field 'distilled_guidance': it has prompt, negative"):
        schnell.resolve(prompt="x", distilled_guidance=3.5)


def test_a_scheduler_that_is_silently_wrong_is_refused() -> None:
    pipe = tiny_flux_pipeline()
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    with pytest.raises(ModelError, match="EulerDiscreteScheduler, is not made for flow matching"):
        nbgen.load(pipe)


def test_words_past_the_limits_are_said(model) -> None:
    """CLIP reads 16 tokens, two of them marks; T5 reads 24, one of them a mark and one the word's beginning."""
    assert model.notes(model.resolve(prompt="abcdefghijklmn")) == ()
    note, = model.notes(model.resolve(prompt="abcdefghijklmnopq"))  # fmt: skip
    assert note == "The prompt is longer than the 16 tokens that CLIP reads; only T5 sees: 'opq'."
    note, = model.notes(model.resolve(prompt="abcdefghijklmnopqrstuvwxyz"))  # fmt: skip
    assert "24 tokens this model reads; it never sees: 'wxyz'" in note


def test_two_things_are_called_guidance(model, schnell) -> None:
    note, = model.notes(model.resolve(prompt="a cat", guidance=3))  # fmt: skip
    assert "two forwards a step" in note and "distilled_guidance" in note
    assert model.notes(model.resolve(prompt="a cat", distilled_guidance=9)) == ()
    assert schnell.notes(schnell.resolve(prompt="a cat", guidance=3)) == ()
    for name in ("guidance_scale", "cfg"):
        with pytest.raises(RecipeError, match="distilled_guidance here"):
            model.resolve(prompt="x", **{name: 3.5})
    with pytest.raises(RecipeError, match="nbgen calls it guidance"):
        model.resolve(prompt="x", true_cfg_scale=3.5)


def test_a_transformer_made_for_control_pictures_is_refused() -> None:
    pipe = tiny_flux_pipeline()
    pipe.transformer.register_to_config(in_channels=32)
    with pytest.raises(ModelError, match="takes 8 channels and its latents have 4: it is made for editing"):
        nbgen.load(pipe)


def test_samplers_are_listed_and_measured(model) -> None:
    rows = {row["name"]: row for row in nbgen.list_samplers(model)}
    assert rows["euler"]["schedules"] == "karras, exponential, beta"
    assert rows["heun"]["schedules"] == "" and "flow" in rows["ddim"]["remark"]
    found = nbgen.convergence("a cat", steps=[2, 4], seed=1, reference_steps=20, model=model)
    assert {one.label for one in found.settings} == {"euler", "heun", "dpm++2m", "unipc"}
