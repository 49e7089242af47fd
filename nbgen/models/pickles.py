"""Which files of weights can run code when they are opened? Those that are pickles, and nbgen opens none."""

from __future__ import annotations

from pathlib import Path

from ..errors import UnsafeModelError

PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")


def unsafe(called: str, remedy: str) -> UnsafeModelError:
    """The error for a pickle; `remedy` is a sentence that says what would do."""
    return UnsafeModelError(
        f"{called} is a pickle, which can run code when it is opened, so nbgen does not open it. {remedy}"
    )


def refuse_pickle(path: Path, remedy: str) -> None:
    """Raises UnsafeModelError where the file's name says that it is one."""
    if path.suffix.lower() in PICKLES:
        raise unsafe(path.name, remedy)
