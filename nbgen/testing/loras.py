"""LoRA files with random numbers, in the forms that are widely used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .encoders import seeded

_SOURCES = {
    "unet": "lora_unet", "transformer": "lora_transformer", "text_encoder": "lora_te", "text_encoder_2": "lora_te2"
}  # fmt: skip
_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "q_proj", "out_proj", "fc1")
_DENOISERS = ("unet", "transformer")


def tiny_lora(pipe: Any, path: Path, seed: int = 0, *, form: str = "diffusers", words: bool = True) -> Path:
    """A LoRA of rank 2 for a tiny pipeline, written to `path`: its attention, and one convolution of a UNet.

    form: "diffusers", or "kohya" for one with a UNet, whose files carry an alpha (here 1, so the scale is a half)
    words: whether the text encoders are changed, too
    """
    from safetensors.torch import save_file

    xl = getattr(pipe, "text_encoder_2", None) is not None
    sources = dict(_SOURCES, text_encoder="lora_te1") if xl else _SOURCES
    t5 = "text_encoder_2" if type(pipe).__name__.startswith("Flux") else ""  # LoRAs change CLIP alone
    tensors: dict[str, torch.Tensor] = {}
    with seeded(seed):
        for part, source in sources.items():
            held = getattr(pipe, part, None)
            if held is None or part == t5 or (part not in _DENOISERS and not words):
                continue
            for name, module in held.named_modules():
                wide = isinstance(module, torch.nn.Conv2d) and name.endswith("resnets.0.conv1")
                if not (name.endswith(_ATTENTION) or (wide and form == "diffusers")):
                    continue
                weight = module.weight
                down = torch.randn(2, *weight.shape[1:]) * 0.3
                up = torch.randn(weight.shape[0], 2, *[1] * (weight.ndim - 2)) * 0.3
                plain = part in _DENOISERS or name.startswith("text_model.")
                named = name if plain else f"text_model.{name}"
                if form == "kohya":
                    stem = f"{source}_{named.replace('.', '_')}"
                    tensors |= {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up}
                    tensors[f"{stem}.alpha"] = torch.tensor(1.0)
                else:
                    stem = f"{part}.{named}"
                    tensors |= {f"{stem}.lora_A.weight": down, f"{stem}.lora_B.weight": up}
    save_file(tensors, path)
    return path
