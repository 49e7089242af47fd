import numpy as np
import pytest
from transformers import CLIPTokenizer

from nbgen.training import captions
from nbgen.training.scenes import KINDS, Scene, draw_scene
from nbgen.training.synonyms import plural, plural_words, read_synonyms
from nbgen.training.tokenizer import LENGTH, make_tokenizer, tokenize
from nbgen.training.wordings import Speaker, every_wording


@pytest.fixture(scope="module")
def speaker(whole_world):
    return Speaker(whole_world.names, read_synonyms(whole_world.names))


@pytest.fixture(scope="module")
def tokenizer(speaker):
    return make_tokenizer(speaker.word_counts(), LENGTH)


def test_the_quickstarts_first_prompt_is_a_caption(speaker):
    assert captions.write_caption("red apple", "blue") == "a red apple on a blue background"
    apple = speaker.names.index("red apple")
    assert speaker.plainly(Scene((apple,), "blue")) == "a red apple on a blue background"


@pytest.mark.parametrize("kind", KINDS)
def test_captions_say_the_scene_in_known_words(kind, speaker):
    draw = np.random.default_rng(0)
    known, names = set(speaker.word_counts()), speaker.names
    by_name = Speaker(names)
    for _ in range(200):
        scene = draw_scene(kind, names, draw, speaker.countable())
        assert set(captions.split_words(speaker.say(scene, draw))) <= known
        caption = by_name.say(scene, draw)
        called = (
            [names[thing] for thing in scene.things] if scene.count == 1 else [plural(names[scene.things[0]])]
        )
        assert all(name in caption for name in called)
        if scene.background != "white" and not scene.style:
            assert scene.background in caption


def test_every_scene_can_be_told_from_every_other_by_its_words(speaker):
    thing, other = speaker.names.index("cat"), speaker.names.index("dog")
    scenes = [
        Scene((thing,)), Scene((thing,), "blue"), Scene((thing,), size="small"), Scene((thing,), size="large"),
        Scene((thing,), mirrored=True), Scene((thing,), count=2), Scene((thing,), count=3),
        *(Scene((thing,), place=place) for place in ("left", "right", "top", "bottom")),
        *(Scene((thing, other), relation=r) for r in ("next to", "left of", "right of", "above", "below")),
        *(Scene((thing,), style=s) for s in ("pixel art", "pencil sketch", "watercolour", "silhouette", "neon")),
    ]  # fmt: skip
    said = [speaker.plainly(scene) for scene in scenes]
    assert len(set(said)) == len(said)
    assert "a cat next to a dog" in said and "two cats" in said and "a small cat" in said


def test_white_may_go_unsaid_and_no_other_colour(speaker):
    draw = np.random.default_rng(0)
    rocket = speaker.names.index("rocket")
    assert {"white" in speaker.say(Scene((rocket,)), draw) for _ in range(50)} == {True, False}
    assert all("blue" in speaker.say(Scene((rocket,), "blue"), draw) for _ in range(50))


def test_synonyms_are_words_for_few_things_and_no_names(speaker):
    names = speaker.names
    assert names.index("bicycle") in speaker.synonyms["bike"]
    assert len(speaker.synonyms) > 500
    assert not set(speaker.synonyms) & set(names)
    assert max(map(len, speaker.synonyms.values())) <= 2
    assert "animal" not in speaker.synonyms and "face" not in speaker.synonyms
    draw = np.random.default_rng(0)
    said = {speaker.say(Scene((names.index("bicycle"),)), draw) for _ in range(200)}
    assert any("bike" in words for words in said) and any("bicycle" in words for words in said)


def test_plurals(whole_world):
    known = {
        "red apple": "red apples", "woman astronaut": "woman astronauts", "person running": "people running",
        "face with tongue": "faces with tongue", "fallen leaf": "fallen leaves", "church": "churches",
        "strawberry": "strawberries", "monkey": "monkeys", "octopus": "octopuses", "snowman": "snowmen",
        "grapes": None, "thumbs up": None,
    }  # fmt: skip
    assert {name: plural(name) for name in known} == known
    words = plural_words(whole_world.names)
    assert words["cats"] == "cat" and words["people"] == "person" and len(words) > 500


def test_every_word_is_as_few_tokens_as_clip_allows(speaker, tokenizer):
    for word in speaker.word_counts():
        # CLIP cuts at a hyphen, before 's and around a digit, whatever was learned
        pieces = 1 + 2 * word.count("-") + word.count("'") + (word == "2nd")
        assert len(tokenizer(word).input_ids) == pieces + 2, word


def test_the_longest_captions_fit(speaker, tokenizer):
    draw = np.random.default_rng(0)
    texts = [
        speaker.say(draw_scene(kind, speaker.names, draw, speaker.countable()), draw)
        for kind in KINDS
        for _ in range(300)
    ]
    assert max(map(len, tokenizer(texts).input_ids)) <= LENGTH
    assert len(every_wording()) > 60


@pytest.mark.parametrize(
    "text", ["a red apple on a blue background", "an unheard-of zyzzyva", "café ☕ 7", "a piñata"]
)
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
