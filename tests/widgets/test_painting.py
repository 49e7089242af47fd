"""Masks and sketches without a page: what they take, what they give, and what the page may send."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from traitlets import TraitError

import nbgen
from nbgen.errors import NbgenError, PictureFileError, RecipeError
from nbgen.picture import Picture, as_image
from nbgen.widgets.painting import Sketch

PICTURE = Image.new("RGB", (64, 48), "navy")


def painted() -> NDArray[np.bool_]:
    array = np.zeros((48, 64), bool)
    array[10:20, 5:30] = True
    return array


def sent(array: NDArray[Any]) -> memoryview:
    """A sheet as the page sends it: a PNG of colours, in a buffer."""
    buffer = io.BytesIO()
    Image.fromarray(array).convert("RGBA").save(buffer, "PNG")
    return memoryview(buffer.getvalue())


def receive(pad: Any, content: dict[str, Any], *buffers: memoryview) -> None:
    pad._handle_custom_msg(content, list(buffers))


@pytest.mark.parametrize(
    "start",
    [
        painted(),
        Image.fromarray(painted()),
        painted().astype(float) * 0.7,
        Picture(np.repeat(painted()[:, :, None], 3, 2)),
    ],
)
def test_a_mask_may_start_with_any_image_and_is_one_itself(start: Any) -> None:
    mask = nbgen.mask(PICTURE, start=start)
    assert mask.size == (64, 48) and mask.image.mode == "L" and mask.image.size == (64, 48)
    assert (np.asarray(mask) == 255 * painted()).all() and np.asarray(mask).dtype == np.uint8
    assert (np.asarray(as_image(mask))[:, :, 0] == np.asarray(mask)).all()
    assert mask.share == pytest.approx(painted().mean())
    assert repr(mask) == "Mask(64×48, 8% painted)"


def test_the_code_of_a_mask_gives_the_same_mask() -> None:
    mask = nbgen.mask(PICTURE, start=painted())
    names: dict[str, Any] = {"nbgen": nbgen, "picture": PICTURE}
    exec(mask.code, names)
    assert (np.asarray(names["m"]) == np.asarray(mask)).all()
    assert mask.use == 'nbgen.generate("…", image=picture, mask=m)'
    mask.clear()
    assert not np.asarray(mask).any() and mask.share == 0


def test_a_sketch_is_white_paper_or_lies_over_a_picture() -> None:
    assert nbgen.sketch().size == (512, 512)
    paper = nbgen.sketch(size=(20, 10))
    assert (np.asarray(paper) == 255).all() and np.asarray(paper).shape == (10, 20, 3)
    over = nbgen.sketch(PICTURE)
    over.image = np.zeros((48, 64, 3), np.uint8)
    assert not np.asarray(over).any()
    over.clear()
    assert (np.asarray(over) == np.asarray(PICTURE)).all()
    names: dict[str, Any] = {"nbgen": nbgen}
    exec(paper.code, names)
    assert isinstance(names["s"], Sketch) and (np.asarray(names["s"]) == 255).all()


def test_what_the_notebook_keeps_is_an_ordinary_picture_with_the_painted_part_tinted() -> None:
    bundle = nbgen.mask(PICTURE, start=painted()).still()
    assert sorted(bundle) == ["image/png", "text/plain"]
    image = Image.open(io.BytesIO(bundle["image/png"])).convert("RGB")
    assert image.size == (320, 240)
    assert image.getpixel((1, 1)) == PICTURE.getpixel((0, 0)) != image.getpixel((60, 70))


def test_strokes_arrive_as_messages_and_reading_waits_for_those_that_have_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nbgen.widgets.painting._PATIENCE", 60)
    mask = nbgen.mask(PICTURE)
    receive(mask, {"kind": "begun", "view": "a"})

    def later() -> None:
        time.sleep(0.2)
        receive(mask, {"kind": "sheet", "view": "a"}, sent(painted()))

    thread = threading.Thread(target=later)
    thread.start()
    assert (np.asarray(mask) > 0).sum() == painted().sum()
    thread.join()


def test_a_page_that_went_away_in_the_middle_of_a_stroke_is_not_waited_for_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nbgen.widgets.painting._PATIENCE", 0.01)
    mask = nbgen.mask(PICTURE)
    receive(mask, {"kind": "begun", "view": "gone"})
    assert not np.asarray(mask).any()
    assert not mask._under_way


@pytest.mark.parametrize(
    "content", [memoryview(b""), memoryview(b"GIF89a"), sent(painted()[:8]), sent(painted())[:60]]
)
def test_what_is_no_sheet_is_refused_and_changes_nothing(content: memoryview) -> None:
    mask = nbgen.mask(PICTURE, start=painted())
    with pytest.raises(TraitError, match="a sheet "):
        mask.set_state({"sheet": content})
    assert (np.asarray(mask) > 0).sum() == painted().sum()


def test_bad_input_is_refused_in_a_sentence() -> None:
    cases: list[tuple[Any, type[NbgenError], str]] = [
        (lambda: nbgen.mask(None), RecipeError, "a mask needs a picture"),
        (lambda: nbgen.mask("nowhere.png"), PictureFileError, "there is no 'nowhere.png'"),
        (lambda: nbgen.mask(3), PictureFileError, "3 is no picture"),
        (
            lambda: nbgen.mask(PICTURE, start=Image.new("L", (3, 5))),
            RecipeError,
            "64×48, and this image has 3×5",
        ),
        (lambda: nbgen.mask(PICTURE, start="data:image/png;base64,abc"), PictureFileError, "cut short"),
        (lambda: nbgen.sketch(PICTURE, size=(3, 3)), RecipeError, "a picture or a size"),
        (lambda: nbgen.sketch(size=(9999, 8)), RecipeError, "at most 4096"),
        (lambda: nbgen.sketch(size="big"), RecipeError, "size must be"),
    ]
    for call, kind, sentence in cases:
        with pytest.raises(kind, match=sentence):
            call()
