"""`python -m nbgen lab`: JupyterLab, opened on the quickstart."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from . import notebooks


def open_lab(folder: Path | None, more: Sequence[str]) -> int:
    """Open JupyterLab on the quickstart in `folder`, where the notebooks are copied if they are not there.

    Without a folder a clone of the repository opens its own notebooks. `more` is handed to JupyterLab.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        print('JupyterLab is not installed here: python -m pip install "nbgen[lab]"', file=sys.stderr)
        return 1
    if folder is None and notebooks.is_clone():
        folder = notebooks.shipped()
    else:
        folder = folder or Path("nbgen-notebooks")
        made = notebooks.copy_to(folder)
        print(f"{len(made)} notebooks and files copied to {folder}" if made else f"The notebooks in {folder}")
    line = command(folder, more)
    sys.stdout.flush()
    if os.name == "nt":
        return subprocess.call(line)
    os.execv(line[0], line)  # no process of ours in between: Ctrl-C and signals are JupyterLab's own


def command(folder: Path, more: Sequence[str]) -> list[str]:
    """The command line of this Python's JupyterLab, such that each address it prints opens the quickstart.

    JupyterLab asks its own site for news and for updates as it starts: both are off, so that it opens at once
    in a room without a network, and asks a newcomer nothing.
    """
    line = [
        *(sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.resolve()}"),
        f"--LabApp.default_url=/lab/tree/{notebooks.QUICKSTART}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        line += ["--allow-root"]  # in a container all is root's, and the server listens on localhost only
    return [*line, *more]
