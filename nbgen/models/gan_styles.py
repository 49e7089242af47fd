"""From a recipe to the styles of a generator's layers: words, seed, truncation, mixing, directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ..engine.noise import unit_noise
from ..errors import RecipeError, brief
from ..recipe import Mix, Options, Recipe
from ..values import as_number, canonical_seed

_LOOKS = 1024
"""Styles that a mean or a principal component is taken over."""


class Styled(Protocol):
    """What styles are made with: a mapping network, and the names of its layers."""

    latent: int
    layers: int
    ranges: Mapping[str, range]

    def styles_of(self, z: Tensor, prompt: str | None) -> Tensor:
        """z (n, latent) to styles (n, style) within what the prompt allows."""

    def mean_style(self, prompt: str | None) -> Tensor:
        """The mean style (style,) of what the prompt allows: where truncation leads."""

    def components(self) -> Components:
        """The principal components of the styles."""


@dataclass(frozen=True, eq=False)
class Components:
    """Directions in which styles vary most (GANSpace, Härkönen et al., 2004.02546), the strongest first.

    directions: (n, style), of length 1; deviations: (n,), the standard deviation of the styles along each; total:
    the variance of the styles in all directions together
    """

    directions: Tensor
    deviations: Tensor
    total: float

    @classmethod
    def of(cls, styles: Tensor, count: int) -> Components:
        """From styles (n, style); the sign is such that the largest number of each direction is positive."""
        centred = (styles - styles.mean(dim=0)).double()
        values, vectors = torch.linalg.eigh(centred.T @ centred / max(1, len(styles) - 1))
        order = values.argsort(descending=True)[:count]
        found = vectors[:, order].T
        largest = found.gather(1, found.abs().argmax(dim=1, keepdim=True))
        deviations = values[order].clamp_min(0).sqrt().float()
        return cls((found * largest.sign()).float(), deviations, float(values.sum()))


def mean_of(model: Styled, prompt: str | None) -> Tensor:
    """The mean over styles of fixed z, (style,)."""
    z = torch.randn(_LOOKS, model.latent, generator=torch.Generator().manual_seed(0))
    return model.styles_of(z, prompt).mean(dim=0)


def styles_of(model: Styled, recipe: Recipe) -> Tensor:
    """The style of each layer, (layers, style).

    A recipe's own style goes everywhere; `style_mix` puts that of another seed into some layers; `direction` pushes
    along principal components, in standard deviations.
    """
    with torch.no_grad():
        styles = _style(model, recipe.prompt, recipe.seed, recipe).expand(model.layers, -1).clone()
        if recipe.style_mix:
            mix = dict(recipe.style_mix)
            other = _style(model, mix.get("prompt", recipe.prompt), mix["seed"], recipe)
            places = list(mix["layers"])
            styles[places] = torch.lerp(styles[places], other, mix.get("amount", 1.0))
        for name, amount in recipe.direction:
            number, places = parse_direction(name, model)
            found = model.components()
            push = found.directions[number] * found.deviations[number] * amount
            styles[places] += push.to(styles)
    return styles


def _style(model: Styled, prompt: str | Mix | None, seed: int | Mix, recipe: Recipe) -> Tensor:
    """One style (style,), truncated; mixtures of prompts are mixed as styles, of seeds as noises unless said."""
    parts = _parts(prompt)
    if isinstance(seed, Mix) and recipe.mixing == "style":
        seeds: list[tuple[float, Any]] = _parts(seed)
    else:
        seeds = [(1.0, seed)]
    total = torch.zeros(0)
    for weight, words in parts:
        for share, one in seeds:
            z = unit_noise(one, (1, model.latent))[0]
            style = model.styles_of(z, words)[0]
            psi = 1.0 if recipe.truncation is None else recipe.truncation
            if psi != 1.0:
                style = torch.lerp(model.mean_style(words), style, psi)
            part = weight * share * style
            total = part if total.numel() == 0 else total + part
    return total


def _parts(value: Any) -> list[tuple[float, Any]]:
    """A mixture as (share, value) pairs, the shares summing to 1; a single value as the only one."""
    if not isinstance(value, Mix):
        return [(1.0, value)]
    whole = sum(weight for weight, _ in value.parts)
    if abs(whole) < 1e-6:
        raise RecipeError("the weights of a mixture of styles must not sum to 0: styles are averaged.")
    return [(weight / whole, part) for weight, part in value.parts]


def as_layers(value: Any, model: Styled, name: str = "layers") -> tuple[int, ...]:
    """Numbers of layers, from "coarse", "middle", "fine", one number, or several of either; RecipeError else."""
    several = [value] if isinstance(value, (str, int)) or not hasattr(value, "__iter__") else list(value)
    found: set[int] = set()
    for one in several:
        if isinstance(one, str) and one in model.ranges:
            found |= set(model.ranges[one])
        elif isinstance(one, int) and not isinstance(one, bool) and 0 <= one < model.layers:
            found.add(one)
        else:
            known = ", ".join(map(repr, model.ranges))
            raise RecipeError(
                f"{name} takes {known}, or numbers from 0 (coarsest) to {model.layers - 1} (finest), not {brief(one)}."
            )
    if not found:
        raise RecipeError(f"{name} is empty: name at least one layer.")
    return tuple(sorted(found))


def check_style_mix(given: Options, model: Styled) -> Options:
    """The canonical form of `style_mix`: seed, layers by number, and prompt and amount where they say something."""
    mix = dict(given)
    if not mix:
        return ()
    unknown = sorted(set(mix) - {"seed", "layers", "prompt", "amount"})
    if unknown or "seed" not in mix or "layers" not in mix:
        wrong = f"has no {unknown[0]!r:.40}" if unknown else "needs a seed and layers"
        raise RecipeError(f'style_mix {wrong}: write style_mix={{"seed": 5, "layers": "coarse"}}.')
    amount = as_number("the amount of style_mix", mix.get("amount", 1.0))
    if not 0 <= amount <= 1:
        raise RecipeError(f"the amount of style_mix must be from 0 to 1, not {amount:g}.")
    if not isinstance(mix.get("prompt", ""), str):
        raise RecipeError(f"the prompt of style_mix must be text, not {brief(mix['prompt'])}.")
    found: dict[str, Any] = {
        "seed": canonical_seed(mix["seed"]), "layers": as_layers(mix["layers"], model, "style_mix layers"),
    }  # fmt: skip
    if mix.get("prompt") is not None:
        found["prompt"] = mix["prompt"]
    if amount != 1:
        found["amount"] = amount
    return tuple(sorted(found.items()))


def check_direction(given: Options, model: Styled) -> Options:
    """The canonical form of `direction`: amounts that are not 0."""
    found = []
    for name, amount in given:
        parse_direction(name, model)
        number = as_number(f"direction {name!r:.40}", amount)
        if abs(number) > 100:
            raise RecipeError(
                f"direction {name!r} goes from -100 to 100 standard deviations, not {number:g}."
            )
        if number:
            found.append((name, number))
    return tuple(found)


def parse_direction(name: str, model: Styled) -> tuple[int, list[int]]:
    """A component's number and layers from its name: "c0" is the strongest, "c3@fine" the fourth in fine layers."""
    component, _, where = name.partition("@")
    count = len(model.components().directions)
    if (
        component[:1] != "c"
        or not component[1:].isascii()
        or not component[1:].isdecimal()
        or int(component[1:]) >= count
    ):
        raise RecipeError(
            f'a direction is called "c0" to "c{count - 1}", the principal components of the styles, or '
            f'"c0@coarse" for some layers, not {brief(name, 40)}.'
        )
    if not where:
        return int(component[1:]), list(range(model.layers))
    places = as_layers(
        [int(part) if part.isdecimal() else part for part in where.split("+")], model, "a direction"
    )
    return int(component[1:]), list(places)
