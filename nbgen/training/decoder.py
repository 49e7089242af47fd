"""How does a picture come out crisp although its latents are not quite right?  The decoder learns what the UNet
gives, and not only what the encoder does.

A sampled latent is a good guess with a small error everywhere, and a decoder that has only seen exact ones turns
errors into smears. Stable Diffusion's decoders were trained on after the rest, too. Here a decoder sees both: two
thirds of its latents come from the encoder; the others go through noise first, and the UNet walks back from there in
a few guided steps. Half of the pictures are in a style, each with a grain of its own that an encoder trained on plain
ones hardly hands on. The encoder stays, and with it the meaning of every latent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from nbgen.training import checkpoints
from nbgen.training.autoencoder import reconstruction_loss
from nbgen.training.composition import Composer
from nbgen.training.loop import autocast
from nbgen.training.scenes import Scene, draw_scene
from nbgen.training.shards import Shards
from nbgen.training.sheets import contact_sheet, to_pixels, to_tensor
from nbgen.training.supply import IN_THE_END, among
from nbgen.training.tokenizer import tokenize
from nbgen.training.walking import Walk
from nbgen.training.wordings import Speaker

GUIDANCE = 2.0
STYLED = 0.5
"""Share of pictures in a style; the rest are of the other kinds, in the proportions the UNet saw in the end."""
GUESSED_OF = 3
"""One latent in so many is the UNet's guess."""
BEGINNINGS = (249, 499, 749, 999)
"""Timesteps from which the UNet walks back; at the last, hardly more is left of a picture than where things are."""


class DecoderLearner:
    """Trains the autoencoder's second half. A `nbgen.training.loop.Learner`.

    pipeline: the model so far; composer, speaker: who draws scenes and says them
    """

    name = "decoder"

    def __init__(
        self, pipeline: Any, composer: Composer, speaker: Speaker, device: torch.device, *,
        batch: int = 16, seed: int = 0,
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self.composer, self.speaker, self.device = composer, speaker, device
        self.batch, self.seed, self.peak = batch, seed, 1e-3
        self.among = among(composer, speaker)
        self.vae: AutoencoderKL = pipeline.vae.to(device, memory_format=torch.channels_last)
        self.vae.requires_grad_(False)
        self.tokenizer: CLIPTokenizer = pipeline.tokenizer
        self.text_encoder: CLIPTextModel = pipeline.text_encoder.to(device).requires_grad_(False)
        self.unet: UNet2DConditionModel = pipeline.unet.to(device).requires_grad_(False)
        if device.type == "cpu":
            self.unet.set_attn_processor(AttnProcessor())
        self.noising = DDPMScheduler.from_config(pipeline.scheduler.config)
        self.walk = Walk(self.unet, self.noising, GUIDANCE)
        self.parameters = list(self.learning().values())
        for parameter in self.parameters:
            parameter.requires_grad_(True)
        self.shards = Shards.on(device)
        self.optimizer = torch.optim.AdamW(self.parameters, lr=self.peak, betas=(0.9, 0.99), weight_decay=0)

    def learning(self) -> dict[str, torch.nn.Parameter]:
        """The weights that learn: of all that stands behind the latents."""
        behind = ("decoder.", "post_quant_conv.")
        return {name: p for name, p in self.vae.named_parameters() if name.startswith(behind)}

    def draw(self, number: int) -> tuple[np.ndarray, list[str]]:
        """Pictures, uint8 (batch, 64, 64, 3), and captions of a step."""
        draw = np.random.default_rng([self.seed, 5, number])
        scenes = [self.scene(draw) for _ in range(self.batch)]
        pictures = np.stack([self.composer.drawn(scene, draw) for scene in scenes])
        return pictures, [self.speaker.say(scene, draw) for scene in scenes]

    def scene(self, draw: np.random.Generator) -> Scene:
        """A scene, perhaps in a style."""
        others = {kind: share for kind, share in IN_THE_END.items() if kind != "style"}
        shares = np.array(list(others.values()))
        kind = "style" if draw.random() < STYLED else str(draw.choice(list(others), p=shares / shares.sum()))
        return draw_scene(kind, self.composer.world.names, draw, self.among.get(kind))

    def step(self, number: int, rate: float) -> float:
        """One step of AdamW on one batch."""
        pictures, captions = self.draw(number)
        random = torch.Generator().manual_seed(number)
        noise = torch.randn((self.batch, 4, 16, 16), generator=random)
        timesteps = torch.tensor(BEGINNINGS)[torch.randint(len(BEGINNINGS), (self.batch,), generator=random)]
        guessed = torch.arange(self.batch) % GUESSED_OF == 0
        batch = (to_tensor(pictures), noise, timesteps, tokenize(self.tokenizer, captions), guessed)
        on_device = tuple(tensor.to(self.device) for tensor in batch)
        return self.shards.descend(self.optimizer, self.peak * rate, self.loss, on_device, self.parameters)

    def loss(
        self, pictures: Tensor, noise: Tensor, timesteps: Tensor, tokens: Tensor, guessed: Tensor
    ) -> Tensor:
        """The autoencoder's own, of pictures (n, 3, 64, 64); where `guessed` (n), of the UNet's guesses."""
        with autocast(self.device):
            with torch.no_grad():
                latents = self.vae.encode(pictures).latent_dist.mean.float()
                if guessed.any():  # in a thread's piece of the batch there may be none
                    latents[guessed] = self.guess(
                        *(rows[guessed] for rows in (latents, noise, timesteps, tokens))
                    )
            made = self.vae.decode(latents).sample
        return reconstruction_loss(made.float(), pictures)

    def guess(self, latents: Tensor, noise: Tensor, timesteps: Tensor, tokens: Tensor) -> Tensor:
        """What the UNet makes of noisy latents; latents (n, 4, 16, 16), unscaled, both ways."""
        scale = self.vae.config.scaling_factor
        noisy = self.noising.add_noise(latents * scale, noise, timesteps)
        read = self.text_encoder(torch.cat([self.silence(len(tokens)), tokens])).last_hidden_state
        nothing, words = read.chunk(2)
        return self.walk(noisy, timesteps, torch.full_like(timesteps, -1), words, nothing) / scale

    def silence(self, count: int) -> Tensor:
        """The tokens of "", so many times."""
        return tokenize(self.tokenizer, [""]).to(self.device).expand(count, -1)

    def tensors(self) -> checkpoints.Tensors:
        """Weights and moments."""
        moments = checkpoints.optimizer_tensors(self.optimizer)
        own: checkpoints.Tensors = dict(self.learning())
        return {**checkpoints.prefixed("vae", own), **checkpoints.prefixed("moments", moments)}

    def restore(self, tensors: checkpoints.Tensors) -> None:
        """Take up a checkpoint."""
        put_into(self.vae, tensors)
        checkpoints.restore_optimizer(self.optimizer, checkpoints.under("moments", tensors))

    def facts(self) -> dict[str, Any]:
        """Where guesses came from."""
        return {"guidance": GUIDANCE, "beginnings": list(BEGINNINGS)}

    @torch.no_grad()
    def sheet(self) -> Image.Image:
        """Pictures of one step, what is made of the UNet's guesses at them, and of exact latents."""
        pictures, captions = self.draw(0)
        shown, random = pictures[:16], torch.Generator().manual_seed(0)
        exact = self.vae.encode(to_tensor(shown).to(self.device)).latent_dist.mean
        noise = torch.randn(exact.shape, generator=random).to(self.device)
        timesteps = torch.full((len(shown),), BEGINNINGS[-1], device=self.device)
        tokens = tokenize(self.tokenizer, captions[: len(shown)]).to(self.device)
        both = torch.cat([self.guess(exact, noise, timesteps, tokens), exact])
        made = to_pixels(self.vae.decode(both).sample)
        return contact_sheet(np.concatenate([shown, made]), columns=len(shown), enlarge=2)


def put_into(autoencoder: AutoencoderKL, tensors: checkpoints.Tensors) -> None:
    """Give an autoencoder the second half that a checkpoint of `DecoderLearner` holds."""
    autoencoder.load_state_dict({**autoencoder.state_dict(), **checkpoints.under("vae", tensors)})
