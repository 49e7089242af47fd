"""What ships inside the package: it loads, it is small, and it says truthfully what it knows."""

import json
import warnings

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from nbgen.training import captions
from nbgen.training.__main__ import ASSETS
from nbgen.training.evaluate import background_of, draw_questions, paint, ranks
from nbgen.training.export import size_of, vocabulary


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


def test_the_vocabulary_is_this_codes(whole_world, words):
    made_now = json.loads(json.dumps(vocabulary(whole_world)))
    for part in ("backgrounds", "wordings", "examples"):
        assert words[part] == made_now[part]
    # Another edition of the font or of Unicode's names may draw or call a few things differently.
    common = set(words["objects"]) & set(made_now["objects"])
    assert len(common) > 0.95 * max(len(words["objects"]), len(made_now["objects"]))


def test_the_card_has_the_figures():
    card = (ASSETS / "README.md").read_text(encoding="utf-8")
    assert "object right" in card and "SIL Open Font License" in card and "Apache-2.0" in card


def test_ten_drawn_prompts_are_painted_right(shipped, whole_world):
    questions = draw_questions(whole_world, count=10, seed=3)
    made = paint(shipped, [q.prompt for q in questions], guidance=2, steps=12, seed=0)
    places, _ = ranks(made, questions, whole_world)
    assert (places == 0).sum() >= 9
    seen = [
        background_of(picture, whole_world.glyphs[q.thing])
        for picture, q in zip(made, questions, strict=True)
    ]
    assert np.mean([colour == q.background for colour, q in zip(seen, questions, strict=True)]) >= 0.9


def test_its_scheduler_is_the_one_it_was_trained_for(shipped):
    config = shipped.scheduler.config
    assert (config.prediction_type, config.timestep_spacing) == ("v_prediction", "trailing")
    assert torch.isclose(shipped.scheduler.alphas_cumprod[-1], torch.tensor(0.0047), atol=1e-4)
