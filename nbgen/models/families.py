"""Which of nbgen's families drives a pipeline: its class's name, the Model class, and the parts that it needs."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Family:
    """A row-by-row family: where its Model class is, and the parts of a pipeline that it reads.

    `parts` must all be there; `optional` are read where the model has them, and are None where it has not.
    """

    name: str
    module: str
    model: str
    parts: tuple[str, ...]
    optional: tuple[str, ...] = ()

    def make(self) -> Any:
        """The Model class; imported only when a model of the family is loaded."""
        return getattr(importlib.import_module(f".{self.module}", __package__), self.model)


_SD = Family(
    "sd", "sd", "StableDiffusion", ("vae", "text_encoder", "tokenizer", "unet", "scheduler"), ("controlnet",)
)  # fmt: skip
_SDXL = Family(
    "sdxl", "sdxl", "StableDiffusionXL",
    ("vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "unet", "scheduler"), ("controlnet",),
)  # fmt: skip
_FLUX = Family(
    "flux", "flux", "Flux",
    ("vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "transformer", "scheduler"),
)  # fmt: skip
_SD3 = Family(
    "sd3", "sd3", "StableDiffusion3",
    ("vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "transformer", "scheduler"),
    ("text_encoder_3", "tokenizer_3"),
)  # fmt: skip

DRIVEN: dict[str, Family] = {
    "StableDiffusionPipeline": _SD,
    "StableDiffusionImg2ImgPipeline": _SD,
    "StableDiffusionInpaintPipeline": _SD,
    "StableDiffusionControlNetPipeline": _SD,
    "StableDiffusionControlNetImg2ImgPipeline": _SD,
    "StableDiffusionControlNetInpaintPipeline": _SD,
    "LatentConsistencyModelPipeline": _SD,
    "StableDiffusionXLPipeline": _SDXL,
    "StableDiffusionXLImg2ImgPipeline": _SDXL,
    "StableDiffusionXLInpaintPipeline": _SDXL,
    "StableDiffusionXLControlNetPipeline": _SDXL,
    "StableDiffusionXLControlNetImg2ImgPipeline": _SDXL,
    "StableDiffusionXLControlNetInpaintPipeline": _SDXL,
    "FluxPipeline": _FLUX,
    "FluxImg2ImgPipeline": _FLUX,
    "FluxInpaintPipeline": _FLUX,
    "FluxFillPipeline": _FLUX,
    "StableDiffusion3Pipeline": _SD3,
    "StableDiffusion3Img2ImgPipeline": _SD3,
    "StableDiffusion3InpaintPipeline": _SD3,
}
"""Pipeline class name → family. Pipelines of one family hold the same parts, whatever they are called for.

A class that is not here runs through its own pipeline (`pipeline.py`).
"""


def family_of(pipeline: Any) -> Family | None:
    """The family that drives this pipeline (an object, or the name of its class); None where none does.

    A class of the user's own that inherits from a known one is not driven: it may do something else.
    """
    name = pipeline if isinstance(pipeline, str) else type(pipeline).__name__
    return DRIVEN.get(name)
