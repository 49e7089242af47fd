"""Do written scripts run, and without nbgen? One fresh Python for all of them, since starting one costs seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_RUNNER = """
import pathlib, runpy, sys
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    runpy.run_path(str(path))
assert "nbgen" not in sys.modules
"""


def run_without_nbgen(folder: Path) -> None:
    """Run every script of the folder, by name; fails with what Python says, and where one of them brings nbgen."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _RUNNER, str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
