"""What one picture took to make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Cost:
    """What one picture took.

    `calls` counts denoiser evaluations (a guided one once), `rows` the rows those took in forwards (a guided
    one twice). `shared_seconds` is the wall time of the run it shared, divided by the pictures in flight: it
    ranks nothing. `batch` is the most pictures that were in flight with it. `stored` says that this picture
    came from the store in this call; it is not saved.
    """

    calls: int = 0
    rows: int = 0
    shared_seconds: float = 0.0
    batch: int = 1
    device: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    joules: float | None = None
    exact: bool = False
    stored: bool = False

    def to_plain(self) -> dict[str, Any]:
        """Dicts, text and numbers only, for JSON."""
        plain = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("stored", "versions")
        }
        return {**plain, "versions": dict(self.versions)}

    @classmethod
    def from_plain(cls, plain: Any) -> Cost:
        """The cost in plain data; what is missing or makes no sense keeps its default."""
        if not isinstance(plain, Mapping):
            return cls()
        known: dict[str, Any] = {}
        for name, kinds in _COST_KINDS.items():
            value = plain.get(name)
            # bool is an int to Python; a cost with calls=True is nonsense all the same.
            if isinstance(value, kinds) and isinstance(value, bool) == (name == "exact"):
                known[name] = value
        versions = plain.get("versions")
        if isinstance(versions, Mapping):
            known["versions"] = tuple((str(name), str(version)) for name, version in versions.items())
        return cls(**known)


_COST_KINDS: dict[str, tuple[type, ...]] = {
    "calls": (int,),
    "rows": (int,),
    "shared_seconds": (int, float),
    "batch": (int,),
    "device": (str,),
    "joules": (int, float),
    "exact": (bool,),
}
