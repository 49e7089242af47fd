"""Models as large as real ones, with random weights: the public configurations of Stable Diffusion 1.5 and SDXL.

What a forward costs does not depend on what the weights are; so nothing has to be fetched.
"""

from __future__ import annotations

from typing import Any

import torch

from ..testing.encoders import hushed, seeded
from ..testing.tokens import clip_tokenizer
from ..testing.unets import BETAS


def sd15_pipeline(dtype: torch.dtype, device: torch.device) -> Any:
    """A StableDiffusionPipeline of the size of Stable Diffusion 1.5: 860 million numbers in the UNet, 512×512."""
    with hushed():
        from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    with seeded(0), torch.device(device):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
        text = _clip(768, 12, 12, projection=False)
        vae = _autoencoder(0.18215)
    return _ready(
        StableDiffusionPipeline(
            vae=vae, text_encoder=text, tokenizer=clip_tokenizer(77), unet=unet, scheduler=DDIMScheduler(**BETAS),
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        ),
        dtype,
    )  # fmt: skip


def sdxl_pipeline(dtype: torch.dtype, device: torch.device) -> Any:
    """A StableDiffusionXLPipeline of the size of SDXL base: 2.6 billion numbers in the UNet, 1024×1024."""
    with hushed():
        from diffusers import DDIMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
    with seeded(0), torch.device(device):
        unet = UNet2DConditionModel(
            sample_size=128, block_out_channels=(320, 640, 1280), transformer_layers_per_block=(1, 2, 10),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=(5, 10, 20), cross_attention_dim=2048, use_linear_projection=True,
            addition_embed_type="text_time", addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        )  # fmt: skip
        first, second = _clip(768, 12, 12, projection=False), _clip(1280, 32, 20, projection=True)
        vae = _autoencoder(0.13025)
    return _ready(
        StableDiffusionXLPipeline(
            vae=vae, text_encoder=first, text_encoder_2=second, tokenizer=clip_tokenizer(77),
            tokenizer_2=clip_tokenizer(77), unet=unet, scheduler=DDIMScheduler(**BETAS), add_watermarker=False,
        ),
        dtype,
    )  # fmt: skip


def _clip(width: int, layers: int, heads: int, *, projection: bool) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=heads,
        projection_dim=width,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config)


def _autoencoder(scale: float) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=scale,
    )  # fmt: skip


def _ready(pipe: Any, dtype: torch.dtype) -> Any:
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.to(dtype).eval()
    pipe.set_progress_bar_config(disable=True)
    return pipe
