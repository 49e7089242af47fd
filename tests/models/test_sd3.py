"""Stable Diffusion 3 and 3.5 against diffusers' own pipeline; with and without T5; constant and dynamic shift."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler

import nbgen
from nbgen.errors import RecipeError, SamplerError
from nbgen.models.sd3 import StableDiffusion3
from nbgen.testing import tiny_sd3, tiny_sd3_pipeline

from .oracle import distance, flow_stock, latent
from .test_flux import FLOWS

SAID = {"max_sequence_length": 24}
"""The stock pipeline pads to 256 tokens unless it is told what the tokenizer reads."""


@pytest.fixture(scope="module")
def model():
    return tiny_sd3()


@pytest.fixture(scope="module")
def dynamic():
    return tiny_sd3(
        use_dynamic_shifting=True, base_shift=0.4, max_shift=2.0, base_image_seq_len=4, max_image_seq_len=99
    )


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize(("sampler", "schedule"), FLOWS)
def test_samplers_match_the_stock_pipeline(model, dynamic, sampler, schedule, steps) -> None:
    for each in (model, dynamic):
        made = latent(each, prompt="a cat", sampler=sampler, schedule=schedule, steps=steps, guidance=3.0)
        expected = flow_stock(
            each._pipe, "a cat", 11, steps, sampler=sampler, schedule=schedule, guidance_scale=3.0, **SAID
        )
        assert distance(made, expected) <= 1e-4


@pytest.mark.parametrize(
    "fields",
    [
        {"guidance": 1.0},
        {"guidance": 7.5},
        {"negative": ""},
        {"negative": "a dog"},
        *({"size": size} for size in ((64, 16), (24, 40), (8, 8), (64, 64))),
        *({"prompt": prompt} for prompt in ("", "x", "a cat face", "words " * 4, "a very long prompt " * 9)),
    ],
    ids=str,
)
@pytest.mark.parametrize("which", ["model", "dynamic"])
def test_fields_match_the_stock_pipeline(which, fields, request) -> None:
    model = request.getfixturevalue(which)
    fields = {"prompt": "a cat", "guidance": 3.0, "size": (32, 32), **fields}
    expected = flow_stock(
        model._pipe, fields["prompt"], 11, 4, size=fields["size"], guidance_scale=fields["guidance"],
        negative_prompt=fields.get("negative"), **SAID,
    )  # fmt: skip
    assert distance(latent(model, **fields), expected) <= 1e-4


@pytest.mark.parametrize("negative", [None, "a dog"])
def test_without_t5_zeros_stand_for_it(negative) -> None:
    pipe = tiny_sd3_pipeline(t5=False)
    model = nbgen.load(pipe)
    assert isinstance(model, StableDiffusion3)
    expected = flow_stock(pipe, "a cat", 11, 4, guidance_scale=4.0, negative_prompt=negative)
    made = latent(model, prompt="a cat", negative=negative, guidance=4.0)
    assert distance(made, expected) <= 1e-4


def test_256_tokens_of_t5_are_read() -> None:
    pipe = tiny_sd3_pipeline()
    pipe.tokenizer_3.model_max_length = 512
    made = latent(nbgen.load(pipe), prompt="a cat", guidance=4.0)
    assert distance(made, flow_stock(pipe, "a cat", 11, 4, guidance_scale=4.0)) <= 1e-4


def test_the_users_own_flow_scheduler_is_the_default() -> None:
    pipe = tiny_sd3_pipeline()
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(
        pipe.scheduler.config, use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=2.0
    )
    before = dict(pipe.scheduler.config)
    model = nbgen.load(pipe)
    recipe = model.resolve(prompt="x")
    assert (recipe.sampler, recipe.schedule) == ("dpm++2m", None)
    expected = pipe(
        "x", num_inference_steps=4, width=32, height=32, guidance_scale=2.0, output_type="latent",
        generator=torch.Generator().manual_seed(11), **SAID,
    ).images  # fmt: skip
    assert distance(latent(model, prompt="x", guidance=2.0), expected) <= 1e-4
    assert dict(pipe.scheduler.config) == before


def test_shift_is_an_option_where_it_is_constant(model) -> None:
    shifted = tiny_sd3_pipeline(shift=1.5)
    expected = flow_stock(shifted, "a cat", 11, 4, guidance_scale=3.0, **SAID)
    assert distance(latent(model, prompt="a cat", guidance=3.0, options={"shift": 1.5}), expected) <= 1e-4


def test_pixels_are_those_of_the_stock_pipeline(model) -> None:
    (_, picture), = model.run([model.resolve(prompt="a cat", seed=1, steps=3)])  # fmt: skip
    stock = model._pipe(
        "a cat", num_inference_steps=3, guidance_scale=3.0, width=32, height=32,
        generator=torch.Generator().manual_seed(1), **SAID,
    ).images[0]  # fmt: skip
    assert np.abs(np.asarray(picture).astype(int) - np.asarray(stock)).max() <= 1


@pytest.mark.parametrize(
    ("config", "name", "steps", "guidance"),
    [
        ({}, "stable-diffusion-3-medium", 28, 7.0),
        ({"qk_norm": "rms_norm"}, "stable-diffusion-3.5-large", 28, 3.5),
        ({"qk_norm": "rms_norm", "dual_attention_layers": (0,)}, "stable-diffusion-3.5-medium", 40, 4.5),
        ({"qk_norm": "rms_norm"}, "stable-diffusion-3.5-large-turbo", 4, 1.0),
    ],
)
def test_defaults(config, name, steps, guidance) -> None:
    pipe = tiny_sd3_pipeline()
    pipe.transformer.register_to_config(**config)
    pipe.register_to_config(_name_or_path=f"stabilityai/{name}")
    recipe = nbgen.load(pipe).resolve(prompt="x")
    assert (recipe.sampler, recipe.steps, recipe.guidance, recipe.size) == (
        "euler",
        steps,
        guidance,
        (32, 32),
    )


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"size": (36, 32)}, RecipeError, r"multiple of 8 .* size=\(32, 32\)"),
        ({"size": (136, 32)}, RecipeError, "from 8 to 128 pixels"),
        ({"sampler": "euler_a"}, SamplerError, "flow-matching"),
        ({"distilled_guidance": 3.5}, RecipeError, "no field 'distilled_guidance'"),
        ({"flux_guidance": 3.5}, RecipeError, "nbgen calls it distilled_guidance"),
    ],
    ids=str,
)
def test_bad_input_is_told_before_any_work(model, fields, error, said) -> None:
    with pytest.raises(error, match=said):
        model.resolve(**{"prompt": "x", **fields})


def test_words_past_the_limits_are_said(model) -> None:
    assert model.notes(model.resolve(prompt="abcdefghijklmn")) == ()
    note, = model.notes(model.resolve(prompt="abcdefghijklmnopq"))  # fmt: skip
    assert "16 tokens that the first CLIP encoder reads; only T5 sees: 'opq'" in note
    note, = model.notes(model.resolve(prompt="abcdefghijklmnopqrstuvwxyz"))  # fmt: skip
    assert "24 tokens this model reads; it never sees: 'wxyz'" in note
    blind = tiny_sd3(t5=False)
    note, = blind.notes(blind.resolve(prompt="abcdefghijklmnopq"))  # fmt: skip
    assert "16 tokens this model reads; it never sees: 'opq'" in note
