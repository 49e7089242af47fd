"""Do pipelines that enlarge pictures draw what they draw alone, and does nbgen.upscale run them?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

import nbgen
from nbgen.errors import RecipeError
from nbgen.models.upscaler import Upscaler
from nbgen.recipe import Recipe
from nbgen.testing import tiny_sd_pipeline
from nbgen.testing.encoders import autoencoder, clip_encoder, seeded
from nbgen.testing.tokens import clip_tokenizer


def doubling(seed: int = 0) -> Any:
    """StableDiffusionLatentUpscalePipeline, as stabilityai's x2 is built."""
    with seeded(seed):
        tokenizer = clip_tokenizer()
        text = clip_encoder(tokenizer)
        unet = diffusers.UNet2DConditionModel(
            act_fn="gelu", attention_head_dim=8, norm_num_groups=None, block_out_channels=(32, 32, 64, 64),
            time_cond_proj_dim=128 + 16, conv_in_kernel=1, conv_out_kernel=1, cross_attention_dim=16, in_channels=8,
            out_channels=5, down_block_types=("KDownBlock2D", *("KCrossAttnDownBlock2D",) * 3), mid_block_type=None,
            up_block_types=(*("KCrossAttnUpBlock2D",) * 3, "KUpBlock2D"), only_cross_attention=False,
            resnet_time_scale_shift="scale_shift", time_embedding_type="fourier", timestep_post_act="gelu",
        )  # fmt: skip
        vae = autoencoder()
    pipe = diffusers.StableDiffusionLatentUpscalePipeline(
        vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet.eval(),
        scheduler=diffusers.EulerDiscreteScheduler(prediction_type="sample"),
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def fourfold(seed: int = 0) -> Any:
    """StableDiffusionUpscalePipeline, as stabilityai's x4 is built."""
    with seeded(seed):
        tokenizer = clip_tokenizer()
        text = clip_encoder(tokenizer)
        unet = diffusers.UNet2DConditionModel(
            sample_size=8, in_channels=7, out_channels=4, layers_per_block=1, block_out_channels=(8, 16),
            norm_num_groups=4, cross_attention_dim=16, attention_head_dim=4, num_class_embeds=100,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        )  # fmt: skip
        vae = autoencoder(scaling_factor=0.08333)
    pipe = diffusers.StableDiffusionUpscalePipeline(
        vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet.eval(), max_noise_level=90,
        low_res_scheduler=diffusers.DDPMScheduler(),
        scheduler=diffusers.DDIMScheduler(prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False),
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


MAKE: dict[str, tuple[Any, int]] = {"doubling": (doubling, 2), "fourfold": (fourfold, 4)}
PHOTO = Image.fromarray(np.random.default_rng(1).integers(0, 256, (32, 48, 3), np.uint8))


def stock(pipe: Any, picture: Image.Image, seed: int, **more: Any) -> np.ndarray:
    with torch.no_grad():
        made = pipe(
            "a cat", image=picture, num_inference_steps=3, guidance_scale=4.0,
            generator=torch.Generator().manual_seed(seed), **more,
        ).images[0]  # fmt: skip
    return np.asarray(made).astype(int)


@pytest.mark.parametrize("name", MAKE)
def test_upscale_draws_what_the_pipeline_draws(name: str) -> None:
    make, times = MAKE[name]
    pipe = make()
    model = nbgen.load(pipe)
    assert isinstance(model, Upscaler)
    assert model.times == times
    scheduler = pipe.scheduler
    large = nbgen.upscale(PHOTO, prompt="a cat", steps=3, guidance=4, seed=5, model=model)
    assert large.size == (48 * times, 32 * times)
    assert np.abs(np.asarray(large).astype(int) - stock(pipe, PHOTO, 5)).max() <= 1
    assert pipe.scheduler is scheduler
    assert Recipe.from_json(large.recipe.to_json()) == large.recipe
    assert np.array_equal(large.again(fresh=True), large)
    assert nbgen.upscale(PHOTO, times, "a cat", steps=3, guidance=4, seed=5, model=pipe).cost.stored


@pytest.mark.parametrize("name", MAKE)
def test_seeds_and_words_share_a_call(name: str) -> None:
    pipe = MAKE[name][0]()
    model = nbgen.load(pipe)
    fields = {"image": PHOTO, "steps": 3, "guidance": 4.0}
    recipes = [
        model.resolve(prompt=words, seed=seed, **fields) for seed in (5, 6) for words in ("a cat", "a dog")
    ]
    made = dict(model.run(recipes))
    assert model.last_stats.ticks == 1
    assert np.abs(np.asarray(made[0]).astype(int) - stock(pipe, PHOTO, 5)).max() <= 1
    assert np.abs(np.asarray(made[2]).astype(int) - stock(pipe, PHOTO, 6)).max() <= 1
    assert not np.array_equal(made[0], made[1])


def test_from_a_folder_with_arguments_of_its_own(tmp_path: Path) -> None:
    pipe = fourfold()
    pipe.save_pretrained(tmp_path / "large")
    model = nbgen.load(tmp_path / "large")
    large = nbgen.upscale(
        PHOTO, prompt="a cat", steps=3, guidance=4, seed=5, model=model, extra={"noise_level": 50}
    )
    assert np.abs(np.asarray(large).astype(int) - stock(pipe, PHOTO, 5, noise_level=50)).max() <= 1
    assert nbgen.unload(model) > 0
    assert np.array_equal(large.again(fresh=True), large)


def test_after_a_picture_of_another_model() -> None:
    """Its words and seed go on; its sampler and its steps were that model's."""
    (small,) = nbgen.generate("a cat", seed=5, steps=2, sampler="ddim", model=tiny_sd_pipeline(), n=1)
    model = nbgen.load(fourfold())
    large = nbgen.upscale(small, steps=3, model=model)
    assert (large.recipe.prompt, large.recipe.seed, large.recipe.steps) == ("a cat", 5, 3)
    assert large.recipe.sampler is None
    assert large.size == (128, 128)


def test_what_does_not_fit_is_said() -> None:
    model = nbgen.load(doubling())
    odd = PHOTO.resize((37, 35))
    large = nbgen.upscale(odd, steps=2, model=model)
    assert large.size == (64, 64)
    assert "37×35 pixels is fitted to 32×32" in " ".join(large.notes)
    for fields, words in (
        ({"times": 4}, "makes pictures 2 times as large"),
        ({"times": 0.5}, "above 1 and at most 8"),
        ({"sampler": "heun"}, "no field 'sampler'"),
        ({"strength": 0.5}, "no field 'strength'"),
        ({"prompt": nbgen.Mix.of((0.5, "a"), (0.5, "b"))}, "cannot mix prompts"),
    ):
        with pytest.raises(RecipeError, match=words):
            nbgen.upscale(PHOTO, **{"model": model, **fields})  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match=r"nbgen\.upscale\(picture"):
        nbgen.generate("a cat", model=model, seed=1)
    with pytest.raises(RecipeError, match="The nearest is size"):
        model.resolve(prompt="", image=PHOTO, size=(66, 48))
