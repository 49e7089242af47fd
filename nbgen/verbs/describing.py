"""`describe`: which words fit a picture, as a model with an eye for words sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ModelError, RecipeError, brief
from ..jobs import submit
from ..models.base import Model
from ..picture import Picture, as_image
from ..show.table import Table
from ..values import as_count
from .making import model_of

MOST_PROMPTS = 10_000
_TRIED = 12
"""Objects that are tried on every background, to find the picture's."""


def describe(picture: Any, prompts: Sequence[str] | None = None, *, model: Any = None, n: int = 5) -> Table:
    """The prompts that fit a picture best, with the cosine between picture and words, the best one first.

    picture: a picture, PIL image, array or path
    prompts: what to choose from; left out, everything that the model's vocabulary lists: its objects, the best of them
        on every background, and all of them on the background that fits best
    model: who looks: a model or a name; left out, the one that made the picture, or else the notebook's own
    n: how many to tell

    Returns a Table with the columns "prompt" and "agreement". A model sees only what it was trained on: it finds the
    nearest thing it knows in any picture. Raises ModelError for a model without an eye for words (a CLIP pair),
    RecipeError where there is nothing to choose from, PictureFileError for what is no picture.

        nbgen.describe(picture)
        nbgen.describe(picture, ["a cat", "a dog"])
    """
    count = as_count("n", n, 1, MOST_PROMPTS)
    pixels = np.asarray(as_image(picture).convert("RGB"))
    chosen = model_of(picture.recipe if isinstance(picture, Picture) else None, model)
    if prompts is not None:
        found = _agreements(chosen, pixels, _checked(prompts))
    else:
        known = chosen.vocabulary
        if known is None:
            raise RecipeError(
                f"the model {chosen.ref.name!r} has no list of what it knows: say what to choose from, as in "
                'nbgen.describe(picture, ["a cat", "a dog"]).'
            )
        found = _among_all(chosen, pixels, [_said(name) for name in known.objects], list(known.backgrounds))
    ranked = sorted(found.items(), key=lambda entry: -entry[1])[:count]
    return Table([{"prompt": words, "agreement": cosine} for words, cosine in ranked])


def _among_all(
    model: Model, pixels: np.ndarray, objects: Sequence[str], backgrounds: Sequence[str]
) -> dict[str, float]:
    """The agreement of every object by itself and on the likeliest background, and of a few on all backgrounds.

    A background that goes unsaid counts against the right words as much as a wrong object does, so it is found first.
    """
    found = _agreements(model, pixels, objects)
    best = sorted(found, key=found.__getitem__, reverse=True)[:_TRIED]
    said = {f"{words} on {_said(colour)} background": colour for words in best for colour in backgrounds}
    if not said:
        return found
    tried = _agreements(model, pixels, list(said))
    found |= tried
    colour = said[max(tried, key=tried.__getitem__)]
    rest = [f"{words} on {_said(colour)} background" for words in objects if words not in best]
    return found | (_agreements(model, pixels, rest) if rest else {})


def _agreements(model: Model, pixels: np.ndarray, prompts: Sequence[str]) -> dict[str, float]:
    """Asked on the model's own thread, which alone may use its tokenizer."""
    told: list[Sequence[float] | None] = []
    submit(model, lambda _: told.append(model.agreement([pixels] * len(prompts), prompts))).result()
    if told[0] is None:
        raise ModelError(
            f"the model {model.ref.name!r} has no eye for words. A diffusers pipeline that carries a CLIP pair as "
            "`clip_model` has one."
        )
    return dict(zip(prompts, told[0], strict=True))


def _checked(prompts: Any) -> list[str]:
    if isinstance(prompts, str) or not isinstance(prompts, Sequence):
        raise RecipeError(f"prompts is a list of texts to choose from, not {brief(prompts)}.")
    for each in prompts:
        if not isinstance(each, str):
            raise RecipeError(f"prompts holds texts, not {brief(each)}.")
    if not 0 < len(prompts) <= MOST_PROMPTS:
        raise RecipeError(f"prompts holds 1 to {MOST_PROMPTS:,} texts, not {len(prompts):,}.")
    return list(dict.fromkeys(prompts))


def _said(name: str) -> str:
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"
