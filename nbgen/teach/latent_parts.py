"""What can one do with styles? Truncation, mixing, arithmetic, directions: plain functions, arrays and figures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import RecipeError, brief
from ..models.gan_projection import Judgement, Projection
from ..models.gan_styles import as_layers, parse_direction, styles_of
from ..models.styled_gan import StyledGenerator
from ..picture import Picture
from ..recipe import Recipe
from ..show.figure_files import small_png
from ..training.gan_measures import spread
from .latent_figures import curve_below, picture_table, way_to

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 400
"""Pictures that one part draws at most."""


class Part(ABC):
    """What all parts have: a figure, which a cell shows."""

    @abstractmethod
    def figure(self) -> Figure:
        """The part as a matplotlib Figure."""

    def __repr__(self) -> str:
        return f"{type(self).__name__} of the latent space: .figure() draws it"

    def _repr_png_(self) -> bytes:
        return small_png(self.figure())


def draw(model: StyledGenerator, styles: Tensor, batch: int = 32) -> np.ndarray:
    """Styles (n, layers, style) to pictures, uint8 (n, height, width, 3)."""
    with torch.no_grad():
        return np.concatenate([model.decode(model.synthesis(part)) for part in styles.split(batch)])


@dataclass(frozen=True, eq=False, repr=False)
class Truncation(Part):
    """Pictures of some seeds at some truncations, uint8 (truncations, seeds, height, width, 3), and their spread.

    diversity: for each truncation the mean root mean square difference of two pictures of many seeds
    """

    truncations: tuple[float, ...]
    seeds: tuple[int, ...]
    pictures: np.ndarray
    diversity: tuple[float, ...]

    def figure(self) -> Figure:
        """Pictures above, the curve below."""
        rows = [f"seed {seed}" for seed in self.seeds]
        columns = [f"{psi:g}" for psi in self.truncations]
        return curve_below(
            self.pictures.swapaxes(0, 1),
            rows,
            columns,
            self.diversity,
            "truncation",
            "mean difference",
        )


def truncation_row(
    model: StyledGenerator, prompt: str, seeds: Sequence[int], truncations: Sequence[float], many: int = 48
) -> Truncation:
    """What truncation does: the seeds' pictures at each, and the spread of `many` more.

    w̄ + ψ(w - w̄): at ψ = 0 every seed gives the picture of the mean style, at 1 the seed's own (1812.04948, 3.2).
    """
    shown, spreads = [], []
    for psi in truncations:
        recipes = [
            model.resolve(prompt=prompt, seed=seed, truncation=psi)
            for seed in (*seeds, *range(1000, 1000 + many))
        ]
        made = draw(model, torch.stack([styles_of(model, recipe) for recipe in recipes]))
        shown.append(made[: len(seeds)])
        spreads.append(spread(made[len(seeds) :]))
    return Truncation(tuple(map(float, truncations)), tuple(seeds), np.stack(shown), tuple(spreads))


@dataclass(frozen=True, eq=False, repr=False)
class Mixing(Part):
    """Pictures, uint8 (rows, columns, height, width, 3): each row's seed with some layers of each column's.

    own: the rows' own pictures; other: the columns' own
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    layers: tuple[int, ...]
    pictures: np.ndarray
    own: np.ndarray
    other: np.ndarray

    def figure(self) -> Figure:
        """A table with the seeds' own pictures along its top and its left."""
        blank = np.full_like(self.own[:1], 255)
        table = np.concatenate(
            [
                np.concatenate([blank, self.other])[None],
                np.concatenate([self.own[:, None], self.pictures], axis=1),
            ]
        )
        named = ", ".join(map(str, self.layers))
        return picture_table(
            table, ["", *(f"seed {seed}" for seed in self.rows)], ["", *(f"seed {seed}" for seed in self.columns)],
            f"The row's seed, but layers {named} of the column's",
        )  # fmt: skip


def mixing_matrix(
    model: StyledGenerator,
    prompt: str,
    rows: Sequence[int],
    columns: Sequence[int],
    layers: Any,
    truncation: float = 1.0,
) -> Mixing:
    """Every row's seed with the layers' styles of every column's seed."""
    chosen = as_layers(layers, model)
    own = torch.stack(
        [styles_of(model, model.resolve(prompt=prompt, seed=s, truncation=truncation)) for s in rows]
    )
    other = torch.stack(
        [styles_of(model, model.resolve(prompt=prompt, seed=s, truncation=truncation)) for s in columns]
    )
    mixed = own[:, None].repeat(1, len(other), 1, 1)
    mixed[:, :, list(chosen)] = other[None, :, list(chosen)]
    made = draw(model, mixed.flatten(0, 1))
    return Mixing(
        tuple(rows), tuple(columns), chosen, made.reshape(len(rows), len(columns), *made.shape[1:]),
        draw(model, own), draw(model, other),
    )  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Arithmetic(Part):
    """The sum of some styles: `styles` (layers, style), what they make, and what each term makes alone."""

    styles: Tensor
    picture: np.ndarray
    terms: tuple[str, ...]
    pictures: np.ndarray

    def figure(self) -> Figure:
        """The terms in a row, and what comes out."""
        table = np.concatenate([self.pictures, self.picture[None]])[None]
        return picture_table(table, [""], [*self.terms, "="], "")


def arithmetic(
    model: StyledGenerator, start: Any, plus: Sequence[Any], minus: Sequence[Any], seed: int
) -> Arithmetic:
    """start + plus - minus, in styles. Terms are prompts (with `seed`), recipes, or pictures that carry one.

    Raises RecipeError for a term that has no styles of this model.
    """
    terms = [(1.0, start), *((1.0, one) for one in plus), *((-1.0, one) for one in minus)]
    each = torch.stack([term_styles(model, term, seed) for _, term in terms])
    signs = torch.tensor([sign for sign, _ in terms])
    total = (each * signs[:, None, None].to(each)).sum(dim=0)
    labels = tuple(
        ("" if place == 0 else "+ " if sign > 0 else "− ") + called(term)
        for place, (sign, term) in enumerate(terms)
    )
    return Arithmetic(total, draw(model, total[None])[0], labels, draw(model, each))


def term_styles(model: StyledGenerator, term: Any, seed: int) -> Tensor:
    """The styles (layers, style) of a prompt, a recipe or a picture that carries one."""
    recipe = term.recipe if isinstance(term, Picture) else term
    if isinstance(recipe, str):
        recipe = model.resolve(prompt=recipe, seed=seed)
    if not isinstance(recipe, Recipe):
        raise RecipeError(
            f"a term is a prompt, a recipe, or a picture that carries one, not {brief(term)}: for any other picture, "
            "project(…) looks for styles first."
        )
    if recipe.model is not None and recipe.model.fingerprint != model.ref.fingerprint:
        raise RecipeError(
            f"a term was made by {recipe.model.name!r}: its styles mean nothing to {model.ref.name!r}."
        )
    return styles_of(model, recipe)


def called(term: Any) -> str:
    """A term in a word or two."""
    if isinstance(term, str):
        return term or "anything"
    recipe: Any = term.recipe if isinstance(term, Picture) else term
    return f"{recipe.prompt or 'anything'}, seed {recipe.seed}"


@dataclass(frozen=True, eq=False, repr=False)
class Sweep(Part):
    """Pictures along a direction, uint8 (seeds, amounts, height, width, 3)."""

    name: str
    seeds: tuple[int, ...]
    amounts: tuple[float, ...]
    pictures: np.ndarray

    def figure(self) -> Figure:
        """A row for each seed, pushed further from left to right."""
        return picture_table(
            self.pictures,
            [f"seed {seed}" for seed in self.seeds],
            [f"{a:+g}σ" for a in self.amounts],
            self.name,
        )


def sweep(
    model: StyledGenerator, prompt: str, direction: str, seeds: Sequence[int], amounts: Sequence[float]
) -> Sweep:
    """The seeds' pictures pushed along a direction, "c0" or "c0@fine", by amounts in standard deviations."""
    parse_direction(direction, model)
    styles = torch.stack(
        [
            styles_of(model, model.resolve(prompt=prompt, seed=seed, direction={direction: amount}))
            for seed in seeds
            for amount in amounts
        ]
    )
    made = draw(model, styles)
    return Sweep(
        direction,
        tuple(seeds),
        tuple(map(float, amounts)),
        made.reshape(len(seeds), len(amounts), *made.shape[1:]),
    )


@dataclass(frozen=True, eq=False, repr=False)
class Projected(Part):
    """A picture, uint8 (height, width, 3), and the styles nearest to it (see `models.gan_projection.Projection`)."""

    sought: np.ndarray
    found: Projection

    @property
    def error(self) -> float:
        """Mean absolute difference of what was found, colours from 0 to 1."""
        return self.found.error

    def figure(self) -> Figure:
        """What was sought, pictures on the way, and their errors."""
        return way_to(self.sought, self.found.path, self.found.picture, self.found.steps, self.found.errors)


@dataclass(frozen=True, eq=False, repr=False)
class Judged(Part):
    """A picture and what the discriminator says of it (see `models.gan_projection.Judgement`)."""

    picture: np.ndarray
    said: Judgement
    prompt: str

    @property
    def score(self) -> float:
        """Higher is more real; only differences mean something."""
        return self.said.score

    def figure(self) -> Figure:
        """The picture, and how strongly the score depends on each of its pixels."""
        strength = np.abs(self.said.gradient).sum(axis=2)
        shade = (255 * (1 - strength / max(float(strength.max()), 1e-12))).astype(np.uint8)
        table = np.stack([self.picture, np.repeat(shade[..., None], 3, axis=2)])[None]
        title = f"score {self.score:.2f}" + (f" for “{self.prompt}”" if self.prompt else "")
        return picture_table(table, [""], ["the picture", "where the score would change"], title)
