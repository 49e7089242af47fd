"""`interpolate` and `interpolate_grid`: walks between prompts, seeds and recipes, made as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, Literal, overload

import numpy as np

from ..axes import axis, label_of
from ..errors import RecipeError
from ..jobs import Job, submit
from ..layout import Cell, Layout
from ..models.base import Model
from ..picture import Picture
from ..recipe import Recipe
from ..show.walking import Distances, Pixels, neighbour_distances
from ..values import as_count, as_flag
from .grid import Grid
from .inverting import reconstructions
from .making import MOST_PICTURES
from .noises import around
from .pacing import PACES, Easing, as_easing, even, even_to_the_eye, leaps
from .running import Plan, start, start_planned
from .stops import between, complete, fresh_noise_on_the_way
from .waiting import deliver
from .walk import Walk
from .watching import say
from .wishes import Wishes

_FEWEST_LOOKS = 5
"""Pictures that a perceptual pace looks at first, at least."""
_MOST_LOOKS = 6
"""How often it looks where the change is, at most; mostly three are enough."""
_ENCODED = 16
"""Pictures in one forward of the encoder."""


@overload
def interpolate(
    stops: Sequence[Any], *, frames: int = ..., prompt: Any = ..., along: str | None = ..., loop: bool = ...,
    method: str = ..., pace: str = ..., easing: str | Easing | None = ..., distances: Distances | None = ...,
    model: Any = ..., wait: Literal[True] = ..., fresh: bool = ..., store: bool = ..., exact: bool = ...,
    **fields: Any,
) -> Walk: ...  # fmt: skip
@overload
def interpolate(
    stops: Sequence[Any], *, frames: int = ..., prompt: Any = ..., along: str | None = ..., loop: bool = ...,
    method: str = ..., pace: str = ..., easing: str | Easing | None = ..., distances: Distances | None = ...,
    model: Any = ..., wait: Literal[False], fresh: bool = ..., store: bool = ..., exact: bool = ...,
    **fields: Any,
) -> Job: ...  # fmt: skip
def interpolate(
    stops: Sequence[Any],
    *,
    frames: int = 24,
    prompt: Any = None,
    along: str | None = None,
    loop: bool = False,
    method: str = "embedding",
    pace: str = "uniform",
    easing: str | Easing | None = None,
    distances: Distances | None = None,
    model: Any = None,
    wait: bool = True,
    fresh: bool = False,
    store: bool = True,
    exact: bool = False,
    **fields: Any,
) -> Walk | Job:
    """A walk from stop to stop, `frames` pictures in all.

    stops: two or more prompts, seeds, recipes or pictures. A picture without a recipe (also a PIL image, array or
        Path) is led back to the noise that it comes from (DDIM inversion); how near it comes back is said
    frames: how many pictures; the first and the last stop are among them
    prompt: what all frames show, where the stops are seeds
    along: "prompt" or "seed" keeps the other as it is at the first stop; left out, all that differs changes
    loop: lead back to the first stop, which is not shown twice; two seeds become a circle through their noises
    method: "embedding" mixes what the text encoder made of the prompts; "attention" has each frame read all of its
        prompts, and mixes what it read, in the first half of the steps (arXiv 2403.17924); "style" mixes the styles
        that a GAN makes of the seeds, instead of the seeds' noises
    pace: "uniform" in the parameter; "perceptual" looks first where the pictures change, and spends the frames there
    easing: "in", "out", "in-out", or a function from 0…1 to 0…1: how the walk begins and ends
    distances: what the eye sees, for the pace and the measures: a function of two lists of uint8 arrays (height,
        width, 3) that returns a number for each pair; left out, the model's own autoencoder, or the pixels
    fields: any other field of a recipe, the same for all stops; seed is 0 when left out
    wait, fresh, store, exact: as in `generate`

    Numbers such as guidance may differ between stops that are recipes, and then change evenly. Every frame is a
    picture with a recipe of its own, kept in the store: a finer walk makes only what is new. Raises RecipeError
    before any work starts.

        walk = nbgen.interpolate(["a cat face", "a dog face"], frames=24, seed=7, pace="perceptual")
    """
    wishes = Wishes(wait, fresh, store, exact)
    count = as_count("frames", frames, 2, MOST_PICTURES)
    if pace not in PACES:
        raise RecipeError(f"pace must be {' or '.join(map(repr, PACES))}, not {pace!r:.40}.")
    if distances is not None and not callable(distances):
        raise RecipeError(f"distances must be a function of two lists of pictures, not {distances!r:.40}.")
    eased = as_easing(easing)
    resolved, chosen = complete(stops, prompt=prompt, along=along, method=method, model=model, fields=fields)
    way = _Way(tuple(resolved), as_flag("loop", loop), method, chosen)
    places = even(count, way.loop, eased)
    with chosen.settled():
        recipes = way.recipes(places)  # checked here also where the pace will choose other places
    _say(resolved, chosen)
    eye = distances or partial(_as_the_model_sees, chosen)

    def make_walk(job: Job) -> Walk:
        frames = job.pictures
        notes = reconstructions(resolved, frames)
        return Walk(frames, loop=way.loop and len(job.finished) == count, distances=eye, notes=notes)

    if pace == "perceptual":
        looks = _perceptual(way, count, eased, eye)
        job = start_planned(chosen, looks, count, wishes, make_result=make_walk)
    else:
        job = start(chosen, recipes, wishes, whole=True, make_result=make_walk)
    if not wait:
        return job
    walk = deliver(job)
    _tell(walk.notes)
    return walk


def interpolate_grid(
    stops: Sequence[Any],
    rows: int = 5,
    columns: int = 5,
    *,
    prompt: Any = None,
    method: str = "embedding",
    model: Any = None,
    wait: bool = True,
    fresh: bool = False,
    store: bool = True,
    exact: bool = False,
    **fields: Any,
) -> Any:
    """A table of pictures between four stops at its corners: top left, top right, bottom left, bottom right.

    stops: four prompts, seeds, recipes or pictures, as in `interpolate`; method, fields, wait, fresh, store and
        exact too
    rows, columns: how many pictures, two or more each

    Returns a Grid, or with `wait=False` its Job. Raises RecipeError before any work starts.

        nbgen.interpolate_grid([1, 2, 3, 4], rows=5, columns=5, prompt="a cat face")
    """
    wishes = Wishes(wait, fresh, store, exact)
    down, across = (as_count(*each, 2, MOST_PICTURES) for each in (("rows", rows), ("columns", columns)))
    as_count("rows × columns", down * across, 4, MOST_PICTURES)
    resolved, chosen = complete(
        stops, prompt=prompt, along=None, method=method, model=model, fields=fields, least=4
    )
    if len(resolved) > 4:
        raise RecipeError(
            f"a table of pictures has four corners, and {len(resolved)} stops are given: "
            "top left, top right, bottom left, bottom right."
        )
    top, bottom = (_Way(tuple(pair), False, method, chosen) for pair in (resolved[:2], resolved[2:]))
    cells = []
    with chosen.settled():
        for row, height in enumerate(even(down, False)):
            for column, place in enumerate(even(across, False)):
                recipe = chosen.check(between(top.at(place), bottom.at(place), float(height), method))
                cells.append(Cell((row, column), {}, recipe))
    _say(resolved, chosen)
    axes = tuple(
        axis(title, {f"{float(place):.3g}": float(place) for place in even(count, False)})
        for title, count in (("down", down), ("across", across))
    )
    layout = Layout(axes, tuple(cells))
    names = [_name(stop, resolved) for stop in resolved]
    notes = (f"top: {names[0]} → {names[1]} · bottom: {names[2]} → {names[3]}",)

    def make_grid(job: Job) -> Grid:
        reasons = {number: str(error) for number, error in job.errors.items()}
        found = reconstructions(resolved, list(job.finished.values()))
        return Grid(layout, job.finished, reasons, "between four corners", (*notes, *found))

    job = start(chosen, layout.recipes, wishes, make_result=make_grid)
    job.columns = across
    if not wait:
        return job
    grid = deliver(job)
    _tell(grid.notes[1:])
    return grid


@dataclass(frozen=True)
class _Way:
    """The path through the stops, a recipe at every place from 0 to 1."""

    stops: tuple[Recipe, ...]
    loop: bool
    method: str
    model: Model

    def at(self, place: Fraction) -> Recipe:
        """The recipe at one place; at a stop exactly the stop's own."""
        stops = (*self.stops, self.stops[0]) if self.loop else self.stops
        if self._is_a_circle():
            return stops[0].replace(seed=around(stops[0].seed, stops[1].seed, float(place)))
        along = place * (len(stops) - 1)
        number = min(int(along), len(stops) - 2)
        return between(stops[number], stops[number + 1], float(along - number), self.method)

    def recipes(self, places: Sequence[Fraction]) -> list[Recipe]:
        return [self.model.check(self.at(place)) for place in places]

    def _is_a_circle(self) -> bool:
        """Two seeds and nothing else that differs: the loop through both is a circle, not there and back."""
        return (
            self.loop
            and self.method != "style"
            and len(self.stops) == 2
            and self.stops[0].replace(seed=self.stops[1].seed) == self.stops[1]
        )


def _perceptual(way: _Way, count: int, easing: Easing | None, eye: Distances) -> Plan:
    """Looks along the way, then once more where much changes, and returns frames that are evenly far apart.

    Further looks matter: where a picture turns into another all at once, the first one only tells between which
    two places. A change that no place divides stays one large step.
    """
    looks = max(_FEWEST_LOOKS, count // 2 + 1)
    wanted = even(looks, False)
    seen: dict[Fraction, Picture] = {}
    known: list[Fraction] = []
    distances: Sequence[float] = []
    for look in range(_MOST_LOOKS):
        new = [place for place in dict.fromkeys(wanted) if place not in seen]
        if not new:
            break
        made = yield way.recipes(new)
        seen.update(zip(new, made, strict=True))
        known = sorted(seen)
        shown = [seen[place] for place in known]
        distances = neighbour_distances(len(shown), partial(_pixels, shown), eye)
        first = look == 0
        wanted = even_to_the_eye(known, distances, looks, False) if first else leaps(known, distances, count)
    return way.recipes(even_to_the_eye(known, distances, count, way.loop, easing))


def _pixels(pictures: Sequence[Picture], number: int) -> Pixels:
    return np.asarray(pictures[number])


def _as_the_model_sees(model: Model, ones: Sequence[Pixels], others: Sequence[Pixels]) -> list[float]:
    """The root mean square between the pictures' features, looked up on the model's own thread."""
    distinct = {id(each): each for each in (*ones, *others)}

    def work(job: Job) -> None:
        names = list(distinct)
        model.ready()
        for begin in range(0, len(names), _ENCODED):
            part = names[begin : begin + _ENCODED]
            features.update(
                zip(part, model.features(np.stack([distinct[name] for name in part])), strict=True)
            )

    features: dict[int, np.ndarray] = {}
    submit(model, work).result()
    return [
        float(np.sqrt(np.mean((features[id(one)] - features[id(other)]) ** 2)))
        for one, other in zip(ones, others, strict=True)
    ]


def _tell(errors: Sequence[str]) -> None:
    for error in errors:
        say(f"{error[:1].upper()}{error[1:]} (root mean square of the pixels, from 0 to 1).")


def _say(stops: Sequence[Recipe], model: Model) -> None:
    """What a person should know before looking: words that the model cannot follow, noise that flickers."""
    notes = [note for stop in stops for note in model.notes(stop)]
    for line in dict.fromkeys([*notes, fresh_noise_on_the_way(stops)]):
        if line:
            say(line)


def _name(stop: Recipe, stops: Sequence[Recipe]) -> str:
    """One corner in words: the fields in which the corners differ."""
    names = [
        name
        for name in ("prompt", "seed", "guidance", "truncation")
        if len({getattr(each, name) for each in stops}) > 1
    ]
    return ", ".join(
        label_of(getattr(stop, name)) if name == "prompt" else f"{name} {label_of(getattr(stop, name))}"
        for name in names
    )
