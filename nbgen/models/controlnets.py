"""ControlNets: what control pictures add to a UNet's own layers, row by row (Zhang et al., arXiv 2302.05543)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..engine.asks import Conditioning
from ..errors import ModelError, RecipeError, did_you_mean
from ..inputs import size_of
from ..recipe import Options, Recipe
from ..values import as_weight
from .starts import pixels_of
from .words import Encodings


def nets_of(pipe: Any) -> dict[str, Any]:
    """The ControlNets of a pipeline by name: those given to `nbgen.load`, and those it has itself.

    One that a pipeline came with is called "control", several "control_1", "control_2" …
    """
    own = getattr(pipe, "controlnet", None)
    several = [] if own is None else list(getattr(own, "nets", [own]))
    names = ["control"] if len(several) == 1 else [f"control_{place}" for place in range(1, len(several) + 1)]
    return {**dict(zip(names, several, strict=True)), **dict(getattr(pipe, "controls", None) or {})}


def check_nets(unet: Any, nets: Mapping[str, Any]) -> None:
    """ModelError for a ControlNet that is not for this UNet's family."""
    for name, net in nets.items():
        if not hasattr(net, "controlnet_cond_embedding") or type(net).__name__ != "ControlNetModel":
            raise ModelError(
                f"the ControlNet {name!r} is a {type(net).__name__}, which nbgen does not drive."
            )
        # Where there is attention may differ: what is added to the UNet has the same shapes.
        for key in ("cross_attention_dim", "block_out_channels", "layers_per_block", "addition_embed_type"):
            own, other = unet.config.get(key), net.config.get(key)
            if _plain(own) != _plain(other):
                raise ModelError(
                    f"the ControlNet {name!r} is for another family: its {key} is {_plain(other)}, and that of the "
                    f"model's UNet {_plain(own)}."
                )


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value


def checked(control: Options, nets: Mapping[str, Any]) -> Options:
    """A recipe's control in canonical form: those without weight change nothing, and so must not change the key.

    Raises RecipeError for a name that the model does not have, and PictureFileError for a picture that is gone.
    """
    found = []
    for name, value in control:
        if not nets:
            raise RecipeError(
                "this model has no ControlNets: they are given to it as nbgen.load(…, control={"
                f"{name!r}: folder}})."
            )
        if name not in nets:
            raise RecipeError(f"this model has no ControlNet {name!r}: {did_you_mean(name, list(nets))}")
        if not isinstance(value, tuple) or len(value) != 2 or not isinstance(value[0], str):
            raise RecipeError(f"control[{name!r}] takes a picture, or (picture, weight).")
        weight = as_weight(f"the weight of control[{name!r}]", value[1])
        size_of(value[0])  # raises where it is gone
        if weight:
            found.append((name, (value[0], weight)))
    return tuple(found)


def notes(recipe: Recipe) -> list[str]:
    """Which control pictures are fitted."""
    assert recipe.size is not None
    sizes = [(name, size_of(digest)) for name, (digest, _) in recipe.control]
    return [
        f"The control picture {name!r} of {own[0]}×{own[1]} pixels is fitted to {recipe.size[0]}×{recipe.size[1]}."
        for name, own in sizes
        if own != recipe.size
    ]


def tensors_of(recipe: Recipe, kept: Encodings) -> dict[str, Tensor]:
    """What a recipe's rows carry for each ControlNet: the picture, (3, height, width) from 0 to 1, and its weight."""
    assert recipe.size is not None
    found = {}
    for name, (digest, weight) in recipe.control:
        read = partial(_pixels, digest, recipe.size)
        found[_picture(name)] = kept.get((digest, recipe.size), read)["picture"]
        found[_weight(name)] = torch.tensor(float(weight))
    return found


def residuals(
    nets: Mapping[str, Any],
    latents: Tensor,
    timesteps: Tensor,
    words: Tensor,
    conditionings: Sequence[Conditioning],
    added: Mapping[str, Any],
) -> dict[str, Any]:
    """Arguments of the UNet: what its layers are to add, the sum over ControlNets; nothing where there are none.

    latents: (rows, …) in the denoiser's dtype; those beyond a ControlNet's own channels (of inpainting) it does not see
    words: (rows, tokens, width); added: further arguments, as SDXL's sizes
    """
    down: list[Tensor] = []
    middle: Tensor | None = None
    for name, net in nets.items():
        weights = torch.stack([each.tensors[_weight(name)] for each in conditionings])
        samples, inner = net(
            latents[:, : net.config.in_channels], timesteps, encoder_hidden_states=words,
            controlnet_cond=_stacked([each.tensors[_picture(name)] for each in conditionings], latents),
            conditioning_scale=weights.view(-1, 1, 1, 1).to(latents), return_dict=False, **added,
        )  # fmt: skip
        down = [one + other for one, other in zip(down, samples, strict=True)] if down else list(samples)
        middle = inner if middle is None else middle + inner
    if middle is None:
        return {}
    return {"down_block_additional_residuals": tuple(down), "mid_block_additional_residual": middle}


def _stacked(pictures: Sequence[Tensor], like: Tensor) -> Tensor:
    """(rows, 3, height, width) where `like` is; each picture goes there once, however many rows look at it."""
    places: dict[int, int] = {}
    distinct: list[Tensor] = []
    for picture in pictures:
        if id(picture) not in places:
            places[id(picture)] = len(distinct)
            distinct.append(picture)
    there = torch.stack(distinct).to(like.device, like.dtype)
    return there[[places[id(picture)] for picture in pictures]]


def _pixels(digest: str, size: tuple[int, int]) -> dict[str, Tensor]:
    pixels = torch.from_numpy(pixels_of(digest, size).copy())
    return {"picture": pixels.permute(2, 0, 1).float() / 255}


def _picture(name: str) -> str:
    return f"control {name}"


def _weight(name: str) -> str:
    return f"weight of control {name}"
