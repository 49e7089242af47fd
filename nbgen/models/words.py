"""Prompts as the model reads them: each encoded once, and kept while memory allows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from torch import Tensor

from ..engine.asks import Conditioning
from ..recipe import Mix

KEPT_BYTES = 256 << 20
"""Bytes of encoded prompts kept per model: a thousand of Stable Diffusion's, sixty of FLUX.1's, which are 4 MB each."""


class Encodings:
    """The most recently used encodings, bounded in bytes, on the CPU."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._kept: OrderedDict[Hashable, dict[str, Tensor]] = OrderedDict()
        self._bytes = 0
        self._most_bytes = most_bytes

    def get(self, name: Hashable, encode: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """The encoding called `name`, made by `encode` where it is not kept."""
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        made = {key: tensor.detach().cpu() for key, tensor in encode().items()}
        self._kept[name] = made
        self._bytes += _size(made)
        while self._bytes > self._most_bytes and len(self._kept) > 1:
            self._bytes -= _size(self._kept.popitem(last=False)[1])
        return made

    def clear(self) -> None:
        self._kept.clear()
        self._bytes = 0


def conditioning(
    prompt: str | Mix | None,
    encode: Callable[[str | None], dict[str, Tensor]],
    kept: Encodings,
    way: Hashable = None,
) -> Conditioning:
    """What a prompt, or a mixture of prompts, conditions on; a mixture is Σ wᵢ·eᵢ of its parts' encodings.

    way: names how `encode` reads, where a model reads in several ways
    """
    name = prompt if way is None else (way, prompt)
    if not isinstance(prompt, Mix):
        return Conditioning(name, kept.get(name, lambda: encode(prompt)))
    parts = [(weight, conditioning(str(value), encode, kept, way).tensors) for weight, value in prompt.parts]
    mixed = {key: sum(weight * tensors[key] for weight, tensors in parts) for key in parts[0][1]}
    return Conditioning(name, mixed)  # type: ignore[arg-type]


def _size(tensors: dict[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
