"""`vary`: the neighbours of a picture."""

from __future__ import annotations

from typing import Any

from ..errors import RecipeError
from ..jobs import Job
from ..models.loading import find
from ..picture import Picture, Pictures
from ..recipe import MAX_SEED, Recipe
from .making import MOST_PICTURES, as_model
from .running import start
from .stops import arc
from .waiting import deliver


def vary(
    picture: Picture | Recipe,
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
    """`n` pictures that lie around this one, from noises that differ from its own by `amount`.

    picture: one that carries a recipe, or a recipe
    amount: how far, above 0 and up to 1: the share of the quarter turn from its noise to that of another seed. At 1
        the neighbours are the pictures of the seeds that follow its own
    by: "noise"; wait, fresh, store, exact: as in `generate`

    Returns Pictures, or with `wait=False` the Job. Raises RecipeError before any work starts.

        nbgen.vary(nbgen.generate("a cat face", seed=7)[0], n=4, amount=0.3)
    """
    if by != "noise":
        more = " does not exist yet" if by == "image" else " is not known"
        raise RecipeError(f'by={by!r:.40}{more}: neighbours are found by="noise".')
    recipe = picture.recipe if isinstance(picture, Picture) else picture
    if not isinstance(recipe, Recipe):
        raise RecipeError(
            "vary takes a picture that carries a recipe, or a recipe: its noise is what varies."
        )
    if isinstance(n, bool) or not hasattr(n, "__index__") or not 1 <= n.__index__() <= MOST_PICTURES:
        raise RecipeError(f"n must be a whole number from 1 to {MOST_PICTURES:,}, not {n!r:.40}.")
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 < amount <= 1:
        raise RecipeError(f"amount must be above 0 and at most 1, not {amount!r:.40}.")
    chosen = as_model(model) if model is not None or recipe.model is None else find(recipe.model)
    last = recipe.seed if isinstance(recipe.seed, int) else max(int(seed) for seed in recipe.seed.values)
    # Past the largest seed they go on from 0.
    others = [(last + 1 + number) % (MAX_SEED + 1) for number in range(n)]
    with chosen.settled():
        recipes = [
            chosen.check(recipe.replace(seed=arc(recipe.seed, other, float(amount)), model=chosen.ref))
            for other in others
        ]

    def make_pictures(job: Job) -> Pictures:
        return Pictures(job.pictures)

    job = start(chosen, recipes, fresh=fresh, store=store, exact=exact, whole=True, make_result=make_pictures)
    return deliver(job) if wait else job
