"""How large is a picture that is only shown? At most so many pixels a side."""

from __future__ import annotations

from PIL import Image


def at_most(image: Image.Image, side: int) -> Image.Image:
    """The image, or a smaller copy of it with its longer side `side` pixels."""
    if max(image.size) <= side:
        return image
    smaller = image.copy()
    smaller.thumbnail((side, side), Image.Resampling.LANCZOS)
    return smaller
