"""Where do the notebooks lie, and how does a person get a copy of their own?"""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import NbgenError

QUICKSTART = "01-quickstart.ipynb"

PACKAGE = Path(__file__).resolve().parents[1]
REPOSITORY = PACKAGE.parent
"""The clone that holds the package; meaningful where `is_clone()`."""


class NotebookError(NbgenError):
    """The notebooks cannot be found, or not be copied to where they were asked for."""


def shipped() -> Path:
    """The folder of the notebooks that came with this nbgen: inside the package, or in its repository."""
    for folder in (PACKAGE / "_notebooks", REPOSITORY / "notebooks"):
        if (folder / QUICKSTART).is_file():
            return folder
    raise NotebookError(f"this nbgen came without its notebooks ({QUICKSTART}): install it again.")


def is_clone() -> bool:
    """Whether nbgen runs from a clone of its repository, where the notebooks are opened in place."""
    return shipped().parent != PACKAGE


def copy_to(folder: Path) -> list[Path]:
    """Copy the notebooks to `folder`, and return the new files. What is there already stays as it is."""
    made = []
    try:
        for source in sorted(shipped().rglob("*")):
            place = folder / source.relative_to(shipped())
            hidden = any(part.startswith(".") for part in source.relative_to(shipped()).parts)
            if source.is_file() and not hidden and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, place)
                made.append(place)
    except OSError as error:
        raise NotebookError(f"the notebooks cannot be copied to {folder}: {error.strerror}.") from None
    return made
