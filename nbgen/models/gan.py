"""Generators that map a latent to a picture in one forward: GANs under the same verbs as diffusion."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..engine.asks import Ask, Conditioning, Trajectory, Watch
from ..engine.footprint import bytes_of
from ..engine.noise import digest, unit_noise
from ..errors import ModelError, RecipeError
from ..recipe import ModelRef, Recipe
from .base import Model
from .fingerprint import of_tensors


class OneForward(Model):
    """A model that asks once for each picture."""

    family = "gan"
    kind = "gan"
    _name: str
    _size: tuple[int, int]

    @property
    def defaults(self) -> Mapping[str, Any]:
        return {"truncation": 1.0, "size": self._size}

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of its pictures, the only size it has."""
        return self._size

    def check(self, recipe: Recipe) -> Recipe:
        if recipe.size != self._size:
            raise RecipeError(
                f"the model {self._name!r} makes pictures of {self._size[0]}×{self._size[1]} pixels only."
            )
        return recipe

    def together(self, recipe: Recipe) -> Hashable:
        return recipe.size

    def asks(self, recipe: Recipe) -> int:
        return 1

    def calls(self, recipe: Recipe) -> int:
        return 1

    def develop(self, recipes: Sequence[Recipe], latents: Tensor) -> np.ndarray:
        return self.decode(latents)

    def decode(self, latents: Tensor) -> np.ndarray:
        """Pictures (n, 3, height, width) from -1 to 1 as uint8 (n, height, width, 3)."""
        pixels = (latents.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
        return (pixels * 255).round().astype(np.uint8)

    def _check_numbers(self, modules: Mapping[str, nn.Module]) -> None:
        """ModelError for weights that are not numbers, which would make every picture grey without a word."""
        for called, module in modules.items():
            for name, tensor in module.state_dict().items():
                if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                    raise ModelError(
                        f"the weights of this {called} are not all numbers: {name!r} has NaN or infinite ones. "
                        "A training that diverged leaves such files; take an earlier checkpoint."
                    )


class Generator(OneForward):
    """Any `torch.nn.Module` that maps latents (n, latent) to pictures (n, 3, height, width) from -1 to 1."""

    fields = frozenset({"seed", "truncation", "size"})

    def __init__(
        self,
        module: nn.Module,
        latent: int,
        *,
        name: str = "your generator",
        ref: ModelRef | None = None,
        rows: int | None = None,
    ) -> None:
        self._module = module
        self._latent = latent
        self._handed_over = ref is None
        self._name = name
        parameter = next(module.parameters(), torch.zeros(0))
        self._dtype = parameter.dtype
        self._check_numbers({"generator": module})
        super().__init__(ref or self._checksum(), parameter.device, rows=rows)
        self._size = self._picture_size()

    @property
    def ref(self) -> ModelRef:
        if self._handed_over and not self._settled:
            self._ref = self._checksum()
        return self._ref

    def trajectory(self, recipes: Sequence[Recipe], watch: Watch | None) -> Trajectory:
        """One ask: z, drawn from the seed and shortened by the truncation, and the picture comes back."""
        z = torch.cat(
            [unit_noise(recipe.seed, (1, self._latent))[0] * (recipe.truncation or 0.0) for recipe in recipes]
        )
        lineages = [digest(recipe.seed, recipe.truncation) for recipe in recipes]
        nothing = [Conditioning(None, {})] * len(recipes)
        pictures = yield Ask(z.to(self.device), torch.zeros(len(recipes)), nothing, lineages)
        return pictures

    def forward(
        self, group: Hashable, latents: Tensor, timesteps: Tensor, conditionings: Sequence[Conditioning]
    ) -> Tensor:
        return self._module(latents.to(self._dtype))

    def weights(self) -> int:
        return bytes_of([self._module])

    def _picture_size(self) -> tuple[int, int]:
        try:
            with torch.no_grad():
                made = self._module(torch.zeros(2, self._latent, device=self.device, dtype=self._dtype))
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise ModelError(
                f"this generator cannot read a latent of length {self._latent}: {str(error)[:120]}"
            ) from None
        if not isinstance(made, Tensor) or made.ndim != 4 or made.shape[1] != 3 or len(made) != 2:
            shape = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
            raise ModelError(
                f"a generator must map latents (n, {self._latent}) to pictures (n, 3, height, width), "
                f"and this one gives {shape} for n=2."
            )
        if not made.is_floating_point() or not bool(made.isfinite().all()):
            raise ModelError(
                "a generator's pictures must be finite floating-point numbers from -1 to 1, and this one's are not."
            )
        return int(made.shape[3]), int(made.shape[2])

    def _checksum(self) -> ModelRef:
        return ModelRef(
            self._name, of_tensors(self._module.state_dict().items()), str(self._dtype).removeprefix("torch.")
        )
