"""IP-Adapters: pictures that a UNet looks at beside its words (Ye et al., "IP-Adapter", arXiv 2308.06721).

An image encoder turns a picture into an embedding, an adapter's projection turns that into a few tokens, and each
cross-attention layer adds what its own queries find in those: A(Q, K, V) + λ·A(Q, K', V'), equation 5 of the paper.
λ is the weight that a recipe says, one a row, so weights and pictures are mixed in one forward.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..engine.asks import Conditioning
from ..errors import ModelError

OWN = "image"
"""What the IP-Adapter is called that a pipeline came with, or that was given without a name; several are numbered."""
_READ = ("ImageProjection", "IPAdapterPlusImageProjection", "IPAdapterFullImageProjection")
_PLAIN = ("AttnProcessor", "AttnProcessor2_0", "IPAdapterAttnProcessor", "IPAdapterAttnProcessor2_0")


class ImagePrompt(nn.Module):
    """One IP-Adapter: the projection of what the encoder saw to tokens, and each layer's keys and values of those."""

    def __init__(
        self,
        layers: Sequence[str],
        projection: nn.Module,
        keys: Sequence[nn.Module],
        values: Sequence[nn.Module],
    ) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.projection = projection
        self.keys, self.values = nn.ModuleList(keys), nn.ModuleList(values)

    @property
    def sight(self) -> str:
        """What it is given of the encoder: "embedding", (width,), or "states", (places, width)."""
        return "embedding" if type(self.projection).__name__ == "ImageProjection" else "states"

    @property
    def width(self) -> int:
        """How many numbers it is given of each place."""
        return next(each.in_features for each in self.projection.modules() if isinstance(each, nn.Linear))

    def tokens(self, seen: Tensor) -> Tensor:
        """(n, tokens, width of words) of what the encoder saw, (n, …)."""
        first = next(self.projection.parameters())
        with torch.no_grad():
            return self.projection(seen.to(first.device, first.dtype))


def layers_of(unet: Any) -> list[str]:
    """The names of the attention layers that read words, in the order of an adapter's weights."""
    names = [name.removesuffix(".processor") for name in unet.attn_processors]
    # An adapter's own projection may have attention, too.
    return [name for name in names if not name.endswith("attn1") and not name.startswith("encoder_hid_proj.")]


def own_prompts(pipe: Any) -> dict[str, ImagePrompt]:
    """The IP-Adapters that a pipeline came with, by name; none without an image encoder, or where they read faces."""
    unet = pipe.unet
    projections = list(getattr(unet.encoder_hid_proj, "image_projection_layers", ()))
    if not projections or getattr(pipe, "image_encoder", None) is None:
        return {}
    if any(type(each).__name__ not in _READ for each in projections):
        return {}
    layers = layers_of(unet)
    processors = [unet.get_submodule(layer).processor for layer in layers]
    names = [OWN] if len(projections) == 1 else [f"{OWN}_{place + 1}" for place in range(len(projections))]
    return {
        name: ImagePrompt(
            layers,
            projections[place],
            [each.to_k_ip[place] for each in processors],
            [each.to_v_ip[place] for each in processors],
        )
        for place, name in enumerate(names)
    }


def read_prompt(path: Path, name: str, unet: Any, *, weightless: bool = False) -> ImagePrompt:
    """The IP-Adapter in a file, for this UNet. Raises ModelError for one of another kind or family.

    weightless: its tensors have shapes and no numbers
    """
    from safetensors import safe_open

    found: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    with safe_open(path, "pt") as file:
        for key in file.keys():
            part, _, rest = key.partition(".")
            if part in found:
                tensor = file.get_tensor(key)
                found[part][rest] = torch.empty_like(tensor, device="meta") if weightless else tensor
    if not all(found.values()):
        raise ModelError(f"{path.name} is no IP-Adapter: it has no tensors called image_proj and ip_adapter.")
    if _is_for_faces(found["image_proj"]) or any("lora" in key for key in found["ip_adapter"]):
        raise ModelError(
            f"{path.name} is an IP-Adapter for faces, which needs a face recogniser of its own: plain, plus and full "
            "ones are read."
        )
    where = torch.device("meta" if weightless else "cpu")
    try:
        with where:
            projection = unet._convert_ip_adapter_image_proj_to_diffusers(
                found["image_proj"], low_cpu_mem_usage=False
            )
    except (KeyError, IndexError, RuntimeError, AttributeError) as error:
        told = " ".join(str(error).split())[:160]
        raise ModelError(f"{path.name} is no IP-Adapter that diffusers reads: {told}") from None
    keys, values = _keys_and_values(path.name, name, found["ip_adapter"], unet, where)
    return ImagePrompt(layers_of(unet), projection, keys, values)


def _keys_and_values(
    file: str, name: str, tensors: Mapping[str, Tensor], unet: Any, where: torch.device
) -> tuple[list[nn.Module], list[nn.Module]]:
    found: tuple[list[nn.Module], list[nn.Module]] = ([], [])
    layers = layers_of(unet)
    for place, layer in enumerate(layers):
        attention = unet.get_submodule(layer)
        for kind, modules in zip(("to_k", "to_v"), found, strict=True):
            own = getattr(getattr(attention, kind), "base_layer", getattr(attention, kind)).weight
            # Layers of both kinds of attention are counted, and those that read words have the odd numbers.
            weight = tensors.get(f"{2 * place + 1}.{kind}_ip.weight")
            if weight is None or weight.shape != own.shape:
                raise ModelError(
                    f"the IP-Adapter {name!r} in {file} is for another family: layer {place + 1} of {len(layers)} is "
                    f"{tuple(own.shape)} in this model, and "
                    + (f"{tuple(weight.shape)} in the adapter." if weight is not None else "there is none.")
                )
            linear = nn.Linear(own.shape[1], own.shape[0], bias=False, device=where)
            linear.load_state_dict({"weight": weight.to(where)}, assign=True)
            modules.append(linear)
    if len(tensors) != 4 * len(layers) and len(tensors) != 2 * len(layers):
        raise ModelError(f"the IP-Adapter {name!r} in {file} is for another family: it has other layers.")
    return found


def _is_for_faces(projection: Mapping[str, Tensor]) -> bool:
    """Whether an adapter reads the embeddings of a face recogniser, as diffusers tells it."""
    bare = "norm.weight" in projection and "proj.weight" not in projection
    return bare or "perceiver_resampler.proj_in.weight" in projection


def can_look(unet: Any) -> bool:
    """Whether a UNet's cross-attention is plain, so that an IP-Adapter can stand beside it."""
    names = {type(each).__name__ for each in unet.attn_processors.values()}
    return names <= set(_PLAIN) and unet.config.get("encoder_hid_dim_type") in (None, "ip_image_proj")


@contextlib.contextmanager
def not_looking(unet: Any) -> Iterator[None]:
    """Inside, a UNet that has an IP-Adapter of its own reads words alone; afterwards it is as it was."""
    if getattr(unet.encoder_hid_proj, "image_projection_layers", None) is None:
        yield
        return
    from diffusers.models.attention_processor import AttnProcessor2_0

    projection, unet.encoder_hid_proj = unet.encoder_hid_proj, None
    own = dict(unet.attn_processors)
    try:
        # Its layers' own would ask for pictures, and read words as these do.
        unet.set_attn_processor({name: AttnProcessor2_0() for name in own})
        yield
    finally:
        unet.set_attn_processor(own)
        unet.encoder_hid_proj = projection


@contextlib.contextmanager
def looking(
    unet: Any, prompts: Mapping[str, ImagePrompt], conditionings: Sequence[Conditioning]
) -> Iterator[None]:
    """Inside, the rows of the one forward that follows look at their pictures, too; the UNet's layers stay its own.

    conditionings: one a row, each with the tokens and the weight of all these prompts
    """
    if not prompts:
        yield
        return

    def rows(called: str) -> Tensor:
        return torch.stack([each.tensors[called] for each in conditionings]).to(unet.device, unet.dtype)

    read = [
        (prompt, rows(tokens_of(name)), rows(weight_of(name)).view(-1, 1, 1))
        for name, prompt in prompts.items()
    ]
    layers = [unet.get_submodule(name) for name in next(iter(prompts.values())).layers]
    own = [layer.processor for layer in layers]
    try:
        for place, layer in enumerate(layers):
            seen = [
                (prompt.keys[place], prompt.values[place], tokens, weights)
                for prompt, tokens, weights in read
            ]
            layer.set_processor(_Looks(own[place], seen))
        yield
    finally:
        for layer, processor in zip(layers, own, strict=True):
            layer.set_processor(processor)


class _Looks:
    """A layer's own attention processor, and beside it the layer's queries on the tokens of pictures."""

    def __init__(
        self, own: Callable[..., Tensor], seen: Sequence[tuple[nn.Module, nn.Module, Tensor, Tensor]]
    ) -> None:
        self._own = own
        self._seen = seen

    def __call__(self, attn: Any, hidden_states: Tensor, *arguments: Any, **more: Any) -> Tensor:
        read = self._own(attn, hidden_states, *arguments, **more)
        query = _heads(attn.to_q(hidden_states), attn.heads)
        answers = []
        for to_key, to_value, tokens, weights in self._seen:
            key, value = _heads(to_key(tokens), attn.heads), _heads(to_value(tokens), attn.heads)
            answer = nn.functional.scaled_dot_product_attention(query, key, value)
            answers.append(weights * answer.transpose(1, 2).flatten(2))
        found = sum(answers[1:], answers[0])
        # The layer's last step is linear, so its bias, which the words' share has already, is taken off again.
        last = attn.to_out[0]
        nothing = last(torch.zeros_like(found[:1, :1]))
        return read + (last(found) - nothing) / attn.rescale_output_factor


def _heads(tensor: Tensor, heads: int) -> Tensor:
    """(n, places, width) as (n, heads, places, width of a head)."""
    return tensor.unflatten(2, (heads, -1)).transpose(1, 2)


def tokens_of(name: str) -> str:
    """What a row calls the tokens, (tokens, width), of the picture for the adapter `name`."""
    return f"tokens for {name}"


def weight_of(name: str) -> str:
    return f"weight of tokens for {name}"
