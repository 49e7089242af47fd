"""Does a picture file carry its recipe there and back, for nbgen and for readers from elsewhere?"""

from __future__ import annotations

import getpass
import io
import json
import random
import socket
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nbgen import metadata
from nbgen.cost import Cost
from nbgen.errors import NbgenError, PictureFileError
from nbgen.picture import Picture, read
from nbgen.recipe import MAX_TEXT, Mix, ModelRef, Recipe

from .drawn import recipes

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
RECIPE = Recipe(
    prompt="a café, “quoted” <b>&\n日本語 🐱", negative="", seed=7, steps=20, guidance=7.5, sampler="ddim",
    size=(6, 4), model=ModelRef("mini", "f" * 64), extra={"eta": 0.1, "names": ("a", None)},
)  # fmt: skip
COST = Cost(calls=20, rows=40, shared_seconds=1.5, batch=8, device="cpu", versions=(("nbgen", "0.1.0"),))
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def written(recipe: Recipe | None, kind: str = "PNG", level: str = "recipe") -> bytes:
    return Picture(PIXELS, recipe, COST).encoded(kind, level)


@given(recipes)
@settings(max_examples=150, deadline=None)
def test_any_recipe_survives_json_and_png(recipe: Recipe) -> None:
    assert Recipe.from_json(recipe.to_json()) == recipe
    again = read(written(recipe))
    assert again.recipe == recipe
    assert again.key == recipe.key


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize("prompt", ["\ud800\udfff\0\x1b\r\n\u2028", "🐱" * 1_500, "a, b: c\n" * 1_000])
def test_odd_prompts_survive_every_kind_of_file(kind: str, prompt: str) -> None:
    recipe = Recipe(prompt=prompt, negative=Mix.of((1, prompt + "."), (2, "x")), seed=1)
    assert read(written(recipe, kind)).recipe == recipe


@pytest.mark.parametrize("prompt", ["p" * 100_000, "🐱" * 25_000, "\0" * 100_000])
def test_a_prompt_of_100_kilobytes_survives(prompt: str) -> None:
    for kind in ("PNG", "WEBP"):
        assert read(written(Recipe(prompt=prompt), kind)).recipe == Recipe(prompt=prompt)
    with pytest.raises(PictureFileError, match="too long for a JPEG"):
        written(Recipe(prompt=prompt), "JPEG")


def test_a_recipe_too_long_to_read_back_is_not_written() -> None:
    with pytest.raises(PictureFileError, match="1,000,000"):
        written(Recipe(prompt="\0" * 200_000))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_levels_tell_more_and_more(kind: str) -> None:
    nothing, recipe, full = (read(written(RECIPE, kind, level)) for level in metadata.LEVELS)
    assert nothing.recipe is None
    assert (recipe.recipe, recipe.cost) == (RECIPE, Cost())
    assert (full.recipe, full.cost) == (RECIPE, COST)
    for text in (b"nbgen", b"Steps", b"iptc"):
        assert text not in written(RECIPE, kind, "none")


def test_an_unknown_level_is_an_error() -> None:
    with pytest.raises(PictureFileError, match="did you mean 'recipe'"):
        written(RECIPE, level="recipes")


def test_a_picture_without_a_recipe_claims_nothing() -> None:
    for kind in ("PNG", "WEBP", "JPEG"):
        assert b"iptc" not in written(None, kind)
        assert read(written(None, kind)).recipe is None


@pytest.mark.parametrize("kind", ["png", "webp", "jpg"])
def test_an_outside_reader_finds_all_of_it(kind: str, tmp_path: Path, needs: Callable[[str], str]) -> None:
    picture = Picture(PIXELS, RECIPE, COST)
    path = picture.save(tmp_path / f"picture.{kind}", metadata="full")
    answer = subprocess.run(
        [needs("exiftool"), "-json", "-struct", "-b", str(path)], capture_output=True, check=True
    ).stdout
    (found,) = json.loads(answer)
    assert found["DigitalSourceType"] == SOURCE
    text = found["Parameters"] if kind == "png" else found["UserComment"]
    assert text == metadata.to_parameters(RECIPE)
    assert json.loads(found["Nbgen" if kind == "png" else "Recipe"]) == json.loads(RECIPE.to_json())
    assert "Error" not in found and "Warning" not in found


def test_an_edited_part_of_a_picture_is_a_composite() -> None:
    assert b"/compositeWithTrainedAlgorithmicMedia<" in written(RECIPE.replace(mask="0" * 64, image="1" * 64))


def test_text_that_latin_1_holds_is_in_the_chunk_that_every_reader_knows() -> None:
    assert b"tEXtparameters\0a caf\xe9" in written(Recipe(prompt="a café"))
    assert b"iTXtparameters\0" in written(Recipe(prompt="日本語"))


def test_no_file_tells_of_user_host_or_home(tmp_path: Path) -> None:
    private = [getpass.getuser(), socket.gethostname(), str(Path.home()), tmp_path.name]
    for kind in ("png", "webp", "jpg"):
        path = Picture(PIXELS, Recipe(prompt="a cat", seed=1), COST).save(tmp_path / f"a.{kind}", "full")
        info = Image.open(io.BytesIO(path.read_bytes())).info
        told = " ".join(str(value) for value in [*info.values(), metadata.read_text(info), read(path)])
        assert not [word for word in private if len(word) > 3 and word in told]


def foreign_png(**texts: str) -> bytes:
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


TEXT = "a lighthouse\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 9, Size: 6x4, Clip skip: 2"


def test_a_png_of_another_program() -> None:
    picture = read(foreign_png(parameters=TEXT))
    assert picture.recipe == Recipe(
        prompt="a lighthouse", steps=20, sampler="euler_a", guidance=7, seed=9, size=(6, 4)
    )
    assert picture.notes == ("not part of the recipe: Clip skip: 2",)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + TEXT.encode("utf-16-be"),
        b"UNICODE\0" + TEXT.encode("utf-16-le"),
        b"ASCII\0\0\0" + TEXT.encode(),
        b"\0" * 8 + TEXT.encode(),
        TEXT.encode(),
    ],
    ids=["utf-16-be", "utf-16-le", "ascii", "undefined", "no code"],
)
def test_exif_of_another_program(kind: str, comment: bytes) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind, exif=exif)
    recipe = read(buffer.getvalue()).recipe
    assert recipe is not None
    assert (recipe.prompt, recipe.seed, recipe.sampler) == ("a lighthouse", 9, "euler_a")


def test_a_cameras_comment_is_no_recipe() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0our holiday, 2019"
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "JPEG", exif=exif)
    assert read(buffer.getvalue()).recipe is None


def test_other_forms_of_text_are_said_and_not_guessed() -> None:
    graph = read(foreign_png(prompt='{"3": {}}', workflow='{"nodes": []}'))
    assert graph.recipe is None and "node graph" in graph.notes[0]
    other = read(foreign_png(parameters='{"sui_image_params": {"prompt": "a cat"}}'))
    assert other.recipe is None and "JSON" in other.notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{not json", "JSON cannot be read"),
        ("[1, 2]", "not one"),
        ('{"nbgen": 1, "steps": "many"}', "steps must be"),
        ('{"nbgen": 1, "stepz": 3}', "did you mean 'steps'"),
        ('{"nbgen": 99}', "newer nbgen"),
        ('{"seed": 1e999}', "seed"),
        ("[" * 200_000, "JSON cannot be read"),
        ('{"prompt": "' + "a" * MAX_TEXT + '"}', "at most 1,000,000"),
    ],
    ids=["json", "list", "value", "field", "newer", "infinite", "nested", "oversized"],
)
def test_a_malformed_recipe_is_said_and_the_pixels_open_anyway(text: str, words: str) -> None:
    content = foreign_png(nbgen=text, parameters=TEXT)
    with pytest.raises(PictureFileError, match=words) as caught:
        read(content)
    assert "recipe=False" in str(caught.value)
    assert len(str(caught.value)) < 400
    assert np.array_equal(read(content, recipe=False), PIXELS)


def test_oversized_compressed_text_is_an_error_and_the_pixels_open_anyway() -> None:
    info = PngInfo()
    info.add_text("parameters", "a" * (1 << 21), zip=True)
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG", pnginfo=info)
    with pytest.raises(PictureFileError):
        read(buffer.getvalue())
    assert np.array_equal(read(buffer.getvalue(), recipe=False), PIXELS)


def chunk(kind: bytes, data: bytes, rng: random.Random) -> bytes:
    check = zlib.crc32(kind + data) if rng.random() < 0.9 else rng.getrandbits(32)
    length = len(data) if rng.random() < 0.97 else rng.randrange(1 << rng.randrange(1, 32))
    return struct.pack(">I", length) + kind + data + struct.pack(">I", check)


def mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        place = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0 if place < len(changed):
                changed[place] = rng.randrange(256)
            case 1:
                changed[place:place] = rng.randbytes(rng.randrange(1, 6))
            case 2:
                del changed[place : place + rng.randrange(1, 30)]
            case 3:
                changed[place:place] = rng.choice(
                    [b'"', b"\\ud800", b"{", b"[", b"9" * 40, b"null", b"1e400", b"\0"]
                )
            case _:
                other = rng.randrange(len(changed) + 1)
                changed[place:place] = changed[other : other + rng.randrange(40)]
    return bytes(changed)


def test_ten_thousand_mutated_text_chunks_crash_nothing() -> None:
    rng = random.Random(0)
    plain = written(None)
    texts = {
        b"nbgen": RECIPE.to_json().encode(),
        b"parameters": TEXT.encode(),
        b"nbgen-cost": json.dumps(COST.to_plain()).encode(),
        b"XML:com.adobe.xmp": b"<nbgen:recipe>" + RECIPE.to_json().encode() + b"</nbgen:recipe>",
        b"prompt": b"{}",
    }
    read_back, refused = 0, 0
    for _ in range(10_000):
        body = b""
        for key in rng.sample(sorted(texts), rng.randrange(1, 4)):
            text = mutated(texts[key], rng) if rng.random() < 0.9 else texts[key]
            kind = rng.choice([b"tEXt", b"tEXt", b"zTXt", b"iTXt", b"iTXt", b"eXIf"])
            packed = zlib.compress(text) if kind == b"zTXt" or rng.random() < 0.1 else text
            head = {
                b"tEXt": b"\0",
                b"zTXt": b"\0\0",
                b"iTXt": b"\0" + rng.choice([b"\0", b"\1"]) + b"\0\0\0",
                b"eXIf": b"",
            }
            data = key + head[kind] + packed
            body += chunk(kind, mutated(data, rng) if rng.random() < 0.2 else data, rng)
        try:
            picture = read(plain[:33] + body + plain[33:])
        except PictureFileError:
            refused += 1
        else:
            assert picture.size == (6, 4)
            read_back += 1
    assert read_back > 1000 and refused > 1000  # both ways were really taken


@given(st.sampled_from(["JPEG", "WEBP", "PNG"]), st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_files_raise_nothing_but_typed_errors(kind: str, data: st.DataObject) -> None:
    content = bytearray(written(RECIPE, kind, "full"))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    for recipe in (True, False):
        try:
            read(bytes(content[:cut]), recipe=recipe)
        except NbgenError as error:
            assert str(error)
