"""Would the safety checker of a pipeline blank this picture? It is asked as the pipeline itself asks it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image

BLANKED = (
    "the pipeline's safety checker marked this picture as not safe and blanked it: another seed or other words, "
    "or a pipeline without its safety checker, make one."
)


def checker_of(pipe: Any) -> Any:
    """The safety checker that a pipeline has; None where it has none, or nothing to prepare pictures for it."""
    ready = getattr(pipe, "feature_extractor", None) is not None
    return getattr(pipe, "safety_checker", None) if ready else None


def blanked(pipe: Any, pictures: np.ndarray) -> list[bool]:
    """Whether the checker, if there is one, blanks each of the pictures, uint8 (n, height, width, 3)."""
    checker = checker_of(pipe)
    if checker is None:
        return [False] * len(pictures)
    looked_at = pipe.feature_extractor([Image.fromarray(each) for each in pictures], return_tensors="pt")
    first = next(checker.parameters())
    with torch.no_grad():
        _, marked = checker(
            images=[each / 255 for each in pictures],
            clip_input=looked_at.pixel_values.to(first.device, first.dtype),
        )
    return [bool(each) for each in marked]
