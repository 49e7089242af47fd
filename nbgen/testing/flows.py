"""Tiny random flow-matching models: FLUX.1 and Stable Diffusion 3."""

from __future__ import annotations

from typing import Any

from ..models.flux import Flux
from ..models.sd3 import StableDiffusion3
from .encoders import autoencoder, clip_encoder, hushed, seeded, t5_encoder
from .tokens import clip_tokenizer, t5_tokenizer


def tiny_flux_pipeline(
    seed: int = 0, *, guidance_embeds: bool = True, inpainting: bool = False, **scheduler: Any
) -> Any:
    """A diffusers FluxPipeline with random weights: 32×32 pictures, latents 4×8×8, 16 tokens of CLIP and 24 of T5.

    guidance_embeds: True for a model like dev, False for one like schnell
    inpainting: a FluxFillPipeline, whose transformer is given the hole and the picture around it
    scheduler: overrides the configuration, which is dev's or schnell's own
    """
    with hushed():
        from diffusers import (
            FlowMatchEulerDiscreteScheduler,
            FluxFillPipeline,
            FluxPipeline,
            FluxTransformer2DModel,
        )
    with seeded(seed):
        tokenizer, tokenizer_2 = clip_tokenizer(), t5_tokenizer()
        text, text_2 = clip_encoder(tokenizer), t5_encoder(tokenizer_2)
        transformer = FluxTransformer2DModel(
            in_channels=96 if inpainting else 16, out_channels=16, num_layers=1, num_single_layers=1,
            attention_head_dim=16, num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=16,
            guidance_embeds=guidance_embeds, axes_dims_rope=(4, 6, 6),
        )  # fmt: skip
        vae = autoencoder(4, scaling_factor=0.3611, shift_factor=0.1159)
    shift = {"shift": 3.0, "use_dynamic_shifting": True} if guidance_embeds else {"shift": 1.0}
    pipe = (FluxFillPipeline if inpainting else FluxPipeline)(
        vae=vae, text_encoder=text, text_encoder_2=text_2, tokenizer=tokenizer, tokenizer_2=tokenizer_2,
        transformer=transformer.eval(), scheduler=FlowMatchEulerDiscreteScheduler(**{**shift, **scheduler}),
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_flux(
    seed: int = 0, *, guidance_embeds: bool = True, inpainting: bool = False, **scheduler: Any
) -> Flux:
    """`tiny_flux_pipeline` as a Model: five steps of Euler at 32×32 by default."""
    pipe = tiny_flux_pipeline(seed, guidance_embeds=guidance_embeds, inpainting=inpainting, **scheduler)
    return Flux(pipe, name="tiny-flux", defaults={"steps": 5, "size": (32, 32)})


def tiny_sd3_pipeline(seed: int = 0, *, t5: bool = True, **scheduler: Any) -> Any:
    """A diffusers StableDiffusion3Pipeline with random weights: 32×32 pictures, latents 4×8×8, at most 128×128.

    It reads 16 tokens of CLIP and, with `t5`, 24 of T5. `scheduler` overrides the configuration.
    """
    with hushed():
        from diffusers import (
            FlowMatchEulerDiscreteScheduler,
            SD3Transformer2DModel,
            StableDiffusion3Pipeline,
        )
    with seeded(seed):
        tokenizer, tokenizer_3 = clip_tokenizer(), t5_tokenizer() if t5 else None
        text, text_2 = (clip_encoder(tokenizer, projection=True, layers=2, width=width) for width in (8, 16))
        transformer = SD3Transformer2DModel(
            sample_size=8, patch_size=2, in_channels=4, out_channels=4, num_layers=2, attention_head_dim=8,
            num_attention_heads=2, joint_attention_dim=32, caption_projection_dim=16, pooled_projection_dim=32,
            pos_embed_max_size=16,
        )  # fmt: skip
        vae = autoencoder(4, scaling_factor=1.5305, shift_factor=0.0609)
        text_3 = t5_encoder(tokenizer_3) if t5 else None
    pipe = StableDiffusion3Pipeline(
        vae=vae, text_encoder=text, text_encoder_2=text_2, text_encoder_3=text_3, tokenizer=tokenizer,
        tokenizer_2=clip_tokenizer(), tokenizer_3=tokenizer_3, transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(**{"shift": 3.0, **scheduler}),
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_sd3(seed: int = 0, *, t5: bool = True, **scheduler: Any) -> StableDiffusion3:
    """`tiny_sd3_pipeline` as a Model: five steps of Euler by default."""
    pipe = tiny_sd3_pipeline(seed, t5=t5, **scheduler)
    return StableDiffusion3(pipe, name="tiny-sd3", defaults={"steps": 5, "guidance": 3.0})
