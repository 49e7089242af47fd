"""How text encoders read a prompt: padded tokens, hidden states, and the words past their limit."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .textual import expanded

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
        return self.hidden_of(read.input_ids, read.attention_mask)[0]

    def hidden_of(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, tokens, width): as `hidden`, of token ids (n, tokens); mask: 1 where there is no padding."""
        masked = getattr(self.encoder.config, "use_attention_mask", False)
        where = self.encoder.device
        with torch.no_grad():
            return self.encoder(ids.to(where), attention_mask=mask.to(where) if masked else None)[0]

    def pooled(self, text: str) -> Tensor:
        """(width,): the hidden state at the end mark, which stands for the whole text."""
        with torch.no_grad():
            return self.encoder(self._tokens(text).input_ids.to(self.encoder.device)).pooler_output[0]

    def penultimate(self, text: str) -> tuple[Tensor, Tensor]:
        """(tokens, width), the hidden states before the last layer, and the encoder's first output, without batch.

        That first output is the projected whole text, (width,), where the encoder has a projection.
        """
        states, first = self.penultimate_of(self._tokens(text).input_ids)
        return states[0], first[0]

    def penultimate_of(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """As `penultimate`, of token ids (n, tokens), with a batch dimension."""
        with torch.no_grad():
            read = self.encoder(ids.to(self.encoder.device), output_hidden_states=True)
        return read.hidden_states[-2], read[0]

    def cut(self, text: str) -> str:
        """The end of the text that this encoder never sees; empty where it sees all."""
        tokens, kept = self.tokens(text), self.room
        return self.tokenizer.decode(tokens[kept:]).strip() if len(tokens) > kept else ""

    def count(self, text: str) -> tuple[int, int]:
        """How many tokens the text has, and how many of them are read."""
        return len(self.tokens(text)), self.room

    @property
    def room(self) -> int:
        """How many tokens are read, without the marks of start and end."""
        return int(self.length - self.tokenizer.num_special_tokens_to_add())

    def tokens(self, text: str) -> list[int]:
        """All tokens of the text, without marks; also those that are not read."""
        with warnings.catch_warnings(), _one_at_a_time:
            warnings.simplefilter("ignore")
            read = self.tokenizer(self._said(text), add_special_tokens=False, truncation=False, verbose=False)
        return list(read.input_ids)

    def _said(self, text: str) -> str:
        return expanded(utf8(text), self.tokenizer)

    def _tokens(self, text: str) -> Any:
        with _one_at_a_time:
            return self.tokenizer(
                self._said(text),
                padding="max_length",
                max_length=self.length,
                truncation=True,
                return_tensors="pt",
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
