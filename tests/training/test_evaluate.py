"""The judge's whole round, on a model that knows nothing: every figure is there, and the card can be written."""

import json

import numpy as np
import pytest

from nbgen.training.bars import COST, RIGHT, bars
from nbgen.training.behaviour import GUIDANCES
from nbgen.training.card import model_card
from nbgen.training.clip import make_clip
from nbgen.training.composition import Composer
from nbgen.training.evaluate import COUNTS, counter, evaluate, references
from nbgen.training.judging import Judge
from nbgen.training.questions import draw_questions


@pytest.fixture
def folder(world, pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path / "model")
    make_clip(pipeline.text_encoder).save_pretrained(tmp_path / "model" / "clip")
    (tmp_path / "model" / "vocabulary.json").write_text(json.dumps({"objects": world.names}))
    return tmp_path / "model"


def test_every_figure_is_measured_and_none_flatters_a_model_that_knows_nothing(world, folder, tmp_path):
    said = []
    figures = evaluate(folder, share=0.01, steps=2, say=said.append, sheets=tmp_path / "sheets")
    assert set(figures["kinds"]) == set(COUNTS)
    assert json.loads(json.dumps(figures)) == figures
    assert set(RIGHT) | {f"seconds {name}, at most" for name in COST} <= set(figures["bars"])
    assert len(figures["bars"]) == len(RIGHT) + len(COST) + 3
    assert not all(bar["reached"] for bar in figures["bars"].values())
    assert set(figures["behaviour"]["guidance"]) == {f"{guidance:g}" for guidance in GUIDANCES}
    assert figures["behaviour"]["cost"]["alone"] > 0
    assert "object by own features" in figures["kinds"]["object"]
    # One for each kind, the nearest, a hundred of all kinds, and what went wrong.
    assert len(list((tmp_path / "sheets").glob("*.png"))) == len(COUNTS) + 3
    assert any(line.startswith("MISSED") for line in said)
    card = model_card(world, {"denoiser": {"steps": 3, "minutes": 1.0}}, figures)
    assert "Bars missed" in card and "{" not in card.split("```")[0].split("---")[2]
    assert "Noto" in card and "Open Font License" in card


@pytest.mark.parametrize("kind", COUNTS)
def test_drawn_pictures_pass_every_bar(kind, world):
    """What is measured on the references themselves must be right: else no model could be."""
    judge = Judge(Composer(world))
    questions = draw_questions(kind, world.names, 12, seed=0)
    asked = references(questions, judge.composer, seed=0)
    shares, right = counter(kind, questions, asked, asked, judge, lambda pictures: pictures)(asked)
    assert np.mean(right) >= 0.75
    distance = shares.pop("distance to nearest", 0.0)
    fooled = [shares.pop(f"{name}plain taken for it", 0.0) for name in ("", "decoded ")]
    assert distance < 0.5 and max(fooled) <= 0.25  # of 255: sums of squares, rounded
    if kind == "silhouette":  # eight round things in ink may be one
        shares.pop("object")
    assert min(shares.values()) >= 0.9, shares


def test_objects_of_which_no_pair_is_held_out_are_not_asked_for_forever():
    with pytest.raises(ValueError, match="held out"):
        draw_questions("pair", ["cat", "cat"], 1, seed=0)


def test_bars_are_those_of_the_kinds_that_were_asked():
    figures = {"kinds": {"object": {"object": 0.96, "background": 0.5, "crispness": 0.9}}}
    found = bars(figures)
    assert found["object.object"]["reached"] and not found["object.background"]["reached"]
    assert set(found) == {"object.object", "object.background", "object.crispness"}


def test_less_is_better_of_seconds_and_distances():
    behaviour = {
        "cost": {"loading": 1.0, "alone": 1.6, "of 32": 0.5},
        "samplers": {"dpm++2m karras 10": 2.0, "dpm++2m karras 20": 1.0, "ddim 10": 3.0, "ddim 20": 0.5},
        "diversity": {"pictures": 40.0, "references": 90.0},
        "few steps": {"25 guided": 1.0, "4 guided": 0.2, "4 plain": 0.9},
    }
    found = {name: bar["reached"] for name, bar in bars({"kinds": {}, "behaviour": behaviour}).items()}
    assert found == {
        "seconds loading, at most": True, "seconds alone, at most": False, "seconds of 32, at most": True,
        "distance of DPM++ 2M Karras in 10 calls beside DDIM's, at most": True, "diversity beside references": False,
        "objects in 4 calls beside 25 guided steps": True,
    }  # fmt: skip
