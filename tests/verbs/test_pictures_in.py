"""Pictures as input of the verbs: anything that stands for one, axes, the store, what is kept, and bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nbgen
from nbgen.errors import PictureFileError, RecipeError
from nbgen.picture import Picture
from nbgen.recipe import Recipe
from nbgen.storage import default_store
from nbgen.testing import tiny_flux, tiny_gan, tiny_lora, tiny_sd, tiny_sd_pipeline, tiny_sdxl

PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
IMAGE = Image.fromarray(PIXELS)
OTHER = Image.fromarray(255 - PIXELS)


@pytest.fixture(scope="module")
def model():
    return tiny_sd()


def make(model, **fields) -> Picture:
    return nbgen.generate("a cat", model=model, **{"seed": 1, "steps": 4, "image": IMAGE, **fields})[0]


def same(one: Picture, other: Picture) -> bool:
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other)).max()) <= 1


def test_everything_that_stands_for_a_picture_is_one(model, tmp_path: Path) -> None:
    IMAGE.save(tmp_path / "image.png")
    sources = [
        IMAGE,
        PIXELS,
        Picture(IMAGE),
        tmp_path / "image.png",
        str(tmp_path / "image.png"),
        PIXELS / 255,
    ]
    assert len({make(model, image=source).key for source in sources}) == 1


@pytest.mark.parametrize(
    "converted",
    [
        IMAGE.convert("CMYK"),
        Image.fromarray(np.dstack([PIXELS, np.full((32, 32), 255, np.uint8)])),
        Image.fromarray(PIXELS[:, :, 0].astype(np.uint16) * 257),
        IMAGE.convert("P"),
    ],
    ids=["CMYK", "RGBA", "16 bit", "palette"],
)
def test_other_kinds_of_pixels_are_brought_to_rgb(model, converted: Image.Image) -> None:
    recipe = make(model, image=converted).recipe
    assert recipe is not None and isinstance(recipe.image, str)
    kept = np.asarray(default_store().get_blob(recipe.image)).astype(int)
    wanted = PIXELS if converted.mode in ("CMYK", "RGBA") else np.asarray(converted.convert("RGB"))
    if converted.mode.startswith("I"):
        wanted = np.repeat(PIXELS[:, :, :1], 3, axis=2)
    assert np.abs(kept - wanted).max() <= 1


def test_a_recipe_remembers_its_pictures(model, tmp_path: Path) -> None:
    made = make(model, strength=0.5, mask=(8, 8, 24, 24), feather=2)
    recipe = made.recipe
    assert recipe is not None and Recipe.from_json(recipe.to_json()) == recipe
    assert same(made.again(fresh=True), made)
    assert nbgen.read(made.save(tmp_path / "made.png")).recipe == recipe
    assert nbgen.history()[0].key == made.key
    assert make(model, strength=0.5, mask=(8, 8, 24, 24), feather=2).cost.stored
    harder = made.again(strength=0.75)
    assert harder.recipe is not None
    assert (harder.recipe.image, harder.recipe.mask) == (recipe.image, recipe.mask)


def test_without_the_store_nothing_is_written_and_all_works(model) -> None:
    made = make(model, image=OTHER, mask=(0, 0, 16, 32), store=False)
    assert default_store().size() == (0, 0)
    assert same(made.again(store=False), made)
    assert default_store().size() == (0, 0)
    assert same(made.again(), made)
    assert default_store().size()[0] == 3  # the picture, its image and its mask
    assert nbgen.compare(made, strength=[0.5, 1.0], store=False).at(strength=1.0).recipe == made.recipe


def test_an_input_picture_that_is_gone_is_said_before_any_work(model) -> None:
    made = make(model, image=Image.fromarray(PIXELS[::-1].copy()))
    assert made.recipe is not None
    default_store().flush()
    for blob in (default_store().folder / "blobs").rglob("*.png"):
        blob.unlink()
    from nbgen.inputs import _opened

    _opened.cache_clear()
    with pytest.raises(
        PictureFileError, match=r"input picture [0-9a-f]{8}… .* is not in this store: .* give it again"
    ):
        made.again(seed=3)
    assert same(made.again(image=Image.fromarray(PIXELS[::-1].copy())), made)


def test_what_a_mask_keeps_has_the_very_pixels(model) -> None:
    for strength in (0.5, 1.0):
        made = np.asarray(make(model, mask=(8, 4, 20, 28), strength=strength))
        kept = np.ones((32, 32), bool)
        kept[4:28, 8:20] = False
        assert np.array_equal(made[kept], PIXELS[kept]) and not np.array_equal(made[~kept], PIXELS[~kept])


def test_a_feather_reaches_as_far_as_it_says(model) -> None:
    hard = np.asarray(make(model, mask=(8, 8, 24, 24)))
    soft = np.asarray(make(model, mask=(8, 8, 24, 24), feather=3)).astype(int)
    assert np.array_equal(soft[4:-4, 4], PIXELS[4:-4, 4]) and np.array_equal(soft[0], PIXELS[0])
    assert not np.array_equal(soft[8:24, 6], PIXELS[8:24, 6])
    assert np.array_equal(hard[:8], PIXELS[:8])


def test_masks_that_mean_the_same_are_the_same(model) -> None:
    drawn = np.zeros((32, 32), bool)
    drawn[8:24, 8:24] = True
    grey = Image.fromarray(np.where(drawn, 200, 90).astype(np.uint8))
    masks = [(8, 8, 24, 24), drawn, drawn.astype(float), grey, Picture(grey.convert("RGB"))]
    assert len({make(model, mask=mask).key for mask in masks}) == 1


def test_size_is_the_images_own_fitted_to_the_model_and_said(model, capsys) -> None:
    cases = {
        (32, 32): (32, 32),
        (40, 24): (40, 24),
        (33, 30): (32, 32),
        (320, 160): (48, 24),
        (8, 8): (32, 32),
    }
    for own, wanted in cases.items():
        made = make(model, image=np.zeros((own[1], own[0], 3), np.uint8), strength=0.5)
        assert made.size == wanted and made.recipe is not None
        said = f"The image of {own[0]}×{own[1]} pixels is fitted to {wanted[0]}×{wanted[1]}."
        assert (said in capsys.readouterr().out) == (own != wanted)
        assert (said in made.notes) == (own != wanted)
    assert make(model, size=(48, 32)).size == (48, 32)


def test_pictures_strengths_and_masks_are_axes(model, tmp_path: Path) -> None:
    grid = nbgen.compare("a cat", image=IMAGE, strength=[0.25, 0.5, 1.0], seed=range(2), model=model, steps=4)
    assert same(grid.at(strength=0.5, seed=1), make(model, strength=0.5, seed=1))
    IMAGE.save(tmp_path / "one.png")
    pictures = nbgen.generate("a cat", n=2, seed=1, steps=2, model=model)
    grid = nbgen.compare("a dog", image=[tmp_path / "one.png", *pictures, OTHER, None], model=model, steps=2)
    assert grid.layout.axes[0].labels == ("one", "a cat (1)", "a cat (2)", "picture", "none")
    assert same(grid.at(image=OTHER), make(model, image=OTHER, steps=2).again(prompt="a dog", seed=0))
    grid = nbgen.compare("a dog", nbgen.axis("mask", {"top": (0, 0, 32, 16), "left": (0, 0, 16, 32)}), image=IMAGE,
                         model=model, steps=2)  # fmt: skip
    assert np.array_equal(np.asarray(grid.at(mask="top"))[16:], PIXELS[16:])
    assert nbgen.plan("a cat", image=OTHER, strength=[0.5, 1.0], model=model, steps=4).calls == 6


def test_walks_lead_from_image_to_image(model) -> None:
    stops = [make(model, image=image, strength=0.5) for image in (IMAGE, OTHER)]
    walk = nbgen.interpolate(stops, frames=3)
    assert same(walk[0], stops[0]) and same(walk[2], stops[1])
    blended = nbgen.blend(IMAGE, OTHER, prompt="a cat", strength=0.5, model=model, steps=4, seed=1)
    assert same(walk[1], blended)


def test_outpaint_keeps_the_picture_and_is_made_again(model) -> None:
    picture = nbgen.generate("a cat", seed=5, steps=3, model=model)[0]
    wide = nbgen.outpaint(picture, left=8, right=16, top=8, feather=2)
    assert wide.size == (56, 40) and wide.recipe is not None and wide.recipe.seed == 5
    assert np.array_equal(np.asarray(wide)[8 + 4 :, 8 + 4 : 40 - 4], np.asarray(picture)[4:, 4:-4])
    assert same(wide.again(fresh=True), wide)


def test_upscale_goes_through_windows_where_the_whole_is_too_large(model) -> None:
    picture = nbgen.generate("a cat", seed=5, steps=4, model=model)[0]
    large = nbgen.upscale(picture, 2)
    assert large.size == (64, 64) and large.recipe is not None
    assert (large.recipe.windows, large.recipe.prompt) == ((32, 32), "")
    assert large.cost.rows == 2 * 9 * large.cost.calls  # nine windows, each guided
    assert same(large.again(fresh=True), large)
    small = nbgen.upscale(picture, 1.2)
    assert small.size == (40, 40) and small.recipe is not None
    assert (small.recipe.windows, small.recipe.prompt) == (None, "a cat")


def test_what_is_made_of_a_picture_is_read_and_steered_as_it_was(tmp_path: Path) -> None:
    pipe = tiny_sd_pipeline()
    ink = tiny_lora(pipe, tmp_path / "ink.safetensors")
    fields: dict[str, Any] = {"steps": 4, "guidance": 3.0, "guidance_rescale": 0.5, "size": (32, 32)}
    picture = nbgen.generate(
        "a (cat:1.3)", seed=1, model=pipe, words="weighted", adapters={ink: 0.5}, **fields
    )[0]
    for made in (nbgen.outpaint(picture, right=8), nbgen.upscale(picture, 1.25), nbgen.blend(picture, IMAGE)):
        for name in ("words", "adapters", "guidance_rescale", "prompt"):
            assert getattr(made.recipe, name) == getattr(picture.recipe, name), name
    other = nbgen.outpaint(picture, "a dog :)", right=8)
    assert (other.recipe.words, other.recipe.adapters) == ("plain", picture.recipe.adapters)
    elsewhere = nbgen.outpaint(picture, right=8, model=tiny_sdxl(7))
    assert (elsewhere.recipe.words, elsewhere.recipe.adapters) == ("weighted", ())
    flux = tiny_flux()
    guided = nbgen.generate("a cat", seed=1, model=flux, distilled_guidance=9.0, size=(32, 32))[0]
    assert nbgen.outpaint(guided, right=16).recipe.distilled_guidance == 9.0


def test_vary_by_image_keeps_to_the_picture(model) -> None:
    picture = nbgen.generate("a cat", seed=5, steps=4, model=model)[0]
    near = nbgen.vary(picture, n=2, amount=0.25, by="image")
    assert [each.recipe.strength for each in near if each.recipe] == [0.25, 0.25]
    assert len({each.key for each in near}) == 2


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"image": None, "strength": 0.5}, RecipeError, "strength is about an image, and there is none"),
        ({"image": None, "mask": (0, 0, 8, 8)}, RecipeError, "mask is about an image, and there is none"),
        ({"feather": 3}, RecipeError, "feather softens the edge of a mask, and there is none"),
        ({"strength": 1.5}, RecipeError, "strength must be from 0 to 1, not 1.5"),
        ({"strength": -0.1}, RecipeError, "strength must be from 0 to 1"),
        ({"strength": "much"}, RecipeError, "strength must be a number"),
        ({"feather": 2.5, "mask": (0, 0, 8, 8)}, RecipeError, "feather must be a whole number"),
        ({"mask": np.zeros((32, 32))}, RecipeError, "this mask is all black"),
        ({"mask": np.ones((16, 32))}, RecipeError, "the mask has 32×16 pixels and the image 32×32"),
        ({"mask": (0, 0, 33, 8)}, RecipeError, r"0 <= left < right <= 32"),
        ({"mask": (8, 0, 8, 8)}, RecipeError, "is a rectangle in the image"),
        ({"mask": (0.5, 0, 8, 8)}, RecipeError, "is a rectangle in the image"),
        ({"mask": True}, RecipeError, "mask takes a picture"),
        ({"image": 7}, RecipeError, "image takes a picture, a PIL image, an array or a path, not 7"),
        ({"image": [IMAGE, OTHER]}, RecipeError, r"nbgen.compare\(image=\[…\]\) takes a list of them"),
        ({"image": PIXELS.astype(np.uint16)}, PictureFileError, "uint8 .* or float .*, not uint16"),
        ({"image": np.zeros((3, 32, 32))}, PictureFileError, "channels come last"),
        ({"image": Path("nowhere.png")}, PictureFileError, "there is no 'nowhere.png'"),
        ({"image": "0" * 64}, PictureFileError, "input picture 00000000… .* is not in this store"),
        ({"image": np.broadcast_to(np.uint8(0), (40_000, 25_000, 3))}, PictureFileError, "1,000,000,000 pixels"),
        ({"size": (30, 32)}, RecipeError, r"size 30×32 cannot be made.*size=\(32, 32\)"),
        ({"windows": (30, 32)}, RecipeError, "windows 30×32 cannot be made"),
        ({"windows": (16, 16), "tile": True}, RecipeError, "leave one of tile and windows out"),
        ({"tile": "yes"}, RecipeError, "tile must be True or False"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_input_is_refused_before_any_work(model, monkeypatch, fields, error, said) -> None:
    monkeypatch.setattr(type(model), "forward", lambda *_: pytest.fail("work was begun"))
    with pytest.raises(error, match=said):
        make(model, **fields)
    assert default_store().size() == (0, 0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda model: nbgen.outpaint(IMAGE, "x", model=model), "at least one above 0"),
        (lambda model: nbgen.outpaint(IMAGE, "x", left=-8, model=model), "at least one above 0, none below"),
        (
            lambda model: nbgen.outpaint(IMAGE, "x", left=10**9, model=model),
            "sides of at most 4,096: add less",
        ),
        (lambda model: nbgen.outpaint(IMAGE, "x", left=5, model=model), r"nearest is size=\(40, 32\)"),
        (
            lambda model: nbgen.outpaint(IMAGE, "x", left=8, feather=40, model=model),
            "leaves nothing of a picture",
        ),
        (lambda model: nbgen.outpaint(IMAGE, left=8, model=model), "a prompt is needed"),
        (lambda model: nbgen.upscale(IMAGE, 1, "x", model=model), "times must be above 1"),
        (lambda model: nbgen.upscale(IMAGE, 9, "x", model=model), "at most 8"),
        (lambda model: nbgen.upscale(IMAGE, 2, "x", model=model, size=(8, 8)), "size"),
        (lambda model: nbgen.blend(IMAGE, OTHER, 1.5, "x", model=model), "from 0 to 1, not 1.5"),
        (lambda model: nbgen.blend(IMAGE, 3, prompt="x", model=model), "other takes a picture"),
        (lambda model: nbgen.upscale(IMAGE, 2, model=tiny_gan()), "draws from words alone|has no field"),
        (
            lambda model: nbgen.generate("x", model=model, image=IMAGE, mask=(0, 0, 8, 8), denoise=0.5),
            "strength",
        ),
    ],
)
def test_verbs_refuse_what_makes_no_sense(model, call, said) -> None:
    with pytest.raises(RecipeError, match=said):
        call(model)


def test_a_strength_below_one_step_is_said(model, capsys) -> None:
    make(model, strength=0.1)
    assert "Strength 0.1 of 4 steps is less than one step" in capsys.readouterr().out
