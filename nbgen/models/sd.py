"""The Stable Diffusion 1 and 2 family, mini included: one CLIP text encoder, a UNet, a KL autoencoder."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..engine.asks import Conditioning
from ..engine.trajectory import is_guided
from ..errors import ModelError
from ..recipe import ModelRef, Recipe
from ..sampling import BY_NAME
from .base import check_size
from .driven import DrivenModel
from .fingerprint import of_tensors
from .vocabulary import Vocabulary
from .words import conditioning

MOST_SIDE = 4096


class StableDiffusion(DrivenModel):
    """A model in the layout of diffusers' StableDiffusionPipeline, driven row by row.

    pipe: a pipeline, or `Parts`; it is read and never changed
    ref: which weights these are, or None to take a checksum over the tensors, again before every run
    """

    family = "sd"

    def __init__(
        self,
        pipe: Any,
        ref: ModelRef | None = None,
        *,
        name: str = "your pipeline",
        vocabulary: Vocabulary | None = None,
        defaults: Mapping[str, Any] | None = None,
        rows: int | None = None,
    ) -> None:
        unet = pipe.unet
        if unet.config.in_channels != pipe.vae.config.latent_channels:
            raise ModelError(
                f"this pipeline's UNet takes {unet.config.in_channels} channels and its latents have "
                f"{pipe.vae.config.latent_channels}: it is made for inpainting or editing, not for words alone."
            )
        self._pipe = pipe
        self._handed_over = ref is None
        self._name = name
        self._dtype = unet.dtype
        self.vocabulary = vocabulary
        self._given_defaults = dict(defaults or {})
        self.trained = dict(pipe.scheduler.config)
        self._scale = 2 ** (len(pipe.vae.config.block_out_channels) - 1)
        super().__init__(ref or self._checksum(), unet.device, rows=rows)

    @property
    def ref(self) -> ModelRef:
        """Which weights these are now: a pipeline that was handed over may have been trained meanwhile."""
        if self._handed_over and not self._settled:
            found = self._checksum()
            if found != self._ref:
                self._ref = found
                self._encodings.clear()
        return self._ref

    @property
    def defaults(self) -> dict[str, Any]:
        side = self._pipe.unet.config.sample_size or 64
        height, width = (side, side) if isinstance(side, int) else side
        own = _sampling_of(self._pipe.scheduler)
        return {
            **own,
            "guidance": 7.5,
            "size": (width * self._scale, height * self._scale),
            **self._given_defaults,
        }

    def check(self, recipe: Recipe) -> Recipe:
        assert recipe.size is not None
        multiple = self._scale * self._downsampling()
        check_size(recipe.size, multiple, multiple, MOST_SIDE)
        return super().check(recipe)

    def notes(self, recipe: Recipe) -> tuple[str, ...]:
        """Unknown words, and words past the encoder's limit, which CLIP drops with only a log line."""
        found = []
        for prompt in _texts(recipe.prompt):
            note = self.vocabulary.note(prompt) if self.vocabulary else None
            cut = self._cut(prompt)
            if note:
                found.append(note)
            if cut:
                found.append(
                    f"The prompt is longer than the {self._positions()} tokens this model reads; "
                    f"it never sees: {cut!r:.200}."
                )
        return tuple(found)

    def latent_shape(self, recipe: Recipe) -> tuple[int, ...]:
        assert recipe.size is not None
        width, height = recipe.size
        return int(self._pipe.unet.config.in_channels), height // self._scale, width // self._scale

    def condition(self, recipe: Recipe) -> tuple[Conditioning, Conditioning]:
        extra = self._guidance_embedding(recipe)
        positive = conditioning(recipe.prompt or "", self._encode, self._encodings)
        negative = (
            conditioning(recipe.negative or "", self._encode, self._encodings)
            if is_guided(recipe)
            else positive
        )
        if extra is None:
            return positive, negative
        return _with(positive, recipe.guidance, extra), _with(negative, recipe.guidance, extra)

    def forward(
        self, group: Hashable, latents: Tensor, timesteps: Tensor, conditionings: Sequence[Conditioning]
    ) -> Tensor:
        def rows(key: str) -> Tensor:
            stacked = torch.stack([each.tensors[key] for each in conditionings])
            return stacked.to(self.device, self._dtype)

        more = {"timestep_cond": rows("timestep_cond")} if "timestep_cond" in conditionings[0].tensors else {}
        return self._pipe.unet(
            latents.to(self._dtype), timesteps, encoder_hidden_states=rows("words"), return_dict=False, **more
        )[0]

    def decode(self, latents: Tensor) -> np.ndarray:
        vae = self._pipe.vae
        with torch.no_grad():
            decoded = vae.decode(
                latents.to(vae.device, vae.dtype) / vae.config.scaling_factor, return_dict=False
            )[0]
        # Rounded as diffusers' VaeImageProcessor does, so that the same latents are the same bytes.
        pixels = (decoded.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
        return (pixels * 255).round().astype(np.uint8)

    def encode_image(self, pixels: np.ndarray) -> Tensor:
        """Latents (n, channels, h, w) on the CPU, in the model's own scaling, of uint8 (n, height, width, 3).

        They are the means of the autoencoder's posterior, so the same picture gives the same latents.
        """
        vae = self._pipe.vae
        values = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad():
            posterior = vae.encode(values.to(vae.device, vae.dtype)).latent_dist
        return posterior.mode().float().cpu() * vae.config.scaling_factor

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """The latents of the model's own autoencoder, which tell apart what the model itself tells apart."""
        return self.encode_image(pixels).flatten(1).numpy()

    def _encode(self, prompt: str | None) -> dict[str, Tensor]:
        """(tokens, width): the text encoder's last hidden states, padded to its full length."""
        tokenizer, encoder = self._pipe.tokenizer, self._pipe.text_encoder
        read = tokenizer(
            _utf8(prompt or ""),
            padding="max_length",
            max_length=tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        mask = (
            read.attention_mask.to(encoder.device)
            if getattr(encoder.config, "use_attention_mask", False)
            else None
        )
        with torch.no_grad():
            return {"words": encoder(read.input_ids.to(encoder.device), attention_mask=mask)[0][0]}

    def _guidance_embedding(self, recipe: Recipe) -> Tensor | None:
        """Distilled UNets (LCM) take the guidance scale as an input of its own."""
        width = self._pipe.unet.config.time_cond_proj_dim
        if width is None:
            return None
        from diffusers import StableDiffusionPipeline

        scale = torch.tensor([(recipe.guidance or 1.0) - 1])
        embed: Any = StableDiffusionPipeline.get_guidance_scale_embedding
        return embed(None, scale, embedding_dim=width)[0]

    def _positions(self) -> int:
        return int(self._pipe.tokenizer.model_max_length)

    def _cut(self, prompt: str) -> str:
        """The end of the prompt that the encoder never sees; empty where it sees all."""
        tokenizer = self._pipe.tokenizer
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tokens = tokenizer(
                _utf8(prompt), add_special_tokens=False, truncation=False, verbose=False
            ).input_ids
        kept = self._positions() - 2  # the two that mark start and end
        return tokenizer.decode(tokens[kept:]).strip() if len(tokens) > kept else ""

    def _downsampling(self) -> int:
        return 2 ** (len(self._pipe.unet.config.block_out_channels) - 1)

    def _checksum(self) -> ModelRef:
        config = {
            key: str(value) for key, value in self._pipe.scheduler.config.items() if not key.startswith("_")
        }
        return ModelRef(self._name, of_tensors(self._tensors(), config), _dtype_name(self._dtype))

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for part in ("unet", "text_encoder", "vae"):
            for name, tensor in getattr(self._pipe, part).state_dict().items():
                yield f"{part}.{name}", tensor


def _with(found: Conditioning, guidance: float | None, embedding: Tensor) -> Conditioning:
    return Conditioning((found.name, guidance), {**found.tensors, "timestep_cond": embedding})


def _texts(prompt: Any) -> list[str]:
    return [prompt] if isinstance(prompt, str) else [str(value) for value in getattr(prompt, "values", ())]


def _utf8(text: str) -> str:
    """The text with lone halves of characters replaced, which tokenizers cannot take."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _sampling_of(scheduler: Any) -> dict[str, Any]:
    """The sampler that came with the model, under nbgen's name, and its usual number of steps."""
    config = scheduler.config
    stochastic = config.get("algorithm_type") == "sde-dpmsolver++"
    for sampler in BY_NAME.values():
        if sampler.scheduler == type(scheduler).__name__ and ("sde" in sampler.name) == stochastic:
            curve = next(
                (
                    name
                    for name in sampler.curves
                    if config.get(f"use_{name}_sigmas") or config.get(f"use_{name}_lambdas")
                ),
                None,
            )
            return {"sampler": sampler.name, "schedule": curve, "steps": 8 if sampler.distilled else 30}
    return {"sampler": "dpm++2m", "steps": 25}
