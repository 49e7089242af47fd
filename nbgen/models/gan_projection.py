"""Which styles make this picture?  Optimisation over a generator's styles, and what the discriminator thinks of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ModelError
from .styled_gan import StyledGenerator

_CANDIDATES = 1024
_STARTS = 4


@dataclass(frozen=True, eq=False)
class Projection:
    """The styles nearest to a picture, and the way there.

    styles: (layers, style); picture: uint8 (height, width, 3) that they make; error: its mean absolute difference from
    the picture that was sought, colours from 0 to 1; path: pictures on the way, uint8 (n, height, width, 3), and
    errors: (n,) theirs, at steps: (n,)
    """

    styles: Tensor
    picture: np.ndarray
    error: float
    path: np.ndarray
    errors: tuple[float, ...]
    steps: tuple[int, ...]


def project(
    model: StyledGenerator,
    pixels: np.ndarray,
    *,
    steps: int = 200,
    rate: float = 0.05,
    free: bool = True,
    shown: int = 12,
    seed: int = 0,
) -> Projection:
    """Looks for styles that make `pixels`, uint8 (height, width, 3), by gradient descent from the likeliest starts.

    free: each layer has a style of its own (the space W+ of Abdal et al., 1904.03189), else one for all (W)
    shown: pictures kept of the way

    The error that is minimised is that of the latents: the decoder is left out of the loop, and only looks at what
    was found. The best of 1,024 drawn styles are refined, and the best that was met is kept.
    """
    wanted = model.latents_of(pixels[None])
    # Inference tensors, which the engine may have left, know no gradients.
    with torch.inference_mode(False), torch.enable_grad():
        z = torch.randn(_CANDIDATES, model.latent, generator=torch.Generator().manual_seed(seed))
        drawn = model.styles_of(z, "").clone()
        far = [
            (model.synthesis(part[:, None].expand(-1, model.layers, -1)).detach() - wanted)
            .abs()
            .mean(dim=(1, 2, 3))
            for part in drawn.split(128)
        ]
        start = drawn[torch.cat(far).argsort()[:_STARTS]]
        layers = model.layers if free else 1
        styles = start[:, None].repeat(1, layers, 1).requires_grad_(True)
        optimizer = torch.optim.Adam([styles], lr=rate * float(drawn.std()) * 4)
        kept: list[tuple[int, Tensor]] = []
        best = (float("inf"), styles.detach()[:1].clone())
        show = set(np.linspace(0, steps, shown).round().astype(int).tolist())
        for step in range(steps + 1):
            for group in optimizer.param_groups:
                group["lr"] = rate * float(drawn.std()) * 4 * min(1.0, 2 * (1 - step / (steps + 1)))
            made = model.synthesis(styles.expand(-1, model.layers, -1))
            error = (made - wanted).abs().mean(dim=(1, 2, 3))
            least = int(error.detach().argmin())
            if float(error[least].detach()) < best[0]:
                best = (float(error[least].detach()), styles.detach()[least : least + 1].clone())
            if step in show:
                kept.append((step, best[1].expand(-1, model.layers, -1)))
            optimizer.zero_grad()
            error.sum().backward()
            optimizer.step()
    found = best[1].expand(-1, model.layers, -1)
    with torch.no_grad():
        latents = model.synthesis(torch.cat([*(one for _, one in kept), found]))
    pictures = np.concatenate([model.decode(part) for part in latents.split(16)])
    errors = [float(np.abs(made.astype(float) - pixels).mean() / 255) for made in pictures]
    return Projection(
        found[0].clone(),
        pictures[-1],
        errors[-1],
        pictures[:-1],
        tuple(errors[:-1]),
        tuple(step for step, _ in kept),
    )


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a discriminator says of a picture.

    score: higher is more real; only differences mean something. gradient: float32 (height, width, 3), how the score
    would change with each colour value (0 to 1) of each pixel
    """

    score: float
    gradient: np.ndarray


def judge(model: StyledGenerator, pixels: np.ndarray, prompt: str = "") -> Judgement:
    """The discriminator's score of a picture, uint8 (height, width, 3), for a prompt, and its gradient in pixels.

    The picture goes through the autoencoder's encoder, as the discriminator judges latents. Raises ModelError for a
    model without one, and RecipeError for a prompt outside the vocabulary.
    """
    if model.discriminator is None:
        raise ModelError(f"{model.ref.name!r} has no discriminator.")
    allowed = model.words.allowed(prompt).to(model.device)[None]
    vae: Any = model.autoencoder
    with torch.inference_mode(False), torch.enable_grad():
        values = torch.from_numpy(np.array(pixels)).to(model.device).float()[None] / 255
        values.requires_grad_(True)
        latents = vae.encode(values.permute(0, 3, 1, 2) * 2 - 1).latent_dist.mean * model.scaling_factor
        score = model.discriminator(latents, allowed)[0]
        (gradient,) = torch.autograd.grad(score, values)
    return Judgement(float(score.detach()), gradient[0].cpu().numpy())
