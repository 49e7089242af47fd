"""How does noise become a picture that fits the words?  The UNet, trained on what the text encoder makes of them.

A training step draws latents and captions from the `supply`, noise and timesteps, and asks the UNet what was
mixed (v-prediction, Salimans and Ho, 2202.00512, appendix D). The text encoder has learned before (`words`) and
stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from PIL import Image
from transformers import CLIPTextModel, CLIPTokenizer

from nbgen.training import checkpoints
from nbgen.training.averaging import Average
from nbgen.training.composition import Composer
from nbgen.training.listening import listen
from nbgen.training.loop import autocast
from nbgen.training.muon import Together
from nbgen.training.noising import noise_and_timesteps
from nbgen.training.pictures import BACKGROUNDS, World
from nbgen.training.scenes import KINDS, draw_scene
from nbgen.training.shards import Shards
from nbgen.training.sheets import contact_sheet, to_pixels, to_tensor
from nbgen.training.supply import Supply, encoder
from nbgen.training.synonyms import read_synonyms
from nbgen.training.tokenizer import tokenize
from nbgen.training.warm import take_over
from nbgen.training.wordings import Speaker
from nbgen.training.words import WIDTH, Readers

UNET_CONFIG: dict[str, Any] = {
    "sample_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (64, 128, 192),
    "layers_per_block": 1,
    # Words are looked at where there are few places: 8×8 and 4×4. At 16×16 it would cost most and help least.
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": WIDTH,
    "attention_head_dim": 4,  # diffusers reads this as the number of heads
}

NOISE_SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
    # Trailing: the first step starts from pure noise, where the training's last timestep is.
    "timestep_spacing": "trailing",
    "steps_offset": 1,  # without effect here; the stock pipeline warns at anything else
}


@torch.no_grad()
def encode_world(autoencoder: AutoencoderKL, world: World, batch: int = 64) -> torch.Tensor:
    """Latents of every object on every background, float32 (objects, backgrounds, 4, 16, 16), unscaled."""
    columns = []
    for background in BACKGROUNDS:
        pixels = to_tensor(world.references(background)).to(autoencoder.device)
        parts = [autoencoder.encode(part).latent_dist.mean for part in pixels.split(batch)]
        columns.append(torch.cat(parts).cpu())
    return torch.stack(columns, dim=1)


class DenoiserLearner:
    """Trains the UNet. A `nbgen.training.loop.Learner`.

    text_encoder, tokenizer: what `WordsLearner` trained; held: how many encoded scenes are held at once;
    synonyms: as `read_synonyms` gives them (None: read now)
    """

    name = "denoiser"

    def __init__(
        self, world: World, autoencoder: AutoencoderKL, text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer,
        device: torch.device, *, batch: int = 64, seed: int = 0, held: int = 16_384,
        synonyms: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self.world, self.autoencoder, self.device = world, autoencoder.eval(), device
        self.batch, self.seed, self.peak = batch, seed, 1e-3
        self.shards = Shards.on(device)
        self.speaker = Speaker(world.names, read_synonyms(world.names) if synonyms is None else synonyms)
        encode = encoder(self.autoencoder, self.shards)
        self.supply = Supply(Composer(world), self.speaker, encode, batch=batch, seed=seed, capacity=held)
        self.scaling_factor = round(1 / self.supply.deviation(), 5)

        self.tokenizer = tokenizer
        self.text_encoder = text_encoder.to(device).eval().requires_grad_(False)
        self.unet = UNet2DConditionModel(**UNET_CONFIG).to(device)
        if device.type == "cpu":
            # Attention written out as two matrix products: training in bfloat16 with so few and such short
            # tokens, the fused kernel took a third of a step, this a twentieth (in float32 there is no difference).
            self.unet.set_attn_processor(AttnProcessor())
            self.text_encoder.set_attn_implementation("eager")
        self.average = Average({"unet": self.unet}, decay=0.999)
        self.noising = DDPMScheduler(**NOISE_SCHEDULE)
        named = self.unet.named_parameters()
        self.optimizer = Together(named, self.peak, pace=0.7, each=self.shards.each)
        self.parameters = self.optimizer.parameters

    def step(self, number: int, rate: float) -> float:
        """One step of both optimisers on one batch."""
        latents, captions = self.supply.draw(number)
        clean = latents * self.scaling_factor
        noise, timesteps = noise_and_timesteps(number, clean.shape, self.noising.config.num_train_timesteps)
        batch = (clean, noise, timesteps, tokenize(self.tokenizer, captions))
        on_device = tuple(tensor.to(self.device) for tensor in batch)
        loss = self.shards.descend(self.optimizer, self.peak * rate, self.loss, on_device, self.parameters)
        self.average.update(number)
        return loss

    def loss(
        self, clean: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor, tokens: torch.Tensor
    ) -> torch.Tensor:
        """Mean squared error of v, of latents and noise (n, 4, 16, 16), timesteps (n), tokens (n, 40)."""
        noisy = self.noising.add_noise(clean, noise, timesteps)
        wanted = self.noising.get_velocity(clean, noise, timesteps)
        with autocast(self.device):
            with torch.no_grad():
                words = self.text_encoder(tokens).last_hidden_state
            made = self.unet(noisy, timesteps, words).sample
        return F.mse_loss(made.float(), wanted)

    def tensors(self) -> checkpoints.Tensors:
        """The UNet's weights, their running average, moments, and the encoded scenes."""
        return {
            **checkpoints.prefixed("unet", self.unet.state_dict()),
            **checkpoints.prefixed("average", self.average.tensors),
            **self.optimizer.tensors(),
            **checkpoints.prefixed("scenes", self.supply.tensors()),
        }

    def restore(self, tensors: checkpoints.Tensors) -> None:
        """Take up a checkpoint."""
        self.unet.load_state_dict(checkpoints.under("unet", tensors))
        self.average.restore(checkpoints.under("average", tensors))
        self.optimizer.restore(tensors)
        self.supply.restore(checkpoints.under("scenes", tensors))

    def start_from(self, folder: Path) -> None:
        """Begin with what the model in `folder` knows, an earlier mini, instead of with nothing."""
        take_over(folder, self.unet)
        self.average.reset()

    def listen(self, readers: Readers, count: int = 256) -> dict[str, float]:
        """Begin with attention that finds its tokens: `nbgen.training.listening`, on `count` scenes."""
        batches = [self.supply.draw(number) for number in range(-(-count // self.batch))]
        clean = torch.cat([latents for latents, _ in batches]) * self.scaling_factor
        noise, timesteps = noise_and_timesteps(0, clean.shape, self.noising.config.num_train_timesteps)
        noisy = self.noising.add_noise(clean, noise, timesteps).to(self.device)
        captions = [caption for _, some in batches for caption in some]
        words = self.text_encoder(tokenize(self.tokenizer, captions).to(self.device)).last_hidden_state

        def forward() -> torch.Tensor:
            self.unet(noisy, timesteps.to(self.device), words)
            return words

        told = listen(self.unet, forward, readers.to(self.device))
        self.average.reset()
        return told

    def facts(self) -> dict[str, Any]:
        """The scale of the latents and the names of the objects."""
        return {"scaling_factor": self.scaling_factor, "objects": list(self.world.names)}

    def sheet(self) -> Image.Image:
        """Some prompts of every kind, drawn with a fixed seed, as the running average paints them in a few steps."""
        draw = np.random.default_rng(1)
        countable = self.speaker.countable()
        kinds = ["plain"] * 20 + [
            kind for kind in KINDS for _ in range(5) if kind not in ("plain", "mirrored")
        ]
        scenes = [draw_scene(kind, self.world.names, draw, countable or None) for kind in kinds]
        with self.average.swapped_in():
            made = self.paint([self.speaker.plainly(scene) for scene in scenes], steps=10)
        return contact_sheet(made, columns=15, enlarge=2)

    @torch.no_grad()
    def paint(
        self, prompts: list[str], *, steps: int = 20, guidance: float = 4.0, seed: int = 0
    ) -> np.ndarray:
        """Pictures for prompts, uint8 (n, 64, 64, 3): DPM++ 2M with classifier-free guidance, written out."""
        scheduler = DPMSolverMultistepScheduler(**NOISE_SCHEDULE)
        scheduler.set_timesteps(steps)
        x = torch.randn((len(prompts), 4, 16, 16), generator=torch.Generator().manual_seed(seed)).to(
            self.device
        )
        tokens = tokenize(self.tokenizer, [""] * len(prompts) + prompts).to(self.device)
        words = self.text_encoder(tokens).last_hidden_state
        for timestep in scheduler.timesteps:
            without, with_words = self.unet(torch.cat([x, x]), timestep, words).sample.chunk(2)
            x = scheduler.step(without + guidance * (with_words - without), timestep, x).prev_sample
        return to_pixels(self.autoencoder.decode(x / self.scaling_factor).sample)
