"""Which words stand in the panel, and what does its model make of them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..models.base import Model
from .parts import PromptBox


class Words:
    """Prompt and negative prompt, as they were sent last, and their box in the page."""

    def __init__(self) -> None:
        self.box = PromptBox()
        self.prompt = self.negative = ""

    def fit(self, model: Model) -> None:
        """Only the words that this model reads, and an example of those it knows."""
        self._model = model
        self.box.reads = "prompt" in model.fields
        self.box.denies = "negative" in model.fields
        known = model.vocabulary.examples if model.vocabulary is not None else ("a lighthouse at dusk",)
        self.box.example = known[0]
        self._read()

    def take(self, message: Mapping[str, Any]) -> None:
        """What the page has sent."""
        self.typed(str(message.get("prompt", "")), str(message.get("negative", "")))

    def typed(self, prompt: str, negative: str) -> None:
        """These are the words now; says how many tokens they are, and which of them the model does not know."""
        self.prompt, self.negative = prompt, negative
        self.box.prompt, self.box.negative = prompt, negative
        self._read()

    def put(self, prompt: str, negative: str) -> None:
        """The same, and the page shows them, whatever stands there."""
        self.box.write(prompt, negative)
        self.typed(prompt, negative)

    def tell(self, lines: Sequence[str]) -> None:
        """What a verb had to say about them; the seed stands in its field anyway."""
        self.box.told = " ".join(line for line in lines if not line.startswith("Seed drawn"))

    def fields(self) -> dict[str, Any]:
        """Those of a recipe."""
        found = {}
        if "prompt" in self._model.fields:
            found["prompt"] = self.prompt
        if self.negative and "negative" in self._model.fields:
            found["negative"] = self.negative
        return found

    def _read(self) -> None:
        said = self.prompt and "prompt" in self._model.fields
        self.box.told = self._model.reading(self.prompt) if said else ""
