"""Flow-matching models: transformers on straight paths, their timesteps shifted towards noise for large pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ModelError, RecipeError
from ..recipe import Recipe
from .adapted import AdaptedModel


class FlowModel(AdaptedModel):
    """A transformer trained by flow matching: what FLUX.1 and Stable Diffusion 3 share."""

    kind = "flow"
    denoiser_part = "transformer"
    most_shift = 1.15
    """What the family's pipeline takes for `max_shift` where the model does not say."""

    def examine(self) -> None:
        scheduler = self._pipe.scheduler
        called = type(scheduler).__name__
        if not called.startswith("FlowMatch") and not scheduler.config.get("use_flow_sigmas"):
            raise ModelError(
                f"this pipeline's scheduler, {called}, is not made for flow matching, and its pictures are silently "
                "wrong: give the pipeline the FlowMatchEulerDiscreteScheduler that came with the model."
            )
        latent = int(self._pipe.vae.config.latent_channels)
        if self.channels() != latent + self.channels_beside():
            raise ModelError(
                f"this pipeline's transformer takes {self.channels()} channels and its latents have {latent}: "
                "it is made for editing or for control pictures, which nbgen cannot give it."
            )

    def channels(self) -> int:
        """Channels that the transformer takes: those of a latent, and of what stands beside it."""
        return int(self.denoiser.config.in_channels)

    def patch(self) -> int:
        """Places of the latent on each side of a patch, the transformer's token."""
        return 2

    def size_multiple(self) -> int:
        return self._scale * self.patch()

    def timing(self, recipe: Recipe) -> Mapping[str, Any]:
        return {"mu": self.mu(recipe)} if self.trained.get("use_dynamic_shifting") else {}

    def mu(self, recipe: Recipe) -> float:
        """The logarithm of the shift: linear in the number of tokens between two sizes the model's maker chose."""
        _, height, width = self.latent_shape(recipe)
        tokens = (height // self.patch()) * (width // self.patch())
        said = self.trained.get
        least, most = said("base_image_seq_len", 256), said("max_image_seq_len", 4096)
        low, high = said("base_shift", 0.5), said("max_shift", self.most_shift)
        slope = (high - low) / (most - least)
        return float(tokens * slope + low - slope * least)

    def check(self, recipe: Recipe) -> Recipe:
        shifts = [name for name, _ in recipe.options if name in ("shift", "flow_shift")]
        if shifts and self.trained.get("use_dynamic_shifting"):
            raise RecipeError(
                f"option {shifts[0]!r} changes nothing here: this model shifts its timesteps by the picture's size."
            )
        return super().check(recipe)
