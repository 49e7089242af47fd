"""What may be a setting of a laboratory? A name it has, one of a few words, or a number within bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import NbgenError, brief, did_you_mean


@dataclass(frozen=True)
class Rules:
    """The plain settings of one laboratory. What is wrong is raised as its own `error`.

    owner: who has the settings, in a sentence; names: all of them
    words: name → what it may be; numbers: name → least, most, whether whole
    """

    owner: str
    error: type[NbgenError]
    names: Sequence[str]
    words: Mapping[str, Sequence[str]]
    numbers: Mapping[str, tuple[float, float, bool]]

    def check_names(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.names:
                raise self.error(
                    f"{self.owner} has no setting {brief(name)}: {did_you_mean(str(name), self.names)}"
                )

    def checked(self, name: str, value: Any) -> Any:
        """The value of one of `words` or `numbers` in its own type."""
        if name not in self.words:
            return self.number(name, value, *self.numbers[name])
        if value not in self.words[name]:
            raise self.error(
                f"there is no {name} {brief(value)}: {did_you_mean(str(value), self.words[name])}"
            )
        return value

    def number(self, name: str, value: Any, least: float, most: float, whole: bool) -> float | int:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not fits or not least <= value <= most or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            raise self.error(f"{name} must be {kind} from {least:g} to {most:,g}, not {brief(value)}.")
        return int(value) if whole else float(value)
