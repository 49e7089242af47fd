"""The models that nbgen knows by name, and what suits each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import SamplerError
from ..sampling import table_of_samplers

EMBEDDED: dict[str, dict[str, Any]] = {
    "mini": {"sampler": "dpm++2m", "steps": 20, "guidance": 2.0},
    "mini-gan": {"truncation": 1.0},
}
"""Models whose weights ship inside the package, with the defaults that suit them."""
PARTS = frozenset({"mini-sketch"})
"""Parts whose weights ship inside the package, for a model to take: a ControlNet that mini follows outlines by."""
_EMBEDDED_ARE = {
    "mini": ("sd", "lessons, tests, trying things out on a laptop"),
    "mini-gan": ("gan", "one forward a picture; styles, truncation, mixing"),
}
"""The family of each, and what it is good for."""


@dataclass(frozen=True)
class Known:
    """A model on a hub: what it is, whether its makers ask something first, and what suits it.

    weights: gigabytes in half precision, all parts together, from their numbers of parameters; a GPU needs some
    more for forwards, and with memory="low" about as much as the largest part
    gated: "yes" where a licence has to be accepted on its page first
    """

    name: str
    repository: str
    family: str
    licence: str
    gated: str
    weights: float
    good_for: str
    defaults: Mapping[str, Any] = field(default_factory=dict)


CATALOGUE = (
    Known(
        "sd15", "stable-diffusion-v1-5/stable-diffusion-v1-5", "sd", "CreativeML OpenRAIL-M", "no", 2.1,
        "old and quick; most adapters are for it", {"steps": 25, "guidance": 7.5, "size": (512, 512)},
    ),
    Known(
        "sd-turbo", "stabilityai/sd-turbo", "sd", "Stability AI Community", "no", 2.6,
        "one to four steps", {"steps": 4, "guidance": 1.0, "size": (512, 512), "sampler": "euler_a",
                              "schedule": "trailing"},
    ),
    Known(
        "sdxl", "stabilityai/stable-diffusion-xl-base-1.0", "sdxl", "CreativeML OpenRAIL++-M", "no", 7.0,
        "a good middle, with many adapters", {"steps": 30, "guidance": 5.0, "size": (1024, 1024)},
    ),
    Known(
        "sdxl-turbo", "stabilityai/sdxl-turbo", "sdxl", "Stability AI Non-Commercial Community", "no", 7.0,
        "one to four steps", {"steps": 4, "guidance": 1.0, "size": (512, 512), "sampler": "euler_a",
                              "schedule": "trailing"},
    ),
    Known(
        "sd35-medium", "stabilityai/stable-diffusion-3.5-medium", "sd3", "Stability AI Community", "yes", 16.0,
        "words in pictures, styles", {"steps": 40, "guidance": 4.5, "size": (1024, 1024)},
    ),
    Known(
        "sd35-large", "stabilityai/stable-diffusion-3.5-large", "sd3", "Stability AI Community", "yes", 27.0,
        "the larger one", {"steps": 28, "guidance": 3.5, "size": (1024, 1024)},
    ),
    Known(
        "flux-schnell", "black-forest-labs/FLUX.1-schnell", "flux", "Apache-2.0", "yes", 34.0,
        "four steps", {"steps": 4, "guidance": 1.0, "size": (1024, 1024)},
    ),
    Known(
        "flux-dev", "black-forest-labs/FLUX.1-dev", "flux", "FLUX.1 dev non-commercial", "yes", 34.0,
        "detail and long prompts",
        {"steps": 28, "guidance": 1.0, "distilled_guidance": 3.5, "size": (1024, 1024)},
    ),
    Known(
        "flux-fill", "black-forest-labs/FLUX.1-Fill-dev", "flux", "FLUX.1 dev non-commercial", "yes", 34.0,
        "masks: inpainting and outpainting",
        {"steps": 50, "guidance": 1.0, "distilled_guidance": 30.0, "size": (1024, 1024)},
    ),
    Known(
        "flux2-klein-4b", "black-forest-labs/FLUX.2-klein-4B", "pipeline", "Apache-2.0", "no", 16.0,
        "2026: four steps, distilled", {"steps": 4, "guidance": 1.0, "size": (1024, 1024)},
    ),
    Known(
        "flux2-dev", "black-forest-labs/FLUX.2-dev", "pipeline", "FLUX non-commercial", "yes", 112.0,
        "32 billion parameters and a 24 billion reader", {"steps": 50, "guidance": 4.0, "size": (1024, 1024)},
    ),
    Known(
        "z-image-turbo", "Tongyi-MAI/Z-Image-Turbo", "pipeline", "Apache-2.0", "no", 21.0,
        "eight steps, on one consumer GPU", {"steps": 8, "guidance": 0.0, "size": (1024, 1024)},
    ),
    Known(
        "qwen-image", "Qwen/Qwen-Image", "pipeline", "Apache-2.0", "no", 58.0,
        "words in pictures, Chinese too",
        {"steps": 50, "guidance": 4.0, "negative": " ", "size": (1328, 1328)},
    ),
    Known(
        "qwen-image-2.1", "Qwen/Qwen-Image-2.1", "pipeline", "Qwen Research (non-commercial)", "no", 32.0,
        "September 2026; no guidance needed", {"steps": 40, "guidance": 1.0},
    ),
    Known(
        "pixart-sigma", "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS", "pipeline", "OpenRAIL++-M", "no", 11.0,
        "a small transformer", {"steps": 20, "guidance": 4.5, "size": (1024, 1024)},
    ),
    Known(
        "sana", "Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers", "pipeline", "NVIDIA NSCL v2 and Gemma",
        "no", 9.5,
        "quick at large sizes", {"steps": 20, "guidance": 4.5, "size": (1024, 1024)},
    ),
    Known(
        "lumina2", "Alpha-VLLM/Lumina-Image-2.0", "pipeline", "Apache-2.0", "no", 10.5,
        "a transformer with a language model for a reader",
        {"steps": 30, "guidance": 4.0, "size": (1024, 1024)},
    ),
    Known(
        "cogview4", "zai-org/CogView4-6B", "pipeline", "Apache-2.0", "no", 32.0,
        "words in pictures, Chinese too", {"steps": 50, "guidance": 3.5, "size": (1024, 1024)},
    ),
)  # fmt: skip
"""Models that `nbgen.load` knows by a short name; any other is loaded by its name on the hub."""

BY_NAME: dict[str, Known] = {known.name: known for known in CATALOGUE}


def embedded_folder(name: str) -> Path:
    """Where the weights of a shipped model or part lie."""
    return Path(__file__).parent.parent / "assets" / name


def list_samplers(model: Any = None) -> Any:
    """A table of the samplers: cost, kind of randomness, schedules, options, and why one is unavailable.

    `model` decides which can run: a Model, its name, or None for any diffusion model. Raises SamplerError for
    a model that has none, and ModelError for what is no model.
    """
    if model is None:
        return table_of_samplers()
    from .loading import load

    chosen = load(model)
    if chosen.kind not in ("diffusion", "flow"):
        raise SamplerError(
            f"the model {chosen.ref.name!r} draws a picture in one forward: it has no samplers."
        )
    if "sampler" not in chosen.fields:
        raise SamplerError(
            f"the model {chosen.ref.name!r} keeps the scheduler that came with it: it was made for that one."
        )
    return table_of_samplers(chosen.kind)


def list_models() -> Any:
    """A table of the models that `nbgen.load` knows by name, with what suits each.

    memory: of the weights in half precision; forwards take some more, `nbgen.plan` says how much on this machine.
    A family of "pipeline" runs through the model's own pipeline, the others row by row. Licences and gates are as
    they were in November 2026; the page of the model on the hub has the last word.
    """
    from ..show.table import Table

    rows = []
    for name, defaults in EMBEDDED.items():
        megabytes = sum(path.stat().st_size for path in embedded_folder(name).rglob("*.safetensors")) / 1e6
        rows.append(
            {
                "name": name,
                "loads": "inside the package",
                "family": _EMBEDDED_ARE[name][0],
                "licence": "Apache-2.0",
                "gated": "no",
                "memory": f"over {megabytes:.0f} MB",
                "size": "64×64",
                "steps": defaults.get("steps", ""),
                "guidance": defaults.get("guidance", ""),
                "good for": _EMBEDDED_ARE[name][1],
            }
        )
    for known in CATALOGUE:
        size = known.defaults.get("size")
        rows.append(
            {
                "name": known.name,
                "loads": known.repository,
                "family": known.family,
                "licence": known.licence,
                "gated": known.gated,
                "memory": f"over {known.weights:g} GB",
                "size": f"{size[0]}×{size[1]}" if size else "its own",
                "steps": known.defaults["steps"],
                "guidance": known.defaults["guidance"],
                "good for": known.good_for,
            }
        )
    return Table(rows)
