"""Which words fit a picture: ranked as the CLIP pair itself ranks them, and refused where there is no eye."""

from __future__ import annotations

import numpy as np
import pytest

import nbgen
from nbgen.errors import ModelError, PictureFileError, RecipeError
from nbgen.models.agreement import cosines
from nbgen.models.vocabulary import Vocabulary
from nbgen.testing import tiny_gan, tiny_sd, tiny_sd_pipeline

from .test_agreement import pipe  # noqa: F401  the fixture

pytestmark = pytest.mark.usefixtures("at_once")

PIXELS = np.random.default_rng(3).integers(0, 256, (24, 24, 3), dtype=np.uint8)


@pytest.fixture
def model(pipe):  # noqa: F811
    model = nbgen.load(pipe)
    model.vocabulary = None
    return model


def test_prompts_are_ranked_by_their_cosine(pipe, model):  # noqa: F811
    prompts = ["a cat", "a dog", "a house", "a star"]
    told = nbgen.describe(PIXELS, prompts, model=model, n=3)
    alone = {prompt: cosines(pipe.clip_model, pipe.tokenizer, [PIXELS], [prompt])[0] for prompt in prompts}
    expected = sorted(alone, key=lambda prompt: -alone[prompt])[:3]
    assert [row["prompt"] for row in told] == expected
    assert [row["agreement"] for row in told] == pytest.approx([alone[p] for p in expected], abs=1e-5)


def test_a_vocabulary_gives_the_prompts_objects_first_then_backgrounds(model):
    model.vocabulary = Vocabulary(
        ("cat", "owl", "dog", "star", "egg"), {"red": (255, 0, 0), "orange": (255, 150, 0)}, frozenset(), ()
    )
    told = nbgen.describe(PIXELS, model=model, n=100)
    said = {row["prompt"] for row in told}
    assert {"a cat", "an owl", "an egg"} <= said
    assert sum(" on " in words for words in said) == 5 * 2
    assert len(nbgen.describe(PIXELS, model=model)) == 5


def test_the_background_is_found_first_and_all_objects_are_tried_on_it(model, monkeypatch):
    """An eye that sees a cat on red, and before anything else the red: a cat alone fits worse than many others."""
    names = [f"thing{n}" for n in range(30)] + ["cat"]

    def agreement(pixels, prompts):
        return [
            0.9 if words == "a cat on a red background"
            else 0.6 + 0.1 * (" on a red" in words) - 0.3 * ("cat" in words) - 0.2 * (" on a blue" in words)
            for words in prompts
        ]  # fmt: skip

    monkeypatch.setattr(model, "agreement", agreement)
    model.vocabulary = Vocabulary(tuple(names), {"red": (255, 0, 0), "blue": (0, 0, 255)}, frozenset(), ())
    assert nbgen.describe(PIXELS, model=model)[0]["prompt"] == "a cat on a red background"


def test_the_model_that_made_a_picture_describes_it(model):
    picture = nbgen.generate("a cat", model=model, seed=1, steps=1)[0]
    assert nbgen.describe(picture, ["a cat"])[0]["agreement"] == pytest.approx(
        model.agreement([np.asarray(picture)], ["a cat"])[0], abs=1e-5
    )


@pytest.mark.parametrize("blind", [tiny_sd, tiny_gan])
def test_a_model_without_an_eye_says_so(blind):
    with pytest.raises(ModelError, match="clip_model"):
        nbgen.describe(PIXELS, ["a cat"], model=blind())


@pytest.mark.parametrize("prompts", ["a cat", [], [3], {"a cat"}, 7])
def test_what_cannot_be_chosen_from_is_refused(prompts, model):
    with pytest.raises(RecipeError, match="prompts"):
        nbgen.describe(PIXELS, prompts, model=model)


def test_other_mistakes_are_told(model):
    with pytest.raises(RecipeError, match="list of what it knows"):
        nbgen.describe(PIXELS, model=model)
    with pytest.raises(PictureFileError):
        nbgen.describe("no-such-file.png", ["a cat"], model=model)
    with pytest.raises(RecipeError, match="n must be"):
        nbgen.describe(PIXELS, ["a cat"], model=model, n=0)


def test_a_model_whose_folder_has_a_clip_beside_its_parts_has_an_eye(pipe, tmp_path):  # noqa: F811
    folder = tmp_path / "model"
    clip = pipe.clip_model
    tiny_sd_pipeline(7).save_pretrained(folder)
    clip.save_pretrained(folder / "clip")
    told = nbgen.describe(PIXELS, ["a cat", "a dog"], model=nbgen.load(folder))
    alone = {words: cosines(clip, pipe.tokenizer, [PIXELS], [words])[0] for words in ("a cat", "a dog")}
    assert {row["prompt"]: row["agreement"] for row in told} == pytest.approx(alone, abs=1e-4)
    (folder / "clip" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="clip"):
        nbgen.describe(PIXELS, ["a cat"], model=nbgen.load(folder, dtype="float32"))
