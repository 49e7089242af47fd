"""The models that nbgen knows by name, and what suits each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import SamplerError
from ..sampling import table_of_samplers

EMBEDDED: dict[str, dict[str, Any]] = {
    "mini": {"sampler": "dpm++2m", "steps": 20, "guidance": 2.0},
}
"""Models whose weights ship inside the package, with the defaults that suit them."""


def embedded_folder(name: str) -> Path:
    """Where the weights of a shipped model lie."""
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
    return table_of_samplers(chosen.kind)


def list_models() -> Any:
    """A table of the models that `nbgen.load` knows by name."""
    from ..show.table import Table

    rows = []
    for name, defaults in EMBEDDED.items():
        megabytes = (
            sum(path.stat().st_size for path in embedded_folder(name).rglob("*") if path.is_file()) / 1e6
        )
        rows.append(
            {
                "name": name,
                "family": "sd",
                "licence": "Apache-2.0",
                "weights": f"{megabytes:.0f} MB, inside the package",
                "good for": "lessons, tests, trying things out on a laptop",
                "steps": defaults["steps"],
                "guidance": defaults["guidance"],
            }
        )
    return Table(rows)
