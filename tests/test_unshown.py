"""The line that stays beneath a cell whose results nobody displayed."""

from __future__ import annotations

from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from nbgen import unshown
from nbgen.picture import Picture, Pictures


def pictures(count: int) -> Pictures:
    return Pictures(Picture(np.full((4, 4, 3), value, np.uint8)) for value in range(count))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    results: list[Any] = []
    monkeypatch.setattr(unshown, "_results", results)
    return results


def test_a_line_names_the_variable_that_holds_the_result_or_the_latest_one() -> None:
    four, one = pictures(4), pictures(1)
    assert unshown.line([four], {"_": four, "cats": four}) == "4 pictures made; `cats` shows them."
    assert unshown.line([one], {"cats": four}) == "1 picture made; `nbgen.last` shows it."
    assert unshown.line([one[0]], {}) == "1 picture made; `nbgen.last` shows it."
    assert unshown.line([four, one], {}) == "5 pictures made in 2 calls; `nbgen.last` shows the latest."


def test_a_picture_that_stands_twice_in_a_result_counts_twice() -> None:
    same = pictures(1)[0]
    assert unshown.line([Pictures([same, same])], {}).startswith("2 pictures")


def test_a_result_counts_as_shown_when_any_part_of_it_is(made: list[Any]) -> None:
    first, second, third = pictures(2), pictures(3), pictures(1)
    made += [first, second, third]
    second[1:]._repr_mimebundle_()
    assert made == [first, third]
    third[0]._repr_mimebundle_()
    assert made == [first]
    pictures(2)._repr_mimebundle_()
    assert made == [first]
    repr(first)
    assert made == [first]


def test_in_a_notebook_the_line_is_printed_once_and_only_where_nothing_was_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NBGEN_PROGRESS")  # a front end without JupyterLab's page: there is still no widget
    start = """
import numpy as np
from nbgen import Picture, Pictures, jobs
from nbgen.verbs.waiting import deliver
class Model: pass
model = Model()
def make(n, seconds=0):
    def work(job):
        import time
        time.sleep(seconds)
        for i in range(n):
            job.picture(i, Picture(np.full((4, 4, 3), i, np.uint8)))
    return deliver(jobs.submit(model, work, total=n), lambda job: Pictures(job.pictures))
"""
    cells = [start, "a = make(2, seconds=1)", "make(2)", "make(1);\nmake(3);", "1"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [
        [output.get("text") or sorted(output["data"]) for output in cell.outputs] for cell in notebook.cells
    ]
    assert outputs == [
        [],
        ["2 pictures made; `a` shows them.\n"],
        [["image/png", "text/plain"]],
        ["4 pictures made in 2 calls; `nbgen.last` shows the latest.\n"],
        [["text/plain"]],
    ]
    assert "widgets" not in notebook.metadata
