"""What goes from a laboratory to the page: arrays packed, figures as files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

STATIC = Path(__file__).parent / "static"


def packed(arrays: Mapping[str, np.ndarray]) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Names, dtypes and shapes, and the bytes, as `live.js` reads them."""
    described, buffers = [], []
    for name, array in arrays.items():
        array = np.ascontiguousarray(array)
        if array.dtype not in (np.float32, np.int32, np.uint8):
            array = array.astype(np.float32)
        described.append({"name": name, "dtype": array.dtype.name, "shape": list(array.shape)})
        buffers.append(array.tobytes())
    return described, buffers


def png(figure: Any) -> bytes:
    """A matplotlib Figure as a PNG file of 128 colours, a third of the usual size: notebooks keep many of them."""
    from PIL import Image

    drawn, buffer = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    colours = Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    colours.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
