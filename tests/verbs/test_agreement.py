"""The cosine between pictures and words, as transformers' own CLIP computes it, and as a column of a comparison."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPModel

import nbgen
from nbgen.models.agreement import cosines
from nbgen.testing import tiny_gan, tiny_sd, tiny_sd_pipeline

pytestmark = pytest.mark.usefixtures("at_once")


@pytest.fixture(scope="module")
def pipe():
    """A pipeline with a random CLIP pair."""
    pipe = tiny_sd_pipeline(7)
    text = pipe.text_encoder.config.to_dict()
    layers = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {**layers, "image_size": 24, "patch_size": 8}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipe.clip_model = CLIPModel(
            CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)
        ).eval()
    return pipe


def noise(*shape):
    return np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(24, 24), (48, 30), (31, 64)])
def test_it_is_what_clip_says(pipe, shape):
    from transformers import CLIPImageProcessor

    pixels, prompts = [noise(*shape), noise(*shape)[::-1].copy()], ["a cat", "a dog on a red ground"]
    prepare = CLIPImageProcessor(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24})
    seen = prepare([Image.fromarray(each) for each in pixels], return_tensors="pt")
    read = pipe.tokenizer(prompts, padding="max_length", max_length=16, truncation=True, return_tensors="pt")
    with torch.no_grad():
        theirs = pipe.clip_model(**read, pixel_values=seen.pixel_values)
    expected = (theirs.text_embeds * theirs.image_embeds).sum(-1)
    assert cosines(pipe.clip_model, pipe.tokenizer, pixels, prompts) == pytest.approx(
        expected.tolist(), abs=2e-3
    )


def test_a_comparison_has_the_column_where_its_model_can_tell(pipe):
    model = nbgen.load(pipe)
    grid = nbgen.compare(["a cat", "a dog"], model=model, seed=range(2), steps=1)
    rows = grid.measure()
    for row, picture in zip(rows, grid, strict=True):
        (told,) = model.agreement([np.asarray(picture)], [picture.recipe.prompt])
        assert row["agreement"] == pytest.approx(told, abs=1e-5)
    assert len({row["agreement"] for row in rows}) == 4
    assert "agreement" in grid.table().columns


def test_the_column_is_absent_where_no_model_can_tell():
    for grid in (
        nbgen.compare("a cat", model=tiny_sd(), seed=range(2), steps=1),
        nbgen.compare(model=tiny_gan(), seed=range(2)),
        nbgen.compare({"theirs": noise(8, 8)}),
    ):
        assert all("agreement" not in row for row in grid.measure())


def test_mixtures_and_other_models_have_no_number(pipe):
    mixed = nbgen.Mix.of((1, "a cat"), (1, "a dog"))
    grid = nbgen.compare(["a cat", mixed], model=[nbgen.load(pipe), tiny_sd()], seed=0, steps=1)
    told = [row["agreement"] is None for row in grid.measure()]
    assert told == [False, True, True, True]
