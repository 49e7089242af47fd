"""How does a caller want it done? What every verb that makes pictures takes beside the recipe's fields."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..values import as_flag


@dataclass(frozen=True)
class Wishes:
    """`wait`, `fresh`, `store` and `exact` of a verb's call, as `generate` explains them. Raises RecipeError.

    Anything but True and False is refused: `exact="no"` would count as yes, and nothing in the picture would tell.
    """

    wait: bool = True
    fresh: bool = False
    store: bool = True
    exact: bool = False

    def __post_init__(self) -> None:
        for each in fields(self):
            as_flag(each.name, getattr(self, each.name))

    @property
    def reuse(self) -> bool:
        """Whether what is stored is taken rather than made."""
        return self.store and not self.fresh
