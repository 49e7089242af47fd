"""Do keys stay what they are? A key names a picture for ever; data/keys.json holds recipes with theirs.

A failure here means that every picture in every store would be made again. Never edit a line of the table:
new fields get new lines.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from nbgen.recipe import FIELDS, ModelRef, Recipe

TABLE = json.loads((Path(__file__).parent / "data" / "keys.json").read_text("ascii"))


@pytest.mark.parametrize("entry", TABLE, ids=[entry["key"][:8] for entry in TABLE])
def test_the_key_is_the_stored_one(entry: dict) -> None:
    recipe = Recipe.from_plain(entry["recipe"])
    assert recipe.key == entry["key"]
    assert recipe.to_plain() == entry["recipe"]


def test_the_table_has_every_field_and_no_key_twice() -> None:
    assert {name for entry in TABLE for name in entry["recipe"]} == set(FIELDS)
    assert len({entry["key"] for entry in TABLE}) == len(TABLE) >= 30


@pytest.mark.parametrize("entry", TABLE, ids=[entry["key"][:8] for entry in TABLE])
def test_a_key_is_the_hash_of_the_json_without_the_models_name(entry: dict) -> None:
    plain = json.loads(json.dumps(entry["recipe"]))
    plain.get("model", {}).pop("name", None)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == entry["key"]


def test_neutral_values_do_not_count() -> None:
    neutral = {field.name: field.default for field in dataclasses.fields(Recipe)}
    assert Recipe(**{**neutral, "prompt": "a red apple"}).key == Recipe(prompt="a red apple").key


def test_the_models_name_does_not_count_and_what_it_computes_does() -> None:
    keys = {
        Recipe(model=ModelRef(name, "f" * 64, dtype, quantisation)).key
        for name in ("one", "two")
        for dtype in ("float32", "bfloat16")
        for quantisation in (None, "nf4")
    }
    assert len(keys) == 4


def test_a_key_is_the_same_in_every_process() -> None:
    code = (
        "import json, sys; from nbgen.recipe import Recipe\n"
        "print([Recipe.from_plain(entry['recipe']).key for entry in json.load(sys.stdin)])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(TABLE), capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert answer.stdout.strip() == str([entry["key"] for entry in TABLE])


def test_halves_of_one_character_are_that_character() -> None:
    assert Recipe(prompt="\ud83d\udc31").prompt == "🐱"
    assert Recipe(extra={"\ud83d\udc31": ("\ud83d\udc31",)}) == Recipe(extra={"🐱": ("🐱",)})
    assert Recipe(prompt="\udc31\ud83d").prompt == "\udc31\ud83d"
