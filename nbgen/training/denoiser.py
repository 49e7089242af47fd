"""How does noise become a picture that fits the words?  The text encoder and the UNet, trained together.

Every object on every background is encoded once, before the first step; a training step then only draws
latents, captions, noise and timesteps, and asks the UNet what was mixed (v-prediction, Salimans and Ho,
2202.00512, appendix D).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel

from nbgen.training import checkpoints
from nbgen.training.averaging import Average
from nbgen.training.captions import any_caption, word_counts, write_caption
from nbgen.training.loop import autocast
from nbgen.training.pictures import BACKGROUNDS, World
from nbgen.training.shards import Shards
from nbgen.training.sheets import contact_sheet, to_pixels, to_tensor
from nbgen.training.tokenizer import LENGTH, make_tokenizer, tokenize

WIDTH = 160
"""Numbers per token that the text encoder hands to the UNet."""

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

EMPTY_CAPTIONS = 0.1
"""Share of captions that are "": what guidance pushes away from (Ho and Salimans, 2207.12598)."""


def text_config(vocabulary: int, start: int, end: int) -> CLIPTextConfig:
    """A small CLIP text encoder's configuration; padding is the end token, as the tokenizer pads."""
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        bos_token_id=start,
        eos_token_id=end,
        pad_token_id=end,
    )


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
    """Trains text encoder and UNet on precomputed latents. A `nbgen.training.loop.Learner`.

    `latents` is what `encode_world` gives; they are scaled to unit variance here, by `scaling_factor`.
    """

    name = "denoiser"

    def __init__(
        self,
        world: World,
        autoencoder: AutoencoderKL,
        device: torch.device,
        *,
        batch: int = 64,
        seed: int = 0,
    ) -> None:
        torch.manual_seed(seed)
        self.world, self.autoencoder, self.device = world, autoencoder.eval(), device
        self.batch, self.seed, self.peak = batch, seed, 1e-3
        latents = encode_world(autoencoder, world)
        self.scaling_factor = round(1 / float(latents.std()), 5)
        self.latents = latents * self.scaling_factor

        self.tokenizer = make_tokenizer(word_counts(world))
        start, end = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        self.text_encoder = CLIPTextModel(text_config(len(self.tokenizer), start, end)).to(device)
        self.unet = UNet2DConditionModel(**UNET_CONFIG).to(device)
        if device.type == "cpu":
            # Attention written out as two matrix products: training in bfloat16 with so few and such short
            # tokens, the fused kernel took a third of a step, this a twentieth (in float32 there is no difference).
            self.unet.set_attn_processor(AttnProcessor())
            self.text_encoder.set_attn_implementation("eager")
        self.average = Average({"text_encoder": self.text_encoder, "unet": self.unet})
        self.noising = DDPMScheduler(**NOISE_SCHEDULE)
        self.shards = Shards.on(device)
        self.parameters = [*self.text_encoder.parameters(), *self.unet.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=self.peak, betas=(0.9, 0.99), weight_decay=0.01
        )

    def draw(self, number: int) -> tuple[torch.Tensor, list[str]]:
        """Latents (batch, 4, 16, 16) and captions of step `number`: the same for the same seed."""
        draw = np.random.default_rng([self.seed, number])
        objects = draw.integers(len(self.world.names), size=self.batch)
        # Half of what people ask for names no background, and then it is the first, white: see it more often.
        grounds = draw.integers(len(BACKGROUNDS), size=self.batch)
        grounds[draw.random(self.batch) < 0.3] = 0
        colours = list(BACKGROUNDS)
        captions = [
            ""
            if draw.random() < EMPTY_CAPTIONS
            else any_caption(self.world.names[thing], colours[ground], draw)
            for thing, ground in zip(objects, grounds, strict=True)
        ]
        return self.latents[objects, grounds], captions

    def step(self, number: int, rate: float) -> float:
        """One step of AdamW on one batch."""
        clean, captions = self.draw(number)
        random = torch.Generator().manual_seed(number)
        noise = torch.randn(clean.shape, generator=random)
        # One timestep from each of `batch` equal stretches: every step sees all noise levels, and jitters less.
        # The root makes much noise likelier than little: there words decide, and that is learned last.
        place = (torch.arange(self.batch) + torch.rand(self.batch, generator=random)) / self.batch
        timesteps = (place.sqrt() * self.noising.config.num_train_timesteps).long()
        batch = (clean, noise, timesteps, tokenize(self.tokenizer, captions))
        on_device = tuple(tensor.to(self.device) for tensor in batch)
        loss = self.shards.backward(self.loss, on_device, self.parameters)
        for group in self.optimizer.param_groups:
            group["lr"] = self.peak * rate
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.average.update(number)
        return loss

    def loss(
        self, clean: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor, tokens: torch.Tensor
    ) -> torch.Tensor:
        """Mean squared error of v, of latents and noise (n, 4, 16, 16), timesteps (n), tokens (n, 20)."""
        noisy = self.noising.add_noise(clean, noise, timesteps)
        wanted = self.noising.get_velocity(clean, noise, timesteps)
        with autocast(self.device):
            words = self.text_encoder(tokens).last_hidden_state
            made = self.unet(noisy, timesteps, words).sample
        return F.mse_loss(made.float(), wanted)

    def tensors(self) -> checkpoints.Tensors:
        """Weights, their running average, and moments."""
        return {
            **checkpoints.prefixed("text_encoder", self.text_encoder.state_dict()),
            **checkpoints.prefixed("unet", self.unet.state_dict()),
            **checkpoints.prefixed("average", self.average.tensors),
            **checkpoints.prefixed("moments", checkpoints.optimizer_tensors(self.optimizer)),
        }

    def restore(self, tensors: checkpoints.Tensors) -> None:
        """Take up a checkpoint."""
        self.text_encoder.load_state_dict(checkpoints.under("text_encoder", tensors))
        self.unet.load_state_dict(checkpoints.under("unet", tensors))
        self.average.restore(checkpoints.under("average", tensors))
        checkpoints.restore_optimizer(self.optimizer, checkpoints.under("moments", tensors))

    def facts(self) -> dict[str, Any]:
        """The scale of the latents and the names of the objects."""
        return {"scaling_factor": self.scaling_factor, "objects": list(self.world.names)}

    def sheet(self) -> Image.Image:
        """Twenty prompts, drawn with a fixed seed, as the running average paints them in a few steps."""
        draw = np.random.default_rng(1)
        grounds = list(BACKGROUNDS)
        prompts = [
            write_caption(
                self.world.names[draw.integers(len(self.world.names))], grounds[number % len(grounds)]
            )
            for number in range(20)
        ]
        with self.average.swapped_in():
            made = self.paint(prompts, steps=10)
        return contact_sheet(made, columns=10, enlarge=2)

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
