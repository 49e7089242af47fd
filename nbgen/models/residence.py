"""Where the weights of a model are: read only when they are needed, let go while another model needs the room.

A comparison along an axis of models checks every cell before it runs, and for that needs each model's
configuration, tokenizer and scheduler, which are small. Weights are read when a model's turn comes.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from ..engine.footprint import bytes_of
from ..engine.memory import free_bytes, give_back

_reading = threading.RLock()
"""diffusers and transformers read one model at a time: while they do, tensors are made otherwise in all threads."""
ROOM = 1.3
"""Free memory that a model is read into, as a multiple of its weights: its forwards need some too."""

_weightless: contextvars.ContextVar[bool] = contextvars.ContextVar("weightless", default=False)


@contextlib.contextmanager
def weightless() -> Iterator[None]:
    """Models that are loaded inside, and were not before, have no weights until they are asked to be `ready`."""
    token = _weightless.set(True)
    try:
        yield
    finally:
        _weightless.reset(token)


def is_weightless() -> bool:
    """Whether models are only asked what their configuration tells."""
    return _weightless.get()


def shell_of(kind: type, folder: Path, dtype: torch.dtype) -> torch.nn.Module | None:
    """A part with its configuration and without its numbers, inside `weightless`; None outside.

    kind: a model class of diffusers or transformers; folder: where its config.json lies
    """
    if not is_weightless():
        return None
    made: Any = kind
    with torch.device("meta"):
        if hasattr(kind, "load_config"):
            part = made.from_config(made.load_config(folder, local_files_only=True))
        else:
            part = made(made.config_class.from_pretrained(folder, local_files_only=True))
    return torch.nn.Module.to(
        part, dtype
    ).eval()  # past diffusers' own `to`, which warns of what is no loss here


class Residence:
    """The parts of a model, under their own names, whose weights can be let go and read again.

    `read()` gives an object with the parts as attributes, and is called again whenever the weights are wanted
    back; `device` is where they are then. Between, parts have their configuration and tensors without memory.
    """

    def __init__(self, read: Callable[[], Any], device: torch.device) -> None:
        self._read = read
        self.device = device
        with _reading:
            self.parts = read()
        self.here = not is_weightless()

    def __getattr__(self, name: str) -> Any:
        if name == "parts":  # not there yet: an object that is only being made
            raise AttributeError(name)
        return getattr(self.parts, name)

    @property
    def bytes(self) -> int:
        """What the weights take where they are used, also while they are not there."""
        return bytes_of(self._modules())

    def ready(self) -> None:
        """Reads the weights if they are not there."""
        with _reading:
            if not self.here:
                token = _weightless.set(False)
                try:
                    self.parts = self._read()
                finally:
                    _weightless.reset(token)
                self.here = True

    def let_go(self) -> None:
        """Frees the memory of the weights. Only on the thread that runs the model, so that no forward needs them."""
        with _reading:
            if self.here:
                self.here = False
                for module in self._modules():
                    module.to("meta")
                give_back(self.device)

    def fits(self) -> bool:
        """Whether the weights are there, or there is room for them now."""
        return self.here or free_bytes(self.device) >= ROOM * self.bytes

    def _modules(self) -> list[torch.nn.Module]:
        return [part for part in vars(self.parts).values() if isinstance(part, torch.nn.Module)]
