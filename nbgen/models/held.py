"""What can be told of a pipeline without running it: its size, its numbers' type, its weights, its decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .calling import parts_of
from .fingerprint import of_tensors, switches
from .signature import Signature


def own_size(pipe: Any, signature: Signature) -> tuple[int, int] | None:
    """The size that the pipeline draws where none is said, as far as that can be known before."""
    width, height = signature.default("width"), signature.default("height")
    if width and height:
        return int(width), int(height)
    factor = getattr(pipe, "vae_scale_factor", 1)
    side = getattr(pipe, "default_sample_size", None)
    for part in ("transformer", "unet"):
        config = getattr(getattr(pipe, part, None), "config", {})
        side = side or config.get("sample_size")
    if isinstance(side, int):
        return side * factor, side * factor
    if isinstance(side, (list, tuple)) and len(side) == 2:
        return int(side[1]) * factor, int(side[0]) * factor
    return None


def device_of(pipe: Any) -> torch.device:
    """Where the pipeline computes, also while its parts are offloaded."""
    try:
        return torch.device(pipe._execution_device)
    except (AttributeError, ValueError):  # parts that are plain modules, which diffusers cannot ask
        return next((tensor.device for _, tensor in _tensors(pipe)), torch.device("cpu"))


def dtype_of(pipe: Any) -> torch.dtype:
    """The type of the denoiser's numbers, or of the first there are where it has no known name."""
    known = (getattr(pipe, part, None) for part in ("transformer", "unet", "prior", "decoder"))
    for held in (*known, *parts_of(pipe).values()):
        first = next(held.parameters(), None) if isinstance(held, torch.nn.Module) else None
        if first is not None:
            return first.dtype
    return torch.float32


def checksum(pipe: Any) -> str:
    """Over all weights, schedulers, and the pipeline's class: the same weights in another one draw other pictures."""
    settings = {"pipeline": type(pipe).__name__}
    for name, part in parts_of(pipe).items():
        if hasattr(part, "set_timesteps"):
            kept = {key: str(value) for key, value in part.config.items() if not key.startswith("_")}
            settings[name] = str(sorted(kept.items()))
        if isinstance(part, torch.nn.Module) and (switched := switches(part)):
            settings[name] = str(switched)
    return of_tensors(_tensors(pipe), settings)


def _tensors(pipe: Any) -> Iterator[tuple[str, Tensor]]:
    for part, held in parts_of(pipe).items():
        if isinstance(held, torch.nn.Module):
            for name, tensor in held.state_dict().items():
                yield f"{part}.{name}", tensor


def decoder_of(pipe: Any, device: torch.device) -> Callable[[Tensor], np.ndarray] | None:
    """Latents (n, channels, h, w) to pixels, for previews; None where the pipeline's decoder is not a plain one."""
    vae = getattr(pipe, "vae", None) or getattr(pipe, "vqvae", None)
    config = getattr(vae, "config", {})
    if vae is None or config.get("scaling_factor") is None:
        return None

    def decode(latents: Tensor) -> np.ndarray:
        unscaled = latents / config["scaling_factor"] + (config.get("shift_factor") or 0.0)
        with torch.no_grad():
            values = vae.decode(unscaled.to(device, vae.dtype), return_dict=False)[0]
        pixels = (values.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
        return (pixels * 255).round().astype(np.uint8)

    return decode
