"""Between pixels and latents: a KL autoencoder used in both directions, with its scaling, in any precision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

OVERFLOWED = "the autoencoder overflowed in half precision: this picture was decoded again in float32."


class Posterior(NamedTuple):
    """What the autoencoder makes of pictures: normal distributions, (n, channels, h, w), float32 on the CPU.

    Both are in the denoiser's scaling, so `mean` is a latent and so is `mean + std * noise`.
    """

    mean: Tensor
    std: Tensor


def posterior(vae: Any, pixels: np.ndarray) -> Posterior:
    """The distributions of the latents of uint8 (n, height, width, 3)."""
    values = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad(), _float32(vae, _must_be_wide(vae)):
        found = vae.encode(values.to(vae.device, vae.dtype)).latent_dist
        if not bool(torch.isfinite(found.mean).all()):
            with _float32(vae):
                found = vae.encode(values.to(vae.device, vae.dtype)).latent_dist
    scale, shift = _scaling(vae)
    return Posterior((found.mean.float().cpu() - shift) * scale, found.std.float().cpu() * scale)


def encode(vae: Any, pixels: np.ndarray, generators: Sequence[torch.Generator] | None = None) -> Tensor:
    """Latents (n, channels, h, w) in the denoiser's scaling, float32 on the CPU, of uint8 (n, height, width, 3).

    generators: one a picture, on the CPU: samples of the posterior, as diffusers' pipelines draw them (one draw
        of a latent's shape from each). None: the means, so that the same picture gives the same latents
    """
    found = posterior(vae, pixels)
    if generators is None:
        return found.mean
    shape = (1, *found.mean.shape[1:])
    noise = torch.cat([torch.randn(shape, generator=generator) for generator in generators])
    return found.mean + found.std * noise


def decode(vae: Any, latents: Tensor) -> tuple[np.ndarray, list[bool]]:
    """Pictures, uint8 (n, height, width, 3), of latents in the denoiser's scaling; and for each, whether half
    precision overflowed on it (which shows as NaN, or as black), so that it was decoded again in float32.
    """
    scale, shift = _scaling(vae)
    with torch.no_grad(), _float32(vae, _must_be_wide(vae)):
        values = latents.to(vae.device, torch.float32) / scale.to(vae.device) + shift.to(vae.device)
        decoded = vae.decode(values.to(vae.dtype), return_dict=False)[0].float()
        overflowed = [False] * len(decoded)
        if vae.dtype != torch.float32:
            broken = [number for number, picture in enumerate(decoded) if _is_broken(picture)]
            if broken:
                with _float32(vae):
                    mended = vae.decode(values[broken], return_dict=False)[0]
                for number, picture in zip(broken, mended, strict=True):
                    # Black in both precisions is a black picture, and no accident.
                    overflowed[number] = not torch.allclose(picture, decoded[number], atol=0.02)
                    decoded[number] = picture
    # Rounded as diffusers' VaeImageProcessor does, so that the same latents are the same bytes.
    pixels = (decoded / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
    return (pixels * 255).round().astype(np.uint8), overflowed


def _scaling(vae: Any) -> tuple[Tensor, Tensor]:
    """Scale and shift, for broadcasting over (n, c, h, w): latent = (what the encoder gives - shift) · scale.

    SD 1, 2 and XL have a scale only, SD 3 and FLUX.1 a shift too, some fine-tuned models one of each a channel.
    """
    config = vae.config
    scale = torch.tensor(float(getattr(config, "scaling_factor", None) or 1.0))
    shift = torch.tensor(float(getattr(config, "shift_factor", None) or 0.0))
    means, stds = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if means is not None and stds is not None:
        scale = scale / torch.tensor(stds).view(1, -1, 1, 1)
        shift = torch.tensor(means).view(1, -1, 1, 1)
    return scale, shift


def _is_broken(picture: Tensor) -> bool:
    return not bool(torch.isfinite(picture).all()) or bool((picture <= -1).all())


def _must_be_wide(vae: Any) -> bool:
    """SDXL's own autoencoder is known to overflow in float16, and says so. Unsaid, the class's default is True
    for every model, which diffusers' other pipelines pass over.
    """
    said = "force_upcast" not in vae.config.get("_use_default_values", ())
    return vae.dtype == torch.float16 and said and bool(vae.config.get("force_upcast", False))


@contextlib.contextmanager
def _float32(vae: Any, on: bool = True) -> Iterator[None]:
    """Inside, the autoencoder computes in float32; afterwards it has the very tensors that it had before."""
    if not on or vae.dtype == torch.float32:
        yield
        return
    held = [(tensor, tensor.data) for tensor in (*vae.parameters(), *vae.buffers())]
    try:
        for tensor, data in held:
            if data.is_floating_point():
                tensor.data = data.float()
        yield
    finally:
        for tensor, data in held:
            tensor.data = data
