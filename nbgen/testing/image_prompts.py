"""IP-Adapter files and image encoders with random numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .encoders import seeded

_WIDTH = 16
"""Numbers that the tiny image encoder tells of each place, and of the picture."""


def tiny_image_encoder(seed: int = 0) -> Any:
    """A CLIPVisionModelWithProjection with random weights, which sees 32×32 pictures."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=_WIDTH, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32,
        patch_size=8, projection_dim=_WIDTH,
    )  # fmt: skip
    with seeded(seed):
        return CLIPVisionModelWithProjection(config).eval()


def tiny_image_prompt(pipe: Any, path: Path, seed: int = 0, *, form: str = "plain") -> Path:
    """An IP-Adapter for a tiny pipeline with a UNet, written to `path`: "plain", or "plus", which sees more."""
    from safetensors.torch import save_file

    unet, words = pipe.unet, int(pipe.unet.config.cross_attention_dim)
    with seeded(seed):
        projection = _plus(words) if form == "plus" else _plain(words)
        tensors = {f"image_proj.{name}": tensor for name, tensor in projection.items()}
        layers = [name for name, _ in unet.named_modules() if name.endswith("attn2")]
        # The order of diffusers' own list of layers: down, up, then the middle.
        layers.sort(key=lambda name: ("down", "up", "mid").index(name.partition("_")[0]))
        for place, name in enumerate(layers):
            for kind in ("to_k", "to_v"):
                wide = unet.get_submodule(name).to_k.weight.shape[0]
                tensors[f"ip_adapter.{2 * place + 1}.{kind}_ip.weight"] = torch.randn(wide, words) * 0.5
    save_file(tensors, path)
    return path


def _plain(words: int) -> dict[str, torch.Tensor]:
    return {
        "proj.weight": torch.randn(4 * words, _WIDTH),
        "proj.bias": torch.randn(4 * words),
        "norm.weight": torch.ones(words),
        "norm.bias": torch.zeros(words),
    }


def _plus(words: int, inner: int = 64) -> dict[str, torch.Tensor]:
    """Four layers of a resampler with one head, as the original's names have it."""
    found = {
        "latents": torch.randn(1, 4, _WIDTH),
        "proj_in.weight": torch.randn(_WIDTH, _WIDTH),
        "proj_in.bias": torch.zeros(_WIDTH),
        "proj_out.weight": torch.randn(words, _WIDTH),
        "proj_out.bias": torch.zeros(words),
        "norm_out.weight": torch.ones(words),
        "norm_out.bias": torch.zeros(words),
    }
    shapes = {
        "0.to_q": (inner, _WIDTH), "0.to_kv": (2 * inner, _WIDTH), "0.to_out": (_WIDTH, inner),
        "1.1": (4 * _WIDTH, _WIDTH), "1.3": (_WIDTH, 4 * _WIDTH),
    }  # fmt: skip
    for layer in range(4):
        for name, shape in shapes.items():
            found[f"layers.{layer}.{name}.weight"] = torch.randn(shape) * 0.3
        for name in ("0.norm1", "0.norm2", "1.0"):
            found[f"layers.{layer}.{name}.weight"] = torch.ones(_WIDTH)
            found[f"layers.{layer}.{name}.bias"] = torch.zeros(_WIDTH)
    return found
