"""What may be a stop of a walk, and which recipe lies between two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .. import session
from ..errors import RecipeError
from ..models.base import Model
from ..models.loading import find
from ..names import check_fields
from ..picture import Picture
from ..recipe import FIELDS, Mix, Recipe
from ..samplers import BY_NAME
from .making import as_model

ALONG = ("prompt", "seed", "both")
METHODS = ("embedding", "attention")
"""How a frame reads the prompts that it lies between."""
NUMBERS = ("guidance", "guidance_rescale", "distilled_guidance", "truncation", "strength")
"""Fields whose values may differ between stops, and then travel evenly from one to the other."""

_TRAVELLING = frozenset({"prompt", "negative", "seed", "image", "mixing", *NUMBERS})


def complete(
    stops: Any,
    *,
    prompt: Any,
    along: str | None,
    method: str,
    model: Any,
    fields: Mapping[str, Any],
    least: int = 2,
) -> tuple[list[Recipe], Model]:
    """A complete recipe for each stop, and the model that they all are for.

    A stop is a prompt, a seed, a Mix of either, a Recipe, or a picture that carries one. What a bare prompt or
    seed leaves open is taken from the call, then from the first stop with a recipe, then from the notebook's
    defaults. Raises RecipeError, before any work, for stops between which there is no way.
    """
    if isinstance(stops, (str, bytes, int, Mapping, Mix, Recipe, Picture)) or not hasattr(stops, "__iter__"):
        raise RecipeError(
            f"a walk leads from stop to stop: give a list of two or more prompts, seeds, recipes or pictures, "
            f"not {stops!r:.60}."
        )
    listed = list(stops)
    if len(listed) < least:
        raise RecipeError(
            f"a walk needs at least {least} stops, and {len(listed)} "
            f"{'is' if len(listed) == 1 else 'are'} given: add prompts, seeds, recipes or pictures."
        )
    if along is not None and along not in ALONG:
        raise RecipeError(f'along must be "prompt", "seed" or "both", not {along!r:.40}.')
    if method not in METHODS:
        raise RecipeError(f"method must be {' or '.join(map(repr, METHODS))}, not {method!r:.40}.")
    recipes = {number: _recipe_of(stop, number + 1) for number, stop in enumerate(listed)}
    carried = [recipe for recipe in recipes.values() if recipe is not None]
    chosen = _model(model, carried)
    _check_method(method, recipes, chosen)
    own = [_own_fields(stop, recipes[number]) for number, stop in enumerate(listed)]
    given = _given(prompt, fields, own, chosen)
    if method == "attention":
        given["mixing"] = method
    base = {"seed": 0, **session.default_fields(chosen.fields), **(written(carried[0]) if carried else {})}
    if along in ("prompt", "seed"):
        # The other one stays as it is at the first stop, or where that one leaves it open.
        fixed = "seed" if along == "prompt" else "prompt"
        base |= {name: value for name, value in own[0].items() if name == fixed}
        own = [{name: value for name, value in each.items() if name != fixed} for each in own]
    with chosen.settled():
        resolved = [
            chosen.resolve(
                **{name: value for name, value in {**base, **each, **given}.items() if value is not None}
            )
            for each in own
        ]
    _check_way(resolved, along)
    return resolved, chosen


def between(one: Recipe, other: Recipe, part: float, method: str = "embedding") -> Recipe:
    """The recipe that lies `part` (0 to 1) of the way from one to the other; at the ends, they themselves.

    Prompts are mixed linearly, by `method`. Noises go along the great circle between them, at even speed:
    sin((1−t)φ)/sin φ and sin(tφ)/sin φ (Shoemake, "Animating rotation with quaternion curves"), with φ taken
    from the seeds' weights, so that independent noises are a right angle apart. Numbers change evenly.
    """
    if part <= 0 or one == other:
        return one
    if part >= 1:
        return other
    changes: dict[str, Any] = {}
    for name in ("prompt", "negative"):
        first, second = getattr(one, name), getattr(other, name)
        if first != second:
            changes |= {name: mixed((1 - part, first or ""), (part, second or "")), "mixing": method}
    if one.image != other.image:
        assert one.image is not None and other.image is not None
        changes["image"] = mixed((1 - part, one.image), (part, other.image))
    if one.seed != other.seed:
        changes["seed"] = arc(one.seed, other.seed, part)
    for name in NUMBERS:
        first, second = getattr(one, name), getattr(other, name)
        if first != second:
            # Twelve digits, as in a Mix: the same place reached by another sum is the same recipe.
            changes[name] = float(f"{first + (second - first) * part:.12g}")
    return one.replace(**changes)


def arc(one: int | Mix, other: int | Mix, part: float) -> int | Mix:
    """The seed or mixture of seeds `part` of the way along the great circle from one noise to the other."""
    first, second = _direction(one), _direction(other)
    cosine = sum(weight * second.get(seed, 0.0) for seed, weight in first.items())
    angle = math.acos(max(-1.0, min(1.0, cosine)))
    if math.sin(angle) < 1e-6:
        raise RecipeError(
            "two of these stops start from the same noise, or from one and its negative: there is no way between."
        )
    return _sum(
        (math.sin((1 - part) * angle) / math.sin(angle), first),
        (math.sin(part * angle) / math.sin(angle), second),
    )


def around(one: int | Mix, other: int | Mix, turn: float) -> int | Mix:
    """The noise on the circle through both: at 0 the one, at ¼ the other, and at 1 the first again."""
    turned = turn % 1.0
    if turned == 0:
        return one
    if turned == 0.25:
        return other
    angle = 2 * math.pi * turned
    return _sum((math.cos(angle), _direction(one)), (math.sin(angle), _direction(other)))


def _sum(*terms: tuple[float, Mapping[int, float]]) -> int | Mix:
    mixed = Mix.of(
        *(
            (round(factor * weight, 15), seed)
            for factor, direction in terms
            for seed, weight in direction.items()
        )
    )
    assert not isinstance(mixed, str)
    return mixed


def _direction(seed: int | Mix) -> dict[int, float]:
    """The weight of each seed, scaled to length 1: noises of different seeds count as orthogonal."""
    if not isinstance(seed, Mix):
        return {seed: 1.0}
    length = math.sqrt(sum(weight * weight for weight, _ in seed.parts))
    return {int(value): weight / length for weight, value in seed.parts}


def mixed(*parts: tuple[float, str | Mix]) -> str | Mix:
    """Texts (prompts, or hashes of images) by weight; a Mix among them is taken apart."""
    flat: list[tuple[float, str | int]] = []
    for weight, value in parts:
        inner = value.parts if isinstance(value, Mix) else ((1.0, value),)
        flat += [(weight * own, prompt) for own, prompt in inner]
    mixed = Mix.of(*flat)
    assert not isinstance(mixed, int)
    return mixed


def _recipe_of(stop: Any, number: int) -> Recipe | None:
    """The recipe that a stop brings along; None for a bare prompt or seed."""
    if isinstance(stop, Recipe):
        return stop
    if isinstance(stop, Picture) and stop.recipe is not None:
        return stop.recipe
    shape: tuple[int, ...] = getattr(stop, "shape", ())
    whole = hasattr(stop, "__index__") and not isinstance(stop, bool) and not shape
    if isinstance(stop, (str, Mix)) or whole:
        return None
    if isinstance(stop, Picture) or shape or hasattr(stop, "__array_interface__"):
        raise RecipeError(
            f"stop {number} is a picture without a recipe. To start from its pixels, the sampling would have to be "
            "run backwards (inversion), which this version does not do. A picture that nbgen made, also one read "
            "back from its file by nbgen.read, carries its recipe and can be a stop."
        )
    raise RecipeError(
        f"stop {number} must be a prompt, a seed, a Mix, a Recipe or a picture, not {stop!r:.60}."
    )


def _own_fields(stop: Any, recipe: Recipe | None) -> dict[str, Any]:
    """The fields that one stop sets by itself."""
    if recipe is not None:
        return written(recipe)
    of_words = isinstance(stop, str) or (isinstance(stop, Mix) and isinstance(stop.values[0], str))
    return {"prompt" if of_words else "seed": stop}


def written(recipe: Recipe) -> dict[str, Any]:
    """The fields that a recipe sets, the model aside."""
    neutral = Recipe()
    values = {name: getattr(recipe, name) for name in FIELDS if name != "model"}
    return {
        name: value for name, value in values.items() if name == "seed" or value != getattr(neutral, name)
    }


def _model(model: Any, carried: Sequence[Recipe]) -> Model:
    refs = {recipe.model.fingerprint: recipe.model for recipe in carried if recipe.model is not None}
    if len(refs) > 1:
        names = " and ".join(repr(ref.name) for ref in refs.values())
        raise RecipeError(f"the stops are of different models, {names}: a walk stays within one model.")
    if model is None and refs:
        return find(next(iter(refs.values())))
    chosen = as_model(model)
    if refs and chosen.ref.fingerprint not in refs:
        made_for = next(iter(refs.values())).name
        raise RecipeError(
            f"a stop is of the model {made_for!r}, and model= is {chosen.ref.name!r} with other weights: "
            "leave model out."
        )
    return chosen


def _check_method(method: str, recipes: Mapping[int, Recipe | None], model: Model) -> None:
    """Whether the model can mix so, and whether stops that are mixtures themselves were mixed so."""
    if method == "attention" and "mixing" not in model.fields:
        raise RecipeError(
            f'method="attention" needs a model that reads its words by cross-attention, such as Stable Diffusion, '
            f'and {model.ref.name!r} does not: method="embedding" works.'
        )
    for number, recipe in recipes.items():
        if recipe is None or not any(isinstance(words, Mix) for words in (recipe.prompt, recipe.negative)):
            continue
        own = recipe.mixing or "embedding"
        if own != method:
            raise RecipeError(
                f"stop {number + 1} is a mixture of prompts, mixed by {own}: give method={own!r}, or its prompt alone."
            )


def _given(
    prompt: Any, fields: Mapping[str, Any], own: Sequence[Mapping[str, Any]], model: Model
) -> dict[str, Any]:
    """What the call says for all stops alike."""
    if "mixing" in fields:
        raise RecipeError("how the prompts of a walk are mixed is said by method=, not by mixing=.")
    problems = check_fields(fields, model.fields | {"frames", "along", "loop", "method", "pace", "easing"})
    if problems:
        raise RecipeError(" ".join(problems))
    given = {name: value for name, value in {**fields, "prompt": prompt}.items() if value is not None}
    for name in ("prompt", "seed"):
        if name not in given:
            continue
        value = given[name]
        if isinstance(value, (list, tuple, range)):
            raise RecipeError(f"{name} is one value for all stops: what varies stands in the stops.")
        if any(set(each) == {name} for each in own):
            raise RecipeError(f"the {name} is given twice: in the stops, and as {name}=.")
    return given


def _check_way(stops: Sequence[Recipe], along: str | None) -> None:
    """Whether one can go from each stop to the next, and along what was asked for."""
    first = stops[0]
    differing = [
        name for name in FIELDS if any(getattr(each, name) != getattr(first, name) for each in stops)
    ]
    stuck = [name for name in differing if name not in _TRAVELLING]
    if stuck:
        name = stuck[0]
        values = " and ".join(dict.fromkeys(f"{getattr(each, name)!r:.40}" for each in stops))
        raise RecipeError(
            f"the stops differ in {name} ({values}), and there is nothing in between: give {name}= for all of them."
        )
    for name in ("prompt", "seed"):
        if along in (name, "both") and name not in differing:
            raise RecipeError(
                f"along={along!r} asks for different {name}s, and all stops have {name} {getattr(first, name)!r:.60}."
            )
    if not differing:
        raise RecipeError("all stops are the same: give different prompts, seeds or numbers.")
    for name in (*NUMBERS, "image"):
        if name in differing and any(getattr(each, name) is None for each in stops):
            raise RecipeError(f"some stops have a {name} and others none: give {name}= for all of them.")


def fresh_noise_on_the_way(stops: Sequence[Recipe]) -> str:
    """A sentence for walks along the seed with a sampler that draws noise at every step; else empty."""
    sampler = BY_NAME.get(stops[0].sampler or "")
    if sampler is None or not sampler.stochastic or len({each.seed for each in stops}) == 1:
        return ""
    return (
        f"{sampler.label} draws fresh noise at every step, unrelated from frame to frame: along seeds the walk will "
        "flicker. DDIM, Euler or DPM++ 2M will not."
    )
