"""What does a pipeline's call take: which of its arguments are recipe fields, and which are its own?"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import ModelError, RecipeError, brief, did_you_mean

_FIELDS = {
    "prompt": "prompt",
    "negative": "negative_prompt",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "guidance_rescale": "guidance_rescale",
}
"""Recipe field → the argument that diffusers' pipelines have for it."""
_GIVEN = frozenset(
    {
        "self", "generator", "latents", "callback", "callback_steps", "callback_on_step_end",
        "callback_on_step_end_tensor_inputs", "prior_callback_on_step_end",
        "prior_callback_on_step_end_tensor_inputs", "output_type", "return_dict", "batch_size",
        "num_images_per_prompt", "width", "height", "args", "kwargs",
    }
)  # fmt: skip
"""Arguments that nbgen gives by itself, or never."""
_TENSORS = ("_embeds", "_mask", "latents", "_tensor")
_PICTURES = frozenset(
    {"image", "images", "input_images", "ip_adapter_image", "mask_image", "control_image", "control_images"}
)
_OTHER_THAN_PICTURES = {
    "num_frames": "videos",
    "video_length": "videos",
    "audio_length_in_s": "sounds",
    "audio_end_in_s": "sounds",
    "frame_size": "shapes in space",
}
_PER_ROW = ("prompt_", "negative_prompt_")


@dataclass(frozen=True)
class Signature:
    """The arguments of one pipeline's `__call__`, sorted by who fills them.

    fields: recipe field → argument; own: the pipeline's own arguments, which `Recipe.extra` reaches, with their
    defaults (`inspect.Parameter.empty` where one must be given)
    """

    pipeline: str
    parameters: Mapping[str, inspect.Parameter]

    @classmethod
    def of(cls, pipe: Any) -> Signature:
        """Raises ModelError for a pipeline that needs what no recipe has, or makes something else than pictures."""
        found = cls(type(pipe).__name__, dict(inspect.signature(type(pipe).__call__).parameters))
        found._check()
        return found

    @cached_property
    def fields(self) -> dict[str, str]:
        names = dict(_FIELDS)
        if "true_cfg_scale" in self.parameters:
            # Classifier-free guidance under its own name; guidance_scale is then an input of a distilled model.
            names |= {"guidance": "true_cfg_scale", "distilled_guidance": "guidance_scale"}
        elif "distilled_guidance_scale" in self.parameters:
            names["distilled_guidance"] = "distilled_guidance_scale"
        return {field: name for field, name in names.items() if name in self.parameters}

    @cached_property
    def own(self) -> dict[str, Any]:
        taken = {*_GIVEN, *_PICTURES, *self.fields.values()}
        return {
            name: parameter.default
            for name, parameter in self.parameters.items()
            if name not in taken
            and not any(word in name for word in _TENSORS)
            and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        }

    @property
    def sized(self) -> bool:
        """Whether the picture's size can be chosen."""
        return "width" in self.parameters and "height" in self.parameters

    @property
    def step_callback(self) -> str | None:
        """The argument through which the pipeline tells each step; None where it has none."""
        return next((name for name in ("callback_on_step_end", "callback") if self.takes(name)), None)

    @property
    def counted_by(self) -> str | None:
        """How one call is asked for several pictures: by a list of prompts, of labels, or by a number."""
        return next((name for name in ("prompt", "class_labels", "batch_size") if self.takes(name)), None)

    @property
    def needs_prompt(self) -> bool:
        """A pipeline that takes words needs some; a default of None only means that embeddings would do."""
        prompt = self.parameters.get("prompt")
        return prompt is not None and prompt.default in (None, prompt.empty)

    def takes(self, name: str) -> bool:
        return name in self.parameters

    def default(self, name: str) -> Any:
        """What the pipeline itself takes for an argument; None where it has none."""
        parameter = self.parameters.get(name)
        return None if parameter is None or parameter.default is parameter.empty else parameter.default

    def per_row(self, name: str, value: Any) -> bool:
        """Whether an own argument may differ between the pictures of one call, as a list."""
        return name == "class_labels" or (name.startswith(_PER_ROW) and isinstance(value, str))

    def calls(self, arguments: Mapping[str, Any]) -> int:
        """Steps in one call: a pipeline of several stages has several numbers of them."""
        total = 0
        for name in self.parameters:
            if name.endswith("num_inference_steps"):
                steps = arguments.get(name, self.default(name))
                total += steps if isinstance(steps, int) else 0
        return max(1, total)

    def check_extra(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        """The pipeline's own arguments, names and kinds checked, without those that say its defaults."""
        found = {}
        for name, value in extra.items():
            if name not in self.own:
                raise RecipeError(self._not_own(name))
            default = self.own[name]
            _check_kind(f"extra[{name!r}]", value, default)
            if value != _plain(default):
                found[name] = value
        missing = [
            name
            for name, default in self.own.items()
            if default is inspect.Parameter.empty and name not in found
        ]
        if missing:
            raise RecipeError(f"{self.pipeline} needs {missing[0]}: give it as extra={{{missing[0]!r}: …}}.")
        return found

    def _not_own(self, name: str) -> str:
        field = next((field for field, argument in self.fields.items() if argument == name), None)
        if name in ("width", "height") and self.sized:
            field = "size"
        if field is not None:
            return f"extra[{name!r}]: nbgen calls it {field}, a field of its own."
        if name in self.parameters:
            return f"extra[{name!r}]: a recipe cannot hold this argument of {self.pipeline}, or nbgen gives it itself."
        known = did_you_mean(name, self.own) if self.own else "it has none beside the recipe's fields."
        return f"{self.pipeline} has no argument {name!r:.60}: {known}"

    def _check(self) -> None:
        for name, made in _OTHER_THAN_PICTURES.items():
            if name in self.parameters:
                raise ModelError(f"{self.pipeline} makes {made} (it takes {name}), and nbgen makes pictures.")
        for name, parameter in self.parameters.items():
            needed = parameter.default is parameter.empty and parameter.kind not in (
                parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL,
            )  # fmt: skip
            if needed and name != "self" and name not in self.own and name not in self.fields.values():
                raise ModelError(
                    f"{self.pipeline} needs {name}, which no recipe has: nbgen runs pipelines that start from words, "
                    "a label, or nothing."
                )
        if self.counted_by is None:
            raise ModelError(
                f"{self.pipeline} takes no prompt, no class_labels and no batch_size: nbgen does not know how to "
                "ask it for a picture."
            )


def _plain(default: Any) -> Any:
    return tuple(_plain(part) for part in default) if isinstance(default, (list, tuple)) else default


def _check_kind(name: str, value: Any, default: Any) -> None:
    """RecipeError where the value is of another kind than the default shows; None shows nothing."""
    if isinstance(default, bool):
        fits, kind = isinstance(value, bool), "True or False"
    elif isinstance(default, (int, float)):
        fits, kind = isinstance(value, (int, float)) and not isinstance(value, bool), "a number"
    elif isinstance(default, str):
        fits, kind = isinstance(value, str), "text"
    else:
        return
    if not fits and value is not None:
        raise RecipeError(f"{name} must be {kind} (the default is {brief(default)}), not {brief(value)}.")
