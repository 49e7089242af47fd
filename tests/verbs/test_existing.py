"""Pictures that exist already, from here and from elsewhere: compared, measured where that can be, reported as is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import nbgen
from nbgen.errors import PictureFileError, RecipeError

pytestmark = pytest.mark.usefixtures("at_once")

THEIRS = "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 12, Size: 32x32, Model: foo"


@pytest.fixture
def folder(model, tmp_path: Path) -> Path:
    """Our picture, another program's with its text, one without any, and one of another size."""
    place = tmp_path / "mixed"
    place.mkdir()
    nbgen.generate("a cat", model=model, seed=1, steps=2)[0].save(place / "a-ours.png")
    text = PngInfo()
    text.add_text("parameters", THEIRS)
    Image.new("RGB", (32, 32), "blue").save(place / "b-theirs.png", pnginfo=text)
    Image.new("L", (32, 32), 200).save(place / "c-bare.png")
    Image.new("RGB", (48, 32), "red").save(place / "d-wide.jpg")
    return place


def test_what_has_its_references_size_is_measured_and_the_rest_is_said(folder: Path, tmp_path: Path) -> None:
    grid = nbgen.compare(folder, reference="a-ours.png")
    rows = {row["picture"]: row for row in grid.measure()}
    assert [row["rmse"] is None for row in rows.values()] == [False, False, False, True]
    assert rows["a-ours.png"]["rmse"] == 0 < rows["b-theirs.png"]["rmse"]
    assert {row["calls"] for row in rows.values()} == {None}  # no file says
    words = [text.get_text().replace("\n", " ") for text in grid.difference().axes[0].texts]
    assert "not of its reference's size" in words
    grid.save_html(tmp_path / "grid.html")
    pair = {name: Image.new("RGB", size) for name, size in (("one", (8, 8)), ("other", (9, 8)))}
    for ask in (nbgen.compare(pair).measure, nbgen.compare(pair).difference):
        with pytest.raises(RecipeError, match="no picture has the size of its reference"):
            ask("one")


def test_the_report_claims_nothing_for_pictures_made_elsewhere(folder: Path) -> None:
    grid = nbgen.compare(folder)
    text = grid.report()
    assert "foo (weights unknown)" in text and "float32" in text
    assert "2 cells have no recipe and no part in this." in text and "no picture" not in text
    assert "drawn on the CPU" not in text
    assert "drawn on the CPU" in nbgen.compare({"ours": nbgen.read(folder / "a-ours.png")}).report()


def test_pictures_come_under_names(model) -> None:
    picture = nbgen.generate("a cat", model=model, seed=1, steps=1)[0]
    for start in ([picture, picture], nbgen.Pictures([picture]), picture.image, [np.asarray(picture)]):
        with pytest.raises(RecipeError, match=r"under names: nbgen\.compare\(\{"):
            nbgen.compare(start)
    with pytest.raises(RecipeError, match=r"leave out .* wait"):
        nbgen.compare({"one": picture}, wait=False)
    with pytest.raises(RecipeError, match="fresh must be True or False"):
        nbgen.compare({"one": picture}, fresh="no")
    with pytest.raises(PictureFileError, match=r"one: 3 is no picture(?s:.)*two: None is no picture"):
        nbgen.compare({"one": 3, "two": None})


def test_nameless_pictures_on_an_axis_are_numbered(model) -> None:
    images = [Image.new("RGB", (32, 32), "red"), np.zeros((32, 32, 3), np.uint8), Image.new("L", (32, 32))]
    grid = nbgen.compare("a cat", image=images, strength=0.5, steps=2, model=model)
    assert grid.layout.axes[0].labels == ("picture (1)", "picture (2)", "picture (3)")
