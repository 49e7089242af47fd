"""mini-gan as a Model: words and a seed become styles, one forward turns them into latents, a decoder into pixels."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..engine.asks import Ask, Conditioning, Trajectory, Watch
from ..engine.footprint import bytes_of
from ..engine.noise import digest
from ..errors import RecipeError
from ..recipe import Mix, ModelRef, Recipe
from .fingerprint import of_tensors
from .gan import OneForward
from .gan_networks import LAYERS, RANGES, Discriminator, StyleGenerator
from .gan_styles import Components, check_direction, check_style_mix, mean_of, styles_of
from .gan_words import GanWords

_COMPONENTS = 24
_STYLES_SEEN = 4096
_DECODED = 16
"""Pictures decoded at once: 64 together took twice as long on two cores, most of it spent on getting memory."""


class StyledGenerator(OneForward):
    """A style-based generator of latents under every verb.

    `words` says what it can be asked for; `discriminator` is the one it was trained against.
    """

    family = "gan"
    kind = "gan"
    fields = frozenset({"prompt", "seed", "truncation", "style_mix", "direction", "mixing", "size"})
    layers = LAYERS
    ranges: Mapping[str, range] = RANGES

    def __init__(
        self,
        generator: StyleGenerator,
        autoencoder: nn.Module,
        words: GanWords,
        *,
        discriminator: Discriminator | None = None,
        name: str,
        ref: ModelRef | None = None,
        rows: int | None = None,
        scaling_factor: float = 1.0,
    ) -> None:
        self.generator, self.autoencoder, self.words = generator, autoencoder, words
        self.discriminator = discriminator
        self.latent: int = generator.config["latent"]
        self.scaling_factor = scaling_factor
        self._name = name
        self._means: dict[str | None, Tensor] = {}
        self._components: Components | None = None
        self._check_numbers({"generator": generator, "autoencoder": autoencoder})
        device = next(generator.parameters()).device
        super().__init__(
            ref or ModelRef(name, of_tensors(generator.state_dict().items()), "float32"), device, rows=rows
        )
        made = self.decode(self.synthesis(torch.zeros(1, LAYERS, generator.config["style"], device=device)))
        self._size = made.shape[2], made.shape[1]

    def check(self, recipe: Recipe) -> Recipe:
        recipe = super().check(recipe)
        words = recipe.prompt.values if isinstance(recipe.prompt, Mix) else (recipe.prompt,)
        mix = check_style_mix(recipe.style_mix, self)
        for prompt in (*words, dict(mix).get("prompt")):
            self.words.read(str(prompt or ""))
        if recipe.mixing == "attention":
            raise RecipeError(
                f"{self.ref.name!r} reads its words without attention: prompts are mixed as styles, without mixing=."
            )
        mixing = recipe.mixing if isinstance(recipe.seed, Mix) else None
        return recipe.replace(style_mix=mix, direction=check_direction(recipe.direction, self), mixing=mixing)

    def styles_of(self, z: Tensor, prompt: str | None) -> Tensor:
        """z (n, latent) to styles (n, style) within what the prompt allows."""
        allowed = self.words.allowed(prompt or "").to(self.device)
        with torch.no_grad():
            w: Tensor = self.generator.mapping(z.to(self.device), allowed.expand(len(z), -1))
        return w

    def mean_style(self, prompt: str | None) -> Tensor:
        """The mean style (style,) of what the prompt allows: where truncation leads."""
        prompt = prompt or ""
        if prompt not in self._means:
            if len(self._means) >= 1024:
                self._means.clear()
            self._means[prompt] = mean_of(self, prompt)
        return self._means[prompt]

    def components(self) -> Components:
        """The principal components of the styles of every object and background."""
        if self._components is None:
            z = torch.randn(_STYLES_SEEN, self.latent, generator=torch.Generator().manual_seed(1))
            w = self.styles_of(z, "")
            self._components = Components.of(w, min(_COMPONENTS, w.shape[1]))
        return self._components

    def synthesis(self, styles: Tensor) -> Tensor:
        """Styles, one a layer (n, layers, style), to latents; gradients flow where they are on."""
        made: Tensor = self.generator.synthesis(styles)
        return made

    def trajectory(self, recipes: Sequence[Recipe], watch: Watch | None) -> Trajectory:
        """One ask: the styles of each picture go out, its latents come back."""
        styles = torch.stack([styles_of(self, recipe) for recipe in recipes])
        nothing = [Conditioning(None, {})] * len(recipes)
        lineages = [digest(*map(repr, recipe.written().items())) for recipe in recipes]
        return (yield Ask(styles, torch.zeros(len(recipes)), nothing, lineages))

    def forward(
        self, group: Hashable, latents: Tensor, timesteps: Tensor, conditionings: Sequence[Conditioning]
    ) -> Tensor:
        return self.synthesis(latents)

    def decode(self, latents: Tensor) -> np.ndarray:
        return super().decode(self.pixels_of(latents))

    @torch.no_grad()
    def pixels_of(self, latents: Tensor) -> Tensor:
        """Latents (n, 4, h, w) to pictures (n, 3, height, width) from -1 to 1."""
        vae: Any = self.autoencoder
        parts = (latents.to(self.device) / self.scaling_factor).split(_DECODED)
        return torch.cat([vae.decode(part).sample for part in parts])

    @torch.no_grad()
    def latents_of(self, pixels: np.ndarray) -> Tensor:
        """uint8 (n, height, width, 3) to latents (n, 4, h, w): the mean of the autoencoder's posterior."""
        vae: Any = self.autoencoder
        values = torch.from_numpy(np.array(pixels)).to(self.device).permute(0, 3, 1, 2).float() / 127.5 - 1
        made: Tensor = vae.encode(values).latent_dist.mean * self.scaling_factor
        return made

    def reading(self, prompt: str) -> str:
        try:
            things, grounds = self.words.read(prompt)
        except RecipeError as error:
            return str(error)
        open_things, open_grounds = len(things) > 1, len(grounds) > 1
        if not open_things and not open_grounds:
            return "object and background are named: every seed gives the same picture"
        chosen = [f"one of {len(things)} objects"] * open_things + [
            f"one of {len(grounds)} backgrounds"
        ] * open_grounds
        return f"the seed chooses {' and '.join(chosen)}"

    def weights(self) -> int:
        return bytes_of([self.generator, self.autoencoder])
