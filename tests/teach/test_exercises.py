"""Does every exercise pass its solution, wait for an untouched stub, and tell typical mistakes apart?"""

from __future__ import annotations

import importlib
from collections import Counter
from typing import Any

import pytest
import torch

from nbgen.teach import exercises
from nbgen.teach.exercises import ExerciseError, check
from tests.teach.answers import MISTAKES, SOLUTIONS, principal


def test_every_exercise_has_a_solution_here_and_mistakes() -> None:
    for module in set(exercises.JUDGES.values()):
        importlib.import_module(f"nbgen.teach.{module}")
    assert set(exercises._JUDGES) == set(SOLUTIONS) == {number for number, _, _ in MISTAKES}


@pytest.mark.parametrize("number", SOLUTIONS)
def test_the_solution_passes(number: str) -> None:
    found = check(number, SOLUTIONS[number])
    assert found.state == "right", found
    assert repr(found).startswith(f"✓ {number}: right")


@pytest.mark.parametrize("number", SOLUTIONS)
@pytest.mark.parametrize(
    "stub", [None, ..., lambda *_: None, lambda *_: ...], ids=["None", "...", "pass", "dots"]
)
def test_an_untouched_stub_is_not_there_yet(number: str, stub: Any) -> None:
    found = check(number, stub)
    assert found.state == "not yet" and "not yet" in repr(found)


@pytest.mark.parametrize(("number", "answer", "said"), MISTAKES)
def test_a_typical_mistake_has_its_own_hint(number: str, answer: Any, said: str) -> None:
    found = check(number, answer)
    assert found.state == "hint"
    assert said in found.said


def test_each_hint_of_an_exercise_is_for_one_mistake_only() -> None:
    said = Counter((number, check(number, answer).said) for number, answer, _ in MISTAKES)
    assert [each for each, times in said.items() if times > 1] == []


def test_the_sign_of_a_component_is_free() -> None:
    assert check("13.3", lambda styles: -principal(styles)).state == "right"


@pytest.mark.parametrize("answer", [7, "text", [], object(), torch.zeros(3)])
def test_whatever_is_no_function_gets_a_hint_and_no_traceback(answer: Any) -> None:
    assert check("10.1", answer).state == "hint"


def test_an_exercise_that_does_not_exist_is_said_to() -> None:
    with pytest.raises(ExerciseError, match=r"no exercise '10\.9': did you mean '10\.1'"):
        check("10.9", None)
    with pytest.raises(ExerciseError, match="no exercise 'abc'"):
        check("abc")
