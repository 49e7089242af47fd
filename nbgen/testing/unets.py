"""Tiny random models with a UNet: Stable Diffusion and SDXL."""

from __future__ import annotations

from typing import Any

import torch

from ..models.sd import StableDiffusion
from ..models.sdxl import StableDiffusionXL
from .encoders import autoencoder, clip_encoder, hushed, seeded
from .tokens import clip_tokenizer

BETAS = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False,
    "set_alpha_to_one": False, "steps_offset": 1,
}  # fmt: skip
"""The scheduler that Stable Diffusion and SDXL came with."""


def tiny_sd_pipeline(seed: int = 0, *, inpainting: bool = False, **scheduler: Any) -> Any:
    """A diffusers StableDiffusionPipeline with random weights: 32×32 pictures, latents 4×8×8, 16 tokens.

    `scheduler` overrides the DDIM configuration (prediction_type, timestep_spacing …); with `inpainting` the UNet
    is a dedicated one of nine channels.
    """
    with hushed():
        from diffusers import DDIMScheduler, StableDiffusionPipeline
    with seeded(seed):
        unet, vae, tokenizer = _unet(16, 9 if inpainting else 4), autoencoder(), clip_tokenizer()
        text = clip_encoder(tokenizer)
    pipe = StableDiffusionPipeline(
        vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=DDIMScheduler(**{**BETAS, **scheduler}),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_sd(seed: int = 0, **scheduler: Any) -> StableDiffusion:
    """`tiny_sd_pipeline` as a Model: five steps of DDIM by default."""
    defaults = {"sampler": "ddim", "steps": 5, "guidance": 3.0}
    return StableDiffusion(tiny_sd_pipeline(seed, **scheduler), name="tiny-sd", defaults=defaults)


def tiny_sdxl_pipeline(
    seed: int = 0,
    *,
    force_zeros_for_empty_prompt: bool = True,
    inpainting: bool = False,
    **scheduler: Any,
) -> Any:
    """A diffusers StableDiffusionXLPipeline with random weights: 32×32 pictures, latents 4×8×8, 16 tokens.

    `scheduler` overrides the DDIM configuration; without `force_zeros_for_empty_prompt` no negative prompt is an
    empty one; with `inpainting` the UNet is a dedicated one of nine channels.
    """
    with hushed():
        from diffusers import DDIMScheduler, StableDiffusionXLPipeline
    with seeded(seed):
        tokenizer = clip_tokenizer()
        text, text_2 = (clip_encoder(tokenizer, projection=second, layers=2) for second in (False, True))
        unet = _unet(
            32, 9 if inpainting else 4, addition_embed_type="text_time", addition_time_embed_dim=8,
            use_linear_projection=True, projection_class_embeddings_input_dim=16 + 6 * 8,
            transformer_layers_per_block=(1, 1),
        )  # fmt: skip
        vae = autoencoder(scaling_factor=0.13025)
    pipe = StableDiffusionXLPipeline(
        vae=vae, text_encoder=text, text_encoder_2=text_2, tokenizer=tokenizer, tokenizer_2=clip_tokenizer(),
        unet=unet, scheduler=DDIMScheduler(**{**BETAS, **scheduler}), add_watermarker=False,
        force_zeros_for_empty_prompt=force_zeros_for_empty_prompt,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_sdxl(seed: int = 0, **scheduler: Any) -> StableDiffusionXL:
    """`tiny_sdxl_pipeline` as a Model: five steps of DDIM by default."""
    defaults = {"sampler": "ddim", "steps": 5, "guidance": 3.0}
    return StableDiffusionXL(tiny_sdxl_pipeline(seed, **scheduler), name="tiny-sdxl", defaults=defaults)


def _unet(words: int, channels: int = 4, **config: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8, in_channels=channels, out_channels=4, layers_per_block=1, block_out_channels=(8, 16),
        norm_num_groups=4, cross_attention_dim=words, attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), **config,
    ).eval()  # fmt: skip


def tiny_controlnet(pipe: Any, seed: int = 0) -> Any:
    """A ControlNetModel with random weights for a tiny pipeline with a UNet, one that changes its pictures."""
    from diffusers import ControlNetModel

    with seeded(seed):
        # One place of a latent stands for four pixels on a side, so the picture is halved twice.
        net = ControlNetModel.from_unet(pipe.unet, conditioning_embedding_out_channels=(4, 8, 16))
        for layer in [
            *net.controlnet_down_blocks,
            net.controlnet_mid_block,
            net.controlnet_cond_embedding.conv_out,
        ]:
            # They begin at zero, where nothing would be controlled.
            torch.nn.init.normal_(layer.weight, std=0.2)
    return net.eval()
