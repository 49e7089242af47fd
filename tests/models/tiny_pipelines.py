"""Tiny random pipelines of other classes than nbgen drives row by row: words, labels, nothing; one stage and two.

Each function takes a seed for its weights and makes a pipeline whose pictures are noise, in milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffusers
from transformers import BertConfig, BertModel, Gemma2Config, Gemma2Model, UMT5Config, UMT5EncoderModel

from nbgen.testing.encoders import autoencoder, clip_encoder, seeded, t5_encoder
from nbgen.testing.tokens import clip_tokenizer, t5_tokenizer
from nbgen.testing.unets import tiny_sd_pipeline


def pixart_alpha(seed: int = 0, pipeline: str = "PixArtAlphaPipeline") -> Any:
    """A transformer, T5, DPM-Solver; the older kind of step callback."""
    with seeded(seed):
        tokenizer = t5_tokenizer()
        transformer = diffusers.PixArtTransformer2DModel(
            sample_size=8, num_layers=1, num_attention_heads=2, attention_head_dim=8, caption_channels=32,
            cross_attention_dim=16, patch_size=2, in_channels=4, out_channels=8, num_embeds_ada_norm=1000,
            use_additional_conditions=False,
        )  # fmt: skip
        parts = {
            "text_encoder": t5_encoder(tokenizer),
            "vae": autoencoder(),
            "transformer": transformer.eval(),
        }
    scheduler = diffusers.DPMSolverMultistepScheduler(
        beta_schedule="linear", beta_start=0.0001, beta_end=0.02
    )
    return _quiet(getattr(diffusers, pipeline)(tokenizer=tokenizer, scheduler=scheduler, **parts))


def pixart_sigma(seed: int = 0) -> Any:
    return pixart_alpha(seed, "PixArtSigmaPipeline")


def sana(seed: int = 0) -> Any:
    """A linear transformer on the latents of a deep compression autoencoder; flow matching through DPM-Solver."""
    with seeded(seed):
        transformer = diffusers.SanaTransformer2DModel(
            in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=8, patch_size=1,
            num_cross_attention_heads=2, cross_attention_head_dim=8, cross_attention_dim=16, caption_channels=8,
            sample_size=8,
        )  # fmt: skip
        vae = diffusers.AutoencoderDC(
            latent_channels=4, attention_head_dim=2, encoder_block_types="ResBlock", decoder_block_types="ResBlock",
            encoder_block_out_channels=(8, 8, 8), decoder_block_out_channels=(8, 8, 8),
            encoder_layers_per_block=(1, 1, 1), decoder_layers_per_block=(1, 1, 1),
            encoder_qkv_multiscales=((), (), ()), decoder_qkv_multiscales=((), (), ()),
            downsample_block_type="Conv", upsample_block_type="interpolate", scaling_factor=0.41407,
        )  # fmt: skip
        tokenizer = t5_tokenizer()
        text = _gemma(len(tokenizer), 8)
    return _quiet(
        diffusers.SanaPipeline(
            tokenizer=tokenizer,
            text_encoder=text,
            vae=vae.eval(),
            transformer=transformer.eval(),
            scheduler=diffusers.DPMSolverMultistepScheduler(
                use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=3.0
            ),
        )
    )


def aura_flow(seed: int = 0) -> Any:
    """A transformer, UMT5, flow matching; the newer kind of step callback."""
    with seeded(seed):
        transformer = diffusers.AuraFlowTransformer2DModel(
            sample_size=8, patch_size=2, in_channels=4, num_mmdit_layers=1, num_single_dit_layers=1,
            attention_head_dim=8, num_attention_heads=4, joint_attention_dim=32, caption_projection_dim=32,
            pos_embed_max_size=64,
        )  # fmt: skip
        tokenizer = t5_tokenizer()
        config = UMT5Config(vocab_size=len(tokenizer), d_model=32, d_ff=32, d_kv=8, num_layers=1, num_heads=2)
        parts = {"text_encoder": UMT5EncoderModel(config).eval(), "vae": autoencoder()}
    return _quiet(
        diffusers.AuraFlowPipeline(
            tokenizer=tokenizer,
            transformer=transformer.eval(),
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
            **parts,
        )
    )


def hunyuan_dit(seed: int = 0) -> Any:
    """A transformer with two text encoders, DDPM."""
    with seeded(seed):
        tokenizer = t5_tokenizer()
        transformer = diffusers.HunyuanDiT2DModel(
            sample_size=16, num_layers=2, patch_size=2, attention_head_dim=8, num_attention_heads=3, mlp_ratio=2,
            in_channels=4, cross_attention_dim=32, cross_attention_dim_t5=32, pooled_projection_dim=16,
            hidden_size=24, activation_fn="gelu-approximate",
        )  # fmt: skip
        bert = BertConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=96,
        )  # fmt: skip
        parts = {
            "text_encoder": BertModel(bert).eval(), "text_encoder_2": t5_encoder(tokenizer), "vae": _eightfold(),
        }  # fmt: skip
    return _quiet(
        diffusers.HunyuanDiTPipeline(
            tokenizer=tokenizer,
            tokenizer_2=t5_tokenizer(),
            transformer=transformer.eval(),
            scheduler=diffusers.DDPMScheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            **parts,
        )
    )


def lumina2(seed: int = 0) -> Any:
    """A transformer, a language model as text encoder, flow matching."""
    with seeded(seed):
        tokenizer = t5_tokenizer(256)
        transformer = diffusers.Lumina2Transformer2DModel(
            sample_size=4, patch_size=2, in_channels=4, hidden_size=8, num_layers=1, num_attention_heads=1,
            num_kv_heads=1, multiple_of=16, num_refiner_layers=1, axes_dim_rope=(4, 2, 2), axes_lens=(300, 128, 128),
            cap_feat_dim=8,
        )  # fmt: skip
        vae = autoencoder(shift_factor=0.1)
        text = _gemma(len(tokenizer), 8)
    return _quiet(
        diffusers.Lumina2Pipeline(
            tokenizer=tokenizer,
            text_encoder=text,
            vae=vae,
            transformer=transformer.eval(),
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        )
    )


def ldm_text_to_image(seed: int = 0) -> Any:
    """The oldest latent diffusion pipeline: a UNet, no negative prompts, no step callback."""
    from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertConfig, LDMBertModel

    with seeded(seed):
        tokenizer = clip_tokenizer(77)
        unet = diffusers.UNet2DConditionModel(
            block_out_channels=(8, 16), layers_per_block=1, sample_size=8, in_channels=4, out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), norm_num_groups=4,
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=16, attention_head_dim=4,
        )  # fmt: skip
        bert = LDMBertModel(
            LDMBertConfig(
                vocab_size=len(tokenizer),
                encoder_layers=1,
                encoder_ffn_dim=16,
                encoder_attention_heads=2,
                head_dim=8,
                d_model=16,
            )
        )
        vae = _eightfold()
    return _quiet(
        diffusers.LDMTextToImagePipeline(
            vqvae=vae,
            bert=bert.eval(),
            tokenizer=tokenizer,
            unet=unet.eval(),
            scheduler=diffusers.DDIMScheduler(clip_sample=False),
        )
    )


def dit(seed: int = 0) -> Any:
    """Class-conditional: a transformer that reads a number from 0 to 999."""
    with seeded(seed):
        transformer = diffusers.DiTTransformer2DModel(
            sample_size=8, num_layers=1, patch_size=2, attention_head_dim=8, num_attention_heads=2, in_channels=4,
            out_channels=8, num_embeds_ada_norm=1000,
        )  # fmt: skip
        vae = autoencoder()
    return _quiet(
        diffusers.DiTPipeline(transformer=transformer.eval(), vae=vae, scheduler=diffusers.DDIMScheduler())
    )


def consistency(seed: int = 0) -> Any:
    """Class-conditional or not, one step, on pixels."""
    with seeded(seed):
        unet = diffusers.UNet2DModel(
            sample_size=16, in_channels=3, out_channels=3, layers_per_block=1, num_class_embeds=10,
            block_out_channels=(8, 16), norm_num_groups=4, down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"), attention_head_dim=4,
        )  # fmt: skip
    return _quiet(
        diffusers.ConsistencyModelPipeline(
            unet=unet.eval(), scheduler=diffusers.CMStochasticIterativeScheduler()
        )
    )


def ddpm(seed: int = 0, pipeline: str = "DDPMPipeline", scheduler: str = "DDPMScheduler") -> Any:
    """Unconditional, on pixels."""
    with seeded(seed):
        unet = diffusers.UNet2DModel(
            sample_size=16, in_channels=3, out_channels=3, layers_per_block=1, block_out_channels=(8, 16),
            norm_num_groups=4, down_block_types=("DownBlock2D", "AttnDownBlock2D"), attention_head_dim=4,
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        )  # fmt: skip
    made = getattr(diffusers, pipeline)(unet=unet.eval(), scheduler=getattr(diffusers, scheduler)())
    return _quiet(made)


def ddim(seed: int = 0) -> Any:
    return ddpm(seed, "DDIMPipeline", "DDIMScheduler")


def latent_consistency(seed: int = 0) -> Any:
    """A distilled UNet that takes guidance as an input: no negative prompts."""
    with seeded(seed):
        unet = diffusers.UNet2DConditionModel(
            block_out_channels=(8, 16), layers_per_block=1, sample_size=8, in_channels=4, out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), norm_num_groups=4, time_cond_proj_dim=16,
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=16, attention_head_dim=4,
        )  # fmt: skip
        tokenizer = clip_tokenizer()
        parts = {"text_encoder": clip_encoder(tokenizer), "vae": autoencoder(), "unet": unet.eval()}
    scheduler = diffusers.LCMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    return _quiet(
        diffusers.LatentConsistencyModelPipeline(
            tokenizer=tokenizer,
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            **parts,
        )
    )


def stable_diffusion(seed: int = 0) -> Any:
    """One that nbgen would drive itself, to be run through its own pipeline."""
    return tiny_sd_pipeline(seed)


def perturbed_attention(seed: int = 0) -> Any:
    """A pipeline that changes the UNet's attention for the time of a call."""
    pipe = tiny_sd_pipeline(seed)
    made = diffusers.StableDiffusionPAGPipeline(**pipe.components, requires_safety_checker=False)
    return _quiet(made)


ALL: dict[str, Callable[..., Any]] = {
    "aura_flow": aura_flow,
    "consistency": consistency,
    "ddim": ddim,
    "ddpm": ddpm,
    "dit": dit,
    "hunyuan_dit": hunyuan_dit,
    "latent_consistency": latent_consistency,
    "ldm_text_to_image": ldm_text_to_image,
    "lumina2": lumina2,
    "perturbed_attention": perturbed_attention,
    "pixart_alpha": pixart_alpha,
    "pixart_sigma": pixart_sigma,
    "sana": sana,
    "stable_diffusion": stable_diffusion,
}


def _eightfold() -> Any:
    """An autoencoder that shrinks each side by eight, which some pipelines take for granted."""
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), norm_num_groups=4, latent_channels=4, sample_size=64,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    ).eval()  # fmt: skip


def _gemma(words: int, width: int) -> Any:
    config = Gemma2Config(
        vocab_size=words, hidden_size=width, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8,
    )  # fmt: skip
    return Gemma2Model(config).eval()


def _quiet(pipe: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    return pipe
