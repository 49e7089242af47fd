"""What is mini-gan made of?  A style-based generator of latents, and the discriminator it was trained against.

The generator follows StyleGAN2 (Karras et al., 1912.04958): a mapping network turns z into a style w, and w
scales the channels of every convolution. There is no noise per place, so that z and the words determine the
picture. Both networks work on the latents of an autoencoder, which turns them into pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYERS = 6
"""Styled convolutions: two each at 4×4 (coarse), 8×8 (middle) and 16×16 (fine)."""
RANGES: dict[str, range] = {"coarse": range(2), "middle": range(2, 4), "fine": range(4, 6)}
"""Layers by what they decide, counted from the coarsest."""


class Mapping(nn.Module):
    """z (n, latent) to a style w (n, style), within what the words allow.

    The hidden layer is a softmax: each unit stands for an object (or a background) and has a learned key that z
    is compared with and a learned code that it adds. The words mask it: "any fruit" leaves the fruit, a named
    object leaves one unit. What stays open, z decides.
    """

    def __init__(
        self, objects: int, backgrounds: int, latent: int, style: int, sharpness: float = 40.0
    ) -> None:
        super().__init__()
        self.keys = nn.Parameter(torch.randn(objects + backgrounds, latent))
        self.codes = nn.Parameter(torch.randn(objects + backgrounds, style) / math.sqrt(2))
        self.sharpness = nn.Parameter(torch.full((2,), math.log(sharpness)))
        self.objects = objects
        self.layers = nn.Sequential(nn.Linear(style, style), nn.LeakyReLU(0.2), nn.Linear(style, style))

    def choices(self, z: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        """How much z asks for each object (n, objects) and each background (n, backgrounds); rows sum to 1.

        allowed: bool (n, objects + backgrounds)
        """
        likeness = (z @ F.normalize(self.keys, dim=1).T).masked_fill(~allowed, -1e4)
        parts = likeness.split([self.objects, likeness.shape[1] - self.objects], dim=1)
        objects, backgrounds = (
            (part * scale).softmax(dim=1) for part, scale in zip(parts, self.sharpness.exp(), strict=True)
        )
        return objects, backgrounds

    def forward(self, z: Tensor, allowed: Tensor) -> Tensor:
        code: Tensor = torch.cat(self.choices(z, allowed), dim=1) @ self.codes
        return code + self.layers(code)


class StyledConvolution(nn.Module):
    """A 3×3 convolution whose input channels are scaled by a style and whose output is scaled back.

    Modulation and demodulation of 1912.04958, eq. 1 to 3, written on activations instead of weights, so that
    every picture of a batch shares one convolution.
    """

    def __init__(self, style: int, before: int, after: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3) / math.sqrt(9 * before))
        self.bias = nn.Parameter(torch.zeros(after))
        self.scale = nn.Linear(style, before)
        nn.init.ones_(self.scale.bias)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        scale = self.scale(w)
        strength = (
            scale.to(self.weight.dtype).square() @ self.weight.square().sum(dim=(2, 3)).T + 1e-6
        ).rsqrt()
        x = F.conv2d(x * scale[:, :, None, None], self.weight, padding=1)
        x = x * strength[:, :, None, None].to(x.dtype) + self.bias[:, None, None]
        return F.leaky_relu(x, 0.2) * math.sqrt(2)


class StyleGenerator(nn.Module):
    """Latents (n, 4, 16, 16) of unit variance from styles, and styles from z and what the words allow."""

    def __init__(
        self,
        objects: int,
        backgrounds: int,
        latent: int = 64,
        style: int = 320,
        widths: Sequence[int] = (128, 128, 64),
        channels: int = 4,
        masks: int = 8,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "objects": objects, "backgrounds": backgrounds, "latent": latent, "style": style,
            "widths": list(widths), "channels": channels, "masks": masks,
        }  # fmt: skip
        self.mapping = Mapping(objects, backgrounds, latent, style)
        # A draft, linear in the coarse style: what stands in front, and masks that say where the background shows. The
        # fine style gives the weights of the 1×1 convolution that colours them (a "to RGB" layer of 1912.04958).
        self.draft = nn.Sequential(
            nn.Linear(style, (channels + masks) * 256), nn.Unflatten(1, (channels + masks, 16, 16))
        )
        self.colour = nn.Sequential(nn.Linear(style, masks * channels), nn.Unflatten(1, (channels, masks)))
        self.start = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        pairs = [(widths[max(0, (n - 1) // 2)], widths[n // 2]) for n in range(LAYERS)]
        self.layers = nn.ModuleList(StyledConvolution(style, *pair) for pair in pairs)
        self.last = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def synthesis(self, styles: Tensor) -> Tensor:
        """Styles, one a layer (n, 6, style), to latents (n, 4, 16, 16)."""
        x = self.start.expand(len(styles), -1, -1, -1)
        for number, layer in enumerate(self.layers):
            if number in (2, 4):
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = layer(x, styles[:, number])
        front, masks = self.draft(styles[:, 0]).split([self.config["channels"], self.config["masks"]], dim=1)
        behind = self.colour(styles[:, -1]) @ masks.flatten(2)
        return self.last(x) + front + behind.unflatten(2, masks.shape[2:])

    def forward(self, z: Tensor, allowed: Tensor) -> Tensor:
        """z (n, latent) and what the words allow, bool (n, objects + backgrounds), to latents (n, 4, 16, 16)."""
        return self.synthesis(everywhere(self.mapping(z, allowed)))


def everywhere(w: Tensor) -> Tensor:
    """The same style (n, style) for every layer: (n, 6, style)."""
    return w[:, None].expand(-1, LAYERS, -1)


class Discriminator(nn.Module):
    """How real latents look for what was asked: (n, 4, 16, 16) to scores (n,), higher is more real.

    A projection discriminator (Miyato and Koyama, 1802.05637): a score of its own for the latents, and one for how
    they go with the words, both from the same features.
    """

    def __init__(
        self, objects: int, backgrounds: int, widths: Sequence[int] = (32, 96, 128), channels: int = 4
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "objects": objects, "backgrounds": backgrounds, "widths": list(widths), "channels": channels,
        }  # fmt: skip
        fine, middle, coarse = widths
        self.stem = nn.Conv2d(channels, fine, 3, padding=1)
        self.blocks = nn.ModuleList([Block(fine, middle), Block(middle, coarse)])
        self.features = nn.Linear(coarse * 16, coarse)
        self.score = nn.Linear(coarse, 1)
        self.words = nn.Linear(objects + backgrounds, coarse, bias=False)
        self.objects = objects

    def forward(self, latents: Tensor, allowed: Tensor) -> Tensor:
        x = self.stem(latents)
        for block in self.blocks:
            x = block(x)
        features = F.leaky_relu(self.features(x.flatten(1)), 0.2)
        # Scores are sums that differences are taken of: not in bfloat16.
        features = features.to(self.score.weight.dtype)
        words = self.words(said(allowed, self.objects).to(features))
        return self.score(features)[:, 0] + (features * words).sum(dim=1) / math.sqrt(features.shape[1])


class Block(nn.Module):
    """Two convolutions beside a straight way through, then half the size."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, before, 3, padding=1)
        self.second = nn.Conv2d(before, after, 3, padding=1)
        self.straight = nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.avg_pool2d(F.leaky_relu(self.first(F.leaky_relu(x, 0.2)), 0.2), 2)
        return (self.second(inner) + self.straight(F.avg_pool2d(x, 2))) / math.sqrt(2)


def said(allowed: Tensor, objects: int) -> Tensor:
    """What the words leave open as weights: a named object 1, each of ten that a group leaves a tenth."""
    parts = allowed.float().split([objects, allowed.shape[1] - objects], dim=1)
    return torch.cat([part / part.sum(dim=1, keepdim=True) for part in parts], dim=1)
