"""Seamless textures: convolutions that go round, so that what leaves a picture on one side enters on the other."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Iterator
from typing import NamedTuple

from torch import nn

from ..recipe import Options


class Group(NamedTuple):
    """Rows that may share a forward: of one shape, all seamless or none, with the same ControlNets and adapters of
    both kinds.

    chunks: how many times the encoder's length their words have, where they have weights
    """

    shape: tuple[int, ...]
    seamless: bool
    control: tuple[str, ...] = ()
    adapters: Options = ()
    chunks: int = 1
    image_prompt: tuple[str, ...] = ()


def is_seamless(group: Hashable) -> bool:
    return isinstance(group, Group) and group.seamless


@contextlib.contextmanager
def going_round(*modules: nn.Module, on: bool = True) -> Iterator[None]:
    """Inside, every padded convolution of the modules pads with what lies at the opposite edge, not with zeros.

    The convolutions are as they were afterwards, whatever happens. A denoiser whose attention knows no places, as
    Stable Diffusion's UNets, then treats all places of a picture alike.
    """
    if not on:
        yield
        return
    convolutions = [
        layer
        for module in modules
        for layer in module.modules()
        if isinstance(layer, nn.Conv2d) and layer.padding_mode == "zeros" and any(_padding(layer))
    ]
    try:
        for layer in convolutions:
            layer.padding_mode = "circular"
        yield
    finally:
        for layer in convolutions:
            layer.padding_mode = "zeros"


def _padding(layer: nn.Conv2d) -> tuple[int, ...]:
    return () if isinstance(layer.padding, str) else layer.padding
