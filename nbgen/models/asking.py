"""From recipes that one call can take to that call: arguments, generators, the noise between two seeds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..engine.noise import noise_seed
from ..errors import RecipeError
from ..inputs import fitted, opened
from ..recipe import Mix, Recipe
from .calling import NotTogether, Watch, lent, pictures_of, random_numbers
from .held import device_of, dtype_of
from .signature import Signature
from .starting_noise import check_same, drawn, mixed, no_way
from .swapping import Samplers

PROOF_STEPS = 2
"""Steps of the two short runs that show whether a pipeline's start is all in its latents."""

KEPT_NOISES = 32
"""Noises of single seeds that are kept for the next frames of a walk."""

Made = tuple[list[np.ndarray], list[bool]]
"""Pixels, and whether a safety checker blanked them."""


class Asking:
    """Asks one pipeline for pictures. It remembers whether several at once are theirs alone."""

    def __init__(self, signature: Signature, samplers: Samplers, times: int = 1) -> None:
        """times: how many times larger, on each side, a picture is than the one it is made of"""
        self.signature = signature
        self.samplers = samplers
        self.times = times
        self.one_by_one = not signature.takes("generator")
        self._proved = False
        self._noises: dict[Hashable, Tensor] = {}

    def forget(self) -> None:
        """Drop the noises that were kept."""
        self._noises.clear()

    def together(self, recipe: Recipe) -> Hashable:
        """What must be equal in one call: everything but seeds, words, and arguments that may be lists."""
        per_row = self.signature.per_row
        extra = tuple(pair for pair in recipe.extra if not per_row(*pair))
        listed = tuple(name for name, value in recipe.extra if per_row(name, value))
        plain = recipe.replace(prompt=None, negative=None, seed=0, extra=extra)
        return plain, recipe.negative is None, listed, isinstance(recipe.seed, Mix)

    def arguments(self, recipe: Recipe) -> dict[str, Any]:
        """What the recipe says, by the pipeline's own names."""
        found = {name: getattr(recipe, field) for field, name in self.signature.fields.items()}
        if isinstance(recipe.image, str):
            found["image"] = _picture(recipe, self.times)
        elif recipe.size is not None:
            found |= {"width": recipe.size[0], "height": recipe.size[1]}
        for name, value in recipe.extra:
            as_list = isinstance(value, tuple) and not isinstance(self.signature.default(name), tuple)
            found[name] = list(value) if as_list else value
        return {name: value for name, value in found.items() if value is not None}

    def pictures(self, pipe: Any, recipes: Sequence[Recipe], watch: Watch) -> Made:
        """The pictures of recipes that are `together`, each from a generator of its own on the CPU.

        Raises NotTogether where they would depend on their neighbours, Stopped, and what the pipeline raises.
        """
        latents = None
        if isinstance(recipes[0].seed, Mix):
            latents = torch.cat([self._noise(pipe, recipe, watch) for recipe in recipes])
        generators = [torch.Generator().manual_seed(noise_seed(recipe.seed)) for recipe in recipes]
        return self._call(pipe, recipes, generators, watch, latents)

    def _call(
        self,
        pipe: Any,
        recipes: Sequence[Recipe],
        generators: list[torch.Generator],
        watch: Watch,
        latents: Tensor | None = None,
    ) -> Made:
        """The pipeline's own call; several pictures as lists, a single one plainly, which every pipeline takes."""
        several = len(recipes) > 1
        takes = self.signature.takes
        arguments = {**self.arguments(recipes[0]), **watch.arguments(takes)}
        if several:
            arguments |= self._listed(recipes, arguments)
        elif isinstance(arguments.get("class_labels"), int):
            arguments["class_labels"] = [arguments["class_labels"]]
        if takes("batch_size"):
            arguments["batch_size"] = len(recipes)
        if takes("generator"):
            arguments["generator"] = generators if several else generators[0]
        if latents is not None:
            arguments["latents"] = latents.to(device_of(pipe), dtype_of(pipe))
        schedulers = self.samplers.schedulers(recipes[0])
        seed, device = noise_seed(recipes[0].seed), device_of(pipe)
        with random_numbers(seed, device, generators) as numbers, lent(pipe, schedulers, watch):
            result = pipe(**arguments)
        if several and (numbers.globally or numbers.unevenly):
            raise NotTogether(f"{self.signature.pipeline} draws random numbers of its own.")
        if latents is not None and numbers.globally:
            raise RecipeError(no_way(self.signature.pipeline, "it draws other random numbers than its noise"))
        return pictures_of(result, len(recipes), self.signature.pipeline)

    def _listed(self, recipes: Sequence[Recipe], arguments: dict[str, Any]) -> dict[str, list[Any]]:
        """The arguments that differ from picture to picture."""
        fields = self.signature.fields
        found = {
            fields[field]: [getattr(recipe, field) for recipe in recipes]
            for field in ("prompt", "negative")
            if fields.get(field) in arguments
        }
        if "image" in arguments:
            found["image"] = [_picture(recipe, self.times) for recipe in recipes]
        extras = [dict(recipe.extra) for recipe in recipes]
        for name, value in extras[0].items():
            if self.signature.per_row(name, value):
                found[name] = [extra[name] for extra in extras]
        return found

    def _noise(self, pipe: Any, recipe: Recipe, watch: Watch) -> Tensor:
        """The mixed noise of a recipe between seeds, (1, …)."""
        assert isinstance(recipe.seed, Mix)
        silent = watch.silent()
        found = {}
        for part in map(int, recipe.seed.values):
            alone = recipe.replace(seed=part)
            key = self.together(alone), part
            if key not in self._noises:
                call = partial(self._call, pipe, [alone], watch=silent)
                noise, state = drawn(pipe, part, lambda generator, call=call: call(generators=[generator]))
                if not self._proved:
                    self._prove(pipe, alone, noise, state, silent)
                self._noises[key] = noise
            found[part] = self._noises[key]
        while len(self._noises) > KEPT_NOISES:
            self._noises.pop(next(iter(self._noises)))
        return mixed(recipe.seed, found)

    def _prove(self, pipe: Any, recipe: Recipe, noise: Tensor, state: Tensor, watch: Watch) -> None:
        """Once: the latents handed over, and the generator as it was after them, make the picture of the seed."""
        if recipe.steps is not None:
            recipe = recipe.replace(steps=min(recipe.steps, PROOF_STEPS))
        before = torch.Generator().manual_seed(noise_seed(recipe.seed))
        (own,), _ = self._call(pipe, [recipe], [before], watch)
        after = torch.Generator()
        after.set_state(state)
        (handed,), _ = self._call(pipe, [recipe], [after], watch, noise)
        check_same(own, handed, self.signature.pipeline)
        self._proved = True


def _picture(recipe: Recipe, times: int) -> Image.Image:
    """The input picture, at the size that the recipe's is `times` as large as."""
    assert isinstance(recipe.image, str) and recipe.size is not None
    return fitted(opened(recipe.image), (recipe.size[0] // times, recipe.size[1] // times))
