"""Words that begin with what they look like."""

from __future__ import annotations

import pytest
import torch

from nbgen.training.naming import SIZE, codes, name_by_pictures, word_vectors
from nbgen.training.synonyms import read_synonyms
from nbgen.training.tokenizer import make_tokenizer
from nbgen.training.wordings import Speaker

WIDTH = 32


@pytest.fixture(scope="module")
def speaker(whole_world):
    return Speaker(whole_world.names, read_synonyms(whole_world.names))


@pytest.fixture(scope="module")
def tokenizer(speaker):
    return make_tokenizer(speaker.word_counts())


@pytest.fixture(scope="module")
def latents(whole_world):
    """Pictures that 32 numbers and a little noise tell apart."""
    random = torch.Generator().manual_seed(0)
    told = torch.randn(len(whole_world.names), WIDTH, generator=random)
    kept = told @ torch.randn(WIDTH, 4 * 16 * 16, generator=random)
    return (kept + torch.randn(kept.shape, generator=random)).view(-1, 4, 16, 16)


def test_codes_keep_the_distances_between_pictures(latents):
    found = codes(latents, WIDTH)
    assert found.shape == (len(latents), WIDTH) and float(found.square().mean()) == pytest.approx(1)
    one, other = (torch.pdist(rows[:200].flatten(1)) for rows in (found, latents))
    assert float(torch.corrcoef(torch.stack([one, other]))[0, 1]) > 0.9


def test_fewer_pictures_than_numbers_leave_the_last_empty():
    found = codes(torch.randn(5, 4, 16, 16), WIDTH)
    assert found.shape == (5, WIDTH) and not found[:, 5:].any()


def test_the_words_of_a_name_add_up_to_its_picture(tokenizer, speaker, latents):
    vectors = word_vectors(tokenizer, speaker, latents, WIDTH)
    wanted = codes(latents, WIDTH)
    said = torch.stack(
        [sum(vectors[token] for token in tokenizer(name, add_special_tokens=False).input_ids)
         for name in speaker.names]
    )  # fmt: skip
    assert float((said - wanted).square().mean()) < 0.2  # names of nothing but shared words
    nearest = torch.cdist(said, wanted).argmin(dim=1)
    assert float((nearest == torch.arange(len(wanted))).float().mean()) > 0.9


def test_a_synonym_says_what_the_name_says(tokenizer, speaker, latents):
    table, places = torch.zeros(len(tokenizer), WIDTH), torch.zeros(40, WIDTH)
    torch.manual_seed(0)
    name_by_pictures(table, places, tokenizer, speaker, latents)
    assert float(table.square().mean().sqrt()) == pytest.approx(SIZE, rel=0.15)
    one, other, far = (table[tokenizer(word).input_ids[1]] for word in ("bike", "bicycle", "rocket"))
    assert torch.cosine_similarity(one, other, dim=0) > 0.8 > 0.5 > torch.cosine_similarity(far, other, dim=0)
    assert places.any()
