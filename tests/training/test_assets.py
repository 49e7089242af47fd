"""What ships inside the package: it loads, it is small, and it says truthfully what it knows."""

import json
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from transformers import CLIPModel, CLIPTokenizer

import nbgen
from nbgen.errors import MissingFileError
from nbgen.models.agreement import cosines
from nbgen.models.catalogue import embedded_folder
from nbgen.training import captions
from nbgen.training.composition import Composer
from nbgen.training.export import size_of
from nbgen.training.judging import Judge, background_of, shows
from nbgen.training.objects import load_named
from nbgen.training.painting import paint
from nbgen.training.pictures import BACKGROUNDS
from nbgen.training.questions import draw_questions
from nbgen.training.sketch_judging import sketched_objects

ASSETS = embedded_folder("mini")


@pytest.fixture(scope="module")
def shipped():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline = StableDiffusionPipeline.from_pretrained(ASSETS)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def words():
    return json.loads((ASSETS / "vocabulary.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def judge(world, words):
    return Judge(Composer(load_named(words["objects"])))


def test_all_that_ships_is_under_sixty_megabytes():
    assert size_of(ASSETS) < 42e6
    assert size_of(ASSETS.parent) < 60e6


def test_nothing_says_on_which_machine_it_was_made():
    for settings in ASSETS.parent.rglob("*.json"):
        assert "_name_or_path" not in settings.read_text(encoding="utf-8"), settings


def test_it_loads_without_a_word():
    loader = "import nbgen; nbgen.generate('a cat', steps=1, seed=0, store=False)"
    done = subprocess.run([sys.executable, "-c", loader], capture_output=True, text=True, check=True)
    assert done.stdout == "" and "%|" not in done.stderr


def test_every_known_word_is_whole_to_its_tokenizer(shipped, words):
    for word in words["words"]:
        # CLIP cuts at hyphens, before "'s", and every digit off: as often, and no more.
        pieces = re.findall(r"'s\b|[^\W\d_]+|\d|[^\w\s]+", word)
        assert len(shipped.tokenizer(word).input_ids) == len(pieces) + 2, word


def test_names_wordings_and_examples_use_known_words_only(words):
    texts = [*words["objects"], *words["backgrounds"], *words["examples"]]
    assert {word for text in texts for word in captions.split_words(text)} <= set(words["words"])


def test_the_vocabulary_is_what_this_code_draws(world, words):
    assert words["backgrounds"] == {name: list(rgb) for name, rgb in BACKGROUNDS.items()}
    assert load_named(words["objects"]).names == tuple(words["objects"])


def test_the_card_has_the_figures():
    card = (ASSETS / "README.md").read_text(encoding="utf-8")
    assert "object right" in card and "SIL Open Font License" in card and "Apache-2.0" in card


def test_ten_drawn_prompts_are_painted_right(shipped, words, judge):
    questions = draw_questions("object", words["objects"], 10, seed=3)
    made = paint(shipped, [q.prompt for q in questions], steps=12)
    pairs = list(zip(made, questions, strict=True))
    things = [judge.one(picture, q.scene.background).things == q.scene.things for picture, q in pairs]
    assert sum(things) >= 9
    assert sum(background_of(picture) == q.scene.background for picture, q in pairs) >= 9


@pytest.mark.parametrize("kind", ["size", "place", "number", "pair"])
def test_eight_drawn_prompts_that_say_more_are_painted_right(kind, shipped, words, judge):
    questions = draw_questions(kind, words["objects"], 8, seed=3)
    made = paint(shipped, [q.prompt for q in questions], steps=12)
    told = [shows(q.scene, picture, judge) for picture, q in zip(made, questions, strict=True)]
    assert sum(answer["background"] for answer in told) >= 7
    assert sum(answer[kind] for answer in told) >= (3 if kind == "pair" else 6)


def test_its_clip_knows_drawn_pictures_from_one_another(words, judge):
    scenes = [q.scene for q in draw_questions("object", words["objects"], 20, seed=5)]
    pictures = [judge.composer.drawn(scene, None) for scene in scenes]
    prompts = [f"a {words['objects'][s.things[0]]} on a {s.background} background" for s in scenes]
    clip, tokenizer = (
        CLIPModel.from_pretrained(ASSETS / "clip"),
        CLIPTokenizer.from_pretrained(ASSETS / "tokenizer"),
    )
    agreement = np.array([cosines(clip.eval(), tokenizer, [p] * len(prompts), prompts) for p in pictures])
    assert (agreement.argmax(axis=1) == np.arange(len(prompts))).mean() >= 0.8


def test_its_scheduler_is_the_one_it_was_trained_for(shipped):
    config = shipped.scheduler.config
    assert (config.prediction_type, config.timestep_spacing) == ("v_prediction", "trailing")
    assert torch.isclose(shipped.scheduler.alphas_cumprod[-1], torch.tensor(0.0047), atol=1e-4)


def test_its_controlnet_follows_lines(shipped, judge):
    found = sketched_objects(
        shipped, embedded_folder("mini-sketch"), judge, count=8, seed=1, steps=10, guidance=2.0, say=lambda line: None
    )  # fmt: skip
    for key in ("lines followed", "edges on lines"):
        assert found[key] > found[f"words alone: {key}"] + 0.1, found
    assert found["object"] >= 0.3  # one of 1,243, and every other one mirrored, which words would not do


def test_its_controlnet_is_given_by_name():
    circle = np.zeros((64, 64, 3), np.uint8)
    rows, columns = np.indices((64, 64)) - 40
    circle[np.abs(np.hypot(rows, columns) - 16) < 1.5] = 255
    model = nbgen.load("mini", control={"sketch": "mini-sketch"})
    with_lines, without = (
        nbgen.generate("a red apple", steps=8, seed=1, model=model, store=False, **more)[0]
        for more in ({"control": {"sketch": circle}}, {})
    )
    inside = np.hypot(rows, columns) < 12
    red = np.asarray(with_lines)[inside].mean(axis=0)
    assert red[0] > red[1] + 60 and red[0] > red[2] + 60  # the apple is where the circle is …
    bright_above = [(np.asarray(picture)[:16] > 200).mean() for picture in (with_lines, without)]
    assert bright_above[0] > bright_above[1]  # … and not above
    with pytest.raises(MissingFileError, match="did you mean 'mini-sketch'"):
        nbgen.load("mini", control={"sketch": "mini-scetch"})
