"""How do many small pictures become one that can be looked at?"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image


def to_tensor(pictures: np.ndarray) -> torch.Tensor:
    """uint8 (n, height, width, 3) to float32 (n, 3, height, width) in -1 … 1, as models want it."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pixels(tensor: torch.Tensor) -> np.ndarray:
    """The way back, rounded and clipped: float (n, 3, height, width) to uint8 (n, height, width, 3)."""
    scaled = ((tensor.detach().float().cpu() + 1) * 127.5).round().clamp(0, 255)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).numpy()


def contact_sheet(pictures: np.ndarray, columns: int, gap: int = 2, enlarge: int = 1) -> Image.Image:
    """uint8 pictures (n, height, width, 3) in reading order on white, enlarged without smoothing."""
    pictures = pictures.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    count, height, width, _ = pictures.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        top = gap + number // columns * (height + gap)
        left = gap + number % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return Image.fromarray(sheet)
