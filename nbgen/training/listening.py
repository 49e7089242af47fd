"""How does a UNet know at once which token to listen to?  It is told: two heads of its attention are set by hand.

The text encoder's last tokens say one part of the picture each (`words`), so each place of the UNet had best
listen to the token of its own part. To find that out by descent takes long: after 300 steps no head did better
than chance. But where a place is can be read off its features (zero padding gives it away: 87 to 100 of 100
places are told right behind the middle block), and which part a token is of can be read off the token. So both
readings are fitted by least squares and become the queries and keys of two heads; their values become what the
token says. Everything goes on learning from there.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor

from nbgen.training.words import CELLS, Readers

HEADS = 2
"""Of each attention to words, set."""
KNOWN = 0.8
"""Share of places that must be told right; where fewer are, an attention had better find its own use."""
SHARPNESS = 20.0
"""Logits between the right token and the others, were both readings exact."""
VOICE = 0.1
"""Size of what the heads first add to the features: little, so that nothing breaks."""


@torch.no_grad()
def listen(
    unet: UNet2DConditionModel, forward: Callable[[], Tensor], readers: Readers, known: float = KNOWN
) -> dict[str, float]:
    """Set the heads; return for each attention to words the share of places that are told right.

    forward: runs the UNet on some noised latents with their tokens, and returns those (n, length, width);
    known: share of places that must be told right for an attention to be set
    """
    heard: dict[str, Tensor] = {}
    attentions = {name: module for name, module in unet.named_modules() if name.endswith("attn2")}

    def keep(name: str) -> Callable[..., None]:
        return lambda module, given, named, made: heard.update(
            {name: given[0] if given else named["hidden_states"]}
        )

    hooks = [
        module.register_forward_hook(keep(name), with_kwargs=True) for name, module in attentions.items()
    ]
    tokens = forward()
    for hook in hooks:
        hook.remove()
    cells = torch.eye(CELLS**2, device=tokens.device)
    spoken = F.pad(cells, (0, 0, tokens.shape[1] - len(cells), 0)).expand(len(tokens), -1, -1)
    keys = reading(tokens, spoken)
    # The directions in which the tokens' parts differ most come first.
    _, _, principal = torch.linalg.svd(
        readers.cell(tokens[:, -len(cells) :]).flatten(0, 1), full_matrices=False
    )
    values = principal @ readers.cell.weight
    told = {}
    for name, attention in attentions.items():
        features = heard[name]
        side = round(features.shape[1] ** 0.5)
        part = torch.arange(side, device=features.device) * CELLS // side
        own = (part[:, None] * CELLS + part).flatten()
        queries = reading(features, (cells - 1 / len(cells))[own].expand(len(features), -1, -1))
        told[name] = float(((features @ queries.T).argmax(dim=-1) == own).float().mean())
        if told[name] >= known:
            set_heads(attention, queries, keys, values)
    return told


def reading(features: Tensor, wanted: Tensor) -> Tensor:
    """The matrix (k, width) that reads what is wanted (n, places, k) off features (n, places, width) best."""
    flat, target = features.flatten(0, 1), wanted.flatten(0, 1)
    square = flat.T @ flat
    damped = square + 1e-3 * square.diagonal().mean() * torch.eye(len(square), device=square.device)
    return torch.linalg.solve(damped, flat.T @ target).T


def set_heads(attention: Attention, queries: Tensor, keys: Tensor, values: Tensor) -> None:
    """Make the first HEADS heads find by `queries` and `keys` (16, width) and say `values` (64, width)."""
    width = attention.to_q.out_features // attention.heads
    strength = (SHARPNESS * width**0.5) ** 0.5
    for head in range(HEADS):
        rows = slice(head * width, (head + 1) * width)
        for layer, matrix in ((attention.to_q, queries * strength), (attention.to_k, keys * strength)):
            layer.weight[rows] = 0
            layer.weight[head * width : head * width + len(matrix)] = matrix
        layer = attention.to_v
        layer.weight[rows] = 0
        said = values[head * width : (head + 1) * width]
        layer.weight[head * width : head * width + len(said)] = said
        out = attention.to_out[0].weight
        out[:, rows] = VOICE * torch.nn.init.orthogonal_(torch.empty_like(out[:, rows]))
