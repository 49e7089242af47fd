"""The face of every model: which fields it has, its defaults, and recipes turned into pictures."""

from __future__ import annotations

import contextlib
import math
import sys
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from typing import Any, Self, cast

import numpy as np
import torch

from .. import __version__
from ..engine.asks import Drivable
from ..engine.batching import Engine, Failed
from ..engine.knee import Knee
from ..engine.observer import Observer, RunStats
from ..errors import RecipeError
from ..names import refuse_unknown
from ..picture import Cost, Picture
from ..recipe import MAX_TEXT, ModelRef, Recipe
from .residence import Residence, is_weightless
from .vocabulary import Vocabulary

MOST_WORDS = MAX_TEXT // 8
"""Characters of prompt and negative prompt together, each of which can take six in a recipe's JSON; those beyond
the basic plane count twice."""
COMMON_FIELDS = frozenset({"prompt", "seed", "size"})


alive: weakref.WeakSet[Model] = weakref.WeakSet()
"""Every model there is now, so that a picture finds the one that made it."""


class Model:
    """Turns recipes into pictures. Every verb takes any model, and asks it through this face only.

    A family's class gives `fields` (the Recipe fields it has), `own_defaults`, and what the engine drives
    (`engine.asks.Drivable`).
    """

    family = "unknown"
    kind = "diffusion"
    """"diffusion", "flow", or "gan": which samplers can run it, if any."""
    fields: frozenset[str] = COMMON_FIELDS
    vocabulary: Vocabulary | None = None

    residence: Residence | None = None
    """Where the weights are, if they can be let go and read again."""

    def __init__(self, ref: ModelRef, device: torch.device, *, rows: int | None = None) -> None:
        self._ref = ref
        self._settled = 0
        self.device = device
        self.rows = rows
        self._knee: Knee | None = None
        self.last_stats = RunStats()
        self.used = time.monotonic()
        alive.add(self)

    def live_in(self, residence: Residence) -> None:
        """The weights are in `residence`, which may let them go."""
        self.residence, self.device = residence, residence.device

    def ready(self) -> Self:
        """This model, its weights in memory; unless inside `weightless`, where nothing needs them."""
        self.used = time.monotonic()
        if self.residence is not None and not is_weightless():
            self.residence.ready()
        return self

    def forget_what_it_read(self) -> None:
        """Drop what was kept to save work later: encoded words, measured throughput."""
        self._knee = None

    @property
    def ref(self) -> ModelRef:
        """Which weights these are now."""
        return self._ref

    @contextlib.contextmanager
    def settled(self) -> Iterator[None]:
        """Inside, `ref` is looked up once: a checksum over all weights for each cell of a grid would take minutes."""
        self._ref = self.ref
        self._settled += 1
        try:
            yield
        finally:
            self._settled -= 1

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What a field that is left out becomes."""
        return {}

    def resolve(self, **fields: Any) -> Recipe:
        """The complete recipe for what a person asked: names checked, defaults filled in, values in range.

        Raises RecipeError before any work, for a field this model does not have (naming those it has) and for
        a value it cannot make (naming the nearest it can).
        """
        refuse_unknown(fields, self.fields)
        given = {name: value for name, value in fields.items() if value is not None}
        check_length(given)
        defaults = dict(self.defaults)
        if given.get("sampler") not in (None, defaults.get("sampler")):
            defaults.pop("schedule", None)  # it was the default sampler's
        return self.check(Recipe(**{**defaults, **given, "model": self.ref}))

    def check(self, recipe: Recipe) -> Recipe:
        """The recipe in this model's canonical form, or RecipeError. Families add their own checks."""
        return recipe

    def calls(self, recipe: Recipe) -> int:
        """Denoiser evaluations that this recipe takes; a guided one counts once."""
        return 1

    def asks(self, recipe: Recipe) -> int:
        """Rows in a forward that each of them takes: two where it is guided."""
        return 1

    def notes(self, recipe: Recipe) -> tuple[str, ...]:
        """What a person should know about this recipe before looking at the picture, a sentence each."""
        return ()

    def remarks(self, recipe: Recipe) -> tuple[str, ...]:
        """What came up while this model made the picture of this recipe just now, a sentence each."""
        return ()

    def objection(self, recipe: Recipe) -> Exception | None:
        """Why the picture of this recipe, made just now, is not given out; None where nothing speaks against it."""
        return None

    def reading(self, prompt: str) -> str:
        """What the model makes of a prompt, in words for whoever is typing it; empty where there is nothing to say."""
        return ""

    def run(
        self,
        recipes: Sequence[Recipe],
        observer: Observer | None = None,
        *,
        exact: bool = False,
        tick_seconds: float | None = None,
    ) -> Iterator[tuple[int, Picture]]:
        """Makes the pictures, all in one batch, and yields (index, picture) as they finish.

        exact: one at a time, alone, so that the same recipe gives the same bits
        tick_seconds: the longest a tick should take, None for the best throughput

        A recipe that fails is told to `observer.failed` and the others go on. Where the model's weights are
        not those of a recipe, RecipeError is raised before any work.
        """
        self.check_weights(recipes)
        watcher = observer or Observer()
        self.ready()
        rows = self.rows
        engine = Engine(
            cast(Drivable, self), recipes, watcher, rows=rows, exact=exact, tick_seconds=tick_seconds,
            knee=None if exact or rows is not None else self.knee(recipes),
        )  # fmt: skip
        self.last_stats = engine.stats
        for made in engine.run():
            if isinstance(made, Failed):
                continue
            recipe = recipes[made.index]
            objection = self.objection(recipe)
            if objection is not None:
                watcher.failed(made.index, objection)
                continue
            cost = Cost(
                calls=made.calls, rows=made.rows, shared_seconds=made.shared_seconds, batch=made.batch,
                device=self.device.type, versions=versions(), exact=exact,
            )  # fmt: skip
            picture = Picture(made.pixels, recipe, cost, notes=(*self.notes(recipe), *self.remarks(recipe)))
            watcher.picture(made.index, picture)
            self.used = time.monotonic()
            yield made.index, picture

    def check_weights(self, recipes: Sequence[Recipe]) -> None:
        """RecipeError unless all these recipes are for the weights as they are now."""
        ref = self.ref
        for recipe in recipes:
            if recipe.model is None or recipe.model.fingerprint != ref.fingerprint:
                made_for = recipe.model.name if recipe.model else "no model"
                raise RecipeError(
                    f"this recipe is for {made_for!r} with other weights than {ref.name!r} has now."
                )

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """What distances between pictures are taken on: uint8 (n, height, width, 3) to float32 (n, features).

        The root mean square of a difference is the distance. A model without an eye of its own sees the pixels,
        from 0 to 1.
        """
        return pixels.reshape(len(pixels), -1).astype(np.float32) / 255

    def agreement(self, pixels: Sequence[np.ndarray], prompts: Sequence[str]) -> Sequence[float] | None:
        """How well each picture, uint8 (height, width, 3), shows the prompt beside it: a cosine from -1 to 1.

        None where the model has no eye for words, as most have none. A diffusers pipeline that carries a CLIP pair
        as `clip_model` (transformers' CLIPModel), as its CLIP-guided ones do, has.
        """
        return None

    def weights(self) -> int:
        """Bytes of memory that the weights take; 0 where that is not known."""
        return 0

    def knee(self, recipes: Sequence[Recipe]) -> Knee | None:
        """The throughput knee, measured once for this model; None for so little work that it would not pay."""
        return self._knee

    def __repr__(self) -> str:
        return f"<nbgen model {self.ref.name!r}: {self.family}, {self.ref.dtype} on {self.device.type}>"


def check_length(fields: Mapping[str, Any]) -> None:
    """RecipeError for words that no picture file could carry, before a tokenizer spends a minute on them."""
    length = 0
    for name in ("prompt", "negative"):
        value = fields.get(name)
        for text in (value,) if isinstance(value, str) else getattr(value, "values", ()):
            length += len(text.encode("utf-16-le", "surrogatepass")) // 2 if isinstance(text, str) else 0
    if length > MOST_WORDS:
        raise RecipeError(
            f"the words of a picture have at most {MOST_WORDS:,} characters, and these have {length:,}."
        )


@cache
def versions() -> tuple[tuple[str, str], ...]:
    """The versions that decide a picture's pixels."""
    found = {"nbgen": __version__, "python": ".".join(map(str, sys.version_info[:2]))}
    for name in ("torch", "diffusers", "transformers"):
        found[name] = metadata.version(name)
    return tuple(found.items())


def check_size(
    size: tuple[int, int], multiple: int, least: int, most: int, name: str = "size"
) -> tuple[int, int]:
    """`size` if its sides are multiples of `multiple` from `least` to `most` pixels, else RecipeError."""

    def nearest(side: int) -> int:
        return min(
            max(round(side / multiple) * multiple, math.ceil(least / multiple) * multiple),
            most // multiple * multiple,
        )

    best = nearest(size[0]), nearest(size[1])
    if best != size:
        raise RecipeError(
            f"{name} {size[0]}×{size[1]} cannot be made: each side must be a multiple of {multiple} "
            f"from {least} to {most} pixels. The nearest is {name}=({best[0]}, {best[1]})."
        )
    return size
