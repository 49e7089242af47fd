"""The harness itself: widgets live in this JupyterLab, and what they are told arrives."""

from __future__ import annotations

from .conftest import Open


def test_widgets_show_and_answer(open_notebook: Open) -> None:
    cells = [
        "import ipywidgets\npresses = []",
        "button = ipywidgets.Button(description='press')\nbutton.on_click(presses.append)\nbutton",
        "len(presses)",
    ]
    with open_notebook("widgets", cells) as notebook:
        notebook.run_all()
        notebook.page.locator(".jupyter-button", has_text="press").click()
        notebook.run(2)
        assert notebook.outputs()[2][0]["data"]["text/plain"] == "1"
