"""Does everything that made a picture ship with nbgen?  Then its model is found by name, and code runs as it is."""

from __future__ import annotations

import itertools

from ..model_ref import ModelRef
from .attached import Attached
from .catalogue import EMBEDDED, PARTS, embedded_folder
from .fingerprint import of_folder


def shipped_parts(ref: ModelRef) -> dict[str, str] | None:
    """The ControlNets with which `nbgen.load(ref.name, control=…)` is this model, names to names of shipped parts.

    {} is a shipped model as it is. None where files are needed that do not ship: a recipe names what its model was
    given, and the fingerprint says whether that was the shipped part.
    """
    if ref.name not in EMBEDDED:
        return None
    names = [name for kind, name in ref.beside if kind == "control"]
    if len(names) < len(ref.beside):
        return None
    if not names:
        return {}
    own = of_folder(embedded_folder(ref.name))
    for parts in itertools.product(sorted(PARTS), repeat=len(names)):
        control = dict(zip(names, parts, strict=True))
        if Attached.of(control, None).fingerprint(own) == ref.fingerprint:
            return control
    return None
