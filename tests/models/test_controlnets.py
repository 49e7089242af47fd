"""Do ControlNets give what diffusers' own ControlNet pipelines give, row by row, and are bad ones refused?"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

import nbgen
from nbgen.errors import MissingFileError, ModelError, NbgenError, RecipeError, UnsafeModelError
from nbgen.recipe import Recipe
from nbgen.testing import tiny_controlnet, tiny_sd_pipeline, tiny_sdxl_pipeline
from tests.drawn import shades_apart
from tests.models.oracle import distance, latents, stock_latents

SD = tiny_sd_pipeline()
XL = tiny_sdxl_pipeline()
PIPES = {"sd": SD, "sdxl": XL}
KINDS = {
    "sd": diffusers.StableDiffusionControlNetPipeline,
    "sdxl": diffusers.StableDiffusionXLControlNetPipeline,
}


def picture(seed: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def image(seed: int) -> Any:
    from PIL import Image

    return Image.fromarray(picture(seed))


def parts(pipe: Any) -> dict[str, Any]:
    return {name: getattr(pipe, name) for name in pipe.components if name not in ("image_encoder",)}


def controlled(family: str, nets: Any) -> Any:
    """Diffusers' own pipeline of the family, with one ControlNet or a list of them."""
    pipe = KINDS[family](**parts(PIPES[family]), controlnet=nets, **_settings(family))
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _settings(family: str) -> dict[str, Any]:
    return {"requires_safety_checker": False} if family == "sd" else {"add_watermarker": False}


@pytest.mark.parametrize("family", ["sd", "sdxl"])
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_as_diffusers_own_pipeline(family: str, guidance: float) -> None:
    pipe = controlled(family, tiny_controlnet(PIPES[family], 3))
    model = nbgen.load(pipe)
    stock = stock_latents(
        pipe, "EulerDiscreteScheduler", "a cat", 5, 4, guidance, size=(32, 32), negative="a dog",
        image=image(1), controlnet_conditioning_scale=0.7,
    )  # fmt: skip
    recipe = model.resolve(
        prompt="a cat", negative="a dog", seed=5, sampler="euler", steps=4, guidance=guidance,
        control={"control": (picture(1), 0.7)},
    )  # fmt: skip
    assert recipe.size == (32, 32)
    (made,) = latents(model, [recipe])
    assert distance(made, stock) < 1e-4
    (free,) = latents(model, [recipe.replace(control=())])
    assert distance(free, stock) > 1e-2  # the ControlNet does something


@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_two_with_weights(family: str) -> None:
    nets = [tiny_controlnet(PIPES[family], seed) for seed in (3, 4)]
    pipe = controlled(family, nets)
    stock = stock_latents(
        pipe, "DDIMScheduler", "a cat", 5, 4, 3.0, image=[image(1), image(2)], size=(32, 32),
        controlnet_conditioning_scale=[0.7, 1.3],
    )  # fmt: skip
    fields = {"prompt": "a cat", "seed": 5, "sampler": "ddim", "steps": 4, "guidance": 3.0, "size": (32, 32)}
    itself = nbgen.load(pipe)
    of_its_own = itself.resolve(
        **fields, control={"control_1": (picture(1), 0.7), "control_2": (picture(2), 1.3)}
    )
    assert distance(latents(itself, [of_its_own])[0], stock) < 1e-4
    given = nbgen.load(PIPES[family], control={"lines": nets[0], "depth": nets[1]})
    recipe = given.resolve(**fields, control={"lines": (picture(1), 0.7), "depth": (picture(2), 1.3)})
    assert distance(latents(given, [recipe])[0], stock) < 1e-4


def test_image_to_image_too() -> None:
    net = tiny_controlnet(SD, 3)
    pipe = diffusers.StableDiffusionControlNetImg2ImgPipeline(
        **parts(SD), controlnet=net, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    with torch.no_grad():
        stock = pipe(
            "a cat", image=image(7), control_image=image(1), strength=0.6, num_inference_steps=5, width=32, height=32,
            guidance_scale=3.0, controlnet_conditioning_scale=0.8, generator=torch.Generator().manual_seed(5),
            output_type="latent",
        ).images  # fmt: skip
    model = nbgen.load(pipe)
    recipe = model.resolve(
        prompt="a cat", seed=5, sampler="ddim", steps=5, guidance=3.0, image=picture(7), strength=0.6,
        control={"control": (picture(1), 0.8)},
    )  # fmt: skip
    assert distance(latents(model, [recipe])[0], stock) < 1e-4


@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_a_mixed_batch_is_each_row_alone(family: str) -> None:
    nets = {"lines": tiny_controlnet(PIPES[family], 3), "depth": tiny_controlnet(PIPES[family], 4)}
    model = nbgen.load(PIPES[family], control=nets)
    controls: list[dict[str, Any]] = [
        {}, {"lines": picture(1)}, {"lines": (picture(2), 0.4)}, {"depth": picture(1)},
        {"lines": (picture(1), 0.5), "depth": (picture(2), 0.5)},
    ]  # fmt: skip
    recipes = [
        model.resolve(
            prompt=prompt, seed=place, steps=3 + place % 2, sampler=sampler, guidance=guidance,
            control=control or None, size=(32, 32),
        )
        for place, (control, prompt, sampler, guidance) in enumerate(
            (control, prompt, sampler, guidance)
            for control in controls
            for prompt, sampler, guidance in (("a", "ddim", 1.0), ("b", "dpm++2m", 4.0))
        )
    ]  # fmt: skip
    together = latents(model, recipes, rows=64)
    for recipe, made in zip(recipes, together, strict=True):
        assert distance(made, latents(model, [recipe])[0]) < 1e-4


def test_seamless_and_inpainting_are_controlled_too() -> None:
    pipe = tiny_sd_pipeline(inpainting=True)
    net = tiny_controlnet(SD, 3)
    model = nbgen.load(pipe, control={"lines": net})
    fields = {"prompt": "a", "image": picture(7), "mask": (8, 8, 24, 24), "steps": 3}
    free, held = (
        latents(model, [model.resolve(**fields, control=control)])[0]
        for control in (None, {"lines": picture(1)})
    )
    assert distance(held, free) > 1e-3
    plain = nbgen.load(SD, control={"lines": net})
    recipe = plain.resolve(prompt="a", tile=True, steps=3, control={"lines": picture(1)})
    assert distance(latents(plain, [recipe])[0], latents(plain, [recipe.replace(tile=False)])[0]) > 1e-3
    assert all(layer.padding_mode == "zeros" for layer in net.modules() if hasattr(layer, "padding_mode"))


def test_weights_and_pictures_are_axes() -> None:
    model = nbgen.load(SD, control={"lines": tiny_controlnet(SD, 3)})
    grid = nbgen.compare(
        "a",
        control=[{"lines": (picture(1), 0.3)}, {"lines": (picture(1), 0.9)}],
        seed=[1, 2],
        steps=2,
        model=model,
    )
    assert len(grid) == 4
    first = grid[0]
    assert dict(first.recipe.control)["lines"][1] == 0.3
    assert Recipe.from_json(first.recipe.to_json()) == first.recipe
    assert shades_apart(first.again(fresh=True), first) <= 1
    assert "0.3" in grid.report() and "0.9" in grid.report()


def test_no_weight_is_no_control() -> None:
    model = nbgen.load(SD, control={"lines": tiny_controlnet(SD, 3)})
    free = model.resolve(prompt="a")
    assert model.resolve(prompt="a", control={"lines": (picture(1), 0)}, size=free.size) == free
    fitted = model.resolve(prompt="a", control={"lines": picture(1, 40)}, size=(32, 32))
    assert "fitted to 32×32" in " ".join(model.notes(fitted))


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ({"canny": picture(1)}, "no ControlNet 'canny'"),
        ({"lines": None}, "no picture"),
        ({"lines": (picture(1), 99)}, "from -10 to 10"),
        ({"lines": (picture(1), "much")}, "must be a number"),
        ({"lines": (None, 1)}, "no picture"),
        ({"lines": "nowhere.png"}, "nowhere.png"),
        ({"lines": "a" * 64}, "aaaa"),
        ({"lines": 3}, "takes a picture"),
        ("lines", "takes names and pictures"),
    ],
)
def test_refused_before_work(control: Any, words: str) -> None:
    model = nbgen.load(SD, control={"lines": tiny_controlnet(SD, 3)})
    with pytest.raises(NbgenError, match=words):
        model.resolve(prompt="a", control=control)


def test_models_without_any() -> None:
    with pytest.raises(RecipeError, match=r"nbgen.load\(…, control="):
        nbgen.load(SD).resolve(prompt="a", control={"canny": picture(1)})
    with pytest.raises(RecipeError, match="control"):
        nbgen.generate("a", control={"canny": picture(1)})
    model = nbgen.load(SD, control={"lines": tiny_controlnet(SD, 3)})
    with pytest.raises(RecipeError, match="windows"):
        model.resolve(prompt="a", control={"lines": picture(1)}, size=(64, 64), windows=(32, 32))
    with pytest.raises(RecipeError, match="leave control out, or say windows=None"):
        nbgen.upscale(picture(1), 4, "a", model=model, control={"lines": picture(1)})


def test_given_as_folders(tmp_path: Path) -> None:
    SD.save_pretrained(tmp_path / "model")
    net = tiny_controlnet(SD, 3)
    net.save_pretrained(tmp_path / "net")
    plain = nbgen.load(tmp_path / "model")
    from_folder = nbgen.load(tmp_path / "model", control={"lines": tmp_path / "net"})
    assert nbgen.load(tmp_path / "model", control={"lines": tmp_path / "net"}) is from_folder
    assert from_folder.ref.fingerprint != plain.ref.fingerprint
    recipe = from_folder.resolve(prompt="a", steps=2, control={"lines": picture(1)})
    made = latents(from_folder, [recipe])[0]
    handed = nbgen.load(SD, control={"lines": net})
    same = recipe.replace(model=handed.ref)
    assert distance(made, latents(handed, [same])[0]) < 1e-4
    (tmp_path / "net" / "diffusion_pytorch_model.safetensors").rename(tmp_path / "net" / "x.bin")
    with pytest.raises(UnsafeModelError, match="pickle"):
        nbgen.load(tmp_path / "model", control={"lines": tmp_path / "net"}, rows=3)


def test_unfit_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="another family"):
        nbgen.load(SD, control={"lines": tiny_controlnet(XL)})
    with pytest.raises(MissingFileError, match="from_pretrained"):
        nbgen.load(SD, control={"lines": tmp_path / "nothing"})
    with pytest.raises(ModelError, match="takes a folder"):
        nbgen.load(SD, control={"lines": SD.unet})
    with pytest.raises(ModelError, match="names and ControlNets"):
        nbgen.load(SD, control=tiny_controlnet(SD))
    SD.unet.save_pretrained(tmp_path / "unet")
    with pytest.raises(ModelError, match="holds a UNet2DConditionModel"):
        nbgen.load(SD, control={"lines": tmp_path / "unet"})


def test_another_autoencoder(tmp_path: Path) -> None:
    other = copy.deepcopy(tiny_sd_pipeline(9).vae)
    plain, changed = nbgen.load(SD), nbgen.load(SD, vae=other)
    assert plain.ref.fingerprint != changed.ref.fingerprint
    fields = {"prompt": "a", "steps": 2, "seed": 3}
    ours = plain.resolve(**fields), changed.resolve(**fields)
    one, two = (latents(model, [recipe])[0] for model, recipe in zip((plain, changed), ours, strict=True))
    assert torch.equal(one, two)  # the path is the same, only the decoder is another one
    with torch.no_grad():
        seen = other.decode(two / other.config.scaling_factor).sample
    expected = ((seen / 2 + 0.5).clamp(0, 1) * 255).round()[0].permute(1, 2, 0).numpy()
    (made,) = nbgen.generate(**fields, n=1, model=changed)
    assert np.abs(np.asarray(made).astype(int) - expected).max() <= 1
    SD.save_pretrained(tmp_path / "model")
    other.save_pretrained(tmp_path / "vae")
    from_folder = nbgen.load(tmp_path / "model", vae=tmp_path / "vae")
    assert from_folder.ref.fingerprint != nbgen.load(tmp_path / "model").ref.fingerprint
    assert np.abs(np.asarray(nbgen.generate(**fields, n=1, model=from_folder)[0]) - expected).max() <= 1
    assert SD.vae is not other
    with pytest.raises(ModelError, match="autoencoder is for another family"):
        nbgen.load(SD, vae=tiny_flux_vae())


def tiny_flux_vae() -> Any:
    from nbgen.testing.encoders import autoencoder

    return autoencoder(16)


def test_edges_of_a_square() -> None:
    square = np.zeros((32, 32, 3), np.uint8)
    square[8:24, 8:24] = 255
    found = np.asarray(nbgen.edges(square))
    assert found.shape == (32, 32, 3) and set(np.unique(found)) == {0, 255}
    rows, columns = np.nonzero(found[..., 0])
    assert (
        rows.min() in (7, 8)
        and rows.max() in (23, 24)
        and columns.min() in (7, 8)
        and columns.max() in (23, 24)
    )
    assert not found[12:20, 12:20].any() and not found[:4].any()
    assert not np.asarray(nbgen.edges(square // 20)).any()  # too faint
    model = nbgen.load(SD, control={"lines": tiny_controlnet(SD, 3)})
    assert model.resolve(prompt="a", control={"lines": nbgen.edges(square)}).size == (32, 32)
    for wrong in ({"smoothing": -1}, {"low": 0.5, "high": 0.2}, {"high": "much"}):
        with pytest.raises(RecipeError):
            nbgen.edges(square, **wrong)
