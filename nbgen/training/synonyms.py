"""By what other names does mini know its objects?  Keywords of Unicode's CLDR ("bike"), and plurals."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from pathlib import Path

from nbgen.training.objects import plain_name, read_candidates
from nbgen.training.pictures import BACKGROUNDS, _find

CLDR_PLACES = ("/usr/share/unicode/cldr/common/annotations/en.xml",)  # Debian: unicode-cldr-core
SHARED_BY = 2
"""A keyword may stand for so many objects: "bunny" is the rabbit and the rabbit face."""

MOST_OWNERS, FEW_KEYWORDS = 6, 3
"""A keyword of up to six may be the name of one of them, if hardly anything else is said of it."""

# Words of the other parts of a caption; a keyword made of them would say two things.
TAKEN = frozenset((*BACKGROUNDS, *"small large left right top bottom above below two three pencil".split()))
# People are no other name for a building or a sign.
NO_NAMES = frozenset("atheist buddhist christian hindu jew jewish muslim islam sikh taoist".split())

IRREGULAR = {
    "man": "men", "woman": "women", "person": "people", "child": "children", "mouse": "mice",
    "goose": "geese", "superhero": "superheroes", "hero": "heroes", "potato": "potatoes", "tomato": "tomatoes",
    "foot": "feet", "tooth": "teeth", "ox": "oxen", "wolf": "wolves", "leaf": "leaves",
    "knife": "knives", "elf": "elves", "sheep": "sheep", "deer": "deer", "fish": "fish", "die": "dice",
}  # fmt: skip
# "person running" is of persons, "leaf fluttering in wind" of leaves.
HEAD_ENDS = re.compile(
    r"(?<=\bperson) |(?<=\bpeople) |(?<=\bwoman)(?= (?:and|in|with|dancing|feeding)\b)"
    r"| (?:with|of|in|on|and|at|without|tilted|pointing|pointed|behind|showing|facing|fluttering|increasing|"
    r"decreasing|not|screaming|holding|blowing|savoring)\b"
)


def find_keywords() -> Path:
    """The path of CLDR's English annotations; `NBGEN_CLDR_ANNOTATIONS` overrides the usual place."""
    named = os.environ.get("NBGEN_CLDR_ANNOTATIONS")
    return _find(named, CLDR_PLACES, "CLDR's annotations/en.xml", "unicode-cldr-core")


def read_synonyms(names: Sequence[str], path: Path | None = None) -> dict[str, tuple[int, ...]]:
    """Keywords by what they stand for: object numbers in `names`, one or a few; none is an object's own name.

    Only keywords that tell objects apart count: "animal", which half of them are, does not.
    """
    numbers = {name: number for number, name in enumerate(names)}
    characters = {
        candidate.glyph.characters.replace("\ufe0f", ""): numbers[candidate.glyph.name]
        for candidate in read_candidates()
        if candidate.glyph.name in numbers
    }
    # Counted over all emoji, those that are no objects too: what is said of many is a kind, and not a name.
    owners: dict[str, list[tuple[int, int | None]]] = {}
    for annotation in ElementTree.parse(path or find_keywords()).iter("annotation"):
        if annotation.get("type") == "tts":
            continue
        number = characters.get(str(annotation.get("cp")).replace("\ufe0f", ""))
        keywords = {plain_name(word.strip()) for word in (annotation.text or "").split("|")}
        for keyword in keywords:
            owners.setdefault(keyword, []).append((len(keywords), number))
    found = {
        keyword: _meant(of)
        for keyword, of in sorted(owners.items())
        if keyword not in numbers and _is_a_name(keyword)
    }
    return {keyword: things for keyword, things in found.items() if things}


def _meant(owners: list[tuple[int, int | None]]) -> tuple[int, ...]:
    """Which objects a keyword is a name of: its only ones, or the one of which least else is said.

    "bike" is said of five; of one of them, the bicycle, only that.
    """
    if len(owners) <= SHARED_BY:
        return tuple(sorted(number for _, number in owners if number is not None))
    (least, number), (next_least, _), *_ = sorted(owners, key=lambda owner: owner[0])
    few = len(owners) <= MOST_OWNERS and least <= FEW_KEYWORDS and least < next_least
    return (number,) if few and number is not None else ()


def _is_a_name(keyword: str) -> bool:
    words = keyword.split()
    plain = re.fullmatch(r"[a-z]{3,}(?:[ -][a-z]{3,})?", keyword) is not None
    return plain and plural(keyword) is not None and not (TAKEN | NO_NAMES).intersection(words)


def plural(name: str) -> str | None:
    """The name of several, or None where the name is of several already.

    >>> plural("red apple"), plural("face with tongue"), plural("fox"), plural("grapes")
    ('red apples', 'faces with tongue', 'foxes', None)
    """
    if name.endswith((" up", " down", " done", " fire")):
        return None
    end = HEAD_ENDS.search(name)
    head, rest = (name[: end.start()], name[end.start() :]) if end else (name, "")
    *before, word = head.split(" ")
    if rest and word.endswith(("ed", "ing")):  # "locked with pen"
        return None
    several = plural_word(word)
    return None if several is None else " ".join([*before, several]) + rest


def plural_word(word: str) -> str | None:
    """One word's plural; None for a word that is a plural.

    >>> plural_word("cherry"), plural_word("octopus"), plural_word("boy")
    ('cherries', 'octopuses', 'boys')
    """
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word in IRREGULAR.values() or (word.endswith("s") and not word.endswith(("ss", "us", "is"))):
        return None
    if word.endswith("man"):
        return word[:-2] + "en"
    if re.search(r"(?:s|x|z|ch|sh)$", word):
        return word + "es"
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + "s"


def plural_words(names: Iterable[str]) -> dict[str, str]:
    """Every plural word that names of several have, with its singular."""
    pairs: dict[str, str] = {}
    for name in names:
        several = plural(name)
        if several is not None:
            pairs |= {
                many: one
                for many, one in zip(several.split(), name.split(), strict=True)
                if many != one and many not in TAKEN
            }
    return pairs
