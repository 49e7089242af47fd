"""How well do pictures show what words say: the cosine between both, as a CLIP pair of encoders sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor

from ..errors import ModelError
from .parts import quiet
from .reading import utf8

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained on (arXiv 2103.00020), per channel, in units of white."""
_AT_ONCE = 16
CLIP = "clip"
"""The folder beside a model's parts that holds its CLIP pair, where it has one; its tokenizer is the model's."""


def read_clip(folder: Path, device: torch.device) -> Any:
    """The CLIP pair in a folder as transformers writes it, float32. Raises ModelError for one that cannot be read."""
    from transformers import CLIPModel

    try:
        with quiet():
            found = CLIPModel.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as reason:
        raise ModelError(f"the CLIP pair in {folder.name!r} cannot be read: {reason!s:.200}") from None
    return found.float().eval().requires_grad_(False).to(device)


def cosines(clip: Any, tokenizer: Any, pixels: Sequence[np.ndarray], prompts: Sequence[str]) -> list[float]:
    """The cosine from -1 to 1 between each picture, uint8 (height, width, 3), and the prompt beside it.

    clip: a transformers CLIPModel; tokenizer: the one its text encoder was trained with. Times 100 it is the
    score of Hessel et al. (arXiv 2104.08718) without their factor.
    """
    distinct = list(dict.fromkeys(prompts))
    with torch.no_grad():
        words = torch.cat([_words(clip, tokenizer, distinct[at : at + _AT_ONCE]) for at in _starts(distinct)])
        # A picture that stands beside many prompts is looked at once.
        several = list({id(each): each for each in pixels}.values())
        seen = torch.cat([_seen(clip, several[at : at + _AT_ONCE]) for at in _starts(several)])
    place = {id(each): number for number, each in enumerate(several)}
    number = {prompt: number for number, prompt in enumerate(distinct)}
    seen = seen[[place[id(each)] for each in pixels]]
    beside = words[[number[prompt] for prompt in prompts]]
    return [float(cosine) for cosine in torch.nn.functional.cosine_similarity(seen, beside)]


def _starts(of: Sequence[Any]) -> range:
    return range(0, len(of), _AT_ONCE)


def _words(clip: Any, tokenizer: Any, prompts: list[str]) -> Tensor:
    read = tokenizer(
        [utf8(prompt) for prompt in prompts],
        padding="max_length",
        max_length=clip.config.text_config.max_position_embeddings,
        truncation=True,
        return_tensors="pt",
    ).to(clip.device)
    found = clip.text_model(input_ids=read.input_ids, attention_mask=read.attention_mask).pooler_output
    return clip.text_projection(found).float().cpu()


def _seen(clip: Any, pixels: Sequence[np.ndarray]) -> Tensor:
    side = clip.config.vision_config.image_size
    values = torch.stack([torch.from_numpy(_cut(each, side)) for each in pixels]).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (_MEAN, _STD))
    normal = ((values / 255 - mean) / std).to(clip.device, clip.dtype)
    return clip.visual_projection(clip.vision_model(pixel_values=normal).pooler_output).float().cpu()


def _cut(pixels: np.ndarray, side: int) -> np.ndarray:
    """The middle square of the picture at CLIP's size, its shorter side filling it; float32."""
    image = Image.fromarray(pixels)
    factor = side / min(image.size)
    width, height = (max(side, int(length * factor)) for length in image.size)
    left, top = (width - side) // 2, (height - side) // 2
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + side, top + side)), dtype=np.float32)
