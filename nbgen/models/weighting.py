"""Prompts with weights, and prompts longer than the encoders read: chunks of tokens, each token with its weight.

A token's state is moved along the line from what the encoder says at its place of an empty text, z = e + w·(z - e),
as ComfyUI's `encode_token_weights` does: w = 1 leaves it as it is, w = 0 leaves nothing of it. Automatic1111's own
formula scales the states and then restores their mean over the whole text, which changes every other word, too, and
divides by a number that may be near 0.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..engine.trajectory import is_guided
from ..errors import RecipeError
from ..recipe import Recipe
from .emphasis import is_plain, parts_of
from .prompted import PromptedModel
from .reading import Reader, texts
from .seamless import Group

MOST_CHUNKS = 16
"""Chunks of a prompt; the denoiser reads 77 tokens of each at every step."""


class Chunks(NamedTuple):
    """A text as an encoder reads it: token ids, which of them are no padding, and weights, each (chunks, length)."""

    ids: Tensor
    mask: Tensor
    weights: Tensor


class WeightedModel(PromptedModel):
    """A model whose recipes may say words="weighted"."""

    fields = PromptedModel.fields | {"words"}
    reads_before_last = False
    """Whether the denoiser is given the states before the encoders' last layer, and the last encoder's whole text."""

    def check(self, recipe: Recipe) -> Recipe:
        """Weights are read here, so that a bracket that is missing is found before work starts."""
        found = super().check(recipe)
        if found.words != "weighted":
            return found
        for called, words in (("prompt", found.prompt), ("negative prompt", found.negative)):
            for text in texts(words):
                parts_of(text, called)
        count = self.chunks(found)
        if count > MOST_CHUNKS:
            raise RecipeError(
                f"this prompt takes {count} chunks of tokens, and {MOST_CHUNKS} are read: shorten it, or write fewer "
                "BREAKs."
            )
        if count == 1 and all(map(is_plain, (*texts(found.prompt), *texts(found.negative)))):
            return found.replace(words="plain")  # it changes nothing, and so must not change the key
        return found

    def chunks(self, recipe: Recipe) -> int:
        """How many chunks all words of this recipe are padded to: rows with and without guidance share a forward."""
        read = [*texts(recipe.prompt), *(texts(recipe.negative) if is_guided(recipe) else [])]
        return max(
            (sum(map(len, _split(text, reader)[0])) for text in read for reader in self.readers()), default=1
        )

    def group(self, recipe: Recipe) -> Hashable:
        shared = super().group(recipe)
        assert isinstance(shared, Group)
        return shared._replace(chunks=self.chunks(recipe)) if recipe.words == "weighted" else shared

    def reads(self, recipe: Recipe) -> tuple[Callable[[str | None], dict[str, Tensor]], Hashable]:
        if recipe.words != "weighted":
            return super().reads(recipe)
        count = self.chunks(recipe)
        return lambda prompt: self._encode_chunks(prompt, count), ("weighted", count)

    def _encode_chunks(self, prompt: str | None, count: int) -> dict[str, Tensor]:
        """words: (count · tokens, width), the chunks one after the other; pooled: that of the first chunk."""
        if prompt is None:
            return {key: torch.zeros_like(each) for key, each in self._encode_chunks("", count).items()}
        states, pooled = [], None
        for reader in self.readers():
            chunks = chunked(prompt, reader, count)
            found, pooled = self._states(reader, chunks)
            if bool((chunks.weights != 1).any()):
                empty = self._states(reader, chunked("", reader, 1))[0]
                weights = chunks.weights[..., None].to(found)
                found = torch.where(weights == 1, found, empty + weights * (found - empty))
            states.append(found.flatten(0, 1))
        words = {"words": torch.cat(states, dim=-1)}
        return words if pooled is None else {**words, "pooled": pooled[0]}

    def _states(self, reader: Reader, chunks: Chunks) -> tuple[Tensor, Tensor | None]:
        if self.reads_before_last:
            return reader.penultimate_of(chunks.ids)
        return reader.hidden_of(chunks.ids, chunks.mask), None


def chunked(prompt: str, reader: Reader, count: int) -> Chunks:
    """The prompt in chunks of what the encoder reads, filled up with empty ones to `count`.

    Each has its own marks of start and end, as Automatic1111's have; the marks and the padding weigh 1.
    """
    tokens, weights = _split(prompt, reader)
    rows = [row for part in tokens for row in part]
    heavy = [row for part in weights for row in part]
    rows += [[]] * (count - len(rows))
    heavy += [[]] * (count - len(heavy))
    tokenizer, length = reader.tokenizer, reader.length
    ids, mask, found = [], [], []
    for row, weight in zip(rows, heavy, strict=True):
        padding = length - len(row) - 2
        ids.append(
            [tokenizer.bos_token_id, *row, tokenizer.eos_token_id, *[tokenizer.pad_token_id] * padding]
        )
        mask.append([1] * (len(row) + 2) + [0] * padding)
        found.append([1.0, *weight, *[1.0] * (padding + 1)])
    return Chunks(torch.tensor(ids), torch.tensor(mask), torch.tensor(found))


def _split(prompt: str, reader: Reader) -> tuple[list[list[list[Any]]], list[list[list[Any]]]]:
    """For each part between BREAKs its chunks: the tokens, and the weights. An empty part is one empty chunk."""
    tokens, weights = [], []
    room = reader.room
    for part in parts_of(prompt):
        ids: list[int] = []
        heavy: list[float] = []
        for piece in part:
            read = reader.tokens(piece.text)
            ids += read
            heavy += [piece.weight] * len(read)
        places = range(0, max(1, len(ids)), room)
        tokens.append([ids[place : place + room] for place in places])
        weights.append([heavy[place : place + room] for place in places])
    return tokens, weights
