"""How long until the first picture, and how much memory does the quickstart take? Each in a fresh Python."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from ..cli import demo, notebooks
from ..errors import NbgenError
from .timing import seconds

_FIRST_PICTURE = "import nbgen; nbgen.generate('a red apple', seed=0)[0].image.load()"
_RESIDENT = 'resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)'
"""The most memory that was ever resident, in bytes: macOS says bytes, Linux KiB (getrusage(2))."""


def import_seconds(repeats: int) -> float:
    """Seconds that `import nbgen` takes, without those that Python takes to start."""
    code = "import time; start = time.perf_counter(); import nbgen; print(time.perf_counter() - start)"
    return median(float(python(code)) for _ in range(repeats))


def first_picture_seconds(repeats: int) -> float:
    """Seconds from starting Python to a picture in memory, on an empty store."""
    return median(seconds(lambda: python(_FIRST_PICTURE)) for _ in range(repeats))


def quickstart_bytes() -> int | None:
    """The most resident memory of the quickstart's kernel; None on Windows, which has no getrusage."""
    if os.name == "nt":
        return None
    notebook: Any = demo.read(notebooks.shipped() / notebooks.QUICKSTART)
    source = f"import resource, sys\n{_RESIDENT}"
    notebook.cells.append(type(notebook.cells[0])(cell_type="code", source=source, metadata={}, outputs=[]))
    failure = demo.execute(notebook)
    if failure is not None:
        raise NbgenError(
            "the quickstart fails, so its memory is not known: python -m nbgen demo shows where."
        )
    return int(notebook.cells[-1].outputs[0].data["text/plain"])


def resident_bytes(code: str) -> int | None:
    """The most resident memory of a fresh Python that runs this code; None on Windows."""
    if os.name == "nt":
        return None
    return int(python(f"{code}\nimport resource, sys\nprint({_RESIDENT})").split()[-1])


def resident_rows(found: Mapping[str, int | None]) -> list[dict[str, Any]]:
    """Rows of a table: what was made → the bytes that it took, which are to be about the same for little and much."""
    return [
        {"figure": f"resident memory of {what}", "nbgen": f"{most / 2**30:.2f} GiB", "wanted": "flat"}
        for what, most in found.items()
        if most is not None
    ]


def python(code: str) -> str:
    """What a fresh Python prints when it runs this code, on an empty store."""
    with tempfile.TemporaryDirectory(prefix="nbgen-bench-") as folder:
        environment = {**os.environ, "NBGEN_STORE": folder, "NBGEN_PROGRESS": "none", "HF_HUB_OFFLINE": "1"}
        said = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
    return said.stdout
