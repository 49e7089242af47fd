import numpy as np
import pytest
from transformers import CLIPTokenizer

from nbgen.training import captions
from nbgen.training.pictures import BACKGROUNDS
from nbgen.training.tokenizer import LENGTH, make_tokenizer, tokenize


@pytest.fixture(scope="module")
def tokenizer(whole_world):
    return make_tokenizer(captions.word_counts(whole_world))


def test_the_quickstarts_first_prompt_is_a_caption():
    assert captions.write_caption("red apple", "blue") == "a red apple on a blue background"


def test_captions_say_the_object_the_background_and_only_known_words(whole_world):
    draw = np.random.default_rng(0)
    known = set(captions.all_words(whole_world))
    for name in whole_world.names:
        background = str(draw.choice(list(BACKGROUNDS)[1:]))
        caption = captions.any_caption(name, background, draw)
        assert name in caption and background in caption
        assert set(captions.split_words(caption)) <= known


def test_white_may_go_unsaid_and_no_other_colour(world):
    draw = np.random.default_rng(0)
    assert {"white" in captions.any_caption("rocket", "white", draw) for _ in range(50)} == {True, False}
    assert all("blue" in captions.any_caption("rocket", "blue", draw) for _ in range(50))


def test_every_word_is_as_few_tokens_as_clip_allows(whole_world, tokenizer):
    for word in captions.all_words(whole_world):
        pieces = 2 * word.count("-") + 1  # CLIP cuts at a hyphen whatever was learned
        assert len(tokenizer(word).input_ids) == pieces + 2, word


def test_the_longest_wording_of_every_object_fits(whole_world, tokenizer):
    ground = max(captions.GROUNDS, key=len)
    subject = max(captions.SUBJECTS, key=len)
    texts = [captions.write_caption(name, "orange", subject, ground) for name in whole_world.names]
    assert max(len(tokenizer(text).input_ids) for text in texts) <= LENGTH


@pytest.mark.parametrize("text", ["a red apple on a blue background", "an unheard-of zyzzyva", "café ☕ 7"])
def test_text_comes_back_known_or_not(tokenizer, text):
    back = tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True)
    assert back.replace(" ", "") == text.replace(" ", "")


def test_it_is_an_ordinary_clip_tokenizer(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    loaded = CLIPTokenizer.from_pretrained(tmp_path)
    texts = ["a red apple on a blue background", "", "zyzzyva!"]
    assert tokenize(loaded, texts).equal(tokenize(tokenizer, texts))
    assert loaded.model_max_length == LENGTH
    row = tokenize(loaded, ["a rocket"])[0].tolist()
    assert row[0] == loaded.bos_token_id and set(row[3:]) == {loaded.eos_token_id}
