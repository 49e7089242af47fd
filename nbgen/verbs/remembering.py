"""What was made before, found again in the store."""

from __future__ import annotations

from typing import Any

from ..errors import RecipeError
from ..picture import Pictures
from ..recipe import ModelRef
from ..sampling import find_sampler
from ..storage import When, default_store


def history(
    text: str = "",
    *,
    model: Any = None,
    sampler: str | None = None,
    since: When | None = None,
    starred: bool | None = None,
    limit: int = 100,
) -> Pictures:
    """What the store holds, newest first: pictures whose prompt has all words of `text`.

    A word finds every word that begins with it. `model` is a Model or its name, `sampler` any name of a
    sampler; `since` a datetime, a date, or a timedelta (how long ago); `starred=True` takes pictures with a
    star only. At most `limit` pictures. Raises RecipeError and SamplerError for what makes no sense.
    """
    if not isinstance(text, str):
        raise RecipeError(f"history looks for words, not for {text!r:.60}.")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise RecipeError(f"limit must be a whole number from 1, not {limit!r:.40}.")
    if model is not None and not isinstance(model, (str, ModelRef)) and not hasattr(model, "ref"):
        raise RecipeError(f"history takes a model or its name, not {model!r:.60}.")
    reference = model if isinstance(model, ModelRef) else getattr(model, "ref", None)
    found = default_store().history(
        text,
        # A model of the same name whose weights have changed since is another model.
        model=reference.fingerprint if reference is not None else model,
        sampler=None if sampler is None else find_sampler(sampler)[0].name,
        since=since,
        starred=starred,
        limit=limit,
    )
    return Pictures(found)
