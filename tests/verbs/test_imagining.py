"""%%imagine: options on its line, the prompt in its body, and errors as those of generate."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import nbgen
from nbgen.errors import RecipeError
from nbgen.testing import tiny_sd
from nbgen.verbs.imagining import imagine, options


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", {}),
        ("n=4  seed=7 guidance=3.5", {"n": 4, "seed": 7, "guidance": 3.5}),
        ("sampler=heun schedule=karras", {"sampler": "heun", "schedule": "karras"}),
        ("sampler=dpm++2m model=some/model-2", {"sampler": "dpm++2m", "model": "some/model-2"}),
        ("negative='blurry, a b' size=(96, 64)", {"negative": "blurry, a b", "size": (96, 64)}),
        ('negative="it\'s = off"', {"negative": "it's = off"}),
        ("seed=start image=pictures[1]", {"seed": 7, "image": "b"}),
        ("seed=range(start)", {"seed": range(7)}),
        ("adapters={'ink': 0.5, 'wash': 1}", {"adapters": {"ink": 0.5, "wash": 1}}),
        ("exact=True", {"exact": True}),
    ],
)
def test_options_are_python_where_it_is_known_and_text_elsewhere(line: str, expected: dict[str, Any]) -> None:
    assert options(line, {"start": 7, "pictures": ["a", "b"]}) == expected


@pytest.mark.parametrize(
    ("line", "cell", "sentence"),
    [
        ("n 4", "a cat", "written as name=value, as in n=4 seed=7, not 'n'"),
        ("n = 4", "a cat", "written as name=value"),
        ("4", "a cat", "written as name=value"),
        ("n=", "a cat", "written as name=value"),
        ("n=4 n=5", "a cat", "n is given twice"),
        ("size=(3, 4", "a cat", "a bracket is opened and not closed"),
        ("negative='blurry", "a cat", "a quote is opened and not closed"),
        ("prompt='a dog'", "a cat", "is the cell's body"),
        ("n=4", " \n ", "and there is none"),
        ("cfg=3", "a cat", "nbgen calls it guidance"),
        ("seed=-1", "a cat", "seed must be from 0"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(line: str, cell: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        imagine(line, cell, {})


def test_it_is_registered_once_and_gives_way_to_a_magic_of_that_name() -> None:
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "nbgen")
    shell.user_ns["model"] = tiny_sd()
    made = shell.run_cell_magic("imagine", "n=2 seed=3 steps=1 model=model", "a cat\nface\n")
    assert isinstance(made, nbgen.Pictures)
    assert [(picture.recipe.prompt, picture.recipe.seed) for picture in made if picture.recipe] == [
        ("a cat face", 3),
        ("a cat face", 4),
    ]
    other = InteractiveShell()
    other.register_magic_function(lambda line, cell: "mine", "cell", "imagine")
    other.run_line_magic("load_ext", "nbgen")
    assert other.run_cell_magic("imagine", "", "a cat") == "mine"
