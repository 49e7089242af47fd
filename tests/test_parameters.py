"""The "parameters" text: does it say what other programs expect, and is theirs understood?"""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbgen.errors import PictureFileError
from nbgen.parameters import parse_parameters, read_pairs, read_parameters, to_parameters
from nbgen.recipe import MAX_TEXT, Mix, ModelRef, Recipe

from .drawn import recipes, texts

FULL = Recipe(
    prompt="a red apple,\non a table",
    negative="blurry",
    seed=7,
    model=ModelRef("a model: large, fp16", "0123456789abcdef0123"),
    sampler="euler_a",
    schedule="karras",
    steps=20,
    guidance=7.5,
    size=(512, 768),
    strength=0.6,
    tile=True,
)


def test_the_text_is_what_other_programs_write() -> None:
    assert to_parameters(FULL).split("\n") == [
        "a red apple,",
        "on a table",
        "Negative prompt: blurry",
        "Steps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7.5, Seed: 7, Size: 512x768, "
        'Model hash: 0123456789, Model: "a model: large, fp16", Denoising strength: 0.6, Tiling: True, '
        "RNG: CPU, Version: nbgen",
    ]


def test_an_empty_negative_prompt_is_left_out() -> None:
    assert "Negative" not in to_parameters(Recipe(prompt="a cat", negative=""))


def test_a_gan_has_no_prompt_line() -> None:
    text = to_parameters(Recipe(seed=3, truncation=0.7))
    assert text == "Seed: 3, Truncation: 0.7, RNG: CPU, Version: nbgen"
    assert parse_parameters(text) == Recipe(seed=3, truncation=0.7)


def test_what_it_says_is_read_back() -> None:
    expected = FULL.replace(model=ModelRef("a model: large, fp16", "0123456789"))
    assert parse_parameters(to_parameters(FULL)) == expected


@pytest.mark.parametrize(
    "mixed",
    [
        Recipe(prompt=Mix.of((0.25, "a cat, sitting"), (0.75, 'a "dog": asleep')), seed=1, steps=9),
        Recipe(prompt="a cat", seed=Mix.of((1, 7), (0.123456789, 2**64 - 1)), steps=9),
        Recipe(prompt="a", negative=Mix.of((1, "x\ny"), (2, "z")), seed=0, steps=9),
    ],
)
def test_mixtures_are_readable_and_exact(mixed: Recipe) -> None:
    text = to_parameters(mixed)
    assert parse_parameters(text) == mixed
    if isinstance(mixed.prompt, Mix):
        assert text.startswith("0.")  # "0.75·a dog + …": for people
    if isinstance(mixed.seed, Mix):
        assert "Seed: " not in text  # a reader would take what follows for a whole number


FOREIGN = {
    # One text from each family of programs that write this form; the words are made up, the form is theirs.
    "webui": (
        "portrait of a (wise:1.3) owl\nNegative prompt: lowres, [bad]\n"
        "Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 3141592653, Size: 512x640, "
        "Model hash: 6ce0161689, Model: some-model_v1, Clip skip: 2, Version: v1.6.0",
        Recipe(
            prompt="portrait of a (wise:1.3) owl", negative="lowres, [bad]", words="weighted", steps=28,
            sampler="dpm++2m", schedule="karras", guidance=6.5, seed=3141592653, size=(512, 640),
            model=ModelRef("some-model_v1", "6ce0161689"),
        ),
        ("Clip skip: 2", "Version: v1.6.0"),
    ),
    "newer webui, high resolution pass": (
        "a castle\nSteps: 20, Sampler: DPM++ 2M SDE, Schedule type: Automatic, CFG scale: 7, Seed: 1, "
        'Size: 512x512, Denoising strength: 0.5, Hires upscale: 2, Lora hashes: "one: 01ab, two: 23cd"',
        Recipe(prompt="a castle", steps=20, sampler="dpm++2m_sde", guidance=7, seed=1, size=(512, 512)),
        ("Denoising strength: 0.5", "Hires upscale: 2", "Lora hashes: one: 01ab, two: 23cd"),
    ),
    "forge": (
        "a lake\nSteps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, "
        "Seed: 5, Size: 896x1152, Model: flux, RNG: CPU",
        Recipe(
            prompt="a lake", steps=20, sampler="euler", schedule="trailing", guidance=1,
            distilled_guidance=3.5, seed=5, size=(896, 1152), model=ModelRef("flux", ""),
        ),
        ("RNG: CPU",),
    ),
    "image to image": (
        "a boat\nSteps: 30, Sampler: Restart of tomorrow, CFG scale: 7, Seed: 2, Denoising strength: 0.4",
        Recipe(prompt="a boat", steps=30, sampler="Restart of tomorrow", guidance=7, seed=2, strength=0.4),
        (),
    ),
    "a prompt alone": ("just a prompt: nothing, else", Recipe(prompt="just a prompt: nothing, else"), ()),
    "nonsense in every value": (
        "a cat\nSteps: many, Sampler: Euler, CFG scale: nan, Seed: -1, Size: 512, Tiling: perhaps, Model: m",
        Recipe(prompt="a cat", sampler="euler", model=ModelRef("m", "")),
        ("Steps: many", "CFG scale: nan", "Seed: -1", "Size: 512", "Tiling: perhaps"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "recipe", "aside"), FOREIGN.values(), ids=FOREIGN)
def test_the_text_of_other_programs(text: str, recipe: Recipe, aside: tuple[str, ...]) -> None:
    assert read_parameters(text) == (recipe, aside)


@given(recipes)
@settings(max_examples=150, deadline=None)
def test_any_recipe_makes_text_that_utf8_and_readers_can_take(recipe: Recipe) -> None:
    text = to_parameters(recipe)
    text.encode("utf-8")
    assert "\0" not in text
    again = parse_parameters(text)
    assert again.seed == recipe.seed
    assert again.steps == recipe.steps
    assert again.size == recipe.size


@given(texts | st.text('StepsSeed:,"\\ \n1x-.', max_size=80))
@settings(max_examples=300, deadline=None)
def test_no_text_crashes_the_reader(text: str) -> None:
    assert isinstance(parse_parameters(text), Recipe)
    assert isinstance(parse_parameters(f"a cat\nSteps: 1, Seed: 2, Sampler: Euler, {text}"), Recipe)


@pytest.mark.parametrize(
    "line",
    [
        "a" * MAX_TEXT,
        "a," * (MAX_TEXT // 2),
        'a: "' * (MAX_TEXT // 4),
        ":" * MAX_TEXT,
        "a: b," * (MAX_TEXT // 5),
    ],
    ids=["one word", "commas", "quotes", "colons", "pairs"],
)
def test_hostile_lines_are_read_in_one_pass(line: str) -> None:
    start = time.process_time()
    read_pairs(line)
    assert time.process_time() - start < 5


def test_oversized_text_is_an_error() -> None:
    with pytest.raises(PictureFileError, match="1,000,000 characters"):
        parse_parameters("a" * (MAX_TEXT + 1))


def test_a_seed_of_a_million_digits_is_left_aside() -> None:
    recipe, aside = read_parameters(f"a cat\nSteps: 2, Sampler: Euler, Seed: {'9' * 900_000}")
    assert recipe.seed == 0
    assert len(aside) == 1
