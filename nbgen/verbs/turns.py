"""Several models in one comparison: does the next one fit, and which of the others lets go of its weights for it?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ..jobs import Job, submit
from ..models.base import Model
from ..models.residence import Residence


def make_room(model: Model, others: Sequence[Model]) -> None:
    """Lets `others` go of their weights, the first of them first, until those of `model` fit into memory.

    Each does so on its own thread, after whatever it is doing there. Never call this on a model's thread: two
    models that wait for each other would wait for ever.
    """
    home = model.residence
    for other in others:
        if home is None or home.fits():
            return
        if other.residence is not None and other.residence.here and other.device == model.device:
            submit(other, partial(_let_go, other.residence)).result()


def _let_go(residence: Residence, _: Job) -> None:
    residence.let_go()
