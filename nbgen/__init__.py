"""nbgen: generate, interpolate, compare and teach pictures in a notebook.

The public names are looked up lazily, so that `import nbgen` is fast and imports no torch.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Cost": "picture",
    "Grid": "verbs.grid",
    "Mix": "recipe",
    "ModelRef": "recipe",
    "Picture": "picture",
    "Pictures": "picture",
    "Recipe": "recipe",
    "Walk": "verbs.walk",
    "add_style": "styling",
    "axis": "axes",
    "blind": "verbs.judging",
    "blend": "verbs.editing",
    "collections": "verbs.remembering",
    "compare": "verbs.comparing",
    "convergence": "verbs.converging",
    "defaults": "session",
    "describe": "verbs.describing",
    "edges": "verbs.tracing",
    "filmstrip": "verbs.filming",
    "generate": "verbs.making",
    "history": "verbs.remembering",
    "interpolate": "verbs.interpolating",
    "interpolate_grid": "verbs.interpolating",
    "list_models": "models.catalogue",
    "list_samplers": "models.catalogue",
    "list_styles": "styling",
    "load": "models.loading",
    "mask": "widgets.painting",
    "outpaint": "verbs.editing",
    "plan": "verbs.comparing",
    "prune": "verbs.remembering",
    "read": "picture",
    "sketch": "widgets.painting",
    "spread": "axes",
    "studio": "widgets.studio",
    "swap_words": "axes",
    "unload": "verbs.unloading",
    "upscale": "verbs.editing",
    "vary": "verbs.varying",
}
"""Every public name and the module it lives in. A public name is never the name of a module."""

__all__ = [
    "Cost",
    "Grid",
    "Mix",
    "ModelRef",
    "Picture",
    "Pictures",
    "Recipe",
    "Walk",
    "__version__",
    "add_style",
    "axis",
    "blend",
    "blind",
    "collections",
    "compare",
    "convergence",
    "defaults",
    "describe",
    "edges",
    "errors",
    "filmstrip",
    "generate",
    "history",
    "interpolate",
    "interpolate_grid",
    "last",
    "list_models",
    "list_samplers",
    "list_styles",
    "load",
    "mask",
    "outpaint",
    "plan",
    "prune",
    "read",
    "sketch",
    "spread",
    "studio",
    "swap_words",
    "teach",
    "unload",
    "upscale",
    "vary",
]

if TYPE_CHECKING:
    from . import errors, teach
    from .axes import axis, spread, swap_words
    from .models.catalogue import list_models, list_samplers
    from .models.loading import load
    from .picture import Cost, Picture, Pictures, read
    from .recipe import Mix, ModelRef, Recipe
    from .session import defaults
    from .styling import add_style, list_styles
    from .verbs.comparing import compare, plan
    from .verbs.converging import convergence
    from .verbs.describing import describe
    from .verbs.editing import blend, outpaint, upscale
    from .verbs.filming import filmstrip
    from .verbs.grid import Grid
    from .verbs.interpolating import interpolate, interpolate_grid
    from .verbs.judging import blind
    from .verbs.making import generate
    from .verbs.remembering import collections, history, prune
    from .verbs.tracing import edges
    from .verbs.unloading import unload
    from .verbs.varying import vary
    from .verbs.walk import Walk
    from .widgets.painting import mask, sketch
    from .widgets.studio import studio

    last: Any


def __getattr__(name: str) -> Any:
    if name == "last":  # changes with every call, so it is never cached here
        return importlib.import_module(".session", __name__).latest()
    if name in ("errors", "teach"):
        return importlib.import_module(f".{name}", __name__)
    if name in _HOMES:
        value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = value
        return value
    from .errors import did_you_mean

    raise AttributeError(f"nbgen has no {name!r}: {did_you_mean(name, [*_HOMES, 'last', 'errors', 'teach'])}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext nbgen`: the cell magic %%imagine, also in a terminal. A notebook has it once nbgen is imported."""
    importlib.import_module(".verbs.imagining", __name__).register(shell)


_shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
if getattr(_shell, "kernel", None) is not None:
    load_ipython_extension(_shell)
