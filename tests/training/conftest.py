import os

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextModel

from nbgen.training import objects, pictures, synonyms
from nbgen.training.autoencoder import CONFIG
from nbgen.training.denoiser import NOISE_SCHEDULE, UNET_CONFIG
from nbgen.training.tokenizer import make_tokenizer
from nbgen.training.wordings import Speaker
from nbgen.training.words import text_config


@pytest.fixture(scope="session")
def world() -> pictures.World:
    """Eight objects: enough to learn on, quickly drawn. In CI a missing font is a failure."""
    try:
        pictures.find_font(), pictures.find_unicode_names(), synonyms.find_keywords()
    except FileNotFoundError as reason:
        if "CI" in os.environ:
            raise
        pytest.skip(str(reason))
    return objects.load_objects(limit=8)


@pytest.fixture(scope="session")
def whole_world(world: pictures.World) -> pictures.World:
    return objects.load_objects()


@pytest.fixture(scope="session")
def speaker(world):
    return Speaker(world.names)


@pytest.fixture
def pipeline(speaker):
    """Mini in small: the same shapes of everything, a quarter of the channels."""
    torch.manual_seed(3)
    tokenizer = make_tokenizer(speaker.word_counts())
    config = text_config(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id, layers=1)
    small = {**UNET_CONFIG, "block_out_channels": (32, 32, 32), "attention_head_dim": 2}
    return StableDiffusionPipeline(
        vae=AutoencoderKL(**{**CONFIG, "block_out_channels": (8, 8, 8)}).eval(),
        text_encoder=CLIPTextModel(config).eval(),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(**small).eval(),
        scheduler=DPMSolverMultistepScheduler(**NOISE_SCHEDULE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
