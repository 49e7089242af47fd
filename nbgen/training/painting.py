"""How does a judge get pictures?  From the stock pipeline, so that what is judged is what everybody loads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline

from nbgen.training.sheets import to_pixels, to_tensor


def load_pipeline(folder: Path, device: torch.device | None = None) -> StableDiffusionPipeline:
    """The exported model, quiet."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder).to(device or torch.device("cpu"))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@torch.no_grad()
def paint(
    pipeline: Any, prompts: Sequence[str], *, guidance: float = 2.0, steps: int = 20, seed: int = 0, batch: int = 25
) -> np.ndarray:  # fmt: skip
    """Pictures by the stock pipeline, uint8 (n, 64, 64, 3); picture i from CPU seed `seed + i`."""
    made = []
    for start in range(0, len(prompts), batch):
        part = list(prompts[start : start + batch])
        generators = [torch.Generator().manual_seed(seed + start + i) for i in range(len(part))]
        made += pipeline(
            part, num_inference_steps=steps, guidance_scale=guidance, generator=generators, output_type="pil"
        ).images
    return np.stack([np.asarray(picture) for picture in made])


@torch.no_grad()
def reconstruct(model: AutoencoderKL, pictures: np.ndarray, batch: int = 32) -> np.ndarray:
    """Pictures to latents (the posterior's mean, no noise) and back, uint8 (n, 64, 64, 3) both ways."""
    made = []
    for start in range(0, len(pictures), batch):
        pixels = to_tensor(pictures[start : start + batch]).to(model.device)
        made.append(to_pixels(model.decode(model.encode(pixels).latent_dist.mean).sample))
    return np.concatenate(made)


def similarity(pictures: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al., 2004) of each pair, colour channels averaged."""
    from skimage.metrics import structural_similarity  # only judges need scikit-image, not users

    pairs = zip(pictures, references, strict=True)
    return np.array([structural_similarity(a, b, channel_axis=2, data_range=255) for a, b in pairs])


def root_mean_square(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Root mean square difference of pictures (n, 64, 64, 3), 0 to 255, by pair."""
    return np.sqrt(((one.astype(np.float64) - other) ** 2).mean(axis=(1, 2, 3)))
