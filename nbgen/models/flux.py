"""The FLUX.1 family, dev and schnell: CLIP for the whole text, T5 for its words, guidance as an input of the model."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..engine.asks import Conditioning
from ..engine.trajectory import is_guided
from ..errors import RecipeError
from ..recipe import Recipe
from .adapted import adapters_of
from .flow import FlowModel
from .reading import Reader
from .starts import Filling

DISTILLED = 3.5
"""The guidance that FLUX.1 dev is given where nothing is said, as in diffusers' pipeline."""
FILLING = 30.0
"""That of FLUX.1 Fill."""
_GUIDANCE_ELSEWHERE = ("guidance_scale", "cfg", "cfg_scale")


class Flux(FlowModel):
    """A model in the layout of diffusers' FluxPipeline, driven row by row.

    `distilled_guidance` is the guidance that dev has learnt to imitate, an input of the model, one row a step;
    schnell has none. FLUX.1 Fill is given the hole and the picture around it, as diffusers' FluxFillPipeline does.
    `guidance` above 1 is classifier-free guidance on top, against `negative`, two rows a step.
    """

    family = "flux"
    weighed_parts = ("transformer", "text_encoder", "text_encoder_2", "vae")

    def examine(self) -> None:
        self._takes_guidance = bool(self.denoiser.config.guidance_embeds)
        if self._takes_guidance:
            self.fields = self.fields | {"distilled_guidance"}
        super().examine()

    def own_defaults(self) -> dict[str, Any]:
        defaults: dict[str, Any] = {"guidance": 1.0, "size": (128 * self._scale, 128 * self._scale)}
        if self._takes_guidance and self.fills():
            return {**defaults, "steps": 50, "distilled_guidance": FILLING}
        if self._takes_guidance:
            return {**defaults, "steps": 28, "distilled_guidance": DISTILLED}
        return {**defaults, "steps": 4}

    def fills(self) -> Filling | None:
        latent = int(self._pipe.vae.config.latent_channels)
        return Filling.PIXELS if self.channels() == 2 * latent + self._scale**2 else None

    def called(self) -> str:
        return "flux-fill" if self.fills() else self.family

    def channels(self) -> int:
        return int(self.denoiser.config.in_channels) // 4  # a token is a square of four places

    def readers(self) -> list[Reader]:
        first, second = self._pipe.tokenizer, self._pipe.tokenizer_2
        # Schnell was trained on half as many tokens as dev; padding is read, so the number changes pictures.
        most = min(512 if self._takes_guidance else 256, int(second.model_max_length))
        return [
            Reader("CLIP", first, self._pipe.text_encoder, int(first.model_max_length)),
            Reader("T5", second, self._pipe.text_encoder_2, most),
        ]

    def encode(self, prompt: str | None) -> dict[str, Tensor]:
        """words: (tokens, width) from T5; pooled: (width,) from CLIP."""
        clip, t5 = self.readers()
        return {"words": t5.hidden(prompt or ""), "pooled": clip.pooled(prompt or "")}

    def inputs(self, recipe: Recipe) -> tuple[Hashable, dict[str, Tensor]]:
        if not self._takes_guidance:
            return (), {}
        assert recipe.distilled_guidance is not None
        return recipe.distilled_guidance, {"guidance": torch.tensor(recipe.distilled_guidance)}

    def timing(self, recipe: Recipe) -> Mapping[str, Any]:
        assert recipe.steps is not None
        return {**super().timing(recipe), "sigmas": np.linspace(1.0, 1 / recipe.steps, recipe.steps)}

    def resolve(self, **fields: Any) -> Recipe:
        """As every model's; a negative prompt without guidance, which FLUX would silently pass over, is an error."""
        meant = [name for name in fields if name.lower() in _GUIDANCE_ELSEWHERE]
        if meant and self._takes_guidance:
            raise RecipeError(
                f"there is no field {meant[0]!r}: what other programs call so on this model is distilled_guidance here "
                "(and guidance is diffusers' true_cfg_scale)."
            )
        if fields.get("negative") and fields.get("guidance") is None and self.defaults["guidance"] <= 1:
            raise RecipeError(
                "a negative prompt acts through classifier-free guidance, which is off here (guidance 1): give "
                "guidance=3, say. It takes two forwards a step."
            )
        return super().resolve(**fields)

    def notes(self, recipe: Recipe) -> tuple[str, ...]:
        """Two things are called guidance, and the slow one is seldom meant."""
        found = super().notes(recipe)
        if not (self._takes_guidance and is_guided(recipe)):
            return found
        said = (
            f"guidance={recipe.guidance:g} is classifier-free guidance on top of the guidance that this model has "
            "learnt, and takes two forwards a step; the learnt one is distilled_guidance."
        )
        return (*found, said)

    def check(self, recipe: Recipe) -> Recipe:
        checked = super().check(recipe)
        if is_guided(checked) and checked.negative is None:
            return checked.replace(negative="")  # the same picture, so the same key
        return checked

    def forward(
        self, group: Hashable, latents: Tensor, timesteps: Tensor, conditionings: Sequence[Conditioning]
    ) -> Tensor:
        height, width = latents.shape[-2] // 2, latents.shape[-1] // 2
        words = self.rows_of(conditionings, "words")
        guidance = (
            torch.stack([each.tensors["guidance"] for each in conditionings])
            if self._takes_guidance
            else None
        )
        with self.adapted(adapters_of(group)):
            answer = self.denoiser(
                hidden_states=_packed(latents.to(self._dtype)),
                timestep=timesteps.to(self._dtype) / 1000,
                guidance=None if guidance is None else guidance.to(self.device),
                pooled_projections=self.rows_of(conditionings, "pooled"),
                encoder_hidden_states=words,
                txt_ids=torch.zeros((words.shape[1], 3), device=self.device, dtype=self._dtype),
                img_ids=self._places(height, width),
                return_dict=False,
            )[0]
        return _unpacked(answer, height, width)

    def _places(self, height: int, width: int) -> Tensor:
        """(height · width, 3): a zero, then the row and the column of each token."""
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        places = torch.stack([torch.zeros_like(rows), rows, columns], dim=-1)
        return places.reshape(-1, 3).to(self.device, self._dtype)


def _packed(latents: Tensor) -> Tensor:
    """(n, c, 2h, 2w) to (n, h·w, 4c): each token is a square of four places."""
    count, channels, height, width = latents.shape
    squares = latents.view(count, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return squares.reshape(count, height * width // 4, channels * 4)


def _unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """(n, h·w, 4c) to (n, c, 2h, 2w), h and w being `height` and `width`."""
    count, _, channels = tokens.shape
    squares = tokens.view(count, height, width, channels // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return squares.reshape(count, channels // 4, 2 * height, 2 * width)
