"""Is a student's answer right, not there yet, or wrong in a way that is worth a hint?

A lesson's cell ends with `nbgen.teach.check("10.1", answer)`. The part before the dot is the notebook; its judges
live in the module `JUDGES` names. An untouched stub (None, ..., or a function that returns one of them) says "not
yet" and stops nothing, so that "run all" reaches the end of every notebook.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import NbgenError, did_you_mean

JUDGES = {
    "10": "exercises_flow", "11": "exercises_samplers", "12": "exercises_gan", "13": "exercises_latent",
    "14": "exercises_latent",
}  # fmt: skip
"""Number of a notebook → the module with its judges."""

Judge = Callable[[Any], str | None]
"""Takes an answer and returns None where it is right, else a hint; raises NotYet where there is no answer."""

_JUDGES: dict[str, tuple[str, Judge]] = {}


class NotYet(Exception):
    """The stub was not touched."""


class ExerciseError(NbgenError, LookupError):
    """There is no exercise of that number."""


@dataclass(frozen=True)
class Checked:
    """What a check found. `state` is "right", "not yet" or "hint"; shows itself as one line."""

    exercise: str
    state: str
    said: str

    def __repr__(self) -> str:
        mark = {"right": "✓", "not yet": "…", "hint": "→"}[self.state]
        return f"{mark} {self.exercise}: {self.said}"


def exercise(number: str, right: str) -> Callable[[Judge], Judge]:
    """Registers a judge under a number such as "10.1"; `right` is what a correct answer is told."""

    def register(judge: Judge) -> Judge:
        _JUDGES[number] = (right, judge)
        return judge

    return register


def check(number: str, answer: Any = None) -> Checked:
    """Look at an answer to an exercise of the notebooks: right, not yet, or a hint.

    Whatever an answer that is a function raises becomes a hint, never a traceback. Raises ExerciseError for an
    exercise that does not exist.
    """
    notebook = str(number).split(".")[0]
    if notebook in JUDGES:
        importlib.import_module(f".{JUDGES[notebook]}", __package__)
    if str(number) not in _JUDGES:
        raise ExerciseError(
            f"there is no exercise {number!r:.20}: {did_you_mean(str(number), sorted(_JUDGES))}"
        )
    right, judge = _JUDGES[str(number)]
    try:
        hint = judge(there(answer))
    except NotYet:
        return Checked(str(number), "not yet", "not yet. Replace the dots, and run the cell again.")
    except Exception as error:  # a student's function may raise anything
        said = " ".join(str(error).split())[:200]
        return Checked(str(number), "hint", f"your answer stopped with {type(error).__name__}: {said}")
    if hint is None:
        return Checked(str(number), "right", right)
    return Checked(str(number), "hint", hint)


def judged(given: Any, right: Any, hints: Iterable[tuple[Any, str]], otherwise: str) -> str | None:
    """None for the right answer, the hint of the first mistake that it equals, else `otherwise`.

    Equal is: the same shape, and the same numbers within 1e-5.
    """
    for wrong, hint in hints:
        if _same(given, wrong):
            return hint
    return None if _same(given, right) else otherwise


def _same(answer: Any, expected: Any) -> bool:
    given, wanted = (torch.as_tensor(each, dtype=torch.float64) for each in (answer, expected))
    return given.shape == wanted.shape and bool(torch.allclose(given, wanted, rtol=1e-5, atol=1e-7))


def there(value: Any) -> Any:
    """The value, where it is one; raises NotYet for None and for three dots, also inside a tuple or list."""
    if value is None or value is ...:
        raise NotYet
    if isinstance(value, (tuple, list)) and any(one is None or one is ... for one in value):
        raise NotYet
    return value
