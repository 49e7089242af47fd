"""A control picture from any picture: where are its edges?"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import RecipeError, brief
from ..picture import Picture, as_image
from ..values import as_number

MOST_SMOOTHING = 50.0
"""Pixels; beyond, nothing is left of a picture to have edges."""


def edges(picture: Any, *, smoothing: float = 1.0, low: float = 0.1, high: float = 0.2) -> Picture:
    """The edges of a picture, white on black, as ControlNets for "canny" take them: `control={"canny": edges(photo)}`.

    picture: a Picture, a PIL image, an array or a path
    smoothing: the width of the Gaussian that is laid over the picture before, in pixels; more gives fewer edges
    low, high: slopes of the lightness, 0 to 1, from which an edge is followed, and from which one begins

    Canny's detector (IEEE PAMI 8 (6), 1986) as scikit-image has it. Raises RecipeError and PictureFileError.
    """
    width = as_number("smoothing", smoothing)
    least, most = as_number("low", low), as_number("high", high)
    if not 0 <= width <= MOST_SMOOTHING:
        raise RecipeError(f"smoothing must be from 0 to {MOST_SMOOTHING:g} pixels, not {brief(smoothing)}.")
    if not 0 <= least <= most <= 1:
        raise RecipeError(f"low and high must be 0 <= low <= high <= 1, not {least:g} and {most:g}.")
    from skimage.feature import canny

    grey = np.asarray(as_image(picture).convert("L"), np.float32) / 255
    found = canny(grey, sigma=width, low_threshold=least, high_threshold=most)
    return Picture(np.repeat(found[:, :, None], 3, axis=2).astype(np.uint8) * np.uint8(255), name="edges")
