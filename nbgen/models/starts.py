"""Where paths begin, for all families: words alone, an image, or an image with a hole."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from enum import Enum

import numpy as np
import torch
from torch import Tensor, nn

from ..engine.noise import unit_noises
from ..engine.start import Start
from ..inputs import fitted, hole_of, opened, softened, wanted_anew
from ..recipe import Mix, Recipe
from .latents import Posterior

Encode = Callable[[Hashable, Callable[[], np.ndarray]], Posterior]
"""The distribution of the latents of some pixels (1, height, width, 3), 0 to 255, under a name that stands for them."""


class Filling(Enum):
    """How a dedicated inpainting denoiser is told of the hole, beside the latent of the picture around it."""

    PLACES = "places"
    """By place of the latent, one channel before the picture's: Stable Diffusion."""
    PIXELS = "pixels"
    """By pixel, as many channels after the picture's as a place of the latent has pixels: FLUX.1 Fill."""


def begin(recipe: Recipe, shape: Sequence[int], scale: int, encode: Encode, fills: Filling | None) -> Start:
    """The start of a recipe, everything drawn from its generator in the order of diffusers' pipelines.

    shape: of a latent, without a batch dimension; scale: the pixels on a side that one place of it stands for
    fills: for a dedicated inpainting denoiser, how it is given the hole and the picture around it
    """
    shape = (1, *shape)
    # A hole that is filled at full strength begins at noise alone, and so do words alone.
    afresh = recipe.image is None or (recipe.mask is not None and recipe.strength == 1)
    takes_image = recipe.image is not None and not (fills is Filling.PLACES and afresh)
    takes_rest = fills is not None or recipe.mask is not None
    draws, generator = unit_noises(recipe.seed, shape, takes_image + 1 + takes_rest)
    known = _image(recipe, encode, draws[0]) if takes_image else None
    noise = draws[1] if takes_image else draws[0]
    if not takes_rest:
        return Start(noise, generator, known, noised=not afresh)
    hole = torch.from_numpy(hole_of(seen(recipe), scale))[None, None].float()
    if fills is None:
        return Start(noise, generator, known, noised=not afresh, hole=hole)
    by_pixel = torch.from_numpy(seen(recipe) > 0)[None, None].float()
    if fills is Filling.PLACES:
        by_pixel = nn.functional.interpolate(hole, scale_factor=scale)
    found = encode(
        ("rest", recipe.image, recipe.mask, recipe.feather, recipe.size), lambda: _rest(recipe, by_pixel)
    )
    rest = found.mean + found.std * draws[-1]
    told = [hole, rest] if fills is Filling.PLACES else [rest, nn.functional.pixel_unshuffle(by_pixel, scale)]
    beside = torch.cat(told, dim=1)
    return Start(noise, generator, known, noised=not afresh, beside=beside)


def seen(recipe: Recipe) -> np.ndarray:
    """How much of what is made is seen, float32 (height, width) from 0 to 1; all of it where there is no mask."""
    assert recipe.size is not None
    if recipe.mask is None:
        return np.ones((recipe.size[1], recipe.size[0]), np.float32)
    return softened(wanted_anew(recipe.mask, recipe.size), recipe.feather)


def pixels_of(digest: str, size: tuple[int, int]) -> np.ndarray:
    """An input picture as it is used, uint8 (height, width, 3)."""
    return np.asarray(fitted(opened(digest), size))


def _image(recipe: Recipe, encode: Encode, draw: Tensor) -> Tensor:
    """A sample of the posterior of the recipe's image; for a mixture of images Σ wᵢ·zᵢ / Σ wᵢ."""
    image, size = recipe.image, recipe.size
    assert image is not None and size is not None
    parts = image.parts if isinstance(image, Mix) else ((1.0, image),)
    latent = torch.zeros_like(draw)
    for weight, digest in parts:
        name = str(digest)
        found = encode(("image", name, size), lambda name=name: pixels_of(name, size)[None])  # type: ignore[misc]
        latent += weight * (found.mean + found.std * draw)
    return latent / sum(weight for weight, _ in parts)


def _rest(recipe: Recipe, hole: Tensor) -> np.ndarray:
    """The image with mid-grey in the hole, float32 (1, height, width, 3); all grey where there is no image."""
    assert recipe.size is not None
    grey = np.full((1, recipe.size[1], recipe.size[0], 3), 127.5, np.float32)
    if not isinstance(recipe.image, str):
        return grey
    empty = hole[0, 0].bool().numpy()
    return np.where(empty[None, :, :, None], grey, pixels_of(recipe.image, recipe.size))
