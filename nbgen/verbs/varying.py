"""`vary`: the neighbours of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import RecipeError
from ..models.base import Model
from ..picture import Picture, Pictures
from ..recipe import MAX_SEED, Mix, Recipe
from ..values import as_count
from .making import MOST_PICTURES, model_of
from .running import start
from .stops import arc
from .waiting import deliver
from .wishes import Wishes


def vary(
    picture: Any,
    n: int = 4,
    amount: float = 0.3,
    by: str = "noise",
    *,
    model: Any = None,
    wait: bool = True,
    fresh: bool = False,
    store: bool = True,
    exact: bool = False,
) -> Any:
    """`n` pictures that lie around this one, as far from it as `amount` says.

    picture: by noise, one that carries a recipe, or a recipe; by image, any picture, PIL image, array or path
    amount: above 0 and up to 1. By noise, the share of the quarter turn from its noise to that of another seed: at 1
        the neighbours are the pictures of the seeds that follow its own. By image, the strength: the share of the
        steps that are taken anew from its pixels
    by: "noise" or "image"; wait, fresh, store, exact: as in `generate`

    By image, a picture with a recipe is drawn on with its own words and settings, any other without words. Returns
    Pictures, or with `wait=False` the Job. Raises RecipeError or PictureFileError before any work starts.

        nbgen.vary(nbgen.generate("a cat face", seed=7)[0], n=4, amount=0.3)
    """
    wishes = Wishes(wait, fresh, store, exact)
    if by not in ("noise", "image"):
        raise RecipeError(f'by must be "noise" or "image", not {by!r:.40}.')
    recipe = (
        picture.recipe if isinstance(picture, Picture) else picture if isinstance(picture, Recipe) else None
    )
    if by == "noise" and recipe is None:
        raise RecipeError(
            "vary takes a picture that carries a recipe, or a recipe: its noise is what varies. "
            'by="image" takes any picture.'
        )
    if by == "image" and (picture is None or isinstance(picture, Recipe)):
        called = "nothing" if picture is None else "a recipe"
        raise RecipeError(
            f'by="image" varies the pixels of a picture, and {called} has none: give the picture.'
        )
    count = as_count("n", n, 1, MOST_PICTURES)
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 < amount <= 1:
        raise RecipeError(f"amount must be above 0 and at most 1, not {amount!r:.40}.")
    chosen = model_of(recipe, model)
    seeds = () if recipe is None else recipe.seed.values if isinstance(recipe.seed, Mix) else (recipe.seed,)
    last = max((int(seed) for seed in seeds), default=-1)
    # Past the largest seed they go on from 0.
    others = [(last + 1 + number) % (MAX_SEED + 1) for number in range(count)]
    with chosen.settled():
        if by == "noise":
            assert recipe is not None
            recipes = [
                chosen.check(recipe.replace(seed=arc(recipe.seed, other, float(amount)), model=chosen.ref))
                for other in others
            ]
        else:
            recipes = _drawn_on(picture, recipe, chosen, float(amount), others)
    job = start(chosen, recipes, wishes, whole=True, make_result=lambda job: Pictures(job.pictures))
    return deliver(job) if wait else job


def _drawn_on(
    picture: Any, recipe: Recipe | None, model: Model, strength: float, seeds: Sequence[int]
) -> list[Recipe]:
    """Recipes that begin at the picture's pixels; what its own recipe began at counts no more."""
    if "image" not in model.fields:
        raise RecipeError(
            f'by="image" needs a model that draws from a picture, and {model.ref.name!r} does not: by="noise" works.'
        )
    own = {} if recipe is None else recipe.written()
    kept = {name: value for name, value in own.items() if name in model.fields - _BEGINNING}
    first = model.resolve(**{"prompt": "", **kept, "image": picture, "strength": strength, "seed": seeds[0]})
    return [first.replace(seed=seed) for seed in seeds]


_BEGINNING = frozenset({"image", "strength", "mask", "feather"})
