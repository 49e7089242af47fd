"""A tiny random GAN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..models.gan import Generator
from .encoders import seeded


class TinyGenerator(nn.Module):
    """A random GAN generator: latents (n, 8) to pictures (n, 3, 16, 16) from -1 to 1."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with seeded(seed):
            self.layers = nn.Sequential(
                nn.Linear(8, 64),
                nn.ReLU(),
                nn.Unflatten(1, (4, 4, 4)),
                nn.Upsample(scale_factor=4),
                nn.Conv2d(4, 3, 3, padding=1),
            )

    def forward(self, latents: Tensor) -> Tensor:
        return torch.tanh(self.layers(latents))


def tiny_gan(seed: int = 0) -> Generator:
    """`TinyGenerator` as a Model."""
    return Generator(TinyGenerator(seed).eval(), latent=8, name="tiny-gan")
