"""What the lessons show: laboratories that are live in the cell, exact where mathematics allows.

    lab = nbgen.teach.flow("two moons")      # noise, score and flow, and how samplers follow it
    game = nbgen.teach.gan("ring of eight")  # generator against discriminator
    lab = nbgen.teach.latent()               # the latent space of a style-based GAN

Names are looked up lazily, as those of nbgen are.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "album": "albums",
    "check": "exercises",
    "drawn": "distributions",
    "flow": "score_field",
    "gan": "gan_game",
    "latent": "latent_space",
}
"""Every public name and the module it lives in. A public name is never the name of a module."""

__all__ = ["album", "check", "drawn", "flow", "gan", "latent"]

if TYPE_CHECKING:
    from .albums import album
    from .distributions import drawn
    from .exercises import check
    from .gan_game import gan
    from .latent_space import latent
    from .score_field import flow


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = value
        return value
    from ..errors import did_you_mean

    raise AttributeError(f"nbgen.teach has no {name!r}: {did_you_mean(name, _HOMES)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
