"""Which words a small model knows, and what to say about a prompt that has others."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import nearest


@dataclass(frozen=True)
class Vocabulary:
    """The words a model was trained on.

    objects: what it can draw, as whole names; backgrounds: colour names and their RGB values, 0 to 255;
    words: every word its captions used; examples: prompts that work
    """

    objects: tuple[str, ...]
    backgrounds: dict[str, tuple[int, int, int]]
    words: frozenset[str]
    examples: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            objects=tuple(plain["objects"]),
            backgrounds={name: tuple(rgb) for name, rgb in plain["backgrounds"].items()},
            words=frozenset(plain["words"]),
            examples=tuple(plain["examples"]),
        )

    def unknown(self, prompt: str) -> list[str]:
        """The words of the prompt that the model never saw, in order, each once."""
        found = (word.strip("'’-") for word in re.findall(r"[\w'’-]+", prompt.lower()))
        return list(dict.fromkeys(word for word in found if word and word not in self.words))

    def note(self, prompt: str) -> str | None:
        """What to tell a person whose prompt has unknown words; None where every word is known."""
        unknown = self.unknown(prompt)
        if not unknown:
            return None
        said = []
        for word in unknown[:5]:
            close = self._near(word)
            said.append(f"{word!r:.40}" + (f" (nearest: {', '.join(close)})" if close else ""))
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        works = "; ".join(self.examples[:3])
        return f"This model does not know {', '.join(said)}{more}. Prompts that work: {works}."

    def _near(self, word: str) -> list[str]:
        """Objects that have the word in their name come first: "apple" is nearest to "red apple"."""
        inside = [name for name in self.objects if word.rstrip("s") in name.lower().split()]
        return (inside or nearest(word, [*self.objects, *sorted(self._parts)]))[:3]

    @cached_property
    def _parts(self) -> frozenset[str]:
        return frozenset(part for name in self.objects for part in name.lower().split() if len(part) > 3)

    def _repr_html_(self) -> str:
        from html import escape

        names = ", ".join(escape(name) for name in self.objects)
        colours = ", ".join(escape(name) for name in self.backgrounds)
        return f"<p><b>{len(self.objects)} objects</b>: {names}</p><p><b>backgrounds</b>: {colours}</p>"

    def __repr__(self) -> str:
        return f"Vocabulary({len(self.objects)} objects, {len(self.backgrounds)} background colours)"
