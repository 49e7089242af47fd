"""Do IP-Adapters give what diffusers gives with them, row by row, and leave the model as it was?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import nbgen
from nbgen.errors import MissingFileError, ModelError, RecipeError, UnsafeModelError
from nbgen.recipe import Recipe
from nbgen.testing import (
    tiny_controlnet,
    tiny_flux_pipeline,
    tiny_image_encoder,
    tiny_image_prompt,
    tiny_lora,
    tiny_sd_pipeline,
    tiny_sdxl_pipeline,
)
from tests.drawn import shades_apart
from tests.models.oracle import distance, latents, stock_latents

MAKE: dict[str, Any] = {"sd": tiny_sd_pipeline, "sdxl": tiny_sdxl_pipeline}
FIELDS = {"prompt": "a cat", "negative": "a dog", "seed": 5, "sampler": "ddim", "steps": 4, "guidance": 3.0}
SIZE = {"size": (32, 32)}


def drawing(seed: int, width: int = 48, height: int = 40) -> Image.Image:
    """A picture of another size and shape than the encoder sees."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


CAT, DOG = drawing(1), drawing(2)


def with_adapter(family: str, folder: Path, form: str, *seeds: int) -> Any:
    """A stock pipeline that came with IP-Adapters, as diffusers loads them."""
    pipe = MAKE[family]()
    pipe.register_modules(image_encoder=tiny_image_encoder(9))
    names = [f"{form}{seed}.safetensors" for seed in seeds]
    for seed, name in zip(seeds, names, strict=True):
        tiny_image_prompt(pipe, folder / name, seed, form=form)
    pipe.load_ip_adapter(folder, subfolder="", weight_name=names, image_encoder_folder=None)
    return pipe


def stock(pipe: Any, pictures: list[Image.Image], weights: list[float], **more: Any) -> torch.Tensor:
    pipe.set_ip_adapter_scale(weights)
    return stock_latents(
        pipe, "DDIMScheduler", "a cat", 5, 4, 3.0, negative="a dog", size=(32, 32), ip_adapter_image=pictures, **more
    )  # fmt: skip


@pytest.mark.parametrize("form", ["plain", "plus"])
@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_as_diffusers_draws_it(family: str, form: str, tmp_path: Path) -> None:
    """With a pipeline that has one already, and with a file that nbgen reads."""
    pipe = with_adapter(family, tmp_path, form, 1)
    theirs = stock(pipe, [CAT], [0.7])
    bare = stock_latents(MAKE[family](), "DDIMScheduler", "a cat", 5, 4, 3.0, negative="a dog", size=(32, 32))
    assert distance(bare, theirs) > 1e-2
    given = nbgen.load(
        MAKE[family](), image_prompt=tmp_path / f"{form}1.safetensors", image_encoder=tiny_image_encoder(9)
    )
    for model in (nbgen.load(pipe), given):
        recipe = model.resolve(**FIELDS, **SIZE, image_prompt=(CAT, 0.7))
        made, plain = latents(model, [recipe, recipe.replace(image_prompt=())])
        assert distance(made, theirs) < 1e-4
        assert distance(plain, bare) < 1e-4
        assert recipe.image_prompt[0][0] == "image"
        unguided = model.resolve(**{**FIELDS, "guidance": 1}, **SIZE, image_prompt=(CAT, 0.7))
        alone = stock_latents(
            pipe, "DDIMScheduler", "a cat", 5, 4, 1.0, size=(32, 32), ip_adapter_image=[CAT]
        )
        assert distance(latents(model, [unguided])[0], alone) < 1e-4


def test_two_at_once(tmp_path: Path) -> None:
    pipe = with_adapter("sd", tmp_path, "plus", 1, 2)
    theirs = stock(pipe, [CAT, DOG], [0.4, 0.9])
    files = {f"plus{seed}": tmp_path / f"plus{seed}.safetensors" for seed in (1, 2)}
    given = nbgen.load(tiny_sd_pipeline(), image_prompt=files, image_encoder=tiny_image_encoder(9))
    for model, names in ((nbgen.load(pipe), ("image_1", "image_2")), (given, ("plus1", "plus2"))):
        pictures = dict(zip(names, [(CAT, 0.4), (DOG, 0.9)], strict=True))
        assert distance(latents(model, [model.resolve(**FIELDS, image_prompt=pictures)])[0], theirs) < 1e-4
        with pytest.raises(RecipeError, match=f"IP-Adapters '{names[0]}', '{names[1]}': say whose"):
            model.resolve(**FIELDS, image_prompt=CAT)
        with pytest.raises(RecipeError, match="no IP-Adapter 'plus3'"):
            model.resolve(**FIELDS, image_prompt={"plus3": CAT})


def test_beside_a_controlnet_and_from_a_picture(tmp_path: Path) -> None:
    import diffusers

    pipe = with_adapter("sd", tmp_path, "plain", 1)
    net = tiny_controlnet(tiny_sd_pipeline(), 3)
    pipe.set_ip_adapter_scale(0.7)
    stocks = diffusers.StableDiffusionControlNetImg2ImgPipeline(
        **{**pipe.components, "controlnet": net}, requires_safety_checker=False
    )
    stocks.set_progress_bar_config(disable=True)
    start, lines = drawing(3, 32, 32), drawing(4, 32, 32)
    theirs = stock_latents(
        stocks, "DDIMScheduler", "a cat", 5, 4, 3.0, negative="a dog", image=start, control_image=lines, strength=0.5,
        ip_adapter_image=[CAT], controlnet_conditioning_scale=1.0,
    )  # fmt: skip
    model = nbgen.load(pipe, control={"lines": net})
    recipe = model.resolve(
        **FIELDS, image=start, strength=0.5, control={"lines": lines}, image_prompt=(CAT, 0.7)
    )
    assert distance(latents(model, [recipe])[0], theirs) < 1e-4


def test_mixed_batches_are_each_row_alone(tmp_path: Path) -> None:
    """Pictures, weights, LoRAs, mixtures read in attention, and none of it, in one run."""
    pipe = tiny_sd_pipeline()
    ink = tiny_lora(pipe, tmp_path / "ink.safetensors", 1)
    model = nbgen.load(
        pipe, image_encoder=tiny_image_encoder(9), image_prompt=tiny_image_prompt(pipe, tmp_path / "ip.safetensors")
    )  # fmt: skip
    chosen: list[dict[str, Any]] = [
        {}, {"image_prompt": CAT}, {"image_prompt": (CAT, 0.3)}, {"image_prompt": (DOG, 1.0), "guidance": 1},
        {"image_prompt": CAT, "adapters": {ink: 0.5}},
        {"image_prompt": CAT, "prompt": nbgen.Mix.of((0.5, "a cat"), (0.5, "a tree")), "mixing": "attention"},
    ]  # fmt: skip
    recipes = [
        model.resolve(**{**FIELDS, "seed": seed, "steps": 3 + seed, **each})
        for seed in range(2)
        for each in chosen
    ]
    alone = [latents(model, [recipe])[0] for recipe in recipes]
    for one, other in zip(alone, latents(model, recipes, rows=7), strict=True):
        assert distance(other, one) < 1e-4
    for place in range(1, 6):
        assert distance(alone[place], alone[0]) > 1e-3
    assert distance(alone[5], alone[1]) > 1e-3


def test_a_mixture_of_pictures_ends_at_each(tmp_path: Path) -> None:
    model = nbgen.load(with_adapter("sd", tmp_path, "plus", 1))
    cat, dog = (model.resolve(**FIELDS, image_prompt=each).image_prompt[0][1][0] for each in (CAT, DOG))

    def mixed(share: float) -> torch.Tensor:
        mixture = nbgen.Mix.of((1 - share, cat), (share, dog))
        recipe = model.resolve(**FIELDS, image_prompt=mixture)
        assert Recipe.from_json(recipe.to_json()) == recipe
        return latents(model, [recipe])[0]

    ends = [latents(model, [model.resolve(**FIELDS, image_prompt=each)])[0] for each in (CAT, DOG)]
    assert distance(mixed(0), ends[0]) < 1e-6
    assert distance(mixed(1), ends[1]) < 1e-6
    assert distance(mixed(1e-4), ends[0]) < 1e-2 < distance(mixed(0.5), ends[0])


def test_the_pipeline_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = with_adapter("sd", tmp_path, "plain", 1)
    model = nbgen.load(pipe)
    processors, projection, ref = dict(pipe.unet.attn_processors), pipe.unet.encoder_hid_proj, model.ref
    nbgen.generate(**FIELDS, image_prompt=CAT, model=model, n=1)

    def fails(*arguments: Any, **options: Any) -> None:
        raise ValueError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(pipe.unet, "forward", fails)
        with pytest.raises(ValueError, match="broken"):
            nbgen.generate(**{**FIELDS, "seed": 99}, image_prompt=CAT, model=model, n=1)
    assert pipe.unet.attn_processors == processors
    assert pipe.unet.encoder_hid_proj is projection
    assert model.ref == ref
    stock(pipe, [CAT], [1.0])


def test_pictures_and_weights_are_axes(tmp_path: Path) -> None:
    model = nbgen.load(with_adapter("sd", tmp_path, "plain", 1))
    CAT.save(tmp_path / "cat.png")
    grid = nbgen.compare(
        "a cat", image_prompt=[tmp_path / "cat.png", (tmp_path / "cat.png", 0.5), (DOG, 0)], seed=[1, 2], steps=2,
        model=model,
    )  # fmt: skip
    assert not grid[-1].recipe.image_prompt  # no weight is no picture
    assert [dict(picture.recipe.image_prompt)["image"][1] for picture in grid[:4:2]] == [1.0, 0.5]
    assert grid.at(image_prompt="cat × 0.5", seed=1).recipe == grid[2].recipe
    assert str(tmp_path) not in grid[0].recipe.to_json()
    assert shades_apart(grid[2].again(fresh=True), grid[2]) <= 1
    assert Recipe.from_json(grid[2].recipe.to_json()) == grid[2].recipe
    names: dict[str, Any] = {}
    exec(grid[2].recipe.code().replace("model = ...", "model = given"), {"given": model}, names)
    assert shades_apart(names["picture"], grid[2]) <= 1


def test_from_a_folder_and_after_unloading(tmp_path: Path) -> None:
    tiny_sd_pipeline().save_pretrained(tmp_path / "model")
    tiny_image_encoder(9).save_pretrained(tmp_path / "image_encoder")
    file = tiny_image_prompt(tiny_sd_pipeline(), tmp_path / "ip.safetensors", 1, form="plus")
    model = nbgen.load(tmp_path / "model", image_prompt={"plus": file})  # the encoder lies beside the file
    assert nbgen.load(tmp_path / "model", image_prompt={"plus": file}) is model
    plain = nbgen.load(tmp_path / "model")
    assert model.ref.fingerprint != plain.ref.fingerprint
    with pytest.raises(RecipeError, match="IP-Adapter"):
        nbgen.generate(**FIELDS, image_prompt=CAT, model=plain, n=1)
    (first,) = nbgen.generate(**FIELDS, image_prompt={"plus": CAT}, model=model, n=1, store=False)
    assert nbgen.unload(model) > 0
    (again,) = nbgen.generate(**FIELDS, image_prompt={"plus": CAT}, model=model, n=1, store=False)
    assert np.array_equal(first, again)
    own = nbgen.load(tiny_sd_pipeline(), image_prompt=file, image_encoder=tiny_image_encoder(9))
    (theirs,) = nbgen.generate(**FIELDS, image_prompt=CAT, model=own, n=1, store=False)
    assert np.abs(np.asarray(theirs).astype(int) - np.asarray(first)).max() <= 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ((CAT, 99), "from -10 to 10"),
        ((CAT, "much"), "must be a number"),
        ({"image": None}, "has no picture"),
        ({3: CAT}, "names of IP-Adapters"),
        (0.8, "takes a picture"),
        ((CAT, CAT, CAT), "several are a mixture"),
        ((CAT, CAT), "must be a number"),
        ({"image": {}}, "takes one picture"),
        ((nbgen.Mix.of((1, "0" * 64), (-1, "1" * 64)), 1), "not in this store"),
    ],
)
def test_refused_before_work(value: Any, words: str, tmp_path: Path) -> None:
    model = nbgen.load(with_adapter("sd", tmp_path, "plain", 1))
    with pytest.raises(nbgen.errors.NbgenError, match=words):
        model.resolve(**FIELDS, image_prompt=value)


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    pipe, eye = tiny_sd_pipeline(), tiny_image_encoder()
    file = tiny_image_prompt(pipe, tmp_path / "ip.safetensors")
    tensors = load_file(file)

    def refused(words: str, kind: type[Exception] = ModelError, source: Any = pipe, **given: Any) -> None:
        with pytest.raises(kind, match=words):
            nbgen.load(source, **given)

    def written(name: str, changed: dict[str, torch.Tensor]) -> Path:
        save_file(changed, tmp_path / f"{name}.safetensors")
        return tmp_path / f"{name}.safetensors"

    refused("another family", source=tiny_sdxl_pipeline(), image_prompt=file, image_encoder=eye)
    refused("Stable Diffusion and SDXL", source=tiny_flux_pipeline(), image_prompt=file, image_encoder=eye)
    refused("is missing", MissingFileError, image_prompt=file)  # no encoder beside it
    refused("no file 'gone.safetensors'", MissingFileError, image_prompt=tmp_path / "gone.safetensors")
    (tmp_path / "ip.bin").write_bytes(b"pickle")
    refused("is a pickle", UnsafeModelError, image_prompt=tmp_path / "ip.bin", image_encoder=eye)
    refused("give image_prompt= too", image_encoder=eye)
    refused("takes the file of an IP-Adapter", image_prompt={"a": 3}, image_encoder=eye)
    refused("takes a folder", image_prompt=file, image_encoder=pipe.vae)
    without = {name: each for name, each in tensors.items() if not name.startswith("image_proj")}
    refused("no tensors called", image_prompt=written("half", without), image_encoder=eye)
    more = {**tensors, "ip_adapter.99.to_k_ip.weight": torch.ones(2, 2)}
    refused("other layers", image_prompt=written("more", more), image_encoder=eye)
    face = {name.replace("image_proj.proj.", "image_proj.proj.0."): each for name, each in tensors.items()}
    refused("for faces", image_prompt=written("face", face), image_encoder=eye)
    wide = {**tensors, "image_proj.proj.weight": torch.ones(64, 20)}
    refused("another image encoder", image_prompt=written("wide", wide), image_encoder=eye)
    no_layer = {name: each for name, each in tensors.items() if ".3." not in name}
    refused("there is none", image_prompt=written("less", no_layer), image_encoder=eye)


def test_blend_looks_at_both(tmp_path: Path) -> None:
    model = nbgen.load(with_adapter("sd", tmp_path, "plain", 1))
    one, other = CAT.resize((32, 32)), DOG.resize((32, 32))
    both = nbgen.blend(one, other, 0.25, prompt="a cat", seed=1, steps=3, model=model)
    ((name, (parts, weight)),) = both.recipe.image_prompt
    assert (name, weight) == ("image", 0.6)
    assert sorted(share for share, _ in parts) == [0.25, 0.75]
    assert {digest for _, digest in parts} == set(both.recipe.image.values)
    blind = nbgen.blend(one, other, 0.25, prompt="a cat", seed=1, steps=3, model=model, image_prompt={})
    assert not blind.recipe.image_prompt
    assert not np.array_equal(both, blind)
    assert nbgen.blend(
        one, other, 0.25, prompt="a cat", seed=1, steps=3, model=tiny_sd_pipeline()
    ).recipe.image
