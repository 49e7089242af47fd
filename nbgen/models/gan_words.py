"""What does a prompt leave open to a GAN that knows a closed list of things?  Objects, groups and backgrounds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from ..errors import RecipeError, brief, nearest

_FILLING = frozenset(
    "a an the one any some picture image drawing icon emoji of on in with front against background".split()
)
"""Words that a prompt may have beside what it asks for."""
_ANYTHING = "anything"


class GanWords:
    """The vocabulary of a GAN: "a red apple on a blue background", "any fruit", "anything on white", "".

    objects: names; groups: names of objects by the word that asks for any of them; backgrounds: colours by name.
    What a prompt does not say, z decides.
    """

    def __init__(
        self,
        objects: Sequence[str],
        groups: Mapping[str, Sequence[str]],
        backgrounds: Mapping[str, Sequence[int]],
    ) -> None:
        self.objects = tuple(objects)
        self.groups = {name: tuple(members) for name, members in groups.items()}
        self.backgrounds = {name: tuple(rgb) for name, rgb in backgrounds.items()}
        number = {name: place for place, name in enumerate(self.objects)}
        self._members: dict[str, tuple[int, ...]] = {name: (place,) for name, place in number.items()}
        # A group may be called what one of its objects is ("bird"): then "any bird" is the group.
        for name, members in self.groups.items():
            places = tuple(number[member] for member in members)
            self._members.setdefault(name, places)
            self._members[f"any {name}"] = places
        self._members |= {_ANYTHING: tuple(number.values()), "any thing": tuple(number.values())}
        self.read = lru_cache(maxsize=1024)(self._read)

    @property
    def examples(self) -> tuple[str, ...]:
        """Prompts that work: an object on a background, an object, a group."""
        ground = next(iter(self.backgrounds), None)
        first = f"a {self.objects[0]}" + (f" on a {ground} background" if ground else "")
        return (first, *(f"any {name}" for name in list(self.groups)[:2]))

    def _read(self, prompt: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The objects and the backgrounds that a prompt allows, by number.

        Raises RecipeError for a word outside the vocabulary, for two objects, and for two backgrounds.
        """
        words = re.findall(r"[^\W_]+(?:[-'’][^\W_]+)*", prompt.lower())
        things: list[str] = []
        left: list[str] = []
        while words:
            longest = next(
                (
                    " ".join(words[:end])
                    for end in range(len(words), 0, -1)
                    if " ".join(words[:end]) in self._members
                ),
                None,
            )
            # "orange" is a background and the beginning of "orange heart"; alone it is the background.
            if longest is None:
                left.append(words.pop(0))
            else:
                things.append(longest)
                words = words[len(longest.split()) :]
        grounds = [word for word in left if word in self.backgrounds]
        unknown = [word for word in left if word not in self.backgrounds and word not in _FILLING]
        if unknown:
            raise RecipeError(self._unknown(unknown[0]))
        if len(things) > 1:
            raise RecipeError(
                f"this model draws one thing, and {prompt!r:.60} names {' and '.join(map(repr, things[:3]))}."
            )
        if len(set(grounds)) > 1:
            raise RecipeError(
                f"a picture has one background, and {prompt!r:.60} names {' and '.join(grounds[:3])}."
            )
        names = list(self.backgrounds)
        allowed = self._members[things[0]] if things else tuple(range(len(self.objects)))
        return allowed, ((names.index(grounds[0]),) if grounds else tuple(range(len(names))))

    def _unknown(self, word: str) -> str:
        names = [*self.objects, *(f"any {name}" for name in self.groups), *self.backgrounds]
        inside = [name for name in names if word.rstrip("s") in name.split()]
        close = (inside or nearest(word, names))[:3]
        hint = f"nearest: {', '.join(close)}" if close else "model.words lists what it knows"
        return (
            f"this model knows no {brief(word, 40)} ({hint}): a GAN draws only what is in its vocabulary. "
            f"Prompts that work: {'; '.join(map(repr, self.examples))}."
        )

    def allowed(self, prompt: str) -> Tensor:
        """What a prompt leaves open: bool (objects + backgrounds,)."""
        things, grounds = self.read(prompt)
        mask = torch.zeros(len(self.objects) + len(self.backgrounds), dtype=torch.bool)
        mask[list(things)] = True
        mask[[len(self.objects) + place for place in grounds]] = True
        return mask

    def __repr__(self) -> str:
        return (
            f"GanWords({len(self.objects)} objects in {len(self.groups)} groups "
            f"({', '.join(f'any {name}' for name in self.groups)}), {len(self.backgrounds)} backgrounds)"
        )
