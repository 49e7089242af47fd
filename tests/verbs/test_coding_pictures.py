"""recipe.code of input pictures: plain diffusers code, run in a process of its own, gives the same picture."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nbgen
from nbgen.errors import RecipeError
from nbgen.recipe import Mix
from nbgen.storage import default_store
from nbgen.testing import tiny_sd
from tests.verbs.scripts import run_without_nbgen

IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 64, 3), dtype=np.uint8))
CASES = [
    {"image": IMAGE, "strength": 0.5},
    {"image": IMAGE, "strength": 1.0, "sampler": "euler_a", "size": (64, 64)},
    {"image": IMAGE, "mask": (10, 5, 40, 61)},
    {
        "image": IMAGE,
        "mask": (10, 5, 40, 61),
        "strength": 0.7,
        "feather": 5,
        "sampler": "heun",
        "size": (48, 64),
    },
    {"tile": True, "seed": 4},
    {"tile": True, "seed": Mix.of((0.5, 1), (0.5, 2))},
]


def test_code_makes_the_same_picture_in_a_fresh_process(tmp_path: Path) -> None:
    model = nbgen.load()
    recipes = [model.resolve(prompt="a cat face", steps=4, **{"seed": 3, **fields}) for fields in CASES]
    for number, recipe in enumerate(recipes):
        text = recipe.code("diffusers")
        assert "import nbgen" not in text
        for which, digest in (("input picture", recipe.image), ("mask", recipe.mask)):
            if digest is not None:
                path = tmp_path / f"{digest}.png"
                default_store().get_blob(str(digest)).save(path)
                text = re.sub(rf"Image\.open\(\.\.\.\)(?=.*the {which})", f"Image.open({str(path)!r})", text)
        (tmp_path / f"{number}.py").write_text(
            text + f"image.save({str(tmp_path / str(number))!r} + '.png')\n"
        )
    run_without_nbgen(tmp_path)
    for number, recipe in enumerate(recipes):
        made = np.asarray(next(iter(model.run([recipe], exact=True)))[1]).astype(int)
        assert np.abs(made - np.asarray(Image.open(tmp_path / f"{number}.png"))).max() <= 1, CASES[number]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"image": IMAGE, "windows": (16, 16)}, "no windows"),
        ({"image": IMAGE, "seed": Mix.of((0.5, 1), (0.5, 2))}, "no noise beside an image"),
        ({"image": IMAGE, "tile": True}, "as a seamless one"),
        ({"image": IMAGE, "guidance_rescale": 0.5}, "guidance_rescale"),
        ({"image": IMAGE, "strength": 0}, "at least one step"),
    ],
)
def test_what_no_stock_pipeline_does_is_said(fields, said) -> None:
    with pytest.raises(RecipeError, match=said):
        tiny_sd().resolve(prompt="x", **fields).code("diffusers")


def test_a_mixture_of_images_is_nbgens_alone() -> None:
    blended = nbgen.blend(IMAGE, Image.new("RGB", (64, 80)), prompt="x", model=tiny_sd(), steps=2, wait=True)
    assert blended.recipe is not None
    with pytest.raises(RecipeError, match="mix no images"):
        blended.recipe.code("diffusers")
