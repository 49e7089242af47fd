"""Which recipes may start from the noise of a picture, and what they leave out then."""

from __future__ import annotations

from ..errors import RecipeError
from ..recipe import Recipe
from ..samplers import BY_NAME


def checked_inversion(recipe: Recipe) -> Recipe:
    """The recipe in canonical form, or RecipeError where it cannot start from a picture's noise."""
    if not recipe.inverted:
        return recipe
    for name in ("image", "mask", "windows", "tile"):
        if getattr(recipe, name):
            raise RecipeError(
                f"inverted and {name} are two beginnings of one picture: leave one of them out."
            )
    sampler = BY_NAME[recipe.sampler or ""]
    if sampler.stochastic or sampler.distilled:
        raise RecipeError(
            f"{sampler.label} draws fresh noise on the way, so that no noise leads back to a picture: "
            'take sampler="ddim" or "dpm++2m".'
        )
    if 1 - sum(weight * weight for _, (weight, _) in recipe.inverted) <= 1e-9:
        return recipe.replace(seed=0)  # nothing of it is left, so it must not change the key
    return recipe
