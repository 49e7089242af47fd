"""Which field did you mean: other programs' names for nbgen's own, and the nearest known ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .errors import RecipeError, nearest
from .recipe import FIELDS

ELSEWHERE: dict[str, str] = {
    "batch_count": "n",
    "batch_size": "n",
    "cfg": "guidance",
    "cfg_scale": "guidance",
    "checkpoint": "model",
    "clip_skip": "extra",
    "controlnet": "control",
    "count": "n",
    "denoise": "strength",
    "denoising_strength": "strength",
    "flux_guidance": "distilled_guidance",
    "guidance_scale": "guidance",
    "height": "size",
    "ip_adapter": "image_prompt",
    "ip_adapter_image": "image_prompt",
    "reference_image": "image_prompt",
    "init_image": "image",
    "input_image": "image",
    "ckpt": "model",
    "lora": "adapters",
    "loras": "adapters",
    "mask_image": "mask",
    "model_id": "model",
    "n_images": "n",
    "negative_prompt": "negative",
    "neg_prompt": "negative",
    "noise_seed": "seed",
    "noise_schedule": "schedule",
    "num_images": "n",
    "num_images_per_prompt": "n",
    "num_inference_steps": "steps",
    "num_steps": "steps",
    "positive": "prompt",
    "prompts": "prompt",
    "resolution": "size",
    "sampler_name": "sampler",
    "samples": "n",
    "sampling_method": "sampler",
    "sampling_steps": "steps",
    "schedule_type": "schedule",
    "scheduler": "sampler",
    "seeds": "seed",
    "text": "prompt",
    "tiling": "tile",
    "truncation_psi": "truncation",
    "psi": "truncation",
    "true_cfg": "guidance",
    "true_cfg_scale": "guidance",
    "uncond": "negative",
    "width": "size",
    "num_samples": "n",
}
"""What diffusers and the widely used interfaces call a field, and what nbgen calls it."""

_HINTS = {
    "size": "size=(width, height)",
    "n": "n=4",
    "extra": "extra={...}",
    "adapters": "adapters={name: weight}",
}

_GIVEN_TO_LOAD = {
    "control": ' ControlNets are given to a model as nbgen.load(…, control={"canny": folder}).',
    "image_prompt": ' An IP-Adapter is given to a model as nbgen.load(…, image_prompt="file.safetensors").',
}
"""Fields that a model has once it was loaded with what they need, and how."""


def check_fields(names: Iterable[str], known: Collection[str]) -> list[str]:
    """One sentence for every name that is not in `known`; an empty list where all are.

    `known` holds the fields that the model has and the arguments that the verb takes.

    >>> check_fields(["num_inference_steps", "steps"], ["prompt", "steps"])
    ["there is no field 'num_inference_steps': nbgen calls it steps."]
    """
    return [_sentence(name, known) for name in names if name not in known]


def refuse_unknown(names: Iterable[str], known: Collection[str]) -> None:
    """Raises one RecipeError with the sentences of `check_fields`, where there are any."""
    problems = check_fields(names, known)
    if problems:
        raise RecipeError(" ".join(problems))


def _sentence(name: str, known: Collection[str]) -> str:
    own = ELSEWHERE.get(name.lower())
    if own in known and own is not None:
        hint = _HINTS.get(own)
        return f"there is no field {name!r}: nbgen calls it {own}" + (f", as in {hint}." if hint else ".")
    if name in FIELDS or own is not None:
        called = "" if name in FIELDS else f" (nbgen calls it {own})"
        has = ", ".join(field for field in FIELDS if field in known)
        given = _GIVEN_TO_LOAD.get(own or name, "")
        return f"this model has no field {name!r}{called}: it has {has}.{given}"
    close = nearest(name, known)
    if close:
        return f"there is no field {name!r}: did you mean {' or '.join(close)}?"
    return f"there is no field {name!r}: known are {', '.join(sorted(known))}."
