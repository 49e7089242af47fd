"""What must mini reach?  Every bar with what was measured for it: those for a model made in CPU hours only."""

from __future__ import annotations

from typing import Any

from nbgen.training.scenes import STYLES

RIGHT = {
    "object.object": 0.95, "object.background": 0.98, "size.size": 0.85, "place.place": 0.85,
    "number.number": 0.85, "pair.pair": 0.35, "object.crispness": 0.85, **{f"{style}.style": 0.9 for style in STYLES},
}  # fmt: skip
"""Shares of right answers by kind and key; crispness is beside the autoencoder's."""
COST = {"loading": 2.0, "alone": 1.5, "of 32": 0.5}
"""Seconds, at most, on two CPU cores."""
VARIETY = 0.5
"""Distance between pictures of one prompt beside that between references."""
FEW = 0.85
"""Objects right in four steps of one call each beside twenty-five guided ones."""


def bars(figures: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By name: "value", what was "wanted", and whether it was "reached"; what was not measured is left out."""
    found: dict[str, dict[str, Any]] = {}

    def at_least(name: str, value: float, wanted: float) -> None:
        found[name] = {"value": value, "wanted": wanted, "reached": value >= wanted}

    def at_most(name: str, value: float, wanted: float) -> None:
        found[f"{name}, at most"] = {"value": value, "wanted": wanted, "reached": value <= wanted}

    for name, wanted in RIGHT.items():
        kind, key = name.split(".")
        if key in figures["kinds"].get(kind, {}):
            at_least(name, figures["kinds"][kind][key], wanted)
    behaviour = figures.get("behaviour", {})
    if "diversity" in behaviour:
        spread = behaviour["diversity"]
        at_least("diversity beside references", spread["pictures"] / spread["references"], VARIETY)
    if "few steps" in behaviour:
        few = behaviour["few steps"]
        share = few["4 plain"] / max(few["25 guided"], 1e-9)
        at_least("objects in 4 calls beside 25 guided steps", share, FEW)
    if "samplers" in behaviour:
        errors = behaviour["samplers"]
        half = min(int(name.rsplit(" ", 1)[1]) for name in errors)
        ours, theirs = (errors[f"{name} {half}"] for name in ("dpm++2m karras", "ddim"))
        at_most(f"distance of DPM++ 2M Karras in {half} calls beside DDIM's", ours, theirs)
    for name, most in COST.items():
        if name in behaviour.get("cost", {}):
            at_most(f"seconds {name}", behaviour["cost"][name], most)
    return found
