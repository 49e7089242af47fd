"""What does a latent look like, at a glance? A linear map from latents to colours, fitted to the model on the fly.

Decoders are far too slow for every step of every picture. Colours, though, are nearly linear in the latent
(known since Stable Diffusion's first previews), so a least-squares fit to a few decoded latents is enough. No
table for each family, no download.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class LinearPreview:
    """Latents (channels, h, w) to colours, uint8 (h, w, 3). Every example that is added makes it better.

    Least squares by the normal equations, which need (channels + 1)² numbers however many examples there are.
    """

    def __init__(self, channels: int) -> None:
        self._squares = np.eye(channels + 1) * 1e-3  # a little ridge, for latents of one colour
        self._products = np.zeros((channels + 1, 3))

    def add(self, latent: Tensor, pixels: np.ndarray) -> None:
        """An example: a latent (channels, h, w) and the picture it decodes to, uint8 (height, width, 3)."""
        picture = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255
        colours = torch.nn.functional.adaptive_avg_pool2d(picture, (latent.shape[1], latent.shape[2]))[0]
        rows = _rows(latent)
        self._squares += rows.T @ rows
        self._products += rows.T @ colours.reshape(3, -1).T.numpy().astype(float)

    def __call__(self, latent: Tensor) -> np.ndarray:
        """The colours of a latent, one pixel a place of it."""
        weights = np.linalg.solve(self._squares, self._products)
        colours = (_rows(latent) @ weights).reshape(*latent.shape[1:], 3)
        return (colours.clip(0, 1) * 255).round().astype(np.uint8)


def _rows(latent: Tensor) -> np.ndarray:
    """One row a place: its channels, and 1."""
    flat = latent.reshape(len(latent), -1).T.cpu().numpy().astype(float)
    return np.concatenate([flat, np.ones((len(flat), 1))], axis=1)
