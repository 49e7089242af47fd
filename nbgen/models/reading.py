"""How text encoders read a prompt: padded tokens, hidden states, and the words past their limit."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_one_at_a_time = threading.Lock()
"""Tokenizers hold state while they read, and a panel counts words while a model's own thread encodes."""


def texts(prompt: Any) -> list[str]:
    """The texts of a prompt: itself, or those that a mixture holds."""
    if isinstance(prompt, str):
        return [prompt]
    return [str(value) for value in getattr(prompt, "values", ())]


def utf8(text: str) -> str:
    """The text with lone halves of characters replaced, which tokenizers cannot take."""
    return text.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True)
class Reader:
    """A tokenizer and its encoder; `length` is how many tokens are read, marks of start and end included."""

    name: str
    tokenizer: Any
    encoder: Any
    length: int

    def hidden(self, text: str) -> Tensor:
        """(tokens, width): the encoder's last hidden states, padded to the full length."""
        read = self._tokens(text)
        mask = (
            read.attention_mask.to(self.encoder.device)
            if getattr(self.encoder.config, "use_attention_mask", False)
            else None
        )
        with torch.no_grad():
            return self.encoder(read.input_ids.to(self.encoder.device), attention_mask=mask)[0][0]

    def pooled(self, text: str) -> Tensor:
        """(width,): the hidden state at the end mark, which stands for the whole text."""
        with torch.no_grad():
            return self.encoder(self._tokens(text).input_ids.to(self.encoder.device)).pooler_output[0]

    def penultimate(self, text: str) -> tuple[Tensor, Tensor]:
        """(tokens, width), the hidden states before the last layer, and the encoder's first output, without batch.

        That first output is the projected whole text, (width,), where the encoder has a projection.
        """
        with torch.no_grad():
            read = self.encoder(
                self._tokens(text).input_ids.to(self.encoder.device), output_hidden_states=True
            )
        return read.hidden_states[-2][0], read[0][0]

    def cut(self, text: str) -> str:
        """The end of the text that this encoder never sees; empty where it sees all."""
        tokens, kept = self._all_tokens(text), self._room()
        return self.tokenizer.decode(tokens[kept:]).strip() if len(tokens) > kept else ""

    def count(self, text: str) -> tuple[int, int]:
        """How many tokens the text has, and how many of them are read."""
        return len(self._all_tokens(text)), self._room()

    def _room(self) -> int:
        return int(self.length - self.tokenizer.num_special_tokens_to_add())

    def _all_tokens(self, text: str) -> list[int]:
        with warnings.catch_warnings(), _one_at_a_time:
            warnings.simplefilter("ignore")
            read = self.tokenizer(utf8(text), add_special_tokens=False, truncation=False, verbose=False)
        return list(read.input_ids)

    def _tokens(self, text: str) -> Any:
        with _one_at_a_time:
            return self.tokenizer(
                utf8(text), padding="max_length", max_length=self.length, truncation=True, return_tensors="pt"
            )


def unread(prompt: str, readers: list[Reader], called: str = "prompt") -> str | None:
    """What to tell a person whose prompt is longer than the encoders read; None where all is read.

    called: what the text is to that person
    Encoders differ in how far they read; what only some of them miss is said otherwise than what all miss.
    """
    cuts = [(reader, reader.cut(prompt)) for reader in readers]
    missed = [(reader, cut) for reader, cut in cuts if cut]
    if not missed:
        return None
    if len(missed) == len(cuts):
        reader, cut = max(missed, key=lambda pair: pair[0].length)
        return f"The {called} is longer than the {reader.length} tokens this model reads; it never sees: {cut!r:.200}."
    reader, cut = missed[0]
    on = next(other for other, cut in cuts if not cut)
    return (
        f"The {called} is longer than the {reader.length} tokens that {reader.name} reads; only {on.name} sees: "
        f"{cut!r:.200}."
    )
