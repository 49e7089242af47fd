"""SDXL against diffusers' own pipeline: every sampler, every field, defaults of base and Turbo."""

from __future__ import annotations

import pytest
import torch
from diffusers import (
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    UNet2DConditionModel,
)

import nbgen
from nbgen.models.sdxl import StableDiffusionXL
from nbgen.sampling import SAMPLERS, Sampler
from nbgen.testing import tiny_sd_pipeline, tiny_sdxl, tiny_sdxl_pipeline

from .oracle import distance, latent, latents, stock_latents

# Remarks of the oracle itself, not of nbgen.
pytestmark = pytest.mark.filterwarnings("ignore:Should have t", "ignore::FutureWarning:diffusers")
STEPS = 4
CASES = [
    (sampler, schedule)
    for sampler in SAMPLERS
    for schedule in (None, "karras", "trailing")
    if schedule is None or schedule in sampler.schedules
]


@pytest.fixture(scope="module")
def model():
    return tiny_sdxl()


@pytest.mark.parametrize(("sampler", "schedule"), CASES, ids=[f"{one.name}-{curve}" for one, curve in CASES])
def test_sampler_matches_the_stock_pipeline(model, sampler: Sampler, schedule: str | None) -> None:
    eta = {"eta": 0.3} if sampler.name == "tcd" else {}  # TCD's own default; the pipeline's is DDIM's
    expected = stock_latents(
        model._pipe, sampler.scheduler, "a cat", 11, STEPS, 3.0, schedule, options=dict(sampler.fixed), **eta
    )
    made = latent(model, prompt="a cat", sampler=sampler.name, schedule=schedule, steps=STEPS)
    assert distance(made, expected) <= 1e-4


@pytest.mark.parametrize(
    "fields",
    [
        {"guidance": 1.0},
        {"guidance": 9.0, "guidance_rescale": 0.7},
        {"negative": ""},
        {"negative": "a dog"},
        {"size": (48, 16)},
        {"size": (16, 64), "guidance": 1.0},
        *({"prompt": prompt} for prompt in ("", "x", "a cat face", "a very long prompt " * 9)),
    ],
    ids=str,
)
def test_fields_match_the_stock_pipeline(model, fields) -> None:
    fields = {"prompt": "a cat", "guidance": 3.0, **fields}
    more = {name: fields[name] for name in fields.keys() & {"guidance_rescale"}}
    expected = stock_latents(
        model._pipe, "DDIMScheduler", fields["prompt"], 11, STEPS, fields["guidance"], size=fields.get("size"),
        negative=fields.get("negative"), **more,
    )  # fmt: skip
    assert distance(latent(model, steps=STEPS, **fields), expected) <= 1e-4


@pytest.mark.parametrize("zeros", [True, False])
def test_no_negative_prompt_and_an_empty_one(zeros: bool) -> None:
    """Base takes zeros for no negative prompt; a model that says otherwise encodes an empty one."""
    pipe = tiny_sdxl_pipeline(force_zeros_for_empty_prompt=zeros)
    model = nbgen.load(pipe)
    assert isinstance(model, StableDiffusionXL)
    made = {}
    for negative in (None, ""):
        made[negative] = latent(model, prompt="a cat", negative=negative, guidance=5.0, sampler="ddim")
        expected = stock_latents(pipe, "DDIMScheduler", "a cat", 11, STEPS, 5.0, negative=negative)
        assert distance(made[negative], expected) <= 1e-4
    assert (distance(made[None], made[""]) > 1e-3) == zeros


def test_pixels_are_those_of_the_stock_pipeline(model) -> None:
    import numpy as np

    (_, picture), = model.run([model.resolve(prompt="a cat", seed=1, steps=4)])  # fmt: skip
    stock = model._pipe(
        "a cat", num_inference_steps=4, guidance_scale=3.0, generator=torch.Generator().manual_seed(1)
    ).images[0]
    assert np.abs(np.asarray(picture).astype(int) - np.asarray(stock)).max() <= 1


def test_sizes_of_the_batch_do_not_mix(model) -> None:
    """The picture's size is an input of the model: pictures of one size but another aspect must not share it."""
    recipes = [model.resolve(prompt="a cat", seed=11, steps=4, size=size) for size in ((48, 16), (16, 48))]
    for made, recipe in zip(latents(model, recipes), recipes, strict=True):
        expected = stock_latents(model._pipe, "DDIMScheduler", "a cat", 11, 4, 3.0, size=recipe.size)
        assert distance(made, expected) <= 1e-4


def test_base_has_the_defaults_of_base() -> None:
    pipe = tiny_sdxl_pipeline()
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config, timestep_spacing="leading")
    recipe = nbgen.load(pipe).resolve(prompt="x")
    assert (recipe.sampler, recipe.steps, recipe.guidance, recipe.size) == ("euler", 30, 5.0, (32, 32))


@pytest.mark.parametrize("by", ["scheduler", "name"])
def test_turbo_has_the_defaults_of_turbo(by: str) -> None:
    """One to four steps without guidance; known by its scheduler, or by its name."""
    pipe = tiny_sdxl_pipeline()
    if by == "scheduler":
        pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(
            pipe.scheduler.config, timestep_spacing="trailing"
        )
    else:
        pipe.register_to_config(_name_or_path="somebody/sdxl-Turbo-1.0")
    model = nbgen.load(pipe)
    recipe = model.resolve(prompt="a cat", seed=11)
    assert (recipe.steps, recipe.guidance) == (4, 1.0)
    assert model.resolve(prompt="a cat", guidance=0.0).key == model.resolve(prompt="a cat").key
    expected = stock_latents(pipe, type(pipe.scheduler).__name__, "a cat", 11, 4, 0.0)
    assert distance(latents(model, [recipe])[0], expected) <= 1e-4


@pytest.mark.parametrize(
    ("name", "guidance"),
    [
        ("/data/turbo/models/sdxl-base", 5.0),
        ("somebody/hyperrealistic-turbojet-xl", 5.0),
        ("ByteDance/SDXL_Lightning_4step", 1.0),
        ("DreamShaperXL-turbo-v2", 1.0),
    ],
)
def test_a_name_makes_a_model_turbo_only_by_a_word_of_its_own(name: str, guidance: float) -> None:
    pipe = tiny_sdxl_pipeline()
    pipe.register_to_config(_name_or_path=name)
    assert nbgen.load(pipe).resolve(prompt="x").guidance == guidance


@pytest.mark.parametrize("make", [tiny_sd_pipeline, tiny_sdxl_pipeline], ids=["sd", "sdxl"])
def test_a_pipeline_with_a_sampler_for_distilled_models_is_not_guided(make) -> None:
    pipe = make()
    pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
    recipe = nbgen.load(pipe).resolve(prompt="x")
    assert (recipe.sampler, recipe.steps, recipe.guidance) == ("lcm", 8, 1.0)


@pytest.mark.parametrize("make", [tiny_sd_pipeline, tiny_sdxl_pipeline], ids=["sd", "sdxl"])
def test_a_unet_that_takes_guidance_as_an_input(make) -> None:
    """As latent consistency models do: distilled_guidance is what diffusers calls guidance_scale there."""
    pipe = make()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipe.unet = UNet2DConditionModel.from_config(pipe.unet.config, time_cond_proj_dim=8).eval()
    model = nbgen.load(pipe)
    recipe = model.resolve(prompt="a cat", seed=11, steps=4, sampler="lcm")
    assert (recipe.guidance, recipe.distilled_guidance) == (1.0, 7.5)
    made = {}
    for scale in (1.0, 7.5):
        made[scale] = latents(model, [recipe.replace(distilled_guidance=scale)])[0]
        assert distance(made[scale], stock_latents(pipe, "LCMScheduler", "a cat", 11, 4, scale)) <= 1e-4
    assert distance(made[1.0], made[7.5]) > 1e-3


def test_words_past_the_limit_are_said(model) -> None:
    assert model.notes(model.resolve(prompt="a cat")) == ()
    note, = model.notes(model.resolve(prompt="abcdefghijklmnopqrstuvwxyz"))  # fmt: skip
    assert "16 tokens" in note and "never sees: 'opqrstuvwxyz'" in note
    note, = model.notes(model.resolve(prompt="a cat", negative="abcdefghijklmnopqrst"))  # fmt: skip
    assert "negative prompt is longer" in note and "'opqrst'" in note
