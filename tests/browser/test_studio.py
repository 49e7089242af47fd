"""The studio in a real JupyterLab: words, pictures, stop while a cell runs, comparisons, and what the file keeps."""

from __future__ import annotations

import time

import numpy as np
from playwright.sync_api import Browser

from .conftest import Open
from .lab import Lab
from .panel import START, evaluate, large, pictures, put, ready, tab, write

STATE = "print(studio.busy, len(studio.pictures), [p.recipe.seed for p in studio.pictures])"
COUNTED = """
import nbgen.jobs
after, tick = [], nbgen.jobs.Job.tick
def counted(job, done, total):
    tick(job, done, total)
    after.extend([done] if job.stopping() else [])
nbgen.jobs.Job.tick = counted
"""
"""Counts the steps that a run makes after it was told to stop."""


def test_a_prompt_becomes_a_picture_and_a_locked_seed_the_same(open_notebook: Open) -> None:
    with open_notebook("studio-create", [START, STATE]) as notebook:
        ready(notebook)
        write(notebook, "a cat face")
        notebook.page.keyboard.press("Control+Enter")
        pictures(notebook, 1)
        first = large(notebook)
        assert first.shape == (64, 64, 3) and first.std() > 20
        # At least two frames before the final picture, of a run of 20 steps.
        assert int(notebook.page.get_attribute(".nbgen-stage", "data-frames") or 0) >= 2
        notebook.page.get_by_title("Keep this seed").click()
        notebook.page.click(".nbgen-primary")
        notebook.page.locator(".nbgen-stage .nbgen-status", has_text="from the store").first.wait_for()
        pictures(notebook, 1)
        assert np.array_equal(large(notebook), first)
        notebook.run(1)
        said = notebook.outputs()[1][0]["text"]
        assert said.startswith("False 1 ")


def test_stop_is_heard_while_a_cell_runs(open_notebook: Open) -> None:
    cells = [COUNTED + START, "import time\ntime.sleep(600)"]
    with open_notebook("studio-stop", cells) as notebook:
        ready(notebook)
        write(notebook, "a cat face")
        put(notebook, steps=100, count=16)
        notebook.page.evaluate("() => { window.notebook.content.activeCellIndex = 1; }")
        notebook.command("notebook:run-cell", wait=False)
        notebook.page.wait_for_timeout(500)
        notebook.page.click(".nbgen-primary")
        notebook.page.wait_for_function("() => document.querySelector('.nbgen-stage').dataset.frames >= 2")
        notebook.page.click(".nbgen-stop")
        notebook.page.wait_for_function("() => document.querySelector('.nbgen-stop').disabled")
        assert notebook.page.inner_text(".nbgen-stage .nbgen-status").startswith("stopped after")
        # The cell goes on all the while: it is what the kernel's main thread does.
        assert "[*]" in notebook.page.inner_text(".jp-Notebook")
        notebook.interrupt()
        notebook.wait_until_idle()
        assert evaluate(notebook, "print(studio.busy, len(after) <= 1)").strip() == "False True"


def test_copied_code_makes_the_same_picture(open_notebook: Open) -> None:
    with open_notebook("studio-code", [START, ""]) as notebook:
        notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        ready(notebook)
        write(notebook, "a red apple on a blue background")
        notebook.page.click(".nbgen-primary")
        pictures(notebook, 1)
        shown = large(notebook)
        notebook.page.click("button[data-action=code]")
        notebook.page.wait_for_function(
            """() => [...document.querySelectorAll(".nbgen-strip .nbgen-status")]
                .some((one) => /copied/.test(one.textContent))"""
        )
        code = notebook.page.evaluate("() => navigator.clipboard.readText()")
        assert code.startswith("import nbgen\n")
        made = evaluate(notebook, code + "\nimport numpy\nprint('<', *numpy.asarray(picture).ravel(), '>')")
        pixels = np.array(made.partition("<")[2].partition(">")[0].split(), int)
        assert np.abs(pixels - shown.ravel()).mean() <= 1


def test_a_grid_fills_in_its_tab_and_what_is_inserted_stays_without_a_kernel(
    lab: Lab, browser: Browser
) -> None:
    path = lab.write("studio-compare.ipynb", [START, "1"])
    with lab.open(browser, path) as notebook:
        page = notebook.page
        ready(notebook)
        write(notebook, "a cat face")
        page.click(".nbgen-primary")
        pictures(notebook, 1)
        page.click("button[data-action=insert]")
        # The page moves while the picture comes: a click in that moment would miss the tab.
        page.wait_for_selector(".jp-OutputArea-output img:visible")
        page.wait_for_timeout(500)
        tab(notebook, "Compare")
        page.wait_for_selector("text=Prompt and settings are those of the Create tab")
        values = page.locator("textarea:visible")
        values.nth(0).fill("ddim, heun")
        values.nth(1).fill("0-2")
        page.keyboard.press("Tab")  # leaves the field, as a person does
        page.wait_for_function("() => /6 cells/.test(document.body.innerText)")
        page.click("button:visible:has-text('Compare')")
        page.wait_for_function(
            """() => [...document.querySelectorAll(".nbgen-stage figcaption")]
                .some((one) => one.textContent.startsWith("Grid(sampler × seed: 2 × 3"))"""
        )
        assert large(notebook).shape[1] > 300
        page.click("button:visible:has-text('Insert below')")
        page.wait_for_timeout(500)
        page.click("button:visible:has-text('Open the viewer')")
        cells = page.locator(".nbgen-panel .nbgen-viewer button.cell")
        cells.nth(5).wait_for()
        assert cells.count() == 6
        cells.first.focus()
        for key in ("Space", "ArrowRight", "Space"):  # two are marked
            page.keyboard.press(key)
        page.keyboard.press("c")
        page.locator(".nbgen-panel .pair").wait_for()
        page.keyboard.press("b")
        page.locator(".nbgen-panel .pair .tag", has_text="B").wait_for()
        assert page.locator(".nbgen-panel .nbgen-view code").inner_text().count(".at(") == 2
        outputs = notebook.outputs()[0]
        stored = [output["data"] for output in outputs if "image/png" in output.get("data", {})]
        assert [data["text/plain"].partition("(")[0] for data in stored] == ["Studio", "Grid"]
        assert "widget" not in path.read_text()
        assert (notebook.complaints, notebook.strangers) == ([], [])
    with lab.open(browser, path) as notebook:
        notebook.stop()
        page = notebook.page
        page.wait_for_function("() => !window.notebook.sessionContext.session")
        page.wait_for_function(
            """() => [...document.querySelectorAll(".jp-OutputArea-output img")]
                .filter((one) => one.complete && one.naturalWidth > 60).length === 2"""
        )
        assert "not found" not in page.locator(".jp-Notebook").inner_text()
        assert page.locator(".nbgen-panel").count() == 0


def test_twelve_results_are_a_sheet_in_a_file_below_a_mebibyte(open_notebook: Open) -> None:
    with open_notebook("studio-twelve", [START, STATE]) as notebook:
        ready(notebook)
        write(notebook, "a cat face on a yellow background")
        put(notebook, count=12, steps=6)
        notebook.page.click(".nbgen-primary")
        pictures(notebook, 12)
        notebook.run(1)
        (shown, *_), (said,) = notebook.outputs()
        assert said["text"].startswith("False 12 ")
        assert sorted(shown["data"]) == ["image/png", "text/plain"]
        assert notebook.path.stat().st_size < 2**20


def test_a_callback_that_fails_is_a_complaint(lab: Lab, browser: Browser) -> None:
    cells = [
        "import ipywidgets\nbutton = ipywidgets.Button(description='Fail')\nbutton.on_click(lambda _: 1 / 0)\nbutton"
    ]
    with lab.open(browser, lab.write("failing.ipynb", cells)) as notebook:
        notebook.run(0)
        notebook.page.click("button:has-text('Fail')")
        end = time.monotonic() + 30
        while not notebook.complaints and time.monotonic() < end:
            notebook.page.wait_for_timeout(100)
        assert ["ZeroDivisionError" in each for each in notebook.complaints] == [True]
