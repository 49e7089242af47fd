"""Do LoRAs on FLUX.1 and Stable Diffusion 3 give what diffusers gives with them, and keep to their own rows?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import nbgen
from nbgen.errors import ModelError
from nbgen.models import adapters
from nbgen.testing import tiny_flux_pipeline, tiny_lora, tiny_sd3_pipeline, tiny_sd_pipeline
from tests.drawn import shades_apart
from tests.models.oracle import distance, flow_stock, latents

MAKE: dict[str, Any] = {"flux": tiny_flux_pipeline, "sd3": tiny_sd3_pipeline}
FIELDS: dict[str, Any] = {"prompt": "a cat", "seed": 5, "sampler": "euler", "steps": 4, "size": (32, 32)}
CALLED: dict[str, dict[str, Any]] = {
    "flux": {"guidance_scale": 3.5, "max_sequence_length": 24},
    "sd3": {"guidance_scale": 3.0, "max_sequence_length": 24},
}


@pytest.fixture(autouse=True)
def unmet() -> None:
    adapters._files.clear()
    adapters._names.clear()


def fields(family: str, **more: Any) -> dict[str, Any]:
    return {**FIELDS, **({"guidance": 3.0} if family == "sd3" else {}), **more}


def stock(family: str, path: Path, weight: float) -> torch.Tensor:
    pipe = MAKE[family]()
    pipe.load_lora_weights(path.parent, weight_name=path.name, adapter_name="ink")
    pipe.set_adapters(["ink"], [weight])
    return flow_stock(pipe, "a cat", 5, 4, **CALLED[family])


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("family", ["flux", "sd3"])
def test_as_diffusers_with_peft(family: str, words: bool, tmp_path: Path) -> None:
    pipe = MAKE[family]()
    path = tiny_lora(pipe, tmp_path / "ink.safetensors", 1, words=words)
    model = nbgen.load(pipe)
    recipe = model.resolve(**fields(family, adapters={path: 0.7}))
    (made,), (free,) = latents(model, [recipe]), latents(model, [recipe.replace(adapters=())])
    theirs = stock(family, path, 0.7)
    assert distance(made, theirs) < 1e-4
    assert distance(free, theirs) > 1e-2


def test_the_form_of_other_trainers_for_flux(tmp_path: Path) -> None:
    """Kohya's files have the original names, three matrices in one, and an alpha."""
    shapes = {"img_attn_qkv": (96, 32), "txt_attn_qkv": (96, 32), "img_mlp_0": (128, 32)}
    tensors = {}
    generator = torch.Generator().manual_seed(3)
    for name, (wide, thin) in shapes.items():
        stem = f"lora_unet_double_blocks_0_{name}"
        tensors[f"{stem}.lora_down.weight"] = torch.randn(2, thin, generator=generator) * 0.3
        tensors[f"{stem}.lora_up.weight"] = torch.randn(wide, 2, generator=generator) * 0.3
        tensors[f"{stem}.alpha"] = torch.tensor(1.0)
    save_file(tensors, tmp_path / "ink.safetensors")
    model = nbgen.load(tiny_flux_pipeline())
    recipe = model.resolve(**fields("flux", adapters={tmp_path / "ink.safetensors": 0.7}))
    assert distance(latents(model, [recipe])[0], stock("flux", tmp_path / "ink.safetensors", 0.7)) < 1e-4


@pytest.mark.parametrize("family", ["flux", "sd3"])
def test_rows_keep_to_their_own_adapters_and_the_model_to_its_weights(family: str, tmp_path: Path) -> None:
    pipe = MAKE[family]()
    ink = tiny_lora(pipe, tmp_path / "ink.safetensors", 1)
    oil = tiny_lora(pipe, tmp_path / "oil.safetensors", 2, words=False)
    model = nbgen.load(pipe)
    before = {name: tensor.clone() for name, tensor in pipe.transformer.state_dict().items()}
    chosen: list[Any] = [None, {ink: 0.5}, {oil: 1}, {ink: 0.5, oil: 0.5}]
    recipes = [
        model.resolve(**fields(family, seed=seed, steps=3 + seed, adapters=each))
        for seed in range(2)
        for each in chosen
    ]
    alone = [latents(model, [recipe])[0] for recipe in recipes]
    for one, other in zip(alone, latents(model, recipes, rows=4), strict=True):
        assert distance(other, one) < 1e-4
    assert min(distance(alone[0], each) for each in alone[1:4]) > 1e-3
    assert all(torch.equal(before[name], each) for name, each in pipe.transformer.state_dict().items())


def test_weights_are_an_axis_and_a_picture_is_made_again(tmp_path: Path) -> None:
    pipe = tiny_flux_pipeline()
    ink = tiny_lora(pipe, tmp_path / "ink.safetensors", 1)
    grid = nbgen.compare(
        "a cat", adapters=[{str(ink): 0.0}, {str(ink): 1.0}], seed=[1, 2], steps=2, size=(32, 32), model=pipe
    )
    assert not np.array_equal(grid[0], grid[2])
    assert shades_apart(grid[-1].again(fresh=True), grid[-1]) <= 1


def test_a_lora_of_another_family_is_refused(tmp_path: Path) -> None:
    paths = {
        "sd": tiny_lora(tiny_sd_pipeline(), tmp_path / "sd.safetensors"),
        **{name: tiny_lora(make(), tmp_path / f"{name}.safetensors") for name, make in MAKE.items()},
    }
    for family, make in MAKE.items():
        model = nbgen.load(make())
        for other in paths.keys() - {family}:
            with pytest.raises(ModelError, match=r"another family|not a LoRA for (FLUX|Stable)"):
                model.resolve(**fields(family, adapters=paths[other]))
    with pytest.raises(ModelError, match="not a LoRA for Stable Diffusion 1 or 2"):
        nbgen.load(tiny_sd_pipeline()).resolve(prompt="a", adapters=paths["flux"])


@pytest.mark.parametrize("prefix", ["lora_unet_", "lora_transformer_", ""])
def test_names_that_diffusers_does_not_know_for_sd3_are_explained(prefix: str, tmp_path: Path) -> None:
    stem = f"{prefix}joint_blocks_0_x_block_attn_qkv"
    tensors = {f"{stem}.lora_down.weight": torch.ones(2, 16), f"{stem}.lora_up.weight": torch.ones(48, 2)}
    save_file(tensors, tmp_path / "ink.safetensors")
    with pytest.raises(ModelError, match=r"names of kohya's trainers, .* convert it to diffusers' names"):
        nbgen.load(tiny_sd3_pipeline()).resolve(**fields("sd3", adapters=tmp_path / "ink.safetensors"))
