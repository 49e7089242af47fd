"""How does a drawn outline become a picture?  A ControlNet (Zhang et al., 2302.05543) for mini, trained on edges.

Edges are those of `nbgen.edges`, white on black. The UNet stays as it is; a copy of its first half learns to tell
it where the lines are. The copy is one without attention: words are the UNet's business, and half the size is saved.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import ControlNetModel, DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from PIL import Image
from scipy import ndimage
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from nbgen.training import checkpoints
from nbgen.training.card import SKETCH_CARD
from nbgen.training.loop import autocast
from nbgen.training.muon import Together
from nbgen.training.noising import noise_and_timesteps
from nbgen.training.scenes import FULL, GRID, HALF, MEDIUM, Scene, anywhere
from nbgen.training.shards import Shards
from nbgen.training.sheets import contact_sheet, to_tensor
from nbgen.training.supply import EMPTY_CAPTIONS, Supply
from nbgen.training.tokenizer import tokenize

HALVINGS = (16, 32, 64)
"""Channels while a picture of edges shrinks to the latents' size, by two from one to the next."""


GAPS = 0.15
"""Share of squares of eight pixels whose lines are left out, where there are gaps."""


def outlines(picture: np.ndarray) -> np.ndarray:
    """The edges of a picture, uint8 (64, 64, 3) both: white on black."""
    from nbgen.verbs.tracing import edges

    return np.asarray(edges(picture, smoothing=0.8))


def by_hand(lines: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Lines as a hand might have drawn them: half of them twice as thick, a third with gaps; uint8 (64, 64, 3) both."""
    if draw.random() < 1 / 2:
        lines = ndimage.grey_dilation(lines, size=(2, 2, 1))
    if draw.random() < 1 / 3:
        drawn = (draw.random((8, 8, 1)) > GAPS).repeat(8, axis=0).repeat(8, axis=1)
        lines = lines * drawn.astype(np.uint8)
    return lines


def without_attention(unet: UNet2DConditionModel) -> ControlNetModel:
    """A ControlNet that begins with the convolutions of the UNet's first half and adds nothing yet."""
    channels = unet.config.block_out_channels
    made = ControlNetModel(
        in_channels=unet.config.in_channels,
        down_block_types=("DownBlock2D",) * len(channels),
        mid_block_type="UNetMidBlock2D",
        block_out_channels=channels,
        layers_per_block=unet.config.layers_per_block,
        cross_attention_dim=unet.config.cross_attention_dim,
        attention_head_dim=unet.config.attention_head_dim,
        conditioning_embedding_out_channels=HALVINGS,
    )
    known = unet.state_dict()
    made.load_state_dict({name: known[name] for name in made.state_dict() if name in known}, strict=False)
    return made


class SketchLearner:
    """Trains the ControlNet. A `nbgen.training.loop.Learner`; pipeline: an exported mini."""

    name = "sketch"

    def __init__(self, pipeline: Any, supply: Supply, device: torch.device, *, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.supply, self.device, self.batch, self.seed, self.peak = supply, device, supply.batch, seed, 1e-3
        self.vae = pipeline.vae.to(device).requires_grad_(False)
        self.tokenizer: CLIPTokenizer = pipeline.tokenizer
        self.text_encoder: CLIPTextModel = pipeline.text_encoder.to(device).requires_grad_(False)
        self.unet: UNet2DConditionModel = pipeline.unet.to(device).requires_grad_(False)
        self.controlnet = without_attention(self.unet).to(device)
        if device.type == "cpu":
            for part in (self.unet, self.controlnet):
                part.set_attn_processor(AttnProcessor())
        self.noising = DDPMScheduler.from_config(pipeline.scheduler.config)
        self.shards = Shards.on(device)
        self.optimizer = Together(
            self.controlnet.named_parameters(), self.peak, pace=0.7, each=self.shards.each
        )
        self.parameters = self.optimizer.parameters

    def draw(self, number: int) -> tuple[np.ndarray, list[str]]:
        """Pictures, uint8 (batch, 64, 64, 3), and captions of a step. A third go without words: then lines decide.

        They decide, too, where a single object stands, how large, and which way it looks: its words do not say so.
        """
        draw = np.random.default_rng([self.seed, 4, number])
        pictures, captions = [], []
        for row in draw.integers(0, 2**31, size=self.batch):
            scene, picture = self.supply.scene(int(row))
            silent = draw.random() < EMPTY_CAPTIONS + 0.25
            captions.append("" if silent else self.supply.speaker.say(scene, draw))
            single = scene == Scene(scene.things, scene.background)
            pictures.append(self.elsewhere(scene, draw) if single else picture)
        return np.stack(pictures), captions

    def elsewhere(self, scene: Scene, draw: np.random.Generator) -> np.ndarray:
        """The scene's object of any size, at any place, perhaps mirrored."""
        side = int(draw.choice([FULL, MEDIUM, HALF]))
        mirrored = replace(scene, mirrored=bool(draw.random() < 0.5))
        return self.supply.composer.draw(mirrored, ((scene.things[0], anywhere(side, GRID, draw)),))

    def step(self, number: int, rate: float) -> float:
        """One step of both optimisers on one batch."""
        pictures, captions = self.draw(number)
        clean = self.supply.encode(to_tensor(pictures)) * self.vae.config.scaling_factor
        hand = np.random.default_rng([self.seed, 7, number])
        lines = (to_tensor(np.stack([by_hand(outlines(picture), hand) for picture in pictures])) + 1) / 2
        noise, timesteps = noise_and_timesteps(number, clean.shape, self.noising.config.num_train_timesteps)
        batch = (clean, noise, timesteps, tokenize(self.tokenizer, captions), lines)
        on_device = tuple(tensor.to(self.device) for tensor in batch)
        loss = self.shards.descend(self.optimizer, self.peak * rate, self.loss, on_device, self.parameters)
        return loss

    def loss(self, clean: Tensor, noise: Tensor, timesteps: Tensor, tokens: Tensor, lines: Tensor) -> Tensor:
        """Mean squared error of v; lines (n, 3, 64, 64) from 0 to 1, the rest as the denoiser's."""
        noisy = self.noising.add_noise(clean, noise, timesteps)
        with autocast(self.device):
            with torch.no_grad():
                words = self.text_encoder(tokens).last_hidden_state
            down, middle = self.controlnet(noisy, timesteps, words, controlnet_cond=lines, return_dict=False)
            made = self.unet(
                noisy, timesteps, words,
                down_block_additional_residuals=down, mid_block_additional_residual=middle,
            ).sample  # fmt: skip
        return F.mse_loss(made.float(), self.noising.get_velocity(clean, noise, timesteps))

    def tensors(self) -> checkpoints.Tensors:
        """Weights and moments."""
        return {
            **checkpoints.prefixed("controlnet", self.controlnet.state_dict()),
            **self.optimizer.tensors(),
        }

    def restore(self, tensors: checkpoints.Tensors) -> None:
        """Take up a checkpoint."""
        self.controlnet.load_state_dict(checkpoints.under("controlnet", tensors))
        self.optimizer.restore(tensors)

    def facts(self) -> dict[str, Any]:
        """What the control picture is."""
        return {"control": "edges, white on black"}

    def export(self, folder: Path) -> None:
        """Write the ControlNet as `nbgen.load("mini", control={"sketch": folder})` reads it, half precision."""
        copy = ControlNetModel.from_config(self.controlnet.config)
        copy.load_state_dict(self.controlnet.state_dict())
        copy.half().save_pretrained(folder, safe_serialization=True)
        (folder / "README.md").write_text(SKETCH_CARD, encoding="utf-8")

    def sheet(self) -> Image.Image:
        """Pictures of one step above their outlines: what it is asked to fill."""
        pictures, _ = self.draw(0)
        shown = pictures[:20]
        return contact_sheet(
            np.concatenate([shown, np.stack([outlines(p) for p in shown])]), columns=len(shown)
        )
