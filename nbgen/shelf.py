"""One folder of files named by key: where each lies, whether it is whole, which version wrote the folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .files import write_atomically
from .png import is_whole

FORMAT = 1
"""The version of the folder's layout. A folder with a higher one is read by key and never written."""

KINDS = ("pictures", "blobs", "damaged")

_KEY = re.compile(r"[0-9a-f]{64}")


class NewerStoreError(OSError):
    """The folder was written by a newer nbgen, whose layout this one does not know."""


class Shelf:
    """`pictures/ab/<key>.png`, `blobs/ab/<hash>.png`, `damaged/…` and `format`, which holds the version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, kind: str, key: str) -> Path:
        """Where the file with this key lies. ValueError for what is no key, so that none leads elsewhere."""
        if not is_key(key):
            raise ValueError("a key has 64 hexadecimal digits.")
        return self.folder / kind / key[:2] / f"{key}.png"

    def content(self, path: Path) -> bytes | None:
        """The bytes of a whole PNG; None where there is none. One that is damaged is set aside."""
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if is_whole(content):
            return content
        try:
            self.check_version()
            aside = self.folder / "damaged" / path.name
            aside.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, aside)
        except OSError:
            pass  # where it cannot be moved it is not read either
        return None

    def prepare(self) -> None:
        """Make the folder where it is missing, and mark its version. OSError where it may not be written."""
        if self.check_version() < FORMAT:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / "format", f"{FORMAT}\n".encode("ascii"))

    def check_version(self) -> int:
        """The version that the folder bears, 0 for none. NewerStoreError for one above this nbgen's."""
        try:
            written = int((self.folder / "format").read_text("ascii"))
        except (OSError, ValueError):
            return 0
        if written > FORMAT:
            raise NewerStoreError(
                f"it was written by a newer nbgen (format {written}, this one writes {FORMAT}); upgrade nbgen"
            )
        return written


def is_key(text: str) -> bool:
    """Whether the text is 64 hexadecimal digits, as keys and content hashes are."""
    return _KEY.fullmatch(text) is not None
