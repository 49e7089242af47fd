"""The laboratory of score and flow in a real JupyterLab: pressed, dragged, played, interrupted, saved and reopened."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from .conftest import Open
from .lab import Notebook

PANEL = ".nbgen-laboratory"
START = "import nbgen\nlab = nbgen.teach.flow('two moons', points=300, reference_steps=50)\nlab"
STATE = "print(lab.state['view'], lab.state['particles'], round(lab.state['t'], 2), lab._panel.sent)"


def panel_ready(notebook: Notebook, count: int = 1) -> None:
    """Until so many panels have drawn a frame."""
    notebook.page.wait_for_function(
        "([panel, count]) => document.querySelectorAll(`${panel}[data-frame]`).length === count",
        arg=[PANEL, count],
    )


def choose(notebook: Notebook, view: str) -> None:
    notebook.page.locator(PANEL).get_by_role("tab", name=view).click()
    notebook.page.wait_for_function(
        "view => document.querySelector('.nbgen-tabs [aria-selected=true]')?.textContent === view", arg=view
    )


def says(notebook: Notebook, words: str) -> None:
    """Until the panel's sentence has these words."""
    notebook.page.locator(f"{PANEL} .nbgen-says", has_text=words).wait_for()


def drag(notebook: Notebook, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press at one part of the plane (0 to 1 in both directions), move, let go."""
    box = notebook.page.locator(f"{PANEL} .nbgen-plane").bounding_box()
    assert box is not None
    mouse = notebook.page.mouse
    mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    mouse.down()
    mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=6)
    mouse.up()


def said(notebook: Notebook, cell: int) -> str:
    return notebook.outputs()[cell][0]["text"]


def test_a_particle_dragged_and_released_flows_home(open_notebook: Open) -> None:
    with open_notebook("drag", [START, STATE]) as notebook:
        notebook.run(0)
        panel_ready(notebook)
        assert notebook.page.locator(f"{PANEL} .nbgen-plane").is_visible()
        assert not notebook.page.locator(".jp-RenderedImage img").is_visible()  # the panel lies over it
        choose(notebook, "Field")
        drag(notebook, (0.5, 0.5), (0.85, 0.2))
        says(notebook, "1 particle; t = 0.00")
        notebook.page.locator(f"{PANEL} .nbgen-plane").focus()
        for key in ("n", "ArrowLeft", "ArrowDown", "Enter"):  # the same without a mouse
            notebook.page.keyboard.press(key)
        says(notebook, "2 particles; t = 0.00")
        notebook.run(1)
        view, particles, time, _ = said(notebook, 1).split()
        assert (view, particles, float(time)) == ("field", "2", 0.0)


def test_sliders_menus_and_play_are_answered_while_a_cell_runs(open_notebook: Open) -> None:
    busy = "import time\nfor _ in range(6000):\n    time.sleep(0.1)"
    with open_notebook("busy", [START, busy]) as notebook:
        notebook.run(0)
        panel_ready(notebook)
        notebook.page.evaluate("() => { window.notebook.content.activeCellIndex = 1; }")
        notebook.command("notebook:run-cell", wait=False)
        slider = notebook.page.locator(PANEL).get_by_role("slider", name="Time t")
        slider.focus()
        slider.press("End")
        says(notebook, "t = 1.00")
        notebook.page.locator(PANEL).get_by_role("button", name="Restart").click()
        says(notebook, "t = 0.00")
        notebook.page.locator(PANEL).get_by_role("button", name="Play").click()
        says(notebook, "t = 1.00")
        state = "() => window.notebook.content.widgets[1].model.executionState"
        assert notebook.page.evaluate(state) == "running"
        notebook.interrupt()
        notebook.wait_until_idle()


def test_two_thousand_points_never_pile_up(open_notebook: Open) -> None:
    cells = [START.replace("300", "2000"), "lab.step(1)\nprint(lab._panel.sent)"]
    with open_notebook("pile", cells) as notebook:
        notebook.run(0)
        panel_ready(notebook)
        notebook.page.evaluate(
            """() => {
                window.most = 0; window.drawn = 0;
                const panel = document.querySelector(".nbgen-laboratory");
                new MutationObserver(() => { window.drawn += 1; }).observe(panel, {attributeFilter: ["data-frame"]});
            }"""
        )
        notebook.page.locator(PANEL).get_by_role("button", name="Restart").click()
        says(notebook, "t = 0.00")
        notebook.page.locator(PANEL).get_by_role("button", name="Play").click()
        says(notebook, "t = 1.00")
        notebook.run(1)
        sent, drawn = int(said(notebook, 1)), notebook.page.evaluate("() => window.drawn")
        last = int(notebook.page.locator(PANEL).get_attribute("data-frame") or 0)
        assert drawn >= 7  # a beat is 0.16 of time at most, however slow the page
        assert sent - last <= 1  # at most one is on its way
        assert drawn >= last - 3  # every frame that was sent was drawn


def test_one_drawn_point_is_refused_in_the_panel_and_a_drawing_is_taken(open_notebook: Open) -> None:
    with open_notebook("draw", [START, "print(lab.state['distribution'])"]) as notebook:
        notebook.run(0)
        panel_ready(notebook)
        panel = notebook.page.locator(PANEL)
        panel.get_by_role("button", name="Draw").click()
        drag(notebook, (0.5, 0.5), (0.5, 0.5))
        panel.get_by_role("button", name="Use it").click()
        panel.get_by_role("alert").filter(has_text="one point makes no distribution").wait_for()
        notebook.run(1)
        assert said(notebook, 1) == "two moons\n"
        panel.get_by_role("button", name="Draw").click()
        drag(notebook, (0.2, 0.2), (0.8, 0.7))
        panel.get_by_role("button", name="Use it").click()
        panel.get_by_role("alert").wait_for(state="hidden")
        notebook.run(1)
        assert said(notebook, 1) == "drawn\n"
        panel.get_by_role("button", name="Copy code").click()
        panel.locator("textarea").wait_for()
        assert "torch.tensor" in panel.locator("textarea").input_value()


def test_saved_and_reopened_without_its_kernel_the_picture_is_there(
    open_notebook: Open, lab, browser
) -> None:
    with open_notebook("kept", [START]) as notebook:
        notebook.run(0)
        panel_ready(notebook)
        first = notebook.outputs()[0][0]["data"]["image/png"]
        choose(notebook, "Guidance")
        for _ in range(60):  # it comes to rest, and the picture is filled in again
            notebook.page.wait_for_timeout(1000)
            (output,) = notebook.outputs()[0]
            if output["data"]["image/png"] != first:
                break
        assert set(output["data"]) == {"image/png", "text/plain"} and output["data"]["image/png"] != first
        assert "guidance" in output["data"]["text/plain"]
        assert "widget" not in notebook.path.read_text()
        path = notebook.path
    with lab.open(browser, path) as notebook:
        image = notebook.page.locator(".jp-RenderedImage img")
        image.wait_for()
        assert image.evaluate("one => one.complete && one.naturalWidth > 500")
        assert notebook.page.locator(PANEL).count() == 0
        assert "model not found" not in notebook.page.locator(".jp-Notebook").inner_text()
        kept = Image.open(io.BytesIO(base64.b64decode(notebook.outputs()[0][0]["data"]["image/png"])))
        assert np.asarray(kept.convert("L")).std() > 10  # a picture, and not an empty sheet


def test_two_laboratories_and_a_kernel_restarted_in_the_middle(open_notebook: Open) -> None:
    other = "other = nbgen.teach.flow('spiral', points=200, view='learning', batch=64, width=16)\nother"
    with open_notebook(
        "two", [START, other, "print(lab.state['view'], other.state['epoch'] > 0)"]
    ) as notebook:
        notebook.run_all()
        panel_ready(notebook, 2)
        one, two = (notebook.page.locator(PANEL).nth(place) for place in (0, 1))
        two.get_by_role("button", name="Train").click()
        two.locator(".nbgen-says", has_text="Epoch 2").wait_for()
        one.get_by_role("button", name="Play").click()
        notebook.run(2)
        assert said(notebook, 2) == "forward True\n"
        notebook.lose_kernel(PANEL)
        notebook.page.locator(".jp-RenderedImage img").first.wait_for()
        notebook.begin_again()
        panel_ready(notebook, 2)
