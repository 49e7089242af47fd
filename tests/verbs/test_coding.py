"""recipe.code: nbgen's call and plain diffusers code, run in fresh processes, give the same picture."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nbgen
from nbgen.errors import RecipeError
from nbgen.recipe import Mix
from nbgen.sampling import SAMPLERS
from nbgen.testing import tiny_sd
from tests.verbs.scripts import run_without_nbgen


def drawn(number: int) -> list[nbgen.Recipe]:
    """Recipes of mini, drawn by a fixed seed: every field that diffusers' pipeline knows varies."""
    draw = random.Random(20)
    model = nbgen.load("mini")
    recipes = []
    for place in range(number):
        sampler = SAMPLERS[place % len(SAMPLERS)]
        seed: int | Mix = draw.randrange(2**32)
        prompt: str | Mix = draw.choice(
            ["a cat face", "", 'say "no"\n\\n', "a red apple on a blue background"]
        )
        if place % 5 == 3:
            seed = Mix.of((0.3, 1), (0.7, 2))  # type: ignore[assignment]
        if place % 5 == 4:
            prompt = Mix.of((0.5, "a cat face"), (0.5, "a dog face"))  # type: ignore[assignment]
        recipes.append(
            model.resolve(
                prompt=prompt, seed=seed, sampler=sampler.name, schedule=draw.choice([None, *sampler.schedules]),
                steps=draw.randint(2, 5), guidance=draw.choice([1, 3.5, 7]), negative=draw.choice([None, "", "a dog"]),
                guidance_rescale=draw.choice([0, 0.5]), size=draw.choice([(64, 64), (80, 48)]),
                options={"eta": 0.5} if sampler.name == "ddim" else None,
            )
        )  # fmt: skip
    return recipes


def test_code_makes_the_same_picture_in_a_fresh_process(tmp_path: Path) -> None:
    """Twenty recipes; one process runs all the texts, since starting one costs seconds. None of them imports nbgen."""
    recipes = drawn(20)
    for number, recipe in enumerate(recipes):
        text = recipe.code("diffusers")
        assert "import nbgen" not in text
        (tmp_path / f"{number}.py").write_text(
            text + f'image.save(r"{tmp_path / str(number)}.png")\n', encoding="utf-8"
        )
    run_without_nbgen(tmp_path)
    for number, (_, picture) in enumerate(sorted(nbgen.load("mini").run(recipes))):
        plain = np.asarray(Image.open(tmp_path / f"{number}.png")).astype(int)
        assert np.abs(plain - np.asarray(picture)).mean() <= 1, recipes[number]


def test_nbgens_own_call_asks_for_the_same_recipe() -> None:
    for recipe in drawn(6):
        asked: list[tuple[tuple[object, ...], dict[str, object]]] = []

        def generate(*words: object, asked: list = asked, **fields: object) -> list[None]:  # type: ignore[type-arg]
            asked.append((words, fields))
            return [None]

        exec(recipe.code().replace("nbgen.generate(", "generate("), {"generate": generate})
        ((prompt,), fields) = asked[0]
        model = nbgen.load(fields.pop("model"))
        assert model.resolve(prompt=prompt, **fields) == recipe


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"guidance_interval": (0.2, 0.8)}, "guidance_interval"),
        ({"sampler": "euler", "options": {"s_churn": 1.0}}, "s_churn"),
    ],
)
def test_what_diffusers_cannot_do_is_said(fields, said) -> None:
    with pytest.raises(RecipeError, match=said):
        tiny_sd().resolve(prompt="x", **fields).code("diffusers")


def test_other_kinds_of_code_are_refused() -> None:
    with pytest.raises(RecipeError, match='"nbgen" or "diffusers"'):
        nbgen.Recipe(prompt="x").code("comfy")
    assert "model = ...  # nbgen.load the one called 'tiny-sd'" in tiny_sd().resolve(prompt="x").code()
