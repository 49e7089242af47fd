"""What goes to the page, and who shows it: scripts joined, arrays packed, figures as files."""

from __future__ import annotations

import io
import os
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


def page_script(*names: str) -> str:
    """Modules of `static/` joined into one, in order: a widget's script cannot import a neighbour.

    Each file is a module of its own, so that an editor and a test may read it; here its imports from neighbours go, and
    its named exports become plain names.
    """
    lines = [line for name in names for line in (STATIC / name).read_text(encoding="utf-8").splitlines()]
    joined = [line for line in lines if not line.startswith("import ")]
    return "\n".join(
        line.removeprefix("export ") if not line.startswith("export default") else line for line in joined
    )


def png(figure: Any) -> bytes:
    """A matplotlib Figure as a PNG file of 128 colours, a third of the usual size: notebooks keep many of them."""
    from PIL import Image

    drawn, buffer = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    colours = Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    colours.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def front_end() -> str | None:
    """Who shows the panel: "page" (a page of JupyterLab's kind), "widget" (any other), None (nobody)."""
    if os.environ.get("NBGEN_PROGRESS") == "none":
        return None
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return None
    from ..widgets.progress import _CELL_ID

    cell = kernel.get_parent().get("metadata", {}).get("cellId")
    return "page" if _CELL_ID.fullmatch(cell or "") else "widget"
