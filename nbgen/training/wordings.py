"""How is a scene said?  In one of many wordings, drawn at random; everything in the scene is said, no more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from nbgen.training.captions import GROUNDS, SUBJECTS, article, split_words
from nbgen.training.pictures import BACKGROUNDS
from nbgen.training.scenes import Scene, default_background
from nbgen.training.synonyms import plural, plural_words

SIZES = {"small": ("small", "small", "tiny", "little"), "large": ("large", "large", "big", "huge")}
PLACES = {
    "left": (" on the left", " on the left", " on the left side", " at the left"),
    "right": (" on the right", " on the right", " on the right side", " at the right"),
    "top": (" at the top", " at the top", " on top", " in the upper half"),
    "bottom": (" at the bottom", " at the bottom", " in the lower half"),
}
NUMBERS = {
    2: ("two {objects}", "two {objects}", "2 {objects}", "a pair of {objects}", "a picture of two {objects}"),
    3: ("three {objects}", "three {objects}", "3 {objects}", "a group of three {objects}"),
}
RELATIONS = {
    "next to": (" next to ", " next to ", " beside ", " and "),
    "left of": (" to the left of ", " left of "),
    "right of": (" to the right of ", " right of "),
    "above": (" above ", " above ", " over "),
    "below": (" below ", " below ", " under "),
}
MIRRORED = (
    "a mirrored {object}",
    "{a} {object}, mirrored",
    "a flipped {object}",
    "mirror image of {a} {object}",
)
STYLES = {
    "pixel art": ("{a} {object}, pixel art", "a pixel art {object}", "pixel art of {a} {object}"),
    "pencil sketch": (
        "a pencil sketch of {a} {object}",
        "{a} {object}, pencil sketch",
        "a sketch of {a} {object}",
    ),
    "watercolour": (
        "a watercolour of {a} {object}",
        "a watercolor painting of {a} {object}",
        "{a} {object}, watercolour",
    ),
    "silhouette": (
        "a silhouette of {a} {object}",
        "the silhouette of {a} {object}",
        "{a} {object}, silhouette",
    ),
    "monochrome": ("a monochrome {object}", "{a} {object}, monochrome", "{a} {object} in shades of grey"),
    "neon": ("a neon {object}", "{a} {object}, neon", "a neon sign of {a} {object}"),
}
BY_SYNONYM = 0.12
"""Share of single objects that are called by a keyword instead of their name, where they have any."""
CAPTIONS = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class Speaker:
    """Says scenes of one world. `synonyms` is what `read_synonyms` gives."""

    names: Sequence[str]
    synonyms: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @cached_property
    def _called(self) -> dict[int, list[str]]:
        called: dict[int, list[str]] = {}
        for keyword, things in self.synonyms.items():
            for thing in things:
                called.setdefault(thing, []).append(keyword)
        return called

    def countable(self) -> list[int]:
        """The objects whose name has a plural."""
        return [number for number, name in enumerate(self.names) if plural(name)]

    def say(self, scene: Scene, draw: np.random.Generator) -> str:
        """A caption of the scene."""
        return self._subject(scene, draw) + self._ground(scene, draw)

    def plainly(self, scene: Scene) -> str:
        """The scene in its first wording, background said where it is not the usual one."""
        return self._subject(scene, None) + self._ground(scene, None)

    def _subject(self, scene: Scene, draw: np.random.Generator | None) -> str:
        name = self.names[scene.things[0]]
        if scene.relation:
            relation = _one(RELATIONS[scene.relation], draw)
            return relation.join(_filled("{a} {object}", self.names[thing]) for thing in scene.things)
        if scene.count > 1:
            return _one(NUMBERS[scene.count], draw).format(objects=plural(name))
        if draw is not None and draw.random() < BY_SYNONYM:
            name = _one(self._called.get(scene.things[0], [name]), draw)
        if scene.style:
            return _filled(_one(STYLES[scene.style], draw), name)
        if scene.mirrored:
            return _filled(_one(MIRRORED, draw), name)
        if scene.size or scene.place:
            called = f"{_one(SIZES[scene.size], draw)} {name}" if scene.size else name
            place = _one(PLACES[scene.place], draw) if scene.place else ""
            return _filled("{a} {object}", called) + place
        return _filled(_one(SUBJECTS, draw), name)

    def _ground(self, scene: Scene, draw: np.random.Generator | None) -> str:
        usual = scene.background == default_background(scene.style)
        if usual and (draw is None or draw.random() < 2 / 3):
            return ""
        return _one(GROUNDS, draw).format(a=article(scene.background), background=scene.background)

    def word_counts(self) -> dict[str, int]:
        """How often each word is to be expected in captions, for the tokenizer: rounded, at least one."""
        fixed = [*SUBJECTS, *GROUNDS, *MIRRORED, *BACKGROUNDS, "a an"]
        for group in (SIZES, PLACES, NUMBERS, RELATIONS, STYLES):
            fixed += [wording for wordings in group.values() for wording in wordings]
        counts: dict[str, int] = {}
        for texts, weight in (
            (self.names, 1),
            (self.synonyms, 1),
            (plural_words(self.names), 1),
            ((CAPTIONS.sub(" ", wording) for wording in fixed), len(self.names)),
        ):
            for text in texts:
                for word in split_words(text):
                    counts[word] = counts.get(word, 0) + weight
        return counts


def every_wording() -> list[str]:
    """All wordings there are, once each, with the places of words in braces."""
    object_, other = "{a} {object}", "{a} {other}"
    every = [*SUBJECTS, *(object_ + ground for ground in GROUNDS)]
    for sizes in SIZES.values():
        every += [f"a {size} {{object}}" for size in sizes]
    every += [object_ + place for places in PLACES.values() for place in places]
    every += [wording for numbers in NUMBERS.values() for wording in numbers]
    every += [object_ + relation + other for relations in RELATIONS.values() for relation in relations]
    every += [*MIRRORED, *(wording for styles in STYLES.values() for wording in styles)]
    return list(dict.fromkeys(every))


def _one(wordings: Sequence[str], draw: np.random.Generator | None) -> str:
    """One at random, or the first."""
    return wordings[0 if draw is None else int(draw.integers(len(wordings)))]


def _filled(wording: str, name: str) -> str:
    """A wording about one object; a name that is a plural ("grapes") goes without an article."""
    said = wording.format(a=article(name) if plural(name) else "", object=name)
    return " ".join(said.split())
