"""Work under way in a real JupyterLab: seen while it runs, and nothing of it in the saved notebook."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from .conftest import Open
from .lab import Lab, Notebook

STRIP = ".nbgen-progress"
WIDGET = "application/vnd.jupyter.widget-view+json"
START = "import nbgen, slow"


def wait_for_strip(notebook: Notebook, cell: int) -> None:
    """Until the progress strip hangs beneath that cell, and nowhere else."""
    notebook.page.wait_for_function(
        """([strip, cell]) => {
            const found = [...document.querySelectorAll(strip)];
            return found.length === 1 && found[0].closest(".jp-Cell").dataset.windowedListIndex === String(cell);
        }""",
        arg=[STRIP, cell],
    )


def described(output: dict[str, Any]) -> str:
    """An output in a few words, pictures by their kinds."""
    if output["output_type"] == "stream":
        return output["text"]
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    return " ".join(sorted(output["data"]))


def saved(notebook: Notebook) -> list[list[str]]:
    return [[described(output) for output in outputs] for outputs in notebook.outputs()]


def test_progress_is_seen_beneath_its_cell_and_leaves_nothing(open_notebook: Open) -> None:
    cells = [
        START,
        "print('before')\npictures = slow.make(3, ticks=20)\nprint('after')",
        "slow.make(3, ticks=20)",
        "for n in (3, 4):\n    print(n)\n    display(slow.make(n))",
    ]
    with open_notebook("leaves-nothing", cells) as notebook:
        notebook.run_all(wait=False)
        for cell in (1, 2, 3):
            wait_for_strip(notebook, cell)
            notebook.page.locator(f"{STRIP} img").first.wait_for()
            middle = notebook.path.with_suffix(".middle")
            notebook.save()
            middle.write_bytes(notebook.path.read_bytes())
            assert "widget" not in middle.read_text()
        notebook.wait_until_idle()
        expect(notebook.page.locator(STRIP)).to_have_count(0)
        picture = "image/png text/plain"
        assert saved(notebook) == [
            [],
            ["before\nafter\n3 pictures made; `pictures` shows them.\n"],
            [picture],
            ["3\n", picture, "4\n", picture],
        ]
        assert WIDGET not in notebook.path.read_text()
        assert "widgets" not in notebook.save().metadata


@pytest.mark.parametrize("way", ["interrupt", "stop button"])
def test_stopped_in_the_middle_it_shows_what_is_finished_and_stops_the_rest(
    open_notebook: Open, way: str
) -> None:
    cells = [START, "slow.make(40)", "print('not reached')"]
    with open_notebook(way.replace(" ", "-"), cells) as notebook:
        notebook.run_all(wait=False)
        wait_for_strip(notebook, 1)
        notebook.page.locator(STRIP, has_text=re.compile(r"([2-9]|\d\d) of 40 pictures")).wait_for()
        if way == "interrupt":
            notebook.interrupt()
        else:
            notebook.page.locator(f"{STRIP} button").click()
        notebook.wait_until_idle(15)
        expect(notebook.page.locator(STRIP)).to_have_count(0)
        _, stopped, unreached = saved(notebook)
        count = int(stopped[1].split()[3])
        assert 2 <= count < 40
        assert stopped == [
            "image/png text/plain",
            f"KeyboardInterrupt: stopped after {count} of 40 pictures; nbgen.last has them.",
        ]
        assert unreached == []
        assert len(notebook.outputs()[1][1]["traceback"]) == 1  # its line alone


def test_what_stays_of_each_call_is_the_same_on_a_second_run(open_notebook: Open) -> None:
    picture = "image/png text/plain"
    failing = "try:\n    make(2, fail=True)\nexcept ValueError as error:\n    print(error, len(nbgen.last))"
    cells = {
        f"{START}\nfrom functools import partial\nmake = partial(slow.make, beat=0)": [],
        "make(2)": [picture],
        "make(2);": ["2 pictures made; `nbgen.last` shows them.\n"],
        "one = make(1)": ["1 picture made; `one` shows it.\n"],
        "for n in (1, 2):\n    make(n)": ["3 pictures made in 2 calls; `nbgen.last` shows the latest.\n"],
        "two = make(2)\ntwo[0]": [picture],
        "display(make(2)[1])": [picture],
        failing: ["the last one fails 1\n"],
        "nbgen.last": [picture],
        "two = make(2)\n1 / 0": [
            "ZeroDivisionError: division by zero",
            "2 pictures made; `two` shows them.\n",
        ],
    }
    with open_notebook("lines", list(cells)) as notebook:
        notebook.run_all()
        assert saved(notebook) == list(cells.values())
        first = notebook.outputs()
        notebook.restart_and_run_all()
        assert notebook.outputs() == first


def test_the_engine_stops_within_a_tick_and_its_model_stays_usable(open_notebook: Open) -> None:
    start = "import nbgen\nfrom nbgen.testing import tiny_sd\nmodel = tiny_sd()"
    made = "nbgen.generate('a cat', model=model, seed=1, n={n}, steps=20, exact=True, store=False)"
    with open_notebook("engine", [start, made.format(n=60), made.format(n=2)]) as notebook:
        notebook.run_all(wait=False)
        wait_for_strip(notebook, 1)
        notebook.page.locator(STRIP, has_text=re.compile(r"([2-9]|\d\d) of 60 pictures")).wait_for()
        notebook.interrupt()
        notebook.wait_until_idle(15)
        _, stopped, unreached = saved(notebook)
        assert stopped[0] == "image/png text/plain"
        assert stopped[-1].startswith("KeyboardInterrupt: stopped after ")
        assert unreached == []
        notebook.run(2)
        assert saved(notebook)[2] == ["image/png text/plain"]


def test_with_two_notebooks_open_each_has_its_own_strip(open_notebook: Open, lab: Lab) -> None:
    lab.write("beside.ipynb", [START, "slow.make(3)"])
    with open_notebook("main", ["1", START, "slow.make(4, ticks=20)"]) as notebook:
        notebook.command("docmanager:open", path="beside.ipynb", options={"mode": "split-right"})
        notebook.page.wait_for_selector(".jp-NotebookPanel >> nth=1")
        notebook.page.evaluate("() => window.jupyterapp.shell.activateById(window.notebook.id)")
        notebook.run_all(wait=False)
        wait_for_strip(notebook, 2)
        notebook.page.locator(f"#{notebook.page.evaluate('window.notebook.id')} {STRIP}").wait_for()
        notebook.wait_until_idle()


def test_a_kernel_that_goes_takes_its_strip_along(open_notebook: Open) -> None:
    with open_notebook("dies", [START, "slow.make(40)"]) as notebook:
        notebook.run_all(wait=False)
        wait_for_strip(notebook, 1)
        notebook.lose_kernel(STRIP, seconds=10)
        assert saved(notebook)[1] == []
        notebook.complaints.clear()  # JupyterLab's own, about messages that were on their way
