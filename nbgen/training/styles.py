"""How does a picture look in another style?  Pixel art, pencil, watercolour, silhouette, monochrome, neon.

Every style is a rule on pixels without chance in it, so that a style has one right answer for each object.
All take an object as float32 (64, 64, 4), colours already multiplied by alpha, all from 0 to 1, and the
background's colour (3,), and give float32 (64, 64, 3).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

INK = np.float32(24 / 255)


def over(glyph: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """The object on the background, plainly."""
    return glyph[..., :3] + ground * (1 - glyph[..., 3:])


def grey(picture: np.ndarray) -> np.ndarray:
    """Luma (ITU-R BT.601), (64, 64)."""
    return picture @ np.array([0.299, 0.587, 0.114], np.float32)


def pixel_art(glyph: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Sixteen by sixteen squares, five levels a channel, edges hard."""
    side = glyph.shape[0]
    small = glyph.reshape(16, side // 16, 16, side // 16, 4).mean(axis=(1, 3))
    alpha = small[..., 3:]
    colours = np.round(
        np.divide(small[..., :3], alpha, where=alpha > 0, out=np.zeros((16, 16, 3), np.float32)) * 4
    )
    squares = np.where(alpha > 0.5, colours / 4, ground)
    return squares.repeat(side // 16, axis=0).repeat(side // 16, axis=1)


def pencil_sketch(glyph: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Grey strokes where brightness changes, and a light even tone where the object is dark, on coloured paper.

    No hatching: lines that repeat every few pixels, as often as the autoencoder's latents do, look the same to it in
    every latent, and convolutions behind equal latents give an even tone whatever they learn.
    """
    brightness = grey(over(glyph, np.ones(3, np.float32)))
    # "Colour dodge" by a blurred negative leaves only what differs from its neighbourhood.
    strokes = brightness / np.maximum(ndimage.gaussian_filter(brightness, 2.0), 1e-3)
    strokes = np.clip((np.minimum(strokes, 1) - 0.55) / 0.45, 0, 1) ** 1.5
    tone = 1 - 0.22 * (brightness < 0.6) * glyph[..., 3]
    return ground * (0.2 + 0.8 * strokes * tone)[..., None]


def watercolour(glyph: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Pale flat washes that are darker at their rim, and let the paper through."""
    colours = over(glyph, np.ones(3, np.float32))
    flat = np.stack([ndimage.median_filter(colours[..., c], size=7, mode="nearest") for c in range(3)], -1)
    alpha = ndimage.gaussian_filter(glyph[..., 3], 1.2)
    rim = np.clip(4 * alpha * (1 - alpha), 0, 1)[..., None]
    wash = (0.35 + 0.65 * flat) * (1 - 0.25 * rim)
    rows, columns = np.indices(alpha.shape) / 64
    paper = 0.06 * np.sin(9 * rows + 5 * np.sin(7 * columns)) * np.sin(8 * columns + 4 * np.sin(6 * rows))
    cover = np.clip(alpha * (0.9 + paper), 0, 1)[..., None]
    return ground * (1 - cover + cover * wash)


def silhouette(glyph: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Only the outline, filled with ink."""
    alpha = glyph[..., 3:]
    return ground * (1 - alpha) + INK * alpha


def monochrome(glyph: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """The object in greys; the background keeps its colour."""
    shades = np.repeat(grey(glyph[..., :3])[..., None], 3, axis=-1)
    return shades + ground * (1 - glyph[..., 3:])


def neon(glyph: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Glowing tubes along every edge, in the object's own colours at full strength."""
    shown = over(glyph, np.zeros(3, np.float32))
    layers = np.concatenate([shown, glyph[..., 3:]], axis=-1)
    steep = np.hypot(ndimage.sobel(layers, axis=0), ndimage.sobel(layers, axis=1)).max(axis=-1)
    lines = np.clip(steep / 1.6, 0, 1)
    smooth = ndimage.gaussian_filter(shown, (1.5, 1.5, 0))
    low, high = smooth.min(axis=-1, keepdims=True), smooth.max(axis=-1, keepdims=True)
    # Saturated as far as there is a hue; what is grey glows white.
    vivid = np.where(high - low > 0.06, (smooth - 0.8 * low) / np.maximum(high - 0.8 * low, 1e-3), 0.9)
    glow = ndimage.gaussian_filter(lines, 2.0)
    return np.clip(ground + vivid * (lines[..., None] + 0.6 * glow[..., None]), 0, 1)


DRAWN: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "pixel art": pixel_art,
    "pencil sketch": pencil_sketch,
    "watercolour": watercolour,
    "silhouette": silhouette,
    "monochrome": monochrome,
    "neon": neon,
}
"""The rule behind each name."""
