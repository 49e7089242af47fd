"""How does a larger mini begin with what a smaller one knows?  Words and weights are taken over by name.

The new vocabulary has other token numbers, the new text encoder more positions and another layer: a word keeps
its vector, a position its own, and the added layer begins as one that changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer


@torch.no_grad()
def take_over(
    folder: Path, text_encoder: CLIPTextModel, unet: UNet2DConditionModel, tokenizer: CLIPTokenizer
) -> None:
    """Give both models the weights of those in `folder`, a diffusers folder with the same UNet configuration."""
    unet.load_state_dict(UNet2DConditionModel.from_pretrained(folder, subfolder="unet").state_dict())
    old = CLIPTextModel.from_pretrained(folder, subfolder="text_encoder").float()
    old_tokens = CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer").get_vocab()

    ours, theirs = dict(text_encoder.named_parameters()), dict(old.named_parameters())
    table, old_table = _ending("token_embedding.weight", ours), _ending("token_embedding.weight", theirs)
    for token, number in tokenizer.get_vocab().items():
        if token in old_tokens and bool(table[number].any()):  # a tied plural's own part stays nothing
            table[number] = old_table[old_tokens[token]]
    places, old_places = (
        _ending("position_embedding.weight", ours),
        _ending("position_embedding.weight", theirs),
    )
    places[: len(old_places)] = old_places
    places[len(old_places) :] = old_places[-1]
    for name, tensor in ours.items():
        if name in theirs and tensor.shape == theirs[name].shape:
            tensor.copy_(theirs[name])
    for layer in _layers(text_encoder)[len(_layers(old)) :]:
        for last in (layer.self_attn.out_proj, layer.mlp.fc2):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)


def _ending(name: str, tensors: dict[str, nn.Parameter]) -> Tensor:
    (found,) = (tensor for key, tensor in tensors.items() if key.endswith(name))
    return found


def _layers(model: CLIPTextModel) -> list[Any]:
    return list(getattr(model, "text_model", model).encoder.layers)
