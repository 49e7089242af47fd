"""Mixtures: what a frame of a walk has where a picture has one prompt or one seed."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import RecipeError, brief
from .values import as_number, as_text, as_whole

MOST_WEIGHT = 1_000_000
"""Weights are ratios; far larger ones overflow the arithmetic of embeddings and noises."""


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
        for part in parts:
            if not isinstance(part, (tuple, list)) or len(part) != 2:
                raise RecipeError(
                    f"a Mix is made of pairs, as in Mix.of((0.7, 'a cat'), (0.3, 'a dog')), not {brief(part)}."
                )
            weight, value = part
            number = as_number("a Mix's weight", weight)
            if abs(number) > MOST_WEIGHT:
                raise RecipeError(
                    f"a Mix's weight must be from -{MOST_WEIGHT} to {MOST_WEIGHT}, not {number:g}."
                )
            value = _part(value)
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

    def __post_init__(self) -> None:
        if not isinstance(self.parts, (tuple, list)):
            raise RecipeError(f"a Mix is built by Mix.of((weight, value), …), not from {brief(self.parts)}.")

    def __str__(self) -> str:
        return " + ".join(f"{weight:.3g}·{value}" for weight, value in self.parts)


def _part(value: object) -> str | int:
    if isinstance(value, str):
        return as_text("a Mix's prompt", value)
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return as_whole("a Mix's seed", value)
    raise RecipeError(f"a Mix holds prompts (text) or seeds (whole numbers), not {brief(value)}.")
