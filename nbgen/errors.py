"""Every error that nbgen raises on purpose: few types, each said in one kind and exact sentence.

A message names what was wrong and what would be right. Nothing that was finished is lost by an error:
pictures made before it are in the store and in `nbgen.last`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NbgenError(Exception):
    """The base of all errors that nbgen raises on purpose."""


class RecipeError(NbgenError, ValueError):
    """A value in a recipe, or an argument of a verb, that cannot make a picture."""


class SamplerError(RecipeError):
    """A sampler, schedule or sampler option that is unknown or does not fit the model."""


class ModelError(NbgenError):
    """A model that cannot be found, read, or used."""


class NetworkError(ModelError):
    """What has to be fetched is not here, and the network, or the hub, does not answer."""


class GatedModelError(ModelError):
    """A model that its makers give only to those who accept its licence, or that needs a token."""


class MissingFileError(ModelError):
    """A model, a revision or a file of one that is not where it should be."""


class DamagedFileError(ModelError):
    """A file of weights that is cut short, or has other contents than were promised."""


class UnsafeModelError(ModelError):
    """Weights in a form that can run code when they are opened, or a model that needs code of its own."""


class PictureFileError(NbgenError, ValueError):
    """A picture file, or the text in it, that cannot be read."""


class OutOfMemoryError(NbgenError, MemoryError):
    """Memory ran out even for the smallest possible piece of work."""


class JobStopped(NbgenError):
    """The job was stopped before this result was made. `job.pictures` holds what was finished."""


class StoreWarning(UserWarning):
    """Pictures are kept in memory only, because the store cannot be written."""


def brief(value: object, most: int = 60) -> str:
    """A value for a sentence, cut short: its repr, or its type where it has none.

    >>> brief("a" * 100, 6), brief(10**5000)
    ("'aaaaa", 'this int')
    """
    try:
        return repr(value)[:most]
    except Exception:
        # Whole numbers of more than 4,300 digits, and whatever else an object's own repr raises.
        return f"this {type(value).__name__}"


def nearest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The up to `n` known names most like `name`, best first; case does not matter.

    >>> nearest("eulr", ["euler", "heun", "ddim"])
    ['euler', 'heun']
    """
    typed = name.lower()
    lowered: dict[str, str] = {}
    for candidate in known:
        lowered.setdefault(candidate.lower(), candidate)
    # Of names that are equally alike, one with the same first letter is likelier to be meant.
    scored = sorted(
        (-difflib.SequenceMatcher(None, typed, candidate).ratio(), candidate[:1] != typed[:1], candidate)
        for candidate in difflib.get_close_matches(typed, lowered, n=3 * n, cutoff=0.5)
    )
    return [lowered[candidate] for _, _, candidate in scored[:n]]


def did_you_mean(name: str, known: Iterable[str], n: int = 3) -> str:
    """A closing clause for an error message: the nearest known names, or all of them where none is near."""
    names = list(known)
    close = nearest(name, names, n)
    if close:
        return "did you mean " + " or ".join(repr(match) for match in close) + "?"
    return "known are: " + ", ".join(names) + "."
