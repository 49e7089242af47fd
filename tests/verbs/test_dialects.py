"""recipe.code("diffusers") for SDXL, FLUX.1 and SD 3: run without nbgen, it gives nbgen's picture."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nbgen
from nbgen.errors import RecipeError
from nbgen.recipe import Mix, ModelRef, Recipe
from nbgen.sampling import SAMPLERS
from nbgen.testing import tiny_flux_pipeline, tiny_sd3_pipeline, tiny_sdxl_pipeline
from tests.verbs.scripts import run_without_nbgen

PROMPTS = ["a cat", "", 'say "no"\n\\n', Mix.of((0.25, "a cat"), (0.75, "a dog"))]


def pipelines() -> dict[str, Any]:
    """With the tokens of the real ones: the code relies on how many the family reads."""
    dev, schnell = (tiny_flux_pipeline(guidance_embeds=embeds) for embeds in (True, False))
    found = {"sdxl": tiny_sdxl_pipeline(), "dev": dev, "schnell": schnell, "sd3": tiny_sd3_pipeline()}
    for pipe in (dev, schnell):
        pipe.tokenizer_2.model_max_length = 512
    found["sd3"].tokenizer_3.model_max_length = 512
    return found


def drawn(name: str, model: Any) -> list[Recipe]:
    """One recipe a sampler that diffusers' pipeline can call, by a fixed seed: whatever it knows varies."""
    draw = random.Random(f"{name} 1")
    recipes = []
    for place, sampler in enumerate(SAMPLERS):
        if sampler.unavailable(model.kind) or (sampler.name == "heun" and model.family == "flux"):
            continue
        if model.family == "sdxl" and place % 4:
            continue  # as for Stable Diffusion, whose code tests/verbs/test_coding.py runs for every sampler
        seed: Any = Mix.of((0.3, 1), (0.7, 2)) if place % 3 == 2 else draw.randrange(2**32)
        fields: dict[str, Any] = {"guidance": draw.choice([1, 3.5, 7])}
        if fields["guidance"] > 1:
            fields["negative"] = draw.choice([None, "", "blue", Mix.of((0.5, "blue"), (0.5, "green"))])
        if "distilled_guidance" in model.fields:
            fields["distilled_guidance"] = draw.choice([1.5, 3.5])
        if model.family == "sdxl":
            fields["guidance_rescale"] = draw.choice([0, 0.5])
        recipes.append(
            model.resolve(
                prompt=PROMPTS[place % 4], seed=seed, sampler=sampler.name, steps=draw.randint(2, 4),
                schedule=draw.choice([None, *sampler.schedules_for(model.kind)]),
                size=draw.choice([(32, 32), (48, 16)]), **fields,
            )
        )  # fmt: skip
    return recipes


def test_code_makes_the_same_picture_in_a_fresh_process(tmp_path: Path) -> None:
    """One process runs all the texts, since starting one costs seconds."""
    recipes: dict[str, list[Recipe]] = {}
    models = {}
    for name, pipe in pipelines().items():
        pipe.save_pretrained(tmp_path / name)
        # Read back, since saving says what a scheduler's configuration had left unsaid.
        models[name] = nbgen.load(type(pipe).from_pretrained(tmp_path / name))
        recipes[name] = drawn(name, models[name])
        for number, recipe in enumerate(recipes[name]):
            text = recipe.code("diffusers")
            assert "nbgen" not in text.replace("nbgen.load", "")
            lines = [
                f"folder = {str(tmp_path / name)!r}" if line.startswith("folder = ...") else line
                for line in text.splitlines()
            ]
            lines.append(f"image.save({str(tmp_path / f'{name}-{number}.png')!r})")
            (tmp_path / f"{name}-{number}.py").write_text("\n".join(lines), encoding="utf-8")
    run_without_nbgen(tmp_path)
    for name, model in models.items():
        for number, picture in sorted(model.run(recipes[name]), key=lambda pair: pair[0]):
            plain = np.asarray(Image.open(tmp_path / f"{name}-{number}.png")).astype(int)
            assert np.abs(plain - np.asarray(picture)).max() <= 2, recipes[name][number]


def recipe(family: str, **fields: Any) -> Recipe:
    ref = ModelRef("mine", "f" * 32, "bfloat16", family=family)
    return Recipe(
        **{
            "prompt": "x",
            "sampler": "euler",
            "steps": 4,
            "guidance": 3.0,
            "size": (64, 64),
            "model": ref,
            **fields,
        }
    )


def test_the_precision_is_said() -> None:
    text = recipe("sdxl", seed=Mix.of((0.5, 1), (0.5, 2))).code("diffusers")
    assert "from_pretrained(folder, torch_dtype=torch.bfloat16)" in text
    assert "latents = latents.to(pipe.dtype)" in text


def test_the_family_is_kept_with_the_recipe_and_takes_no_part_in_the_key() -> None:
    kept = Recipe.from_json(recipe("flux").to_json())
    assert kept == recipe("flux") and "FluxPipeline" in kept.code("diffusers")
    assert recipe("flux").key == recipe("sd3").key
    assert "family" not in nbgen.load("mini").resolve(prompt="a cat face").to_json()


@pytest.mark.parametrize(
    ("family", "fields", "said"),
    [
        ("flux", {"sampler": "heun"}, "FlowMatchHeunDiscreteScheduler does not take"),
        ("flux", {"guidance_rescale": 0.5}, "no guidance_rescale"),
        ("sd3", {"guidance_rescale": 0.5}, "no guidance_rescale"),
        ("sdxl", {"distilled_guidance": 5.0}, "does not guide"),
        ("sd3", {"guidance_interval": (0.2, 0.8)}, "guidance_interval"),
        ("WuerstchenPipeline", {}, "not for WuerstchenPipeline"),
    ],
)
def test_what_a_pipeline_cannot_do_is_said(family, fields, said) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe(family, **fields).code("diffusers")
