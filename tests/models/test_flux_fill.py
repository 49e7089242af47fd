"""FLUX.1 Fill, the dedicated inpainting model of its family, against diffusers' own FluxFillPipeline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

import nbgen
from nbgen.errors import RecipeError
from nbgen.models.flux import Flux
from nbgen.storage import default_store
from nbgen.testing import tiny_flux, tiny_flux_pipeline, tiny_sd3_pipeline
from tests.drawn import shades_apart

from .oracle import distance, flow_scheduler, latent, latents, with_scheduler

IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))
MASK = np.zeros((32, 32), bool)
MASK[7:25, 5:20] = True  # its edges lie within places of the latent, which are four pixels wide
SMALL: dict[str, Any] = {"steps": 2, "size": (32, 32)}
FIELDS: dict[str, Any] = {"prompt": "a cat", "image": IMAGE, "mask": MASK, "steps": 4}


@pytest.fixture(scope="module")
def model() -> Flux:
    return tiny_flux(inpainting=True)


def stock(
    model: Flux, mask: np.ndarray, schedule: str | None, strength: float, guidance: float
) -> torch.Tensor:
    with with_scheduler(model._pipe, flow_scheduler(model._pipe, "euler", schedule)), torch.no_grad():
        packed = model._pipe(
            "a cat", image=IMAGE, mask_image=Image.fromarray(mask), height=32, width=32, strength=strength,
            guidance_scale=guidance, num_inference_steps=4, generator=torch.Generator().manual_seed(11),
            max_sequence_length=24, output_type="latent",
        ).images  # fmt: skip
    return model._pipe._unpack_latents(packed, 32, 32, model._pipe.vae_scale_factor)


@pytest.mark.parametrize("schedule", [None, "karras", "beta"])
@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("guidance", [1.0, 30.0])
def test_a_hole_is_filled_as_in_the_stock_pipeline(model, schedule, strength, guidance) -> None:
    found = latent(model, **FIELDS, strength=strength, distilled_guidance=guidance, schedule=schedule)
    assert distance(found, stock(model, MASK, schedule, strength, guidance)) <= 1e-4
    elsewhere = np.roll(MASK, 8, axis=1)
    assert distance(found, stock(model, elsewhere, schedule, strength, guidance)) > 1e-3


def test_without_a_mask_all_of_the_image_is_the_hole(model) -> None:
    found = latent(model, **{**FIELDS, "mask": None}, strength=0.5, distilled_guidance=30.0)
    assert distance(found, stock(model, np.ones((32, 32), bool), None, 0.5, 30.0)) <= 1e-4


def test_mixed_rows_are_each_row_alone(model) -> None:
    wide = np.zeros((32, 32), bool)
    wide[:, 16:] = True
    fields = [
        {}, {"mask": wide, "strength": 0.5}, {"image": None, "mask": None}, {"feather": 3, "guidance": 3.0},
        {"prompt": "a dog", "distilled_guidance": 1.0, "steps": 3}, {"mask": None, "strength": 0.7, "sampler": "heun"},
    ]  # fmt: skip
    recipes = [
        model.resolve(**{**FIELDS, "seed": seed, "size": (32, 32), **each})
        for seed, each in enumerate(fields)
    ]
    alone = [latents(model, [recipe], exact=True)[0] for recipe in recipes]
    together = latents(model, recipes, rows=64)
    assert max(distance(*pair) for pair in zip(together, alone, strict=True)) <= 1e-4


def test_verbs_fill_grow_and_keep_the_rest() -> None:
    pipe = tiny_flux_pipeline(inpainting=True)
    model: Any = nbgen.load(pipe)
    assert model.family == "flux"
    defaults = {name: model.defaults[name] for name in ("steps", "guidance", "distilled_guidance")}
    assert defaults == {"steps": 50, "guidance": 1.0, "distilled_guidance": 30.0}
    filled = nbgen.generate("a cat", seed=1, image=IMAGE, mask=MASK, model=model, **SMALL)[0]
    assert filled.recipe.strength == 1.0
    assert np.array_equal(np.asarray(filled)[~MASK], np.asarray(IMAGE)[~MASK])
    assert not np.array_equal(np.asarray(filled)[MASK], np.asarray(IMAGE)[MASK])
    grid = nbgen.compare(
        "a cat", image=IMAGE, mask=MASK, strength=[0.5, 1.0], feather=[0, 4], model=model, **SMALL
    )
    assert len(grid) == 4
    assert nbgen.outpaint(IMAGE, "a cat", right=16, model=model, steps=2).image.size == (48, 32)


def test_a_folder_is_one_too(tmp_path: Path) -> None:
    pipe = tiny_flux_pipeline(inpainting=True)
    pipe.save_pretrained(tmp_path / "fill")
    made = [
        nbgen.generate("a cat", seed=1, model=nbgen.load(source), image=IMAGE, mask=MASK, **SMALL)[0]
        for source in (tmp_path / "fill", pipe)
    ]
    assert shades_apart(*made) <= 1


def test_its_code_makes_the_same_picture(model, tmp_path: Path) -> None:
    model._pipe.save_pretrained(tmp_path / "fill")
    recipe = model.resolve(**{**FIELDS, "seed": 3}, feather=2, strength=0.7)
    text = recipe.code("diffusers")
    assert "from diffusers import FluxFillPipeline, FlowMatchEulerDiscreteScheduler" in text
    for which, digest in (("input picture", recipe.image), ("mask", recipe.mask)):
        path = tmp_path / f"{which}.png"
        default_store().get_blob(str(digest)).save(path)
        text = re.sub(rf"Image\.open\(\.\.\.\)(?=.*the {which})", f"Image.open({str(path)!r})", text)
    text = re.sub(r"^folder = .*$", f"folder = {str(tmp_path / 'fill')!r}", text, flags=re.MULTILINE)
    names: dict[str, Any] = {}
    exec(text.replace("image = pipe(", "image = pipe(max_sequence_length=24, prompt="), names)
    assert shades_apart(next(iter(model.run([recipe], exact=True)))[1], names["image"]) <= 1
    for fields, said in (
        ({"mask": None, "strength": 0.5}, "without a mask"),
        ({"guidance": 3.0}, "no true guidance"),
    ):
        with pytest.raises(RecipeError, match=said):
            model.resolve(**{**FIELDS, "seed": 3, **fields}).code("diffusers")


@pytest.mark.parametrize(
    "kind", ["FluxImg2Img", "FluxInpaint", "StableDiffusion3Img2Img", "StableDiffusion3Inpaint"]
)
def test_pipelines_of_the_flow_families_for_pictures_hold_the_same_parts(kind: str) -> None:
    plain = (tiny_flux_pipeline if kind.startswith("Flux") else tiny_sd3_pipeline)()
    other: Any = nbgen.load(getattr(diffusers, f"{kind}Pipeline").from_pipe(plain))
    fields: dict[str, Any] = {"prompt": "a cat", "seed": 1, "steps": 2, "size": (32, 32)}
    assert other.resolve(**fields) == nbgen.load(plain).resolve(**fields).replace(model=other.ref)
    assert other.ref.fingerprint == nbgen.load(plain).ref.fingerprint and other.ref.family in ("flux", "sd3")
