"""What may be a stop of a walk, and which recipe lies between two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from .. import session
from ..errors import RecipeError
from ..models.base import Model
from ..models.loading import find
from ..names import refuse_unknown
from ..picture import Picture
from ..recipe import FIELDS, Mix, Recipe
from ..samplers import BY_NAME
from ..styling import styled
from .inverting import beside_pictures, inverted_stop, is_bare_picture
from .making import as_model
from .noises import arc, noise_between

ALONG = ("prompt", "seed", "both")
METHODS = ("embedding", "attention", "style")
"""How a frame reads the prompts, or the seeds, that it lies between."""
NUMBERS = ("guidance", "guidance_rescale", "distilled_guidance", "truncation", "strength")
"""Fields whose values may differ between stops, and then travel evenly from one to the other."""

_TRAVELLING = frozenset({"prompt", "negative", "seed", "inverted", "image", "mixing", *NUMBERS})


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
    if isinstance(stops, (str, bytes, int, Mapping, AbstractSet, Mix, Recipe, Picture)) or not hasattr(
        stops, "__iter__"
    ):
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
    style = {"style": fields.get("style")}
    said = prompt if prompt is None else styled({"prompt": prompt, **style}, chosen.fields)["prompt"]
    own = [
        inverted_stop(stop, number + 1, chosen, said)
        if is_bare_picture(stop)
        else _own_fields(stop, recipes[number])
        for number, stop in enumerate(listed)
    ]
    given = _given(prompt, fields, own, chosen)
    if method == "attention":
        given["mixing"] = method
    base = {"seed": 0, **beside_pictures(own, chosen), **session.default_fields(chosen.fields)}
    base |= carried[0].replace(model=None).written() if carried else {}
    if along in ("prompt", "seed"):
        # The other one stays as it is at the first stop, or where that one leaves it open.
        fixed = ("seed", "inverted") if along == "prompt" else ("prompt",)
        base |= {name: value for name, value in own[0].items() if name in fixed}
        own = [{name: value for name, value in each.items() if name not in fixed} for each in own]
    whole = [{**base, **each, **given} for each in own]
    known = [{name: value for name, value in each.items() if value is not None} for each in whole]
    with chosen.settled():
        resolved = [chosen.resolve(**styled(each, chosen.fields)) for each in known]
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
            changes[name] = mixed((1 - part, first or ""), (part, second or ""))
            # A style's words are always mixed as styles: only its seeds can be mixed in two ways.
            changes["mixing"] = one.mixing if method == "style" else method
    if one.image != other.image:
        assert one.image is not None and other.image is not None
        changes["image"] = mixed((1 - part, one.image), (part, other.image))
    if one.inverted != other.inverted or (one.inverted and one.seed != other.seed):
        changes |= noise_between(one, other, part)
    elif one.seed != other.seed and method == "style":
        changes |= {"seed": mixed((1 - part, one.seed), (part, other.seed)), "mixing": method}
    elif one.seed != other.seed:
        changes["seed"] = arc(one.seed, other.seed, part)
    for name in NUMBERS:
        first, second = getattr(one, name), getattr(other, name)
        if first != second:
            # Twelve digits, as in a Mix: the same place reached by another sum is the same recipe.
            changes[name] = float(f"{first + (second - first) * part:.12g}")
    return one.replace(**changes)


def mixed(*parts: tuple[float, str | int | Mix]) -> Any:
    """Texts (prompts, or hashes of images) or seeds by weight; a Mix among them is taken apart."""
    flat: list[tuple[float, str | int]] = []
    for weight, value in parts:
        inner = value.parts if isinstance(value, Mix) else ((1.0, value),)
        flat += [(weight * own, prompt) for own, prompt in inner]
    return Mix.of(*flat)


def _recipe_of(stop: Any, number: int) -> Recipe | None:
    """The recipe that a stop brings along; None for a bare prompt, seed or picture."""
    if isinstance(stop, Recipe):
        return stop
    if isinstance(stop, Picture) and stop.recipe is not None:
        return stop.recipe
    shape: tuple[int, ...] = getattr(stop, "shape", ())
    whole = hasattr(stop, "__index__") and not isinstance(stop, bool) and not shape
    if isinstance(stop, (str, Mix)) or whole or is_bare_picture(stop):
        return None
    raise RecipeError(
        f"stop {number} must be a prompt, a seed, a Mix, a Recipe or a picture, not {stop!r:.60}."
    )


def _own_fields(stop: Any, recipe: Recipe | None) -> dict[str, Any]:
    """The fields that one stop sets by itself."""
    if recipe is not None:
        return recipe.replace(model=None).written()
    of_words = isinstance(stop, str) or (isinstance(stop, Mix) and isinstance(stop.values[0], str))
    return {"prompt" if of_words else "seed": stop}


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
    if method == "style" and "style_mix" not in model.fields:
        raise RecipeError(
            f'method="style" needs a GAN that has styles, such as mini-gan, and {model.ref.name!r} has none.'
        )
    if method == "attention" and ("mixing" not in model.fields or model.kind == "gan"):
        raise RecipeError(
            f'method="attention" needs a model that reads its words by cross-attention, such as Stable Diffusion, '
            f'and {model.ref.name!r} does not: method="embedding" works.'
        )
    for number, recipe in recipes.items():
        if recipe is not None and recipe.mixing == "style" and method != "style":
            raise RecipeError(
                f'stop {number + 1} is a mixture of seeds, mixed as styles: give method="style", or its seed alone.'
            )
        if (
            recipe is None
            or method == "style"
            or not any(isinstance(words, Mix) for words in (recipe.prompt, recipe.negative))
        ):
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
    refuse_unknown(fields, model.fields | {"frames", "along", "loop", "method", "pace", "easing", "style"})
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
        changes = name in differing or (name == "seed" and "inverted" in differing)
        if along in (name, "both") and not changes:
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
