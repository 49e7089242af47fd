"""What can one say about a picture?  The wordings that mini hears, and the list of every word in them."""

from __future__ import annotations

import re

import numpy as np

from nbgen.training.pictures import BACKGROUNDS, World

SUBJECTS = (
    "{a} {object}",
    "{object}",
    "the {object}",
    "one {object}",
    "a picture of {a} {object}",
    "picture of {object}",
    "an image of {a} {object}",
    "a drawing of {a} {object}",
    "an icon of {a} {object}",
    "an emoji of {a} {object}",
    "{a} {object} emoji",
)
GROUNDS = (
    " on {a} {background} background",
    " on {a} {background} background",  # twice: what most people write
    " on {background}",
    " on the {background} background",
    " on {background} background",
    " with {a} {background} background",
    " in front of {a} {background} background",
    " against {a} {background} background",
    ", {background} background",
    " {background} background",
)
PLAIN = next(iter(BACKGROUNDS))  # what a caption means that names no background


def article(word: str) -> str:
    """ "an" before a vowel, else "a".

    >>> article("apple"), article("rocket")
    ('an', 'a')
    """
    return "an" if word[0] in "aeiou" else "a"


def write_caption(
    name: str, background: str | None, subject: str = SUBJECTS[0], ground: str = GROUNDS[0]
) -> str:
    """The caption of an object on a background, or on an unsaid one.

    >>> write_caption("red apple", "blue")
    'a red apple on a blue background'
    """
    words = subject.format(a=article(name), object=name)
    if background is not None:
        words += ground.format(a=article(background), background=background)
    return words


def any_caption(name: str, background: str, draw: np.random.Generator) -> str:
    """A caption in a wording drawn at random; the plain background goes unsaid two times in three."""
    said = background if background != PLAIN or draw.random() < 1 / 3 else None
    return write_caption(
        name, said, SUBJECTS[draw.integers(len(SUBJECTS))], GROUNDS[draw.integers(len(GROUNDS))]
    )


def split_words(text: str) -> list[str]:
    """The words of a text in lower case, hyphens and apostrophes inside kept: "unknown" is decided on these.

    >>> split_words("A T-shirt, on blue!")
    ['a', 't-shirt', 'on', 'blue']
    """
    return re.findall(r"[^\W_]+(?:[-'’][^\W_]+)*", text.lower())


def all_words(world: World) -> list[str]:
    """Every word that captions use, sorted."""
    texts = [*world.names, *BACKGROUNDS, "a an"]
    texts += [re.sub(r"\{\w+\}", " ", wording) for wording in (*SUBJECTS, *GROUNDS)]
    return sorted({word for text in texts for word in split_words(text)})


def word_counts(world: World) -> dict[str, int]:
    """How often each word is to be expected in captions, for the tokenizer: rounded, at least one."""
    counts = dict.fromkeys(all_words(world), 1)
    share = len(world.names)  # a word of the wordings is met about this often more than a name
    for name in world.names:
        for word in split_words(name):
            counts[word] += 1
    for wording in (*SUBJECTS, *GROUNDS):
        for word in split_words(re.sub(r"\{\w+\}", " ", wording)):
            counts[word] += share
    for background in BACKGROUNDS:
        counts[background] += share
    return counts
