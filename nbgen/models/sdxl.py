"""The SDXL family, Turbo included: two CLIP text encoders, pooled words and the picture's size for the UNet."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..engine.asks import Conditioning
from ..recipe import Mix, Recipe
from .reading import Reader
from .sd import StableDiffusion


class StableDiffusionXL(StableDiffusion):
    """A model in the layout of diffusers' StableDiffusionXLPipeline, driven row by row."""

    family = "sdxl"
    usual_guidance = 5.0
    reads_before_last = True
    weighed_parts = (*StableDiffusion.weighed_parts, "text_encoder_2")

    def own_defaults(self) -> dict[str, Any]:
        # Turbo came with an ancestral sampler on trailing timesteps, which no other model of the family has.
        scheduler = self._pipe.scheduler
        ancestral = type(scheduler).__name__ == "EulerAncestralDiscreteScheduler"
        turbo = ancestral and scheduler.config.get("timestep_spacing") == "trailing"
        return {**super().own_defaults(), **({"guidance": 1.0, "steps": 4} if turbo else {})}

    def readers(self) -> list[Reader]:
        pairs = [
            (self._pipe.tokenizer, self._pipe.text_encoder),
            (self._pipe.tokenizer_2, self._pipe.text_encoder_2),
        ]
        return [
            Reader(f"CLIP encoder {place}", tokenizer, encoder, int(tokenizer.model_max_length))
            for place, (tokenizer, encoder) in enumerate(pairs, 1)
        ]

    def encode(self, prompt: str | None) -> dict[str, Tensor]:
        """words: (tokens, width of both), the encoders' states before their last layer; pooled: the second's text."""
        if prompt is None:
            return {name: torch.zeros_like(tensor) for name, tensor in self.encode("").items()}
        (first, _), (second, pooled) = (reader.penultimate(prompt) for reader in self.readers())
        return {"words": torch.cat([first, second], dim=-1), "pooled": pooled}

    def unwanted(self, recipe: Recipe) -> str | Mix | None:
        """No negative prompt and an empty one differ: the first is all zeros, as the model was trained."""
        if recipe.negative is None and not self._zeros_for_none():
            return ""
        return recipe.negative

    def inputs(self, recipe: Recipe) -> tuple[Hashable, dict[str, Tensor]]:
        """The size of the picture, three times a pair: as it would have been found, cropped from, and wanted."""
        assert recipe.size is not None
        width, height = recipe.size
        name, tensors = super().inputs(recipe)
        return (name, recipe.size), {
            **tensors,
            "time_ids": torch.tensor([height, width, 0, 0, height, width]),
        }

    def added(self, conditionings: Sequence[Conditioning]) -> dict[str, Any]:
        added = {
            "text_embeds": self.rows_of(conditionings, "pooled"),
            "time_ids": self.rows_of(conditionings, "time_ids"),
        }
        return {"added_cond_kwargs": added}

    def settings(self) -> dict[str, str]:
        return {**super().settings(), "force_zeros_for_empty_prompt": str(self._zeros_for_none())}

    def _zeros_for_none(self) -> bool:
        return bool(getattr(self._pipe, "config", {}).get("force_zeros_for_empty_prompt", True))
