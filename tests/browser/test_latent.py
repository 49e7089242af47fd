"""The latent space laboratory in a real JupyterLab: pushed by keys, asked, refused, kept, saved and reopened."""

from __future__ import annotations

from .conftest import Open
from .lab import Notebook
from .test_flow import PANEL, panel_ready, said

START = "import nbgen\nlab = nbgen.teach.latent(prompt='any fruit')\nlab"
STATE = "print(lab.recipe.prompt, dict(lab.recipe.direction), lab.recipe.truncation, lab.kept)"


def told(notebook: Notebook, wanted: str) -> None:
    """Until a line of the panel says this."""
    notebook.page.locator(PANEL).get_by_text(wanted).wait_for()


def test_sliders_words_and_names_answer(open_notebook: Open) -> None:
    with open_notebook("latent", [START, STATE]) as notebook:
        notebook.run(0)
        panel_ready(notebook)
        told(notebook, "the seed chooses one of 16 objects and one of 10 backgrounds")
        panel = notebook.page.locator(PANEL)
        first = panel.locator(".nbgen-latent-sliders input").first
        for _ in range(8):  # arrows that would walk through the notebook's cells
            first.press("ArrowRight")
        told(notebook, "direction: c0 +0.8σ")
        panel.get_by_label("Push").select_option(label="fine layers")
        panel.locator(".nbgen-latent-sliders input").nth(1).press("End")
        told(notebook, "direction: c0 +0.8σ, c1@fine +5.0σ")
        panel.get_by_label("Name").fill("mine")
        panel.get_by_role("button", name="Keep").click()
        panel.get_by_label("Kept").wait_for()
        panel.get_by_role("button", name="Reset").click()
        panel.get_by_label("Kept").select_option("mine")
        told(notebook, "direction: c0 +0.8σ, c1@fine +5.0σ")
        panel.get_by_label("Words").fill("a zebra on a blue background")
        panel.get_by_label("Words").press("Enter")
        told(notebook, "object and background are named: every seed gives the same picture")
        notebook.run(1)
        assert said(notebook, 1) == (
            "a zebra on a blue background {'c0': 0.8, 'c1@fine': 5.0} 1.0 {'mine': {'c0': 0.8, 'c1@fine': 5.0}}\n"
        )


def test_a_word_that_it_does_not_know_changes_nothing(open_notebook: Open) -> None:
    with open_notebook("latent-words", [START, STATE]) as notebook:
        notebook.run(0)
        panel_ready(notebook)
        words = notebook.page.locator(PANEL).get_by_label("Words")
        words.fill("a <b>gizmotron</b>")
        words.press("Enter")
        notebook.page.locator(PANEL).get_by_role("alert").filter(has_text="this model knows no").wait_for()
        notebook.run(1)
        assert said(notebook, 1).startswith("any fruit {} 1.0")


def test_the_picture_is_there_without_a_kernel(open_notebook: Open, lab, browser) -> None:
    with open_notebook("latent-kept", [START]) as notebook:
        notebook.run(0)
        panel_ready(notebook)
        notebook.save()
        assert "widget" not in notebook.path.read_text()
        path = notebook.path
    with lab.open(browser, path) as notebook:
        image = notebook.page.locator(".jp-RenderedImage img")
        image.wait_for()
        assert image.evaluate("one => one.complete && one.naturalWidth > 300")
        assert notebook.page.locator(PANEL).count() == 0
