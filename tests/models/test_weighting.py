"""Weights of words: against encodings put together by hand, in diffusers' own pipelines, alone and in mixed batches."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import nbgen
from nbgen.errors import RecipeError
from nbgen.models.emphasis import MOST_WEIGHT, parts_of, unweighted
from nbgen.models.seamless import Group
from nbgen.testing import tiny_flux, tiny_sd, tiny_sdxl

from .oracle import distance, latent, latents

# Remarks of the oracle itself, not of nbgen.
pytestmark = pytest.mark.filterwarnings("ignore:Should have t", "ignore::FutureWarning:diffusers")
ROOM = 14
"""Tokens that the tiny encoders read of a text; each letter is one."""


@pytest.fixture(scope="module", params=[tiny_sd, tiny_sdxl], ids=["sd", "sdxl"])
def model(request):
    return request.param()


def by_hand(pipe: Any, *chunks: list[tuple[str, float]]) -> dict[str, torch.Tensor]:
    """prompt_embeds, and pooled_prompt_embeds for SDXL, of chunks of (word, weight), each word's letters weighing that.

    z = e + w(z - e), e being what the encoder says of an empty text; written with loops over single tokens.
    """
    two = hasattr(pipe, "tokenizer_2")
    read = [(pipe.tokenizer, pipe.text_encoder), *([(pipe.tokenizer_2, pipe.text_encoder_2)] if two else [])]
    sides, pooled = [], None
    for tokenizer, encoder in read:
        rows = []
        for number, chunk in enumerate(chunks):
            text = " ".join(word for word, _ in chunk)
            given = tokenizer(text, padding="max_length", max_length=16, return_tensors="pt").input_ids
            none = tokenizer("", padding="max_length", max_length=16, return_tensors="pt").input_ids
            with torch.no_grad():
                found, empty = (encoder(ids, output_hidden_states=True) for ids in (given, none))
            states, nothing = (each.hidden_states[-2] if two else each[0] for each in (found, empty))
            if number == 0:
                pooled = found[0]
            place = 1
            for word, weight in chunk:
                for _ in word:
                    away = states[0, place] - nothing[0, place]
                    states[0, place] = nothing[0, place] + weight * away
                    place += 1
            rows.append(states)
        sides.append(torch.cat(rows, dim=1))
    embeds = {"prompt_embeds": torch.cat(sides, dim=-1)}
    return {**embeds, "pooled_prompt_embeds": pooled} if two else embeds


def drawn(
    pipe: Any, positive: dict[str, torch.Tensor], negative: dict[str, torch.Tensor] | None
) -> torch.Tensor:
    """The latents that diffusers' pipeline draws of these encodings, seed 11, four steps."""
    unwanted = {f"negative_{name}": tensor for name, tensor in (negative or {}).items()}
    return pipe(
        **positive, **unwanted, num_inference_steps=4, guidance_scale=3.0 if negative else 1.0,
        generator=torch.Generator().manual_seed(11), output_type="latent",
    ).images  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "negative", "chunks", "unwanted"),
    [
        ("a (red:1.5) cat", "", [[("a", 1), ("red", 1.5), ("cat", 1)]], [[]]),
        ("((a)) [red] cat", "(dog:0)", [[("a", 1.21), ("red", 1 / 1.1), ("cat", 1)]], [[("dog", 0)]]),
        ("(a (red:1.5):-0.5) cat", "", [[("a", -0.5), ("red", -0.75), ("cat", 1)]], [[]]),
        (r"\(a\) (b\):2)", "", [[("(a)", 1), ("b)", 2)]], [[]]),
        ("a BREAK (cat:1.4)", "dog", [[("a", 1)], [("cat", 1.4)]], [[("dog", 1)], []]),
        ("a cat", "x BREAK BREAK (y)", [[("a", 1), ("cat", 1)], [], []], [[("x", 1)], [], [("y", 1.1)]]),
    ],
)  # fmt: skip
def test_weights_are_those_put_together_by_hand(model, prompt, negative, chunks, unwanted) -> None:
    pipe = model._pipe
    expected = drawn(pipe, by_hand(pipe, *chunks), by_hand(pipe, *unwanted))
    made = latent(model, prompt=prompt, negative=negative, words="weighted", guidance=3.0)
    assert distance(made, expected) <= 1e-4
    assert distance(made, latent(model, prompt=prompt, negative=negative, guidance=3.0)) > 1e-3


def test_a_long_prompt_is_read_in_chunks(model) -> None:
    words = ["abcdefghij", "klmn", "opqrst", "uv"]
    text = " ".join(words[:2]) + " " + " ".join(words[2:])
    assert sum(map(len, words[:2])) == ROOM  # the border lies between words, where chunks by hand can lie
    expected = by_hand(model._pipe, [(word, 1) for word in words[:2]], [(word, 1) for word in words[2:]])
    recipe = model.resolve(prompt=text, seed=11, steps=4, guidance=1.0, words="weighted")
    assert recipe.words == "weighted" and model.notes(recipe) == ()
    assert distance(latents(model, [recipe])[0], drawn(model._pipe, expected, None)) <= 1e-4
    assert model.notes(recipe.replace(words="plain"))  # what is cut is said there


def test_weights_of_one_are_plain(model) -> None:
    fields = {"negative": "b dog", "guidance": 3.0}
    plain = latent(model, prompt="a cat", **fields)
    assert distance(latent(model, prompt="(a:1.0) cat", words="weighted", **fields), plain) <= 1e-5
    key = model.resolve(prompt="a cat", **fields).key
    assert model.resolve(prompt="a cat", words="weighted", **fields).key == key
    assert model.resolve(prompt="(a:1.0) cat", words="weighted", **fields).key != key


def test_prompts_of_other_lengths_in_one_batch_are_each_as_alone(model) -> None:
    told = [
        {"prompt": "a cat"},
        {"prompt": "(a:1.5) cat", "words": "weighted"},
        {"prompt": "abcdefghijklmnopqrstuv (x)", "words": "weighted"},
        {"prompt": "x", "negative": "abcdefghijklmn opqr (st) BREAK b", "words": "weighted"},
        {"prompt": "x", "negative": "(a BREAK", "guidance": 1.0},
        {
            "prompt": nbgen.Mix.of((0.3, "a (cat:1.3)"), (0.7, "a BREAK dog")), "words": "weighted", "guidance": 1.0,
        },
        {"prompt": "(long:1.2) BREAK cat", "words": "weighted", "sampler": "heun", "steps": 3},
    ]  # fmt: skip
    recipes = [model.resolve(**{"seed": 11, "steps": 4, **fields}) for fields in told]
    groups = [model.group(recipe) for recipe in recipes]
    assert [each.chunks for each in groups if isinstance(each, Group)] == [1, 1, 2, 3, 1, 2, 2]
    together = latents(model, recipes)
    for recipe, made in zip(recipes, together, strict=True):
        assert distance(made, latents(model, [recipe])[0]) <= 1e-4


def test_a_mixture_is_that_of_its_weighted_parts(model) -> None:
    mix = nbgen.Mix.of((0.3, "a (cat:1.5)"), (0.7, "dog BREAK b"))
    cat, dog = (
        by_hand(model._pipe, [("a", 1), ("cat", 1.5)], []),
        by_hand(model._pipe, [("dog", 1)], [("b", 1)]),
    )
    mixed = {name: 0.3 * cat[name] + 0.7 * dog[name] for name in cat}
    made = latent(model, prompt=mix, words="weighted", guidance=1.0)
    assert distance(made, drawn(model._pipe, mixed, None)) <= 1e-4


def test_no_negative_prompt_is_zeros_in_every_chunk_for_sdxl() -> None:
    model = tiny_sdxl()
    positive = by_hand(model._pipe, [("a", 1)], [("cat", 1.5)])
    zeros = {name: torch.zeros_like(tensor) for name, tensor in positive.items()}
    made = latent(model, prompt="a BREAK (cat:1.5)", words="weighted", guidance=3.0)
    assert distance(made, drawn(model._pipe, positive, zeros)) <= 1e-4


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a (red apple", "character 3 of the prompt, at 'a ⟶(red apple': the ( is never closed"),
        ("a red) apple", "character 6 of the prompt, at 'a red⟶) apple': the ) closes nothing"),
        ("(a]", "character 3 of the prompt"),
        ("[cat:dog:0.5]", "[from:to:when]"),
        ("[cat|dog]", "[a|b]"),
        ("a cat AND a dog", "AND would draw"),
        ("(a BREAK b)", "BREAK stands inside brackets"),
        ("(a:1.2.3)", "'1.2.3' is no weight"),
        ("(a:11)", f"-{MOST_WEIGHT:g} to {MOST_WEIGHT:g}"),
        ("(" * 40 + "a" + ")" * 40, "comes to a weight of 45.2593"),
        ("x BREAK " * 20, "21 chunks"),
    ],
)
def test_what_cannot_be_read_is_said_before_work_starts(prompt: str, said: str) -> None:
    model = tiny_sd()
    with pytest.raises(RecipeError) as error:
        model.resolve(prompt=prompt, words="weighted")
    assert said in str(error.value)
    with pytest.raises(RecipeError, match="prompt"):
        model.resolve(prompt="a cat", negative=prompt, words="weighted", guidance=3.0)
    model.resolve(prompt=prompt)  # plain words are read as they stand


def test_the_negative_prompt_is_named_where_it_is_wrong() -> None:
    with pytest.raises(RecipeError, match="character 1 of the negative prompt"):
        tiny_sd().resolve(prompt="a", negative="(b", words="weighted", guidance=3.0)


def test_brackets_that_are_none() -> None:
    assert parts_of("") == [[]]
    assert parts_of("a:1.3 {b|c} ANDY BREAKFAST") == [[("a:1.3 {b|c} ANDY BREAKFAST", 1.0)]]
    assert parts_of("(a: b)") == [[("a: b", 1.1)]]
    assert unweighted("a (red:1.3) [cat] BREAK b") == "a red cat b"


def test_families_without_weights_say_so() -> None:
    with pytest.raises(RecipeError, match="no field 'words'"):
        tiny_flux().resolve(prompt="a", words="weighted")


def test_minis_notes_are_about_the_words_alone() -> None:
    model = nbgen.load("mini")
    prompt = "a (red apple:1.3) on a blue background"
    assert model.notes(model.resolve(prompt=prompt, words="weighted")) == ()


def test_the_text_in_a_file_says_that_words_are_weighted() -> None:
    from nbgen.parameters import parse_parameters, to_parameters

    recipe = tiny_sd().resolve(prompt="a (cat:1.3)", words="weighted", seed=3)
    found = parse_parameters(to_parameters(recipe))
    assert (found.prompt, found.words) == ("a (cat:1.3)", "weighted")
    assert nbgen.Recipe.from_json(recipe.to_json()) == recipe
    assert "words='weighted'" in recipe.code()
    with pytest.raises(RecipeError, match="nbgen's alone"):
        recipe.code("diffusers")
