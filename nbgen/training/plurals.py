"""How is "cats" learned from "cat"?  Its vector is that of the singular, plus what all plurals share, plus its own.

Several of a thing are shown far less often than one. Tied like this, everything that is learned about one of
them counts for several at once. In the exported table the sum is an ordinary row.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer


class TiedPlurals(nn.Module):
    """Stands in for an embedding table; `singular` says for each token of a plural which token it comes from."""

    singular: Tensor
    is_plural: Tensor

    def __init__(self, table: nn.Embedding, singular: Mapping[int, int]) -> None:
        super().__init__()
        self.weight = table.weight
        self.several = nn.Parameter(torch.zeros_like(table.weight[0]))
        tokens = torch.arange(len(table.weight))
        for many, one in singular.items():
            tokens[many] = one
        self.register_buffer("singular", tokens, persistent=False)
        self.register_buffer("is_plural", (tokens != torch.arange(len(tokens))).float(), persistent=False)
        with torch.no_grad():
            self.weight[self.is_plural.bool()] = 0

    def forward(self, tokens: Tensor) -> Tensor:
        """Vectors (..., width) of tokens (...)."""
        shared = F.embedding(self.singular[tokens], self.weight) + self.several
        return F.embedding(tokens, self.weight) + self.is_plural[tokens][..., None] * shared

    def table(self) -> Tensor:
        """The ordinary table (tokens, width) that gives the same vectors."""
        return self(torch.arange(len(self.weight), device=self.weight.device)).detach()


def tie(model: CLIPTextModel, tokenizer: CLIPTokenizer, plurals: Mapping[str, str]) -> None:
    """Tie the plural words of `plurals` (plural to singular) to their singulars, where both are one token."""
    numbers = tokenizer.get_vocab()
    tied = {
        numbers[f"{many}</w>"]: numbers[f"{one}</w>"]
        for many, one in plurals.items()
        if f"{many}</w>" in numbers and f"{one}</w>" in numbers
    }
    embeddings = getattr(model, "text_model", model).embeddings
    embeddings.token_embedding = TiedPlurals(embeddings.token_embedding, tied)
