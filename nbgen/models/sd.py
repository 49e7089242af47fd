"""The Stable Diffusion 1 and 2 family, mini included: one CLIP text encoder, a UNet, a KL autoencoder."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..engine.asks import Conditioning
from ..errors import ModelError
from ..recipe import Recipe
from ..sampling import BY_NAME
from .adapted import adapters_of
from .assembled import sampling_of
from .attention_mixing import can_mix, kept_mixing, reading_each_part
from .backwards import checked_inversion
from .controlnets import residuals
from .image_prompts import looking, not_looking
from .reading import Reader
from .seamless import going_round, is_seamless
from .starts import Filling
from .weighting import WeightedModel


class StableDiffusion(WeightedModel):
    """A model in the layout of diffusers' StableDiffusionPipeline, driven row by row.

    pipe: a pipeline, or `Parts`; it is read and never changed
    ref: which weights these are, or None to take a checksum over the tensors, again before every run
    """

    family = "sd"
    usual_guidance = 7.5
    fields = WeightedModel.fields | {"tile"}

    def examine(self) -> None:
        super().examine()
        unet = self._pipe.unet
        latent = self._pipe.vae.config.latent_channels
        if unet.config.in_channels not in (latent, 2 * latent + 1):
            raise ModelError(
                f"this pipeline's UNet takes {unet.config.in_channels} channels and its latents have {latent}: it is "
                f"made for editing in a way that nbgen does not drive. {latent} are driven, and the "
                f"{2 * latent + 1} of inpainting."
            )
        self._takes_guidance = unet.config.time_cond_proj_dim is not None
        if self._takes_guidance:
            self.fields = self.fields | {"distilled_guidance"}
        if can_mix(unet):
            self.fields = self.fields | {"mixing"}
        if not self._takes_guidance and not self.fills():
            self.fields = self.fields | {"inverted"}

    def fills(self) -> Filling | None:
        more = self._pipe.unet.config.in_channels > self._pipe.vae.config.latent_channels
        return Filling.PLACES if more else None

    def own_defaults(self) -> dict[str, Any]:
        side = self._pipe.unet.config.sample_size or 64
        height, width = (side, side) if isinstance(side, int) else side
        # A UNet that takes the guidance scale as an input has learnt what guidance does: it is not guided again.
        size = {"size": (width * self._scale, height * self._scale)}
        if self._takes_guidance:
            return {**size, "guidance": 1.0, "distilled_guidance": 7.5}
        if self.is_called("turbo", "lightning", "hyper-sd"):
            return {**size, "guidance": 1.0, "steps": 4}
        distilled = BY_NAME[sampling_of(self._pipe.scheduler, self.kind)["sampler"]].distilled
        return {**size, "guidance": 1.0 if distilled else self.usual_guidance}

    def size_multiple(self) -> int:
        return int(self._scale * 2 ** (len(self._pipe.unet.config.block_out_channels) - 1))

    def readers(self) -> list[Reader]:
        tokenizer = self._pipe.tokenizer
        return [Reader("CLIP", tokenizer, self._pipe.text_encoder, int(tokenizer.model_max_length))]

    def encode(self, prompt: str | None) -> dict[str, Tensor]:
        """(tokens, width): the text encoder's last hidden states, padded to its full length."""
        return {"words": self.readers()[0].hidden(prompt or "")}

    def check(self, recipe: Recipe) -> Recipe:
        found = checked_inversion(super().check(recipe))
        return found.replace(mixing=kept_mixing(found))

    def inputs(self, recipe: Recipe) -> tuple[Hashable, dict[str, Tensor]]:
        """Distilled UNets (LCM) take the guidance scale as an input of its own."""
        name, tensors = super().inputs(recipe)
        if not self._takes_guidance:
            return name, tensors
        from diffusers import StableDiffusionPipeline

        assert recipe.distilled_guidance is not None
        embed: Any = StableDiffusionPipeline.get_guidance_scale_embedding
        width = self._pipe.unet.config.time_cond_proj_dim
        scale = torch.tensor([recipe.distilled_guidance - 1])
        tensors = {**tensors, "timestep_cond": embed(None, scale, embedding_dim=width)[0]}
        return (name, recipe.distilled_guidance), tensors

    def forward(
        self, group: Hashable, latents: Tensor, timesteps: Tensor, conditionings: Sequence[Conditioning]
    ) -> Tensor:
        latents, words = latents.to(self._dtype), self.rows_of(conditionings, "words")
        added, nets = self.added(conditionings), self.used_nets(group)
        beside = (
            {"timestep_cond": self.rows_of(conditionings, "timestep_cond")} if self._takes_guidance else {}
        )
        reading = reading_each_part(self.denoiser, conditionings, self._dtype)
        round_about = going_round(self.denoiser, *nets.values(), on=is_seamless(group))
        # The last around the layers' own reading: whatever reads the words, pictures are looked at beside it.
        seeing = looking(self.denoiser, self.used_prompts(group), conditionings)
        with not_looking(self.denoiser), reading, seeing, round_about, self.adapted(adapters_of(group)):
            controlled = residuals(nets, latents, timesteps, words, conditionings, added)
            return self.denoiser(
                latents,
                timesteps,
                encoder_hidden_states=words,
                return_dict=False,
                **added,
                **beside,
                **controlled,
            )[0]

    def added(self, conditionings: Sequence[Conditioning]) -> dict[str, Any]:
        """Further arguments of the UNet, which its ControlNets take, too."""
        return {}
