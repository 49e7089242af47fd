"""How does a larger mini begin with what a smaller one knows?  Weights are taken over by name, where they fit."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel


@torch.no_grad()
def take_over(folder: Path, unet: UNet2DConditionModel) -> list[str]:
    """Give the UNet the weights of the one in `folder`, a diffusers folder; return the names of those it kept.

    What listens to another text encoder has other shapes, and begins anew.
    """
    old = dict(UNet2DConditionModel.from_pretrained(folder, subfolder="unet").named_parameters())
    kept = []
    for name, tensor in unet.named_parameters():
        if name in old and old[name].shape == tensor.shape:
            tensor.copy_(old[name])
        else:
            kept.append(name)
    return kept
