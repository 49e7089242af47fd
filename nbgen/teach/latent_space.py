"""The latent space of a style-based GAN, live in a cell: sliders that answer at once, and everything as functions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError, RecipeError, brief, did_you_mean
from ..files import as_path, write_file
from ..inputs import pixels_at
from ..models.gan_projection import judge, project
from ..models.gan_styles import parse_direction, styles_of
from ..models.loading import load
from ..models.styled_gan import StyledGenerator
from ..picture import Picture
from ..recipe import Recipe
from ..show.table import Table
from ..values import as_count, as_number
from . import latent_parts as parts
from .latent_figures import state_figure
from .live import Laboratory

SLIDERS = 6
"""Principal components that have a slider."""
WHERE = ("all", "coarse", "middle", "fine")


def latent(model: Any = "mini-gan", *, prompt: str = "", seed: int = 0) -> LatentLab:
    """A laboratory for the latent space of a style-based GAN. Show it in a cell, or script it.

    model: what `nbgen.load` takes, or a Model; it must have styles, as mini-gan does
    prompt, seed: where it begins

        lab = nbgen.teach.latent(prompt="any fruit")
        lab.truncation()
        lab.mixing("fine")
        lab.set(direction={"c0": 2})

    Raises ModelError for a model without styles, RecipeError for words outside its vocabulary.
    """
    found = load(model)
    if not isinstance(found, StyledGenerator):
        raise ModelError(
            f"{found.ref.name!r} has no styles to explore: nbgen.teach.latent takes a style-based GAN, "
            'as nbgen.load("mini-gan") is.'
        )
    return LatentLab(found, found.resolve(prompt=prompt, seed=seed))


class LatentLab(Laboratory):
    """What `nbgen.teach.latent` returns. It shows itself in a cell; everything in it can be reached from Python.

    recipe: where it stands; kept: named directions, each a dict as `direction=` takes it
    """

    script = "latent_space.js"
    title = "Latent space: a laboratory"

    def __init__(self, model: StyledGenerator, recipe: Recipe) -> None:
        super().__init__()
        self.model, self.recipe = model, recipe
        self.where = "all"
        self.kept: dict[str, dict[str, float]] = {}

    def __repr__(self) -> str:
        pushed = ", ".join(f"{name} {amount:+g}" for name, amount in self.recipe.direction)
        return (
            f"LatentLab({self.recipe.prompt or 'anything'!r}, seed={self.recipe.seed}, "
            f"truncation={self.recipe.truncation:g}{', ' + pushed if pushed else ''})"
        )

    # Where it stands.

    def set(self, **fields: Any) -> LatentLab:
        """Change prompt, seed, truncation, style_mix or direction. Raises as `generate` does, changing nothing then."""
        with self.lock:
            now = self.recipe.replace(model=None).written()
            self.recipe = self.model.resolve(**{**now, **fields})
        self.changed()
        return self

    def push(self, **amounts: float) -> LatentLab:
        """Push along components (c0=2) in the layers of `where`; 0 takes a push back."""
        return self.set(
            direction={**dict(self.recipe.direction), **{self._named(n): a for n, a in amounts.items()}}
        )

    def _named(self, component: str) -> str:
        return component if self.where == "all" else f"{component}@{self.where}"

    def pixels(self) -> np.ndarray:
        """The picture where it stands, uint8 (height, width, 3): one forward, and nothing is stored."""
        return parts.draw(self.model, styles_of(self.model, self.recipe)[None])[0]

    def picture(self) -> Picture:
        """The same as a Picture with its recipe, made as `generate` makes it, and stored."""
        from ..verbs.making import remake

        return remake(self.recipe, model=self.model)

    def figure(self) -> Any:
        """The state as a matplotlib Figure."""
        recipe = self.recipe
        words = (str(recipe.prompt or "anything"), f"seed {recipe.seed}, truncation {recipe.truncation:g}")
        pushed = {f"c{number}": 0.0 for number in range(self.sliders)} | dict(recipe.direction)
        return state_figure(self.pixels(), words, list(pushed), list(pushed.values()))

    @property
    def sliders(self) -> int:
        """How many components have a slider."""
        return min(SLIDERS, len(self.model.components().directions))

    # Parts of the lesson.

    def truncation(
        self,
        truncations: Sequence[float] = (0, 0.25, 0.5, 0.75, 1, 1.25),
        *,
        n: int = 4,
        prompt: str | None = None,
    ) -> parts.Truncation:
        """What truncation does to `n` seeds, and to how much many more differ."""
        seeds = self._seeds(n)
        values = [as_number("truncation", value) for value in truncations]
        self._room(len(seeds) * len(values))
        return parts.truncation_row(self.model, self._prompt(prompt), seeds, values)

    def mixing(self, layers: Any = "coarse", *, n: int = 4, prompt: str | None = None) -> parts.Mixing:
        """A matrix: `n` seeds along rows, `n` along columns, whose styles the layers take.

        layers: "coarse", "middle", "fine", numbers, or several of either
        """
        rows = self._seeds(n)
        self._room(len(rows) ** 2)
        columns = [seed + len(rows) for seed in rows]
        return parts.mixing_matrix(self.model, self._prompt(prompt), rows, columns, layers)

    def arithmetic(self, start: Any, *, plus: Any = (), minus: Any = ()) -> parts.Arithmetic:
        """start + plus - minus, in styles; terms are prompts, recipes, or pictures that carry one, or lists of them."""
        more, less = (list(each) if isinstance(each, (list, tuple)) else [each] for each in (plus, minus))
        seed = self.recipe.seed
        return parts.arithmetic(self.model, start, more, less, seed if isinstance(seed, int) else 0)

    def sweep(
        self,
        direction: str = "c0",
        amounts: Sequence[float] = (-4, -2, 0, 2, 4),
        *,
        n: int = 3,
        prompt: str | None = None,
    ) -> parts.Sweep:
        """`n` seeds pushed along a component ("c0", "c3@fine"), in standard deviations (GANSpace, 2004.02546)."""
        values = [as_number("an amount", value) for value in amounts]
        self._room(n * len(values))
        return parts.sweep(self.model, self._prompt(prompt), direction, self._seeds(n), values)

    def components(self) -> Table:
        """The principal components of the styles: the share of the variance that each has."""
        found = self.model.components()
        rows = [
            {"direction": f"c{number}", "share of variance": f"{float(one) ** 2 / found.total:.1%}"}
            for number, one in enumerate(found.deviations)
        ]
        return Table(rows)

    def project(self, picture: Any, *, steps: int = 200) -> parts.Projected:
        """The styles nearest to any picture (a Picture, PIL image, array or path), by optimisation."""
        pixels = pixels_at(picture, self.model.size)
        return parts.Projected(pixels, project(self.model, pixels, steps=as_count("steps", steps, 1, 5000)))

    def judge(self, picture: Any = None, prompt: str = "") -> parts.Judged:
        """What the discriminator says of a picture, by default the laboratory's own, asked for with a prompt."""
        pixels = self.pixels() if picture is None else pixels_at(picture, self.model.size)
        return parts.Judged(pixels, judge(self.model, pixels, prompt), prompt)

    # Named directions.

    def keep(self, name: str, direction: Mapping[str, float] | None = None) -> dict[str, float]:
        """Keep a direction, by default the pushes of now, under a name: `direction=lab.kept["rounder"]`."""
        if not isinstance(name, str) or not name.strip():
            raise RecipeError(f"a direction needs a name, not {brief(name)}.")
        found = dict(self.recipe.direction if direction is None else direction)
        if not found:
            raise RecipeError("there is no push to keep: move a slider first.")
        for one, amount in found.items():
            parse_direction(one, self.model)
            as_number(f"direction {one!r:.40}", amount)
        self.kept[name.strip()] = found
        self.changed()
        return found

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the named directions to a JSON file, with the fingerprint of the model they are for."""
        content = {"model": self.model.ref.fingerprint, "directions": self.kept}
        return write_file(as_path(path), json.dumps(content, indent=1).encode())

    def read(self, path: str | os.PathLike[str]) -> dict[str, dict[str, float]]:
        """Add the named directions of a file. Raises RecipeError for a file of other weights, or of something else."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            made_for, found = content["model"], content["directions"]
            named = {str(name): dict(direction) for name, direction in found.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise RecipeError(
                f"{Path(path).name!r} holds no directions: lab.save(…) writes such files."
            ) from None
        if made_for != self.model.ref.fingerprint:
            raise RecipeError("these directions are of other weights, and mean nothing here.")
        for name, direction in named.items():
            self.keep(name, direction)
        return named

    # The page.

    def do(self, name: str, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """A request from the page: one for each thing that can be moved or pressed."""
        requests: dict[str, Callable[[], Any]] = {
            "push": lambda: self.push(
                **{f"c{as_count('component', message['component'], 0, 99)}": message["amount"]}
            ),
            "set": lambda: self.set(
                **{key: message[key] for key in ("prompt", "seed", "truncation") if key in message}
            ),
            "where": lambda: setattr(self, "where", _one_of(message["where"], WHERE)),
            "reset": lambda: self.set(direction={}, truncation=1.0),
            "keep": lambda: self.keep(str(message["as"])),
            "use": lambda: self.set(direction=self.kept[_one_of(message["kept"], self.kept)]),
        }
        requests[_one_of(name, requests)]()

    def frame(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        pushed = dict(self.recipe.direction)
        return {
            "prompt": self.recipe.prompt or "",
            "seed": str(self.recipe.seed),
            "truncation": self.recipe.truncation,
            "where": self.where,
            "amounts": [pushed.get(self._named(f"c{number}"), 0.0) for number in range(self.sliders)],
            "kept": list(self.kept),
            "says": self.model.reading(str(self.recipe.prompt or "")),
            "pushed": ", ".join(f"{name} {amount:+.1f}σ" for name, amount in pushed.items()),
        }, {"picture": self.pixels()}

    def advance(self) -> None:
        self.playing = False

    # What is shared.

    def _prompt(self, prompt: str | None) -> str:
        return str(self.recipe.prompt or "") if prompt is None else prompt

    def _seeds(self, n: int) -> list[int]:
        first = self.recipe.seed if isinstance(self.recipe.seed, int) else 0
        return [first + place for place in range(as_count("n", n, 1, 20))]

    @staticmethod
    def _room(count: int) -> None:
        if count > parts.MOST:
            raise RecipeError(f"this is a table of {count} pictures, and {parts.MOST} are the most.")


def _one_of(value: Any, known: Any) -> str:
    if value not in known:
        raise RecipeError(f"there is no {brief(value, 40)}: {did_you_mean(str(value), list(known))}")
    return str(value)
