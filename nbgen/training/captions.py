"""How is one object on a background said?  And what is a word?"""

from __future__ import annotations

import re

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


def split_words(text: str) -> list[str]:
    """The words of a text in lower case, hyphens and apostrophes inside kept: "unknown" is decided on these.

    >>> split_words("A T-shirt, on blue!")
    ['a', 't-shirt', 'on', 'blue']
    """
    return re.findall(r"[^\W_]+(?:[-'’][^\W_]+)*", text.lower())
