"""Which weights made a picture: the part of a recipe that names its model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import RecipeError
from .values import as_text


@dataclass(frozen=True)
class ModelRef:
    """Which weights made a picture.

    `name` is a label for people, and `family` ("sdxl", "flux" …; None where nothing or Stable Diffusion is said)
    says whose pipeline they belong to; `beside` are (argument of `nbgen.load`, name) of what the model was given. None
    of these takes part in the key: the `fingerprint` (of a hub commit, a file's sha256 or a checksum over tensors, and
    of what was given beside), the `dtype` and the `quantisation` do.
    """

    name: str
    fingerprint: str
    dtype: str = "float32"
    quantisation: str | None = None
    family: str | None = None
    beside: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in ("name", "fingerprint", "dtype"):
            object.__setattr__(self, name, as_text(f"a model's {name}", getattr(self, name)))
        if not isinstance(self.beside, (list, tuple)) or not all(
            isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in self.beside
        ):
            raise RecipeError("what a model was given beside its weights is a list of pairs of texts.")
        pairs = ((as_text("a kind", kind), as_text("a name", name)) for kind, name in self.beside)
        object.__setattr__(self, "beside", tuple(pairs))

    def to_plain(self) -> dict[str, Any]:
        plain: dict[str, Any] = {"name": self.name, "fingerprint": self.fingerprint, "dtype": self.dtype}
        if self.quantisation is not None:
            plain["quantisation"] = self.quantisation
        if self.family is not None:
            plain["family"] = self.family
        if self.beside:
            plain["beside"] = [list(pair) for pair in self.beside]
        return plain

    @classmethod
    def from_plain(cls, plain: Any) -> ModelRef:
        known = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(plain, Mapping) or not set(plain) <= known:
            raise RecipeError(
                f"a recipe's model must be an object with name, fingerprint and dtype, not {plain!r:.80}."
            )
        values = {key: value for key, value in plain.items() if value is not None}
        texts = [value for key, value in values.items() if key != "beside"]
        if not all(isinstance(text, str) for text in texts) or not {"name", "fingerprint"} <= set(values):
            raise RecipeError("a recipe's model needs a name and a fingerprint, both text.")
        return cls(**values)
