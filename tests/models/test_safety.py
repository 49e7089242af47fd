"""Is a picture that a pipeline's safety checker blanks named as such, and are the others given out?"""

from __future__ import annotations

from typing import Any

import pytest
import torch

import nbgen
from nbgen.engine.observer import Observer
from nbgen.errors import RecipeError
from nbgen.testing import tiny_sd_pipeline
from nbgen.testing.encoders import seeded


def checked(threshold: float) -> Any:
    """A Stable Diffusion with a safety checker of random weights; the higher the threshold, the less it blanks."""
    from diffusers import StableDiffusionPipeline
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPVisionConfig

    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )  # fmt: skip
    with seeded(1):
        checker = StableDiffusionSafetyChecker(
            CLIPConfig(vision_config=vision.to_dict(), projection_dim=8)
        ).eval()
        checker.concept_embeds.data = torch.randn(checker.concept_embeds.shape)
    checker.concept_embeds_weights.data.fill_(threshold)
    checker.special_care_embeds_weights.data.fill_(9.0)
    made = StableDiffusionPipeline(
        **{
            **tiny_sd_pipeline().components,
            "safety_checker": checker,
            "feature_extractor": CLIPImageProcessorPil(size=32, crop_size=32),
        }
    )
    made.set_progress_bar_config(disable=True)
    return made


def stock(pipe: Any, seeds: range) -> list[bool]:
    return [
        pipe(
            "a cat", num_inference_steps=1, guidance_scale=1.0, width=32, height=32,
            generator=torch.Generator().manual_seed(seed),
        ).nsfw_content_detected[0]
        for seed in seeds
    ]  # fmt: skip


class Watching(Observer):
    def __init__(self) -> None:
        self.failures: dict[int, Exception] = {}

    def failed(self, index: int, error: Exception) -> None:
        self.failures[index] = error


def test_what_the_stock_pipeline_blanks_is_named_and_nothing_else() -> None:
    pipe, seeds = checked(0.0), range(4)
    low, high, expected = -1.0, 1.0, [True]
    while len(set(expected)) == 1:  # the threshold at which some are blanked and some are not
        middle = (low + high) / 2
        pipe.safety_checker.concept_embeds_weights.data.fill_(middle)
        expected = stock(pipe, seeds)
        low, high = (middle, high) if all(expected) else (low, middle)
    model = nbgen.load(pipe)
    recipes = [
        model.resolve(prompt="a cat", seed=seed, steps=1, guidance=1, size=(32, 32), sampler="ddim") for seed in seeds
    ]  # fmt: skip
    watching = Watching()
    given = sorted(index for index, _ in model.run(recipes, watching))
    assert given == [place for place, flagged in enumerate(expected) if not flagged]
    assert sorted(watching.failures) == [place for place, flagged in enumerate(expected) if flagged]
    assert all("safety checker" in str(each) for each in watching.failures.values())


def test_nothing_blanked_is_stored_and_a_pipeline_without_its_checker_is_another_model() -> None:
    pipe = checked(-1.0)
    fields: dict[str, Any] = {"seed": 1, "steps": 2, "size": (32, 32)}
    with pytest.raises(RecipeError, match="safety checker marked this picture as not safe"):
        nbgen.generate("a cat", model=pipe, **fields)
    assert len(nbgen.history()) == 0
    plain = nbgen.generate("a cat", model=tiny_sd_pipeline(), **fields)[0]
    with pytest.raises(RecipeError, match="safety checker"):  # not out of the store
        nbgen.generate("a cat", model=pipe, **fields)
    pipe.safety_checker = None
    assert nbgen.generate("a cat", model=pipe, **fields)[0].key == plain.key
