"""Mixtures: what a frame of a walk has where a picture has one prompt or one seed."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import RecipeError
from .values import as_number, paired


@dataclass(frozen=True)
class Mix:
    """A weighted mixture of prompts or of seeds: what a frame of a walk has where a picture has one value.

    `parts` are (weight, value) pairs. Prompts are mixed as embeddings, Σ wᵢ·eᵢ; seeds as unit noises,
    Σ wᵢ·nᵢ / √Σ wᵢ², which keeps the standard deviation at 1 (Bodin et al., "Linear combinations of latents
    in generative models"). Build one with `Mix.of`, which merges equal values and collapses to the value
    itself where one part is left.
    """

    parts: tuple[tuple[float, str | int], ...]

    @classmethod
    def of(cls, *parts: tuple[float, str | int]) -> Mix | str | int:
        """A mixture of (weight, value) pairs, in canonical form: equal values merged, weight 0 dropped."""
        merged: dict[str | int, float] = {}
        for weight, value in parts:
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise RecipeError(f"a Mix holds prompts (text) or seeds (whole numbers), not {value!r:.60}.")
            value = paired(value) if isinstance(value, str) else value
            number = as_number("a Mix's weight", weight)
            merged[value] = merged.get(value, 0.0) + number
        kinds = {isinstance(value, str) for value in merged}
        if len(kinds) > 1:
            raise RecipeError("a Mix holds either prompts or seeds, not both.")
        # Twelve digits: 1/3 reached as 1 - 2/3 is the same weight, so the same picture.
        kept = [(float(f"{weight:.12g}"), value) for value, weight in merged.items()]
        kept = [(weight, value) for weight, value in kept if weight != 0.0]
        if not kept:
            raise RecipeError("a Mix needs at least one part whose weight is not 0.")
        if len(kept) == 1 and kept[0][0] > 0:
            return kept[0][1]
        return cls(tuple(sorted(kept, key=lambda part: (str(part[1]), part[0]))))

    @property
    def values(self) -> tuple[str | int, ...]:
        return tuple(value for _, value in self.parts)

    def __str__(self) -> str:
        return " + ".join(f"{weight:.3g}·{value}" for weight, value in self.parts)
