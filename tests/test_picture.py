"""A picture: does it take what it is given, show itself small and crisp, and save whole or not at all?"""

from __future__ import annotations

import errno
import gc
import io
import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nbgen import files
from nbgen.cost import Cost
from nbgen.errors import PictureFileError
from nbgen.picture import Picture, Pictures, read
from nbgen.recipe import Mix, ModelRef, Recipe

from .drawn import noise

RECIPE = Recipe(prompt="a red apple", seed=7, steps=20)


def shown(result: Any) -> Image.Image:
    image = Image.open(io.BytesIO(result._repr_mimebundle_()["image/png"]))
    image.load()
    return image


def test_it_is_an_array_and_an_image() -> None:
    array = noise(32, 48)
    picture = Picture(array, RECIPE)
    assert np.array_equal(np.asarray(picture), array)
    assert np.asarray(picture, dtype=np.float32).dtype == np.float32
    assert (picture.image.mode, picture.image.size, picture.size) == ("RGB", (48, 32), (48, 32))


def test_nobody_can_change_it_from_outside() -> None:
    array = noise()
    source = Image.fromarray(array.copy())
    from_array, from_image = Picture(changing := array.copy()), Picture(source)
    changing[:] = 0
    source.paste("black", (0, 0, 64, 64))
    from_array.image.thumbnail((8, 8))
    np.asarray(from_array).fill(0)
    assert np.array_equal(from_array, array)
    assert np.array_equal(from_image, array)


def test_a_lazy_picture_loads_when_looked_at_and_lets_go() -> None:
    loads: list[weakref.ref] = []

    def load() -> Image.Image:
        image = Image.fromarray(noise())
        loads.append(weakref.ref(image))
        return image

    picture = Picture(load, RECIPE)
    assert not loads
    assert picture.size == (64, 64)
    held = picture.pixels()
    assert picture.pixels() is held
    before = len(loads)
    del held
    gc.collect()
    assert np.array_equal(picture, noise())
    assert len(loads) == before + 1
    assert all(load() is None for load in loads)


def test_its_key_is_the_recipes_or_the_pixels() -> None:
    assert Picture(noise(), RECIPE).key == RECIPE.key
    assert Picture(noise()).key == Picture(Image.fromarray(noise())).key != Picture(noise(seed=1)).key
    flat = np.zeros((2, 8, 3), np.uint8)
    assert Picture(flat).key != Picture(flat.reshape(8, 2, 3)).key


@pytest.mark.parametrize(
    ("side", "expected"), [(8, 256), (64, 256), (96, 192), (200, 200), (256, 256), (512, 512)]
)
def test_a_small_picture_is_shown_enlarged_crisply(side: int, expected: int) -> None:
    array = noise(side, side)
    image = shown(Picture(array, RECIPE))
    assert image.size == (expected, expected)
    factor = expected // side
    assert np.array_equal(np.asarray(image), array.repeat(factor, 0).repeat(factor, 1))


def test_a_large_picture_is_shown_reduced() -> None:
    assert shown(Picture(Image.linear_gradient("L").resize((2048, 1024)))).size == (768, 384)


def test_a_cell_gets_one_png_and_plain_text_without_names_of_anything_private(tmp_path: Path) -> None:
    picture = Picture(noise(), RECIPE, Cost(shared_seconds=3.25, device="cpu", stored=True))
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"}
    assert bundle["text/plain"] == 'Picture("a red apple", seed 7, 64×64)'
    again = read(picture.save(tmp_path / "secret.png"))
    assert again._repr_mimebundle_() == bundle
    assert len(bundle["image/png"]) < 24_000  # noise; 12 KB of it are the pixels themselves


@pytest.mark.parametrize(
    ("recipe", "name", "expected"),
    [
        (None, None, "Picture(64×64)"),
        (None, "theirs", "Picture(theirs, 64×64)"),
        (Recipe(seed=3), None, "Picture(seed 3, 64×64)"),
        (Recipe(prompt="line\nline\x00\ud800"), None, 'Picture("line line��", seed 0, 64×64)'),
        (Recipe(prompt=Mix.of((0.25, "a"), (0.75, "b"))), None, 'Picture("0.25·a + 0.75·b", seed 0, 64×64)'),
    ],
)
def test_its_text(recipe: Recipe | None, name: str | None, expected: str) -> None:
    text = repr(Picture(noise(), recipe, name=name))
    assert text == expected
    text.encode()


def test_a_very_long_prompt_is_cut_in_text() -> None:
    assert len(repr(Picture(noise(), Recipe(prompt="word " * 50_000)))) < 120


def test_labels_tell_fields() -> None:
    recipe = Recipe(prompt="a cat", sampler="heun", steps=20, seed=7, model=ModelRef("mini", "f" * 64))
    picture = Picture(noise(), recipe)
    assert picture.label() == "seed 7"
    assert picture.label(["sampler", "steps", "model", "prompt"]) == "heun, steps 20, mini, a cat"
    assert Picture(noise(), name="theirs").label() == "theirs"


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.webp", "b c é.png"])
def test_what_is_saved_without_loss_comes_back_equal(name: str, tmp_path: Path) -> None:
    picture = Picture(noise(33, 65), RECIPE)
    path = picture.save(tmp_path / name)
    assert path == tmp_path / name
    again = read(path)
    assert (again.recipe, again.name) == (RECIPE, name)
    assert np.array_equal(again, picture)
    assert os.listdir(tmp_path) == [name]


def test_jpeg_is_close(tmp_path: Path) -> None:
    smooth = np.asarray(Image.radial_gradient("L").convert("RGB"))
    again = read(Picture(smooth, RECIPE).save(str(tmp_path / "a.jpg")))
    assert np.abs(np.asarray(again, float) - smooth).mean() < 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.gif", "did you mean|known are"),
        ("a.pngg", "did you mean '.png'"),
        ("apple", "known are: .png, .webp"),
        ("nowhere/a.png", "no folder 'nowhere'"),
        ("a" * 300 + ".png", "cannot be written"),
        ("a\0b.png", "cannot be written"),
    ],
)
def test_a_place_that_cannot_be_written_is_said(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(PictureFileError, match=words) as caught:
        Picture(noise(), RECIPE).save(tmp_path / name)
    assert str(tmp_path) not in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("name", "side"), [("a.webp", 16_384), ("a.jpg", 65_536)])
def test_a_kind_that_cannot_hold_the_size_is_said(name: str, side: int, tmp_path: Path) -> None:
    with pytest.raises(PictureFileError, match="save a PNG"):
        Picture(Image.new("RGB", (side, 1)), RECIPE).save(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_folder_in_the_place_of_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(PictureFileError):
        Picture(noise()).save(tmp_path / "a.png")
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_as_it_was(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Picture(noise(), RECIPE).save(tmp_path / "a.png")
    before = path.read_bytes()

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, failing, full)
    with pytest.raises(PictureFileError, match="No space left"):
        Picture(noise(seed=1), RECIPE).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.png"]


def test_the_umask_holds(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        path = Picture(noise()).save(tmp_path / "a.png")
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_picture_without_a_recipe_cannot_be_made_again() -> None:
    with pytest.raises(PictureFileError, match="no recipe"):
        Picture(noise()).again(steps=3)


def test_cost_goes_to_plain_data_and_back() -> None:
    cost = Cost(20, 40, 1.5, 8, "cuda", (("nbgen", "0.1.0"), ("torch", "2.13.0")), 12.5, exact=True)
    assert Cost.from_plain(cost.to_plain()) == cost
    assert "stored" not in Cost(stored=True).to_plain()
    for nonsense in (None, [], "x", {"calls": "many", "exact": 1, "versions": [1], "joules": True}):
        assert Cost.from_plain(nonsense) == Cost()


def test_several_pictures_are_saved_under_names_that_tell(tmp_path: Path) -> None:
    pictures = Pictures(Picture(noise(seed=seed), RECIPE.replace(seed=seed)) for seed in range(3))
    paths = pictures.save(tmp_path / "new" / "folder")
    assert [path.name for path in paths] == [
        f"a-red-apple-seed{seed}-{pictures[seed].key[:8]}.png" for seed in range(3)
    ]
    assert pictures.save(tmp_path / "new" / "folder") == paths
    assert len(os.listdir(tmp_path / "new" / "folder")) == 3
    odd = Pictures([Picture(noise(), Recipe(prompt="../../etc/passwd\0\n🐱")), Picture(noise(), name="../x")])
    assert [path.parent for path in odd.save(tmp_path)] == [tmp_path, tmp_path]
    with pytest.raises(PictureFileError):
        pictures.save(paths[0])


def test_pictures_are_a_sequence_and_show_one_sheet() -> None:
    pictures = Pictures(Picture(noise(seed=seed), RECIPE.replace(seed=seed)) for seed in range(4))
    assert isinstance(pictures[1:3], Pictures) and len(pictures[1:3]) == 2
    assert pictures[-1] is list(pictures)[3]
    assert pictures.labels() == ["seed 0", "seed 1", "seed 2", "seed 3"]
    bundle = pictures._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"}
    assert shown(pictures).size[0] <= 880
    assert bundle["text/plain"].startswith('Pictures(4: Picture("a red apple", seed 0, 64×64) …')
    assert set(Pictures([])._repr_mimebundle_()) == {"text/plain"}


def test_captions_tell_what_varies() -> None:
    by_steps = Pictures(Picture(noise(), RECIPE.replace(steps=steps)) for steps in (10, 20))
    assert by_steps.labels() == ["steps 10", "steps 20"]
    assert Pictures([Picture(noise(), name="mine"), Picture(noise(), RECIPE)]).labels() == ["mine", "seed 7"]
