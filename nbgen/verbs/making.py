"""`generate`: from words to pictures; and making one picture again with something changed."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any, Literal, overload

from .. import session
from ..errors import RecipeError, brief
from ..jobs import Job
from ..models.base import Model
from ..models.loading import find, load
from ..names import refuse_unknown
from ..picture import Picture, Pictures
from ..recipe import MAX_SEED, Mix, ModelRef, Recipe, canonical_seed
from ..styling import styled
from ..values import as_whole
from .running import start
from .waiting import deliver
from .watching import say
from .wishes import Wishes

MOST_PICTURES = 10_000
"""Pictures that one call makes; more is most likely a slip."""


@overload
def generate(
    prompt: Any = ..., *, n: int | None = ..., seed: Any = ..., model: Any = ..., wait: Literal[True] = ...,
    fresh: bool = ..., store: bool = ..., exact: bool = ..., **fields: Any,
) -> Pictures: ...  # fmt: skip
@overload
def generate(
    prompt: Any = ..., *, n: int | None = ..., seed: Any = ..., model: Any = ..., wait: Literal[False],
    fresh: bool = ..., store: bool = ..., exact: bool = ..., **fields: Any,
) -> Job: ...  # fmt: skip
def generate(
    prompt: str | Mix | Sequence[str] | None = None,
    *,
    n: int | None = None,
    seed: int | Sequence[int] | None = None,
    model: Any = None,
    wait: bool = True,
    fresh: bool = False,
    store: bool = True,
    exact: bool = False,
    **fields: Any,
) -> Pictures | Job:
    """Pictures of what the words say.

    prompt: the words; a list of prompts makes pictures of each
    n: pictures a prompt, with seeds seed, seed + 1, …
    seed: a whole number, or a list of them; left out, one is drawn and said
    model: a Model or a name; left out, the notebook's (see `nbgen.defaults`), which is "mini" at first
    fields: any other field of a recipe the model has: negative, sampler, schedule, steps, guidance, size, …
    style: the name of a style of `nbgen.list_styles()`, which is put around the words
    wait: False returns the Job at once; fresh: True makes anew what is stored; store: False leaves no trace
    exact: one at a time, alone: the same bits every time, and slower

    Raises RecipeError before any work starts, naming what is wrong and what would be right.

        pictures = nbgen.generate("a red apple on a blue background", n=4, seed=9)
    """
    wishes = Wishes(wait, fresh, store, exact)
    chosen = as_model(model)
    prompts = _prompts(prompt, fields, chosen)
    defaults = session.default_fields(chosen.fields)
    if seed is None:
        seed = defaults.pop("seed", None)
    defaults.pop("seed", None)
    seeds, drawn = _seeds(seed, n, len(prompts))
    refuse_unknown(fields, chosen.fields | _ARGUMENTS | {"style"})
    given = {**defaults, **{name: value for name, value in fields.items() if value is not None}}
    with chosen.settled():
        said = [styled({**given, **words}, chosen.fields) for words in prompts]
        recipes = [chosen.resolve(**{**words, "seed": number}) for words in said for number in seeds]
    _say(recipes, chosen, drawn)
    job = start(chosen, recipes, wishes, whole=True, make_result=lambda job: Pictures(job.pictures))
    return deliver(job) if wait else job


_ARGUMENTS = frozenset({"n", "model", "wait", "fresh", "store", "exact"})


def remake(
    recipe: Recipe,
    *,
    model: Any = None,
    fresh: bool = False,
    store: bool = True,
    exact: bool = False,
    **changes: Any,
) -> Picture:
    """One picture again from its recipe, with the changed fields; on the model that made it unless another is given."""
    wishes = Wishes(fresh=fresh, store=store, exact=exact)
    chosen = model_of(recipe, model)
    refuse_unknown(changes, chosen.fields | _ARGUMENTS - {"n"} | {"style"})
    kept = recipe.replace(model=None).written()
    if model is not None:
        kept = {name: value for name, value in kept.items() if name in chosen.fields}
    if changes.get("sampler") not in (None, recipe.sampler):
        kept.pop("options", None)  # they were the other sampler's
    if changes.get("seed") is None:
        changes["seed"] = recipe.seed
    again = chosen.resolve(**styled({**kept, **changes}, chosen.fields))
    return deliver(start(chosen, [again], wishes, whole=True, make_result=lambda job: job.pictures[0]))


def as_model(model: Any) -> Model:
    """The model that `model=` means: a Model, a name, a folder, a pipeline, or None for the notebook's own."""
    if isinstance(model, ModelRef):
        return find(model)
    return load(session.default_model() if model is None else model)


def model_of(recipe: Recipe | None, model: Any) -> Model:
    """The model that is given, else the one that the recipe names, else the notebook's own."""
    if model is None and recipe is not None and recipe.model is not None:
        return find(recipe.model)
    return as_model(model)


def _prompts(prompt: Any, fields: dict[str, Any], model: Model) -> list[dict[str, Any]]:
    """One dict of the field `prompt` for each that was asked for; an empty dict where the model reads no words."""
    if isinstance(prompt, Picture):
        raise RecipeError("generate takes words; picture.again(…) makes a picture again with changes.")
    if prompt is None or isinstance(prompt, (str, Mix)):
        several = [prompt]
    elif isinstance(prompt, Iterable) and not isinstance(prompt, (bytes, dict)):
        several = list(prompt)
    else:
        raise RecipeError(f"prompt must be text, or a list of texts, not {prompt!r:.60}.")
    if not several:
        raise RecipeError("the list of prompts is empty: there is nothing to draw.")
    for one in several:
        if isinstance(one, str) or one is None:
            continue
        if not isinstance(one, Mix):
            raise RecipeError(f"prompt must be text, not {one!r:.60}.")
    if "prompt" not in model.fields:
        if several != [None]:
            refuse_unknown(["prompt"], model.fields)
        return [{}]
    if len(several) > MOST_PICTURES:
        raise RecipeError(f"one call makes at most {MOST_PICTURES:,} pictures, not {len(several):,} prompts.")
    return [{} if one is None else {"prompt": one} for one in several]


def _seeds(seed: Any, n: Any, prompts: int) -> tuple[list[int | Mix], bool]:
    """The seeds of each prompt, and whether nbgen drew them."""
    if isinstance(seed, (list, tuple, range)) or getattr(seed, "ndim", False):
        if n is not None:
            raise RecipeError(
                "give n with one seed, or a list of seeds without n: the list already says how many."
            )
        # A slice tells more pictures than are made without counting them: a range may be endless in effect.
        if len(seed[: MOST_PICTURES + 1]) * prompts > MOST_PICTURES:
            raise RecipeError(f"one call makes at most {MOST_PICTURES:,} pictures, and these seeds are more.")
        found = [one if isinstance(one, Mix) else canonical_seed(one) for one in seed]
        if not found:
            raise RecipeError("the list of seeds is empty: there is nothing to draw.")
        return found, False
    count = 1 if n is None else as_whole("n", n)
    if not 1 <= count * prompts <= MOST_PICTURES:
        raise RecipeError(f"n must be from 1 to {MOST_PICTURES // prompts:,} pictures, not {brief(count)}.")
    if isinstance(seed, Mix):
        if count > 1:
            raise RecipeError("a Mix of seeds is one noise: n must be 1.")
        return [seed], False
    drawn = seed is None
    first = secrets.randbelow(2**32) if drawn else canonical_seed(seed)
    if first + count - 1 > MAX_SEED:
        raise RecipeError(f"seeds {first} to {first + count - 1} pass the largest one, 2**64 - 1.")
    return [first + place for place in range(count)], drawn


def noted(recipe: Recipe) -> tuple[Any, ...]:
    """The part of a recipe that a model's notes are about."""
    return recipe.prompt, recipe.words, recipe.image, recipe.size, recipe.strength, recipe.steps


def _say(recipes: Sequence[Recipe], model: Model, drawn: bool) -> None:
    """What a person should know before looking: the seed that was drawn, and words the model cannot follow."""
    if drawn:
        numbers = [recipe.seed for recipe in recipes]
        shown = f"{numbers[0]}" if len(set(numbers)) == 1 else f"{numbers[0]} to {numbers[-1]}"
        say(
            f"Seed drawn: {shown}. Give seed= to get the same picture{'s' if len(recipes) > 1 else ''} again."
        )
    notes = dict.fromkeys(
        note
        for recipe in {noted(recipe): recipe for recipe in recipes}.values()
        for note in model.notes(recipe)
    )
    for note in notes:
        say(note)
