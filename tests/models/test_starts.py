"""Images, strengths and masks against diffusers' own image-to-image and inpainting pipelines."""

from __future__ import annotations

from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from nbgen.models.sd import StableDiffusion
from nbgen.models.sdxl import StableDiffusionXL
from nbgen.sampling import SAMPLERS, Sampler
from nbgen.testing import tiny_flux, tiny_sd, tiny_sd3, tiny_sd_pipeline, tiny_sdxl, tiny_sdxl_pipeline

from .oracle import distance, flow_scheduler, latent, latents, stock_latents, with_scheduler

# Remarks of the oracle itself, not of nbgen.
pytestmark = pytest.mark.filterwarnings("ignore:Should have t", "ignore::FutureWarning:diffusers")

STEPS = 6
IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))
MASK = np.zeros((32, 32), bool)
MASK[8:24, 4:20] = True
WHITE = Image.fromarray(MASK)
SOME = [sampler for sampler in SAMPLERS if sampler.name in ("ddim", "euler_a", "heun", "dpm++2m", "pndm")]


def as_pipeline(model: Any, kind: str) -> Any:
    """The same parts in another of diffusers' pipelines."""
    name = type(model._pipe).__name__.replace("Pipeline", f"{kind}Pipeline")
    made = getattr(diffusers, name).from_pipe(model._pipe)
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture(scope="module")
def sd() -> StableDiffusion:
    return tiny_sd()


@pytest.fixture(scope="module")
def sdxl() -> StableDiffusionXL:
    return tiny_sdxl()


@pytest.fixture(scope="module")
def filling() -> StableDiffusion:
    """A dedicated inpainting model, whose UNet has nine channels."""
    defaults = {"sampler": "ddim", "steps": 5, "guidance": 3.0}
    return StableDiffusion(tiny_sd_pipeline(inpainting=True), name="tiny-filling", defaults=defaults)


def expected(pipe: Any, sampler: Sampler, schedule: str | None = None, guidance: float = 3.0, **more: Any):
    eta = {"eta": 0.3} if sampler.name == "tcd" else {}  # TCD's own default; the pipeline's is DDIM's
    return stock_latents(
        pipe, sampler.scheduler, "a cat", 11, STEPS, guidance, schedule, options=dict(sampler.fixed), image=IMAGE,
        **eta, **more,
    )  # fmt: skip


def made(model: Any, sampler: Sampler, **fields: Any) -> torch.Tensor:
    return latent(
        model, **{"prompt": "a cat", "steps": STEPS, "sampler": sampler.name, "image": IMAGE, **fields}
    )


@pytest.mark.parametrize("strength", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: sampler.name)
def test_an_image_starts_as_in_the_stock_pipeline(sd, sampler: Sampler, strength: float) -> None:
    pipe = as_pipeline(sd, "Img2Img")
    recipe = sd.resolve(prompt="a", image=IMAGE, strength=strength, steps=STEPS, sampler=sampler.name)
    assert distance(made(sd, sampler, strength=strength), expected(pipe, sampler, strength=strength)) <= 1e-4
    done = next(iter(sd.run([recipe])))[1]
    assert done.cost.calls == sd.calls(recipe)


@pytest.mark.parametrize("schedule", ["karras", "trailing"])
def test_schedules_keep_to_the_stock_pipeline(sd, schedule: str) -> None:
    pipe = as_pipeline(sd, "Img2Img")
    for sampler in SAMPLERS:
        if schedule in sampler.schedules:
            found = made(sd, sampler, strength=0.6, schedule=schedule)
            assert distance(found, expected(pipe, sampler, schedule, strength=0.6)) <= 1e-4, sampler.name


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: sampler.name)
@pytest.mark.parametrize("channels", [4, 9])
def test_a_mask_is_filled_as_in_the_stock_pipeline(sd, filling, channels, sampler, strength) -> None:
    model = sd if channels == 4 else filling
    pipe = as_pipeline(model, "Inpaint")
    found = made(model, sampler, strength=strength, mask=MASK)
    assert distance(found, expected(pipe, sampler, strength=strength, mask_image=WHITE)) <= 1e-4


@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize("sampler", SOME, ids=lambda sampler: sampler.name)
def test_sdxl_starts_as_in_its_stock_pipelines(sdxl, sampler: Sampler, guidance: float) -> None:
    pipe = as_pipeline(sdxl, "Img2Img")
    found = made(sdxl, sampler, strength=0.5, guidance=guidance)
    assert distance(found, expected(pipe, sampler, guidance=guidance, strength=0.5)) <= 1e-4
    pipe = as_pipeline(sdxl, "Inpaint")
    for strength in (0.5, 1.0):
        found = made(sdxl, sampler, strength=strength, guidance=guidance, mask=MASK)
        wanted = expected(pipe, sampler, guidance=guidance, strength=strength, mask_image=WHITE)
        assert distance(found, wanted) <= 1e-4


@pytest.mark.parametrize("masked", [False, True], ids=["image", "mask"])
@pytest.mark.parametrize("strength", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("make", [tiny_flux, tiny_sd3], ids=["flux", "sd3"])
def test_flow_matching_models_start_as_in_their_stock_pipelines(make, strength: float, masked: bool) -> None:
    model = make()
    pipe = as_pipeline(model, "Inpaint" if masked else "Img2Img")
    guiding = {"guidance": 1.0} if make is tiny_flux else {"guidance": 3.0}
    found = latent(
        model, prompt="a cat", steps=5, sampler="euler", image=IMAGE, strength=strength,
        mask=MASK if masked else None, **guiding,
    )  # fmt: skip
    scale = model.resolve(prompt="a cat").distilled_guidance if make is tiny_flux else 3.0
    more = {"mask_image": WHITE} if masked else {}
    more["max_sequence_length"] = 24
    if make is tiny_sd3 and masked:
        # All that this pipeline takes; it is only asked for
        pipe.transformer.register_to_config(in_channels=16)
    with with_scheduler(pipe, flow_scheduler(model._pipe, "euler", None)), torch.no_grad():
        wanted = pipe(
            "a cat", image=IMAGE, strength=strength, num_inference_steps=5, guidance_scale=scale, height=32, width=32,
            generator=torch.Generator().manual_seed(11), output_type="latent", **more,
        ).images  # fmt: skip
    if wanted.ndim == 3:
        wanted = pipe._unpack_latents(wanted, 32, 32, pipe.vae_scale_factor)
    assert distance(found, wanted) <= 1e-4


def test_words_images_and_masks_in_one_batch_equal_each_alone(sd, filling) -> None:
    for model in (sd, filling):
        recipes = [
            model.resolve(
                prompt=["a cat", "a dog"][place % 2], seed=place, steps=4 + place % 3,
                guidance=[1.0, 3.0, 7.0][place % 3], sampler=["ddim", "euler_a", "heun", "dpm++2m"][place % 4], **start,
            )
            for place, start in enumerate(
                start
                for strength in (0.3, 0.6, 1.0)
                for start in (
                    {}, {"image": IMAGE, "strength": strength}, {"image": IMAGE, "mask": MASK, "strength": strength},
                    {"image": IMAGE, "mask": (0, 0, 16, 32), "strength": strength, "feather": 3},
                )
            )
        ]  # fmt: skip
        together = latents(model, recipes)
        for recipe, found in zip(recipes, together, strict=True):
            assert distance(found, latents(model, [recipe], exact=True)[0]) <= 1e-4


def test_strengths_that_share_their_first_step_share_a_trajectory(sd) -> None:
    recipes = [
        sd.resolve(prompt="a", seed=seed, image=IMAGE, strength=strength, steps=10)
        for seed in (1, 2)
        for strength in (0.50, 0.55, 0.6)
    ]
    assert len({sd.together(recipe) for recipe in recipes}) == 2
    assert [sd.calls(recipe) for recipe in recipes] == [5, 5, 6] * 2


def test_no_strength_gives_the_image_as_the_autoencoder_sees_it(sd) -> None:
    recipes = [
        sd.resolve(prompt="a cat", seed=11, image=IMAGE, strength=0),
        sd.resolve(prompt="a cat", seed=1),
    ]
    assert sd.calls(recipes[0]) == 0
    found = dict(sd.run(recipes))
    assert found[0].cost.calls == 0
    vae = sd._pipe.vae
    pixels = torch.from_numpy(np.array(IMAGE)).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        sample = vae.encode(pixels).latent_dist.sample(torch.Generator().manual_seed(11))
        seen = vae.decode(sample).sample[0].permute(1, 2, 0)
    assert np.abs(np.asarray(found[0]) - ((seen / 2 + 0.5).clamp(0, 1) * 255).numpy()).max() <= 1


def test_words_alone_fill_everything_with_a_dedicated_model(filling) -> None:
    """The oracle is its stock pipeline with a grey image that is masked everywhere."""
    pipe = as_pipeline(filling, "Inpaint")
    grey = torch.zeros((1, 3, 32, 32))
    recipe = filling.resolve(prompt="a cat", seed=11, steps=STEPS)
    wanted = stock_latents(
        pipe, "DDIMScheduler", "a cat", 11, STEPS, 3.0, image=grey, mask_image=torch.ones((1, 1, 32, 32)), strength=1.0,
    )  # fmt: skip
    assert distance(latents(filling, [recipe])[0], wanted) <= 1e-4


def test_a_picture_that_runs_out_of_memory_begins_again_at_its_image(sd, monkeypatch) -> None:
    recipes = [
        sd.resolve(prompt="a cat", seed=seed, image=IMAGE, mask=MASK, strength=0.6) for seed in range(3)
    ]
    wanted = latents(sd, recipes)
    tries = []
    inner = type(sd).start

    def failing(self, recipe):
        tries.append(recipe)
        if len(tries) == 2:
            raise MemoryError("out of memory")
        return inner(self, recipe)

    monkeypatch.setattr(type(sd), "start", failing)
    for one, other in zip(latents(sd, recipes), wanted, strict=True):
        assert distance(one, other) <= 1e-4
    assert len(tries) > 3


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("sampler", SOME, ids=lambda sampler: sampler.name)
def test_a_dedicated_sdxl_fills_as_its_stock_pipeline(sampler: Sampler, strength: float) -> None:
    model = StableDiffusionXL(
        tiny_sdxl_pipeline(inpainting=True), name="tiny-xl-filling", defaults={"guidance": 3.0}
    )
    found = made(model, sampler, mask=MASK, strength=strength, size=(32, 32))
    wanted = expected(
        as_pipeline(model, "Inpaint"), sampler, mask_image=WHITE, strength=strength, size=(32, 32)
    )
    assert distance(found, wanted) <= 1e-4
    with_words = latent(
        model, prompt="a dog", steps=STEPS, sampler=sampler.name, image=IMAGE, mask=MASK, strength=1.0
    )
    assert distance(with_words, found) > 1e-3
