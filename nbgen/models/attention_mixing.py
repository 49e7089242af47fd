"""Prompts mixed inside the denoiser: each row reads every prompt of its mixture, and what it read is mixed.

A mixture of embeddings is a text that nobody wrote. Here a row's own queries attend to each prompt as it was
written, and the attention's outputs are mixed, Σ wᵢ·A(Q, Kᵢ, Vᵢ), in the first part of the steps; after that the
row reads the mixture of embeddings. This is the outer interpolation of cross-attention in He et al., "AID:
Attention Interpolation of Text-to-Image Diffusion" (arXiv 2403.17924, section 4). What they do beside it, lending
each frame the self-attention of the two ends, is left out: no row depends on another one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..engine.asks import Conditioning
from ..engine.trajectory import is_guided
from ..recipe import Mix, Recipe

FIRST_PART = 0.5
"""The share of the steps in which attention is mixed: the paper's warm-up. What is where is settled by then."""

Encoded = Callable[[str], dict[str, Tensor]]
"""A prompt's tensors by name, "words" (tokens, width) among them."""


def can_mix(denoiser: Any) -> bool:
    """Whether a denoiser reads its words by cross-attention, through processors that can be set from outside."""
    config = getattr(denoiser, "config", {})
    return (
        hasattr(denoiser, "set_attn_processor")
        and config.get("cross_attention_dim") is not None
        # Others read something that is made of the words first, and would need each part made so, too.
        and config.get("encoder_hid_dim_type") in (None, "ip_image_proj")
    )


def kept_mixing(recipe: Recipe) -> str | None:
    """`mixing` where the recipe reads a mixture; otherwise it changes nothing, and so must not change the key."""
    read = (recipe.prompt, recipe.negative if is_guided(recipe) else None)
    return recipe.mixing if any(isinstance(words, Mix) for words in read) else None


def in_attention(found: Conditioning, words: str | Mix | None, encoded: Encoded) -> Conditioning:
    """`found`, which reads a mixture as embeddings, for a row that reads its parts in the first part of the steps.

    parts: (prompts, tokens, width), and weights: (prompts,), stand beside the mixture's own tensors
    """
    if not isinstance(words, Mix):
        return found
    own = {
        "parts": torch.stack([encoded(str(value))["words"] for value in words.values]),
        "weights": torch.tensor([weight for weight, _ in words.parts]),
    }
    return Conditioning(("attention", found.name), {**found.tensors, **own}, FIRST_PART, found)


@contextlib.contextmanager
def reading_each_part(
    denoiser: Any, conditionings: Sequence[Conditioning], dtype: torch.dtype
) -> Iterator[None]:
    """Inside, the rows whose conditionings have parts read each of them; afterwards the denoiser is as it was.

    conditionings: one a row of the one forward that follows; rows without parts read their words as ever
    """
    if not any("parts" in each.tensors for each in conditionings):
        yield
        return
    readings = _readings(conditionings, denoiser.device, dtype)
    own = dict(denoiser.attn_processors)
    try:
        denoiser.set_attn_processor({name: _ReadsEach(each, readings) for name, each in own.items()})
        yield
    finally:
        denoiser.set_attn_processor(own)


class _Reading(NamedTuple):
    """One part of each mixture that has so many: words (n, tokens, width), weights (n, 1, 1), rows (n,)."""

    words: Tensor
    weights: Tensor
    rows: Tensor


def _readings(conditionings: Sequence[Conditioning], device: Any, dtype: torch.dtype) -> list[_Reading]:
    """The first part of every row, where a row without parts has its words; then the second of those with two …"""
    parts = [each.tensors.get("parts", each.tensors["words"][None]) for each in conditionings]
    weights = [each.tensors.get("weights", torch.ones(1)) for each in conditionings]
    found = []
    for number in range(max(map(len, parts))):
        rows = [row for row, each in enumerate(parts) if len(each) > number]
        found.append(
            _Reading(
                torch.stack([parts[row][number] for row in rows]).to(device, dtype),
                torch.stack([weights[row][number] for row in rows]).view(-1, 1, 1).to(device, dtype),
                torch.tensor(rows, device=device),
            )
        )
    return found


class _ReadsEach:
    """A layer's own attention processor, run once for each part that its rows read."""

    def __init__(self, own: Callable[..., Tensor], readings: Sequence[_Reading]) -> None:
        self._own = own
        self._readings = readings

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Any = None,
        attention_mask: Tensor | None = None, **more: Any,
    ) -> Tensor:  # fmt: skip
        if encoder_hidden_states is None:  # self-attention
            return self._own(attn, hidden_states, attention_mask=attention_mask, **more)
        mixed: Tensor | None = None
        for words, weights, rows in self._readings:
            every = mixed is None
            answer = weights * self._own(
                attn,
                hidden_states if every else hidden_states[rows],
                encoder_hidden_states=_exchanged(encoder_hidden_states, words, rows),
                attention_mask=attention_mask if every or attention_mask is None else attention_mask[rows],
                **more,
            )
            mixed = answer if mixed is None else mixed.index_add(0, rows, answer)
        assert mixed is not None
        return mixed


def _exchanged(read: Any, words: Tensor, rows: Tensor) -> Any:
    """What a layer reads, with other words; an IP-Adapter's pictures, which come along in a tuple, stay each row's."""
    if not isinstance(read, tuple):
        return words
    return words, [each[rows] for each in read[1]]
