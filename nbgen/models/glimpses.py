"""Previews by a tiny autoencoder (TAESD and its siblings), for those who have one."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ModelError
from .attached import part_given
from .latents import decode
from .parts import read_part

_KIND = "AutoencoderTiny"
SHARE = 0.2
"""The share of the time that glimpses may take: one that took a second is followed by four without any."""


class TinyPreview:
    """Latents (channels, h, w) to pictures, uint8 (height, width, 3); None while glimpses have had their share of time.

    given: a folder in diffusers' layout, or an AutoencoderTiny, which is copied
    channels, device: those of the model's latents

    Raises ModelError for anything else, and for an autoencoder of another family.
    """

    def __init__(self, given: Any, channels: int, device: torch.device) -> None:
        self._decoder = _read(given, device)
        own = int(self._decoder.config.latent_channels)
        if own != channels:
            raise ModelError(
                f"this {_KIND} is for another family: its latents have {own} channels, and the model's {channels}."
            )
        self._rests_until = 0.0

    def __call__(self, latent: Tensor) -> np.ndarray | None:
        started = time.perf_counter()
        if started < self._rests_until:
            return None
        picture: np.ndarray = decode(self._decoder, latent[None])[0][0]
        ended = time.perf_counter()
        self._rests_until = ended + (ended - started) * (1 / SHARE - 1)
        return picture


def _read(given: Any, device: torch.device) -> Any:
    from diffusers import AutoencoderTiny

    part = part_given("preview", given, _KIND)
    if isinstance(part, Path):
        return read_part(part, AutoencoderTiny, device, torch.float32)
    return torch.nn.Module.to(copy.deepcopy(part), device, torch.float32).eval()


def show_by(model: Any, given: Any) -> None:
    """Gives a model a tiny autoencoder for its previews. ModelError where it can show none by it."""
    if not hasattr(type(model), "preview"):
        raise ModelError(
            f"preview= is for the families that are driven row by row, and this is a {model.family!s:.60} model."
        )
    model.preview = given
