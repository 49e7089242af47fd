"""What ships inside the package: it loads, it is small, and it says truthfully what it knows."""

import json
import warnings

import pytest
import torch
from diffusers import StableDiffusionPipeline

from nbgen.models.catalogue import embedded_folder
from nbgen.training import captions
from nbgen.training.composition import Composer
from nbgen.training.export import size_of
from nbgen.training.judging import Judge, background_of
from nbgen.training.objects import load_named
from nbgen.training.painting import paint
from nbgen.training.pictures import BACKGROUNDS
from nbgen.training.questions import draw_questions

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


def test_it_is_under_forty_megabytes():
    assert size_of(ASSETS) < 40e6


def test_every_known_word_is_whole_to_its_tokenizer(shipped, words):
    for word in words["words"]:
        assert len(shipped.tokenizer(word).input_ids) == 2 * word.count("-") + 3, word


def test_names_wordings_and_examples_use_known_words_only(words):
    texts = [*words["objects"], *words["backgrounds"], *words["examples"]]
    assert {word for text in texts for word in captions.split_words(text)} <= set(words["words"])


def test_the_vocabulary_is_what_this_code_draws(world, words):
    assert words["backgrounds"] == {name: list(rgb) for name, rgb in BACKGROUNDS.items()}
    assert load_named(words["objects"]).names == tuple(words["objects"])


def test_the_card_has_the_figures():
    card = (ASSETS / "README.md").read_text(encoding="utf-8")
    assert "object right" in card and "SIL Open Font License" in card and "Apache-2.0" in card


def test_ten_drawn_prompts_are_painted_right(world, shipped, words):
    judge = Judge(Composer(load_named(words["objects"])))
    questions = draw_questions("object", words["objects"], 10, seed=3)
    made = paint(shipped, [q.prompt for q in questions], steps=12)
    pairs = list(zip(made, questions, strict=True))
    things = [judge.one(picture, q.scene.background).things == q.scene.things for picture, q in pairs]
    assert sum(things) >= 9
    assert sum(background_of(picture) == q.scene.background for picture, q in pairs) >= 9


def test_its_scheduler_is_the_one_it_was_trained_for(shipped):
    config = shipped.scheduler.config
    assert (config.prediction_type, config.timestep_spacing) == ("v_prediction", "trailing")
    assert torch.isclose(shipped.scheduler.alphas_cumprod[-1], torch.tensor(0.0047), atol=1e-4)
