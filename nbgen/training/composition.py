"""How does a scene become a picture?  Objects at three sizes, pasted on a colour, perhaps in a style."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from nbgen.training.pictures import BACKGROUNDS, World
from nbgen.training.scenes import FULL, HALF, MEDIUM, Box, Scene, lay_out
from nbgen.training.styles import DRAWN


class Composer:
    """Draws scenes of one world. The objects are held at all three sizes, some 100 MB for 1,250."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sprites = {side: _at_side(world.glyphs, side) for side in (FULL, MEDIUM, HALF)}

    def facing(self) -> list[int]:
        """The objects that look different in a mirror."""
        small = self.sprites[HALF].astype(np.float32)
        return [int(n) for n in np.flatnonzero(np.abs(small - small[:, :, ::-1]).mean(axis=(1, 2, 3)) > 12)]

    def draw(self, scene: Scene, boxes: Sequence[tuple[int, Box]]) -> np.ndarray:
        """The picture, uint8 (64, 64, 3), of a scene with the boxes that `lay_out` gave."""
        ground = np.array(BACKGROUNDS[scene.background], np.float32) / 255
        picture = np.broadcast_to(ground, (FULL, FULL, 3)).copy()
        for thing, (left, top, side) in boxes:
            glyph = self.sprites[side][thing].astype(np.float32) / 255
            if scene.mirrored:
                glyph = glyph[:, ::-1]
            where = (slice(top, top + side), slice(left, left + side))
            if scene.style:
                picture[where] = DRAWN[scene.style](glyph, ground)
            else:
                picture[where] = glyph[..., :3] + picture[where] * (1 - glyph[..., 3:])
        return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)

    def drawn(self, scene: Scene, draw: np.random.Generator | None) -> np.ndarray:
        """The picture of a scene, what it leaves unsaid drawn at random, or without `draw` as one would expect."""
        return self.draw(scene, lay_out(scene, draw))


def _at_side(glyphs: np.ndarray, side: int) -> np.ndarray:
    """RGBA glyphs (n, 64, 64, 4) at another size, uint8, colours multiplied by alpha."""
    pixels = glyphs.astype(np.float32)
    pixels[..., :3] *= pixels[..., 3:] / 255
    if side != FULL:
        tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        tensor = F.interpolate(tensor, (side, side), mode="bicubic", antialias=True, align_corners=False)
        pixels = tensor.permute(0, 2, 3, 1).numpy()
    pixels = np.clip(np.rint(pixels), 0, 255)
    pixels[..., :3] = np.minimum(pixels[..., :3], pixels[..., 3:])
    return pixels.astype(np.uint8)
