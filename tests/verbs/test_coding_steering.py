"""recipe.code of what steers a model: plain diffusers code with the same files gives the same picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import nbgen
from nbgen.errors import ModelError, RecipeError
from nbgen.models.loading import find
from nbgen.recipe import Recipe
from nbgen.storage import default_store
from nbgen.testing import (
    tiny_controlnet,
    tiny_image_encoder,
    tiny_image_prompt,
    tiny_sd_pipeline,
    tiny_sdxl_pipeline,
)

# Remarks of diffusers itself, not of nbgen.
pytestmark = pytest.mark.filterwarnings("ignore:Should have t", "ignore::FutureWarning:diffusers")
MAKE: dict[str, Any] = {"sd": tiny_sd_pipeline, "sdxl": tiny_sdxl_pipeline}
WORDS = {"prompt": "a <toy> cat", "seed": 3, "steps": 3, "guidance": 3.0, "negative": "fog", "size": (32, 32)}


def drawing(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders and files of everything, for both families."""
    folder: Path = tmp_path_factory.mktemp("steering")
    vectors = torch.randn(4, 16, generator=torch.Generator().manual_seed(2))
    save_file({"<toy>": vectors[:2]}, folder / "sd-toy.safetensors")
    save_file({"clip_l": vectors[:2], "clip_g": vectors[2:]}, folder / "sdxl-toy.safetensors")
    tiny_image_encoder(9).save_pretrained(folder / "image_encoder")
    for family, make in MAKE.items():
        make().save_pretrained(folder / family)
        make(4).vae.save_pretrained(folder / f"{family}-vae")
        tiny_image_prompt(make(), folder / f"{family}-ip.safetensors", 1)
        for net in (5, 6):
            tiny_controlnet(make(), net).save_pretrained(folder / f"{family}-net{net}")
    return folder


def run(recipe: Recipe, family: str, files: Path) -> np.ndarray:
    """The picture of its diffusers code, each `...` replaced by what its comment asks for."""
    text = recipe.code("diffusers")
    assert "nbgen" not in text
    digests = [
        recipe.image,
        recipe.mask,
        *(digest for _, (digest, _) in (*recipe.control, *recipe.image_prompt)),
    ]
    digests = [str(digest) for digest in digests if digest is not None]
    for digest in digests:
        default_store().get_blob(digest).save(files / f"{digest}.png")
    toy = str(files / f"{family}-toy.safetensors")
    answers = {
        r"\.\.\.(?=.*where)": str(files / family),
        r"\.\.\.(?=.*given as vae=)": str(files / f"{family}-vae"),
        r"\.\.\.(?=.*the ControlNet 'one')": str(files / f"{family}-net5"),
        r"\.\.\.(?=.*the ControlNet 'two')": str(files / f"{family}-net6"),
        r"\.\.\.(?=.*IP-Adapters see)": str(files / "image_encoder"),
        r"\.\.\.(?=.*the file of this word)(?!.*clip_)": toy,
        **{rf"\.\.\.(?=.*{digest[:8]})": str(files / f"{digest}.png") for digest in digests},
    }
    for sought, answer in answers.items():
        text = re.sub(sought, repr(answer), text)
    text = re.sub(r"\[\.\.\.\](?=, subfolder)", repr([str(files)]), text)
    text = re.sub(r"\[\.\.\.\](?=, image_enc)", repr([f"{family}-ip.safetensors"]), text)
    for key in ("clip_l", "clip_g"):
        text = re.sub(
            rf"\.\.\.(?=.*{key})", f"__import__('safetensors.torch').torch.load_file({toy!r})[{key!r}]", text
        )
    assert not re.search(r"\.\.\.[^…]*$", "\n".join(line.partition("#")[0] for line in text.split("\n"))), (
        text
    )
    names: dict[str, Any] = {}
    exec(text, names)
    return np.asarray(names["image"]).astype(int)


CONTROL = {"control": {"one": (drawing(1), 0.7)}}
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("sd", {"vae": "vae"}, {}),
    ("sd", {"embeddings": "toy"}, {}),
    ("sdxl", {"embeddings": "toy", "vae": "vae"}, {}),
    ("sd", {"control": 1}, CONTROL),
    ("sd", {"control": 2}, {"control": {"one": drawing(1), "two": (drawing(2), 0.5)}}),
    ("sd", {"control": 1}, {**CONTROL, "image": drawing(3), "strength": 0.7}),
    ("sd", {"control": 1}, {**CONTROL, "image": drawing(3), "mask": (8, 8, 24, 24)}),
    ("sd", {"control": 1}, {**CONTROL, "tile": True}),
    ("sdxl", {"control": 1}, {**CONTROL, "guidance_rescale": 0.5}),
    ("sdxl", {"control": 1}, {**CONTROL, "image": drawing(3), "strength": 0.7}),
    ("sd", {"image_prompt": 1}, {"image_prompt": (drawing(4), 0.6)}),
    ("sdxl", {"image_prompt": 1, "control": 1}, {"image_prompt": drawing(4), **CONTROL}),
]


def given(family: str, kinds: dict[str, Any], files: Path) -> dict[str, Any]:
    nets = {"one": files / f"{family}-net5", "two": files / f"{family}-net6"}
    everything = {
        "vae": files / f"{family}-vae",
        "embeddings": {"<toy>": files / f"{family}-toy.safetensors"},
        "control": dict(list(nets.items())[: kinds.get("control", 0)]),
        "image_prompt": files / f"{family}-ip.safetensors",
    }
    return {kind: everything[kind] for kind in kinds}


@pytest.mark.parametrize("place", range(len(CASES)))
def test_code_makes_the_same_picture(place: int, files: Path) -> None:
    family, kinds, fields = CASES[place]
    model = nbgen.load(files / family, **given(family, kinds, files))
    recipe = model.resolve(**WORDS, **fields)
    made = np.asarray(next(iter(model.run([recipe], exact=True)))[1]).astype(int)
    assert np.abs(run(recipe, family, files) - made).max() <= 1
    plain = nbgen.load(files / family)
    bare = {name: value for name, value in fields.items() if name in plain.fields}
    (other,) = nbgen.generate(**WORDS, **bare, model=plain, n=1)
    assert np.abs(np.asarray(other).astype(int) - made).max() > 1  # it does steer


def test_a_recipe_tells_what_its_model_was_given(files: Path) -> None:
    kinds = {"vae": 1, "embeddings": 1, "control": 2, "image_prompt": 1}
    model = nbgen.load(files / "sd", **given("sd", kinds, files))
    recipe = model.resolve(**WORDS)
    told = (
        ("control", "one"),
        ("control", "two"),
        ("embeddings", "<toy>"),
        ("image_prompt", "image"),
        ("vae", ""),
    )
    assert recipe.model is not None
    assert recipe.model.beside == told
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert "called 'sd', with control='one', control='two', embeddings='<toy>'" in recipe.code()
    without = recipe.replace(model=nbgen.ModelRef("sd", recipe.model.fingerprint))
    assert without.key == recipe.key
    handed = nbgen.load(tiny_sd_pipeline(), vae=files / "sd-vae")
    assert handed.ref.beside == (("vae", ""),)
    for beside in (["vae"], [["vae"]], [[1, 2]], "vae", {"vae": 1}):
        with pytest.raises(RecipeError):
            Recipe.from_plain({"model": {"name": "a", "fingerprint": "b", "beside": beside}})


def test_mini_with_another_autoencoder_is_not_mini(tmp_path: Path) -> None:
    mini = nbgen.load()
    other = nbgen.load("mini", vae=mini.autoencoder)
    recipe = other.resolve(prompt="a cat face", steps=2)
    assert "model = ...  # nbgen.load the one called 'mini', with vae" in recipe.code()
    assert "given as vae=" in recipe.code("diffusers")
    gone = nbgen.ModelRef("mini", "0" * 32, beside=(("vae", ""),))
    with pytest.raises(ModelError, match="is not loaded"):
        find(gone)


def test_what_no_stock_pipeline_does_is_said(files: Path) -> None:
    model = nbgen.load(files / "sd", **given("sd", {"control": 1, "image_prompt": 1}, files))
    with pytest.raises(RecipeError, match="for ControlNets have no guidance_rescale"):
        model.resolve(**WORDS, **CONTROL, guidance_rescale=0.5).code("diffusers")
    one, other = (model.resolve(**WORDS, image_prompt=drawing(n)).image_prompt[0][1][0] for n in (1, 2))
    with pytest.raises(RecipeError, match="look at no mixture"):
        model.resolve(**WORDS, image_prompt=nbgen.Mix.of((0.5, one), (0.5, other))).code("diffusers")
    with pytest.raises(RecipeError, match="read brackets and numbers as words"):
        model.resolve(**{**WORDS, "prompt": "a (cat:1.3)"}, words="weighted").code("diffusers")
    styled = nbgen.generate("a cat", style="ink", seed=1, steps=2, size=(32, 32), model=model, n=1)[0]
    assert "ink drawing of a cat" in styled.recipe.code("diffusers")  # a style is words
