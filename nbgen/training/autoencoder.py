"""How do pictures become latents and back?  The autoencoder: 3×64×64 pixels to 4×16×16 numbers.

The diffusion model never sees a pixel; it works on what this one makes of them. So its sharpness is a bound
on everything that comes later: no generated picture is crisper than a reconstruction.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from PIL import Image

from nbgen.training import checkpoints
from nbgen.training.composition import Composer
from nbgen.training.loop import autocast
from nbgen.training.painting import reconstruct
from nbgen.training.pictures import SIZE, World
from nbgen.training.scenes import KINDS, draw_scene
from nbgen.training.shards import Shards
from nbgen.training.sheets import contact_sheet, to_tensor

CONFIG: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ("DownEncoderBlock2D",) * 3,
    "up_block_types": ("UpDecoderBlock2D",) * 3,
    # Multiples of 32: in bfloat16, (32, 64, 128) runs as fast as (24, 48, 64) does in float32.
    "block_out_channels": (32, 64, 128),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "latent_channels": 4,
    "mid_block_add_attention": False,
    "sample_size": SIZE,
}

KL_WEIGHT = 1e-4
EDGE_WEIGHT = 0.5
COLOUR_WEIGHT = 0.5


def batch_of_pictures(composer: Composer, size: int, seed: int, step: int) -> np.ndarray:
    """Training pictures of one step, uint8 (size, 64, 64, 3); the same for the same seed and step.

    Three quarters are what the diffusion model will be asked for, all kinds of scenes alike. The rest are
    mirrored, moved, and on any colour at all, so that a picture a user brings along survives the autoencoder, too.
    """
    draw = np.random.default_rng([seed, step])
    world, pictures = composer.world, []
    for _ in range(size):
        if draw.random() < 0.75:
            scene = draw_scene(str(draw.choice(KINDS)), world.names, draw)
            pictures.append(composer.drawn(scene, draw))
        else:
            colour = draw.integers(0, 256, size=3)
            picture = world.compose([int(draw.integers(len(world.names)))], colour)[0]
            mirrored = picture[:, :: draw.choice([-1, 1])]
            pictures.append(np.roll(mirrored, draw.integers(-6, 7, size=2), axis=(0, 1)))
    return np.stack(pictures)


def edges(pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Differences between neighbouring pixels, along rows and along columns."""
    return pictures.diff(dim=-1), pictures.diff(dim=-2)


def reconstruction_loss(made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of pixels and, for crispness, of their differences (Mathieu et al., 1511.05440).

    Differences between the colour channels count once more: without that, red and green are the last thing to
    be told apart, long after every outline is sharp.
    """
    loss = F.l1_loss(made, wanted)
    loss = loss + COLOUR_WEIGHT * F.l1_loss(made.diff(dim=1), wanted.diff(dim=1))
    for ours, theirs in zip(edges(made), edges(wanted), strict=True):
        loss = loss + EDGE_WEIGHT * F.l1_loss(ours, theirs)
    return loss


class AutoencoderLearner:
    """Trains an `AutoencoderKL` on pictures of the world. A `nbgen.training.loop.Learner`."""

    name = "autoencoder"

    def __init__(self, world: World, device: torch.device, *, batch: int = 16, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.world, self.device, self.batch, self.seed = world, device, batch, seed
        self.composer = Composer(world)
        self.model = AutoencoderKL(**CONFIG).to(device, memory_format=torch.channels_last)
        self.parameters = list(self.model.parameters())
        self.shards = Shards.on(device)
        self.peak = 2e-3
        self.optimizer = torch.optim.AdamW(self.parameters, lr=self.peak, betas=(0.9, 0.99), weight_decay=0)

    def step(self, number: int, rate: float) -> float:
        """One step of AdamW on one batch."""
        wanted = to_tensor(batch_of_pictures(self.composer, self.batch, self.seed, number))
        # The noise is drawn from the step's own generator, so that a resumed training repeats it.
        noise = torch.randn(
            (self.batch, 4, SIZE // 4, SIZE // 4), generator=torch.Generator().manual_seed(number)
        )
        batch = (wanted.to(self.device), noise.to(self.device))
        loss = self.shards.descend(self.optimizer, self.peak * rate, self.loss, batch, self.parameters)
        return loss

    def loss(self, wanted: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """L1 + 0.5 edges + a little KL, of pictures (n, 3, 64, 64) and unit noise (n, 4, 16, 16)."""
        with autocast(self.device):
            posterior = self.model.encode(wanted).latent_dist
            made = self.model.decode(posterior.mean + posterior.std * noise).sample
        # Per latent number, not per picture: a weight that does not depend on the size.
        kl = posterior.kl().mean() / noise[0].numel()
        return reconstruction_loss(made.float(), wanted) + KL_WEIGHT * kl

    def start_from(self, folder: Path) -> None:
        """Begin with the autoencoder of the model in `folder`, an earlier mini; from there on in small steps."""
        given = AutoencoderKL.from_pretrained(folder, subfolder="vae")
        self.model.load_state_dict(given.float().state_dict())
        self.peak = 1e-3

    def tensors(self) -> checkpoints.Tensors:
        """Weights and moments."""
        moments = checkpoints.optimizer_tensors(self.optimizer)
        return checkpoints.prefixed("model", self.model.state_dict()) | checkpoints.prefixed(
            "moments", moments
        )

    def restore(self, tensors: checkpoints.Tensors) -> None:
        """Take up a checkpoint."""
        self.model.load_state_dict(checkpoints.under("model", tensors))
        checkpoints.restore_optimizer(self.optimizer, checkpoints.under("moments", tensors))

    def facts(self) -> dict[str, Any]:
        """The names of the objects, so that a checkpoint says which world it knows."""
        return {"objects": list(self.world.names)}

    def sheet(self) -> Image.Image:
        """Sixteen pictures above, their reconstructions below."""
        wanted = batch_of_pictures(self.composer, 16, self.seed, 0)
        made = reconstruct(self.model, wanted)
        return contact_sheet(np.concatenate([wanted, made]), columns=16, enlarge=2)
