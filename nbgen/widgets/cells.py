"""Which cell runs, and who shows what it makes?"""

from __future__ import annotations

import os
import re
from typing import Any

_CELL_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
"""Ids as they stand in notebook files; VS Code sends an address instead."""


def running_id(kernel: Any) -> str | None:
    """The id of the cell that runs, None where the front end does not send it along, as only JupyterLab's kind does."""
    cell = kernel.get_parent().get("metadata", {}).get("cellId")
    return cell if _CELL_ID.fullmatch(cell or "") else None


def front_end() -> str | None:
    """Who shows a panel: "page" (a page of JupyterLab's kind), "widget" (any other), None (nobody)."""
    if os.environ.get("NBGEN_PROGRESS") == "none":
        return None
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return None
    return "page" if running_id(kernel) else "widget"
