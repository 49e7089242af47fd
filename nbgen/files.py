"""Where nbgen keeps files, and how bytes reach the disk: whole or not at all."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from .errors import PictureFileError, brief

PART = ".part"
"""The ending of a file that is still being written; nothing ever reads one."""

Content = bytes | Callable[[BinaryIO], None]
"""What a file is to hold: bytes, or a function that writes them bit by bit."""


def write_atomically(
    path: Path, content: Content, *, durable: bool = False, modified_ns: int | None = None
) -> None:
    """Write `content` under a temporary name beside `path`, then rename it there.

    A reader sees the old file or the new one, never a part, also when this process is killed. `durable` waits
    for the disk too, so that a power cut right afterwards loses nothing. `modified_ns` is the time that the
    file bears, for an order finer than the file system's clock. Raises OSError, leaving no temporary file.
    """
    # A leading dot and a short name of its own: a long `path.name` must not overrun the file system's limit.
    temporary = path.with_name(f".{secrets.token_hex(8)}{PART}")
    # 0o666 less the umask, as for any file that the user makes; `tempfile` would make it private.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if modified_ns is not None:
            os.utime(temporary, ns=(modified_ns, modified_ns))
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def as_path(path: object) -> Path:
    """What a person gave as the name of a file or folder. PictureFileError for what is none."""
    try:
        name = os.fspath(path)  # type: ignore[call-overload]
    except TypeError:
        name = None
    if not isinstance(name, str):
        raise PictureFileError(f"a file is named by text or a Path, not by {brief(path)}.")
    if "\0" in name:
        raise PictureFileError(f"{brief(Path(name).name)} cannot be written: a name has no zero character.")
    return Path(name)


def write_file(path: Path, content: Content, *, durable: bool = False) -> Path:
    """As `write_atomically`, for a file that a person asked for. Raises PictureFileError; returns the path."""
    try:
        write_atomically(path, content, durable=durable)
    except PictureFileError:
        raise  # what is to be written said itself why it cannot be
    except (OSError, ValueError) as error:
        raise PictureFileError(_unwritable(path, error)) from None
    return path


def make_folder(path: Path) -> Path:
    """The folder, made where it is missing. Raises PictureFileError where it cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise PictureFileError(_unwritable(path, error)) from None
    return path


def _unwritable(path: Path, error: Exception) -> str:
    """The sentence for a file that could not be written. It names the file, never the folders above it."""
    if isinstance(error, FileNotFoundError):
        return f"{path.name!r} cannot be written: there is no folder {path.parent.name!r}."
    return f"{path.name!r} cannot be written: {getattr(error, 'strerror', None) or error}."


def default_folder() -> Path:
    """Where pictures are kept: NBGEN_STORE, else `nbgen` in the platform's folder for a user's data."""
    named = os.environ.get("NBGEN_STORE")
    if named:
        return Path(named).expanduser()
    try:
        home = Path.home()
    except RuntimeError:  # a user without a home: a place that cannot be written, which costs one warning
        return Path(os.devnull, "nbgen")
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "nbgen"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "nbgen"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "nbgen"
