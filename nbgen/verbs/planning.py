"""What would a comparison take: pictures still to make, denoiser calls, and seconds by what such pictures took."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..jobs import submit
from ..models.base import Model
from ..models.footprints import needed
from ..quantities import counted, in_bytes, in_time
from ..recipe import ModelRef, Recipe
from ..storage import default_store
from .wishes import Wishes

_LOOKED_AT = 200
_NEAREST = 20


@dataclass(frozen=True)
class Plan:
    """What `compare` would do. Shows itself as a sentence.

    `cells` share `pictures` different ones, of which `stored` need not be made. `calls` are denoiser calls still
    to make and `rows` the rows in forwards they take. `seconds` is estimated from what stored pictures of the
    same model took, None where there are none. `bytes` is what the pictures take uncompressed, and `memory` about
    the most that the run takes at once: weights, and the activations of its fullest tick or decoding, of the
    hungriest model. It is 0 where nothing is left to make, and weights alone where a model was not loaded yet.
    """

    cells: int
    pictures: int
    stored: int
    calls: int
    rows: int
    seconds: float | None
    bytes: int
    memory: int = 0

    def __str__(self) -> str:
        left = self.pictures - self.stored
        pictures = counted(self.pictures, "different picture")
        if self.pictures == self.cells:
            pictures = "as many pictures" if self.cells > 1 else "1 picture"
        parts = [f"{counted(self.cells, 'cell')}, {pictures}", f"{self.stored:,} of them stored"]
        if left:
            parts.append(f"{counted(self.calls, 'denoiser call')} for the other {left:,}")
            known = "unknown time: nothing was made with this model yet"
            parts.append(known if self.seconds is None else f"about {in_time(self.seconds)}")
        parts.append(f"{in_bytes(self.bytes)} uncompressed")
        if self.memory:
            parts.append(f"about {in_bytes(self.memory)} of memory at the most")
        return "; ".join(parts) + "."

    def __repr__(self) -> str:
        return f"Plan({self})"


def estimate(
    groups: Sequence[tuple[Model, Sequence[int]]], recipes: Sequence[Recipe], wishes: Wishes
) -> Plan:
    """The plan for these recipes; `groups` say which are whose."""
    different = {recipe.key: recipe for recipe in recipes}
    exact = wishes.exact
    stored = default_store().has(different, exact=exact) if wishes.reuse else set()
    calls = rows = memory = 0
    seconds: float | None = 0.0
    for model, places in groups:
        wanted = {recipes[place].key: recipes[place] for place in places if recipes[place].key not in stored}
        here = sum(model.calls(recipe) * model.asks(recipe) for recipe in wanted.values())
        calls += sum(model.calls(recipe) for recipe in wanted.values())
        rows += here
        rate = _seconds_a_row(model, 1 if exact else len(wanted)) if wanted else 0.0
        seconds = None if rate is None or seconds is None else seconds + rate * here
        if wanted:
            memory = max(memory, _memory(model, list(wanted.values()), exact))
    sizes = [recipe.size or (0, 0) for recipe in different.values()]
    total = sum(3 * width * height for width, height in sizes)
    return Plan(len(recipes), len(different), len(stored), calls, rows, seconds, total, memory)


def roughly(models: Mapping[ModelRef, Model], some: Sequence[Recipe], count: int) -> str:
    """What `count` pictures would take if all were like `some` of them: calls, and time where it can be told."""
    of = [models[recipe.model] for recipe in some if recipe.model is not None]
    pairs = list(zip(of, some, strict=True))
    calls = sum(model.calls(recipe) for model, recipe in pairs) / len(some) * count
    rates = {model: _seconds_a_row(model, count) for model in dict.fromkeys(of)}
    said = f", about {counted(round(calls), 'denoiser call')}"
    seconds = 0.0
    for model, recipe in pairs:
        rate = rates[model]
        if rate is None:
            return said
        seconds += rate * model.calls(recipe) * model.asks(recipe) / len(some) * count
    return f"{said} or {in_time(seconds)}"


def _seconds_a_row(model: Model, together: int) -> float | None:
    """What a row of a forward took in pictures of this model that were made with about as many others."""
    made = default_store().history(model=model.ref.fingerprint, limit=_LOOKED_AT)
    costs = [picture.cost for picture in made if picture.cost.rows and picture.cost.shared_seconds > 0]
    costs.sort(key=lambda cost: abs(cost.batch - together))
    rates = [cost.shared_seconds / cost.rows for cost in costs[:_NEAREST]]
    return statistics.median(rates) if rates else None


def _memory(model: Model, recipes: Sequence[Recipe], exact: bool) -> int:
    """Asked on the model's own thread, which alone may use its tokenizers."""
    found: list[int] = []
    submit(model, lambda _: found.append(needed(model, recipes, exact=exact))).result()
    return found[0]
