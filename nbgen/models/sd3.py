"""The Stable Diffusion 3 and 3.5 family: two CLIP encoders and T5, which may be absent, before one transformer."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..engine.asks import Conditioning
from .adapted import adapters_of
from .assembled import MOST_SIDE
from .flow import FlowModel
from .reading import Reader

MOST_T5_TOKENS = 256


class StableDiffusion3(FlowModel):
    """A model in the layout of diffusers' StableDiffusion3Pipeline, driven row by row."""

    family = "sd3"
    weighed_parts = ("transformer", "text_encoder", "text_encoder_2", "text_encoder_3", "vae")
    most_shift = 1.16

    def own_defaults(self) -> dict[str, Any]:
        config = self.denoiser.config
        side = config.sample_size * self._scale
        if self.is_called("turbo"):
            sampling = {"steps": 4, "guidance": 1.0}
        elif config.get("dual_attention_layers"):
            sampling = {"steps": 40, "guidance": 4.5}  # 3.5 medium
        elif config.get("qk_norm"):
            sampling = {"steps": 28, "guidance": 3.5}  # 3.5 large
        else:
            sampling = {"steps": 28, "guidance": 7.0}
        return {**sampling, "size": (side, side)}

    def patch(self) -> int:
        return int(self.denoiser.config.patch_size)

    def most_side(self) -> int:
        places = self.denoiser.config.pos_embed_max_size
        return min(MOST_SIDE, places * self.size_multiple()) if places else MOST_SIDE

    def readers(self) -> list[Reader]:
        pipe = self._pipe
        # Both CLIP encoders read as many tokens as the first tokenizer says, as in diffusers' pipeline.
        length = int(pipe.tokenizer.model_max_length)
        found = [
            Reader("the first CLIP encoder", pipe.tokenizer, pipe.text_encoder, length),
            Reader("the second CLIP encoder", pipe.tokenizer_2, pipe.text_encoder_2, length),
        ]
        if getattr(pipe, "text_encoder_3", None) is None:
            return found
        most = min(MOST_T5_TOKENS, int(pipe.tokenizer_3.model_max_length))
        return [*found, Reader("T5", pipe.tokenizer_3, pipe.text_encoder_3, most)]

    def encode(self, prompt: str | None) -> dict[str, Tensor]:
        """words: (CLIP's tokens + T5's, width), CLIP's two side by side; pooled: both CLIP encoders' whole text."""
        first, second, *third = self.readers()
        (words, pooled), (more_words, more_pooled) = (
            each.penultimate(prompt or "") for each in (first, second)
        )
        clip = torch.cat([words, more_words], dim=-1)
        if third:
            t5 = third[0].hidden(prompt or "")
        else:
            # The transformer was trained with T5 left out at random: zeros stand for it.
            t5 = clip.new_zeros((MOST_T5_TOKENS, self.denoiser.config.joint_attention_dim))
        clip = torch.nn.functional.pad(clip, (0, t5.shape[-1] - clip.shape[-1]))
        return {
            "words": torch.cat([clip, t5.to(clip)], dim=0),
            "pooled": torch.cat([pooled, more_pooled], dim=-1),
        }

    def forward(
        self, group: Hashable, latents: Tensor, timesteps: Tensor, conditionings: Sequence[Conditioning]
    ) -> Tensor:
        with self.adapted(adapters_of(group)):
            return self.denoiser(
                hidden_states=latents.to(self._dtype),
                timestep=timesteps,
                encoder_hidden_states=self.rows_of(conditionings, "words"),
                pooled_projections=self.rows_of(conditionings, "pooled"),
                return_dict=False,
            )[0]
