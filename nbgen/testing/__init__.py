"""Millisecond-sized models with random weights, for the tests of nbgen and of those who build on it.

They are complete and run the same code as real ones; their pictures are noise.
"""

from __future__ import annotations

from .flows import tiny_flux, tiny_flux_pipeline, tiny_sd3, tiny_sd3_pipeline
from .gans import TinyGenerator, tiny_gan, tiny_style_gan
from .image_prompts import tiny_image_encoder, tiny_image_prompt
from .loras import tiny_lora
from .unets import tiny_controlnet, tiny_sd, tiny_sd_pipeline, tiny_sdxl, tiny_sdxl_pipeline

__all__ = [
    "TinyGenerator",
    "tiny_controlnet",
    "tiny_flux",
    "tiny_flux_pipeline",
    "tiny_gan",
    "tiny_image_encoder",
    "tiny_image_prompt",
    "tiny_lora",
    "tiny_sd",
    "tiny_sd3",
    "tiny_sd3_pipeline",
    "tiny_sd_pipeline",
    "tiny_sdxl",
    "tiny_sdxl_pipeline",
    "tiny_style_gan",
]
