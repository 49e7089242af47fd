"""Tiny random GANs: a bare generator, and a style-based one that reads words."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..models.gan import Generator
from ..models.gan_networks import Discriminator, StyleGenerator
from ..models.gan_words import GanWords
from ..models.styled_gan import StyledGenerator
from .encoders import autoencoder, seeded


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


TINY_WORDS = GanWords(
    ("red apple", "lemon", "cat", "dog", "bird"),
    {"fruit": ("red apple", "lemon"), "mammal": ("cat", "dog"), "bird": ("bird",)},
    {"white": (255, 255, 255), "blue": (60, 110, 225)},
)
"""What `tiny_style_gan` can be asked for."""


def tiny_style_gan(seed: int = 0) -> StyledGenerator:
    """A random style-based GAN as a Model: words, truncation, mixing, directions; pictures of 64×64."""
    size = (len(TINY_WORDS.objects), len(TINY_WORDS.backgrounds))
    with seeded(seed):
        generator = StyleGenerator(*size, latent=8, style=12, widths=(8, 8, 8))
        discriminator = Discriminator(*size, widths=(8, 8, 8))
        # Without the block of attention in the middle: faster, and mini's has none.
        decoder = autoencoder(mid_block_add_attention=False)
    for module in (generator, discriminator, decoder):
        module.eval().requires_grad_(False)
    return StyledGenerator(generator, decoder, TINY_WORDS, discriminator=discriminator, name="tiny-style-gan")
