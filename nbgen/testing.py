"""Millisecond-sized models with random weights, for the tests of nbgen and of those who build on it.

They are complete and run the same code as real ones; their pictures are noise.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .models.gan import Generator
from .models.sd import StableDiffusion


def tiny_sd_pipeline(seed: int = 0, **scheduler: Any) -> Any:
    """A diffusers StableDiffusionPipeline with random weights: 32×32 pictures, latents 4×8×8, 16 tokens.

    `scheduler` overrides the DDIM configuration (prediction_type, timestep_spacing …).
    """
    from transformers import CLIPTextConfig, CLIPTextModel
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # the import remarks on torchvision, which none of this uses
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

    logging.set_verbosity(verbosity)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNet2DConditionModel(
            sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 16),
            norm_num_groups=4, cross_attention_dim=16, attention_head_dim=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        )  # fmt: skip
        vae = AutoencoderKL(
            block_out_channels=(8, 8, 8), norm_num_groups=4, latent_channels=4, sample_size=32,
            down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        )  # fmt: skip
        tokenizer = _tiny_tokenizer()
        text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32,
                num_hidden_layers=1, num_attention_heads=2,
                max_position_embeddings=16, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id, projection_dim=16,
            )
        )  # fmt: skip
    config = {
        "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False,
        "set_alpha_to_one": False, "steps_offset": 1, **scheduler,
    }  # fmt: skip
    pipe = StableDiffusionPipeline(
        vae=vae.eval(), text_encoder=text.eval(), tokenizer=tokenizer, unet=unet.eval(),
        scheduler=DDIMScheduler(**config),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_sd(seed: int = 0, **scheduler: Any) -> StableDiffusion:
    """`tiny_sd_pipeline` as a Model: five steps of DDIM by default."""
    defaults = {"sampler": "ddim", "steps": 5, "guidance": 3.0}
    return StableDiffusion(tiny_sd_pipeline(seed, **scheduler), name="tiny-sd", defaults=defaults)


class TinyGenerator(nn.Module):
    """A random GAN generator: latents (n, 8) to pictures (n, 3, 16, 16) from -1 to 1."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(
                nn.Linear(8, 64),
                nn.ReLU(),
                nn.Unflatten(1, (4, 4, 4)),
                nn.Upsample(scale_factor=4),
                nn.Conv2d(4, 3, 3, padding=1),
            )

    def forward(self, latents: Tensor) -> Tensor:
        return torch.tanh(self.layers(latents))


def tiny_gan(seed: int = 0) -> Generator:
    """`TinyGenerator` as a Model."""
    return Generator(TinyGenerator(seed).eval(), latent=8, name="tiny-gan")


def _tiny_tokenizer() -> Any:
    """A CLIP tokenizer whose words are letters: it spells any English prompt, in at most 16 tokens."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "vocab.json").write_text(
            json.dumps({token: place for place, token in enumerate(tokens)}), encoding="utf-8"
        )
        Path(folder, "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
        return CLIPTokenizer(
            str(Path(folder, "vocab.json")), str(Path(folder, "merges.txt")), model_max_length=16
        )
