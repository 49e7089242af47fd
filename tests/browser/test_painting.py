"""A mask painted by mouse, finger and keys in a real JupyterLab: what reaches Python is what was painted."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Locator, Page, expect

from .conftest import Open
from .lab import Lab, Notebook

START = """
import nbgen, numpy as np
from PIL import Image
picture = Image.new("RGB", (64, 48), "navy")
def rows(sheet): return ["".join(".#"[int(each)] for each in row) for row in np.asarray(sheet) > 127]
"""
MASK = "m = nbgen.mask(picture)\nm"
READ = "print(rows(m))"

Points = Sequence[tuple[float, float]]


def painted(notebook: Notebook, cell: int = 2) -> np.ndarray:
    """What the next cell finds in the mask."""
    notebook.run(cell)
    rows = ast.literal_eval(notebook.outputs()[cell][0]["text"])
    return np.array([[each == "#" for each in row] for row in rows])


def finds(notebook: Notebook, wanted: np.ndarray, alike: float = 1.0) -> bool:
    """Whether the next cell comes to find this in the mask: it may overtake what goes to a subshell."""
    for _ in range(20):
        found = painted(notebook)
        if (found == wanted).all() or overlap(found, wanted) >= alike:
            return True
        notebook.page.wait_for_timeout(200)
    return False


def drag(page: Page, canvas: Locator, points: Points) -> None:
    """Press at the first point, move through the others, let go; points are fractions of the sheet."""
    box = canvas.bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def brushed(points: Points, diameter: float, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    """The pixels whose centres lie within half the brush of the line through the points."""
    height, width = shape
    y, x = np.mgrid[:height, :width] + 0.5
    found = np.zeros(shape, bool)
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        one, two = np.array([x1 * width, y1 * height]), np.array([x2 * width, y2 * height])
        along = two - one
        part = ((x - one[0]) * along[0] + (y - one[1]) * along[1]) / max(along @ along, 1e-9)
        part = np.clip(part, 0, 1)
        found |= np.hypot(x - one[0] - part * along[0], y - one[1] - part * along[1]) <= diameter / 2
    return found


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def size_of_brush(pad: Locator) -> float:
    return float(pad.get_by_role("slider", name="Size").input_value())


def test_what_is_painted_by_mouse_is_what_the_next_cell_has(any_lab: Lab, browser: Browser) -> None:
    line = [(0.2, 0.3), (0.6, 0.3), (0.7, 0.8)]
    with any_lab.open(browser, any_lab.write("mask.ipynb", [START, MASK, READ])) as notebook:
        notebook.run_all()
        page, pad = notebook.page, notebook.page.locator(".nbgen-pad")
        canvas = pad.locator("canvas")
        canvas.wait_for()
        assert not painted(notebook).any()
        drag(page, canvas, line)
        expected = brushed(line, size_of_brush(pad))
        assert finds(notebook, expected, alike=0.95)
        first = painted(notebook)

        pad.get_by_role("button", name="Erase").click()
        drag(page, canvas, [(0.4, 0.0), (0.4, 0.9)])
        erased = brushed([(0.4, 0.0), (0.4, 0.9)], size_of_brush(pad))
        assert finds(notebook, expected & ~erased, alike=0.95)

        pad.get_by_role("button", name="Undo").click()
        assert finds(notebook, first)
        pad.get_by_role("button", name="Redo").click()
        assert finds(notebook, expected & ~erased, alike=0.95)
        pad.get_by_role("button", name="Clear").click()
        assert finds(notebook, np.zeros_like(first))
        canvas.focus()
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+z")
        assert finds(notebook, first)
        pad.get_by_role("button", name="Invert").click()
        assert finds(notebook, ~first)

        # Each of them in view of its code: the file has an ordinary picture, and no widget.
        (output,) = notebook.outputs()[1]
        assert sorted(output["data"]) == ["image/png", "text/plain"]
        assert output["data"]["text/plain"].startswith("Mask(64×48, ")
        assert "widget" not in Path(notebook.path).read_text()
        assert pad.locator("code").inner_text() == 'nbgen.generate("…", image=picture, mask=m)'
        assert (notebook.complaints, notebook.strangers) == ([], [])


def test_inside_another_widget_it_reaches_python_while_a_cell_runs(open_notebook: Open) -> None:
    wait = "import time\nend = time.time() + 60\n"
    wait += "while not np.asarray(m).any() and time.time() < end: time.sleep(0.05)\n"
    inside = "import ipywidgets\nm = nbgen.mask(picture)\nipywidgets.VBox([m])"
    with open_notebook("busy", [START, inside, wait + READ]) as notebook:
        notebook.run(0)
        notebook.run(1)
        canvas = notebook.page.locator(".nbgen-pad canvas")
        canvas.wait_for()
        notebook.page.evaluate("() => { window.notebook.content.activeCellIndex = 2; }")
        notebook.command("notebook:run-cell", wait=False)
        notebook.page.wait_for_timeout(500)
        drag(notebook.page, canvas, [(0.3, 0.3), (0.6, 0.6)])
        notebook.wait_until_idle(30)
        assert "#" in notebook.outputs()[2][0]["text"]


def test_the_keyboard_paints_and_the_notebook_keeps_its_cells(open_notebook: Open) -> None:
    with open_notebook("keys", [START, MASK, READ]) as notebook:
        notebook.run_all()
        page, pad = notebook.page, notebook.page.locator(".nbgen-pad")
        canvas = pad.locator("canvas")
        canvas.focus()
        for key in ("x", "a", "d", "d", "m", "]", "]", "["):  # commands of the notebook's, or of the sheet's
            page.keyboard.press(key)
        page.keyboard.press("Enter")
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowDown")
        assert page.locator(".jp-CodeCell").count() == 3
        assert pad.get_by_role("status").inner_text().startswith("Pen up. ")
        size = size_of_brush(pad)
        expected = brushed([(0.5, 0.5), (0.5 + 5 * max(1, size / 3) / 64, 0.5)], size)
        assert finds(notebook, expected, alike=0.95)
        canvas.focus()
        page.keyboard.press("f")
        page.keyboard.press("Space")
        # The cursor stands beneath the stroke or in it: filling finds what has one colour there.
        assert any(painted(notebook).sum() >= expected.sum() for _ in range(20))
        assert pad.evaluate(
            """pad => [...pad.querySelectorAll("button, input, canvas")].every(
                each => each.ariaLabel || each.textContent || each.labels?.length)"""
        )


def test_what_comes_while_a_sheet_is_decoded_waits_for_it(open_notebook: Open) -> None:
    """Undo decodes the sheet of before; what is pressed in the same moment is done to that one, in its order."""
    presses = """pad => {
        const press = (name) => [...pad.querySelectorAll("button")].find((one) => one.textContent === name).click();
        ["Paint all", "Clear", "Undo", "Undo", "Invert"].forEach(press);
    }"""
    with open_notebook("at-once", [START, MASK, READ]) as notebook:
        notebook.run_all()
        pad = notebook.page.locator(".nbgen-pad")
        drag(notebook.page, pad.locator("canvas"), [(0.2, 0.3), (0.6, 0.3)])
        expected = brushed([(0.2, 0.3), (0.6, 0.3)], size_of_brush(pad))
        assert finds(notebook, expected, alike=0.95)
        first = painted(notebook)
        pad.evaluate(presses)
        assert finds(notebook, ~first)


def test_a_finger_paints(lab: Lab, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, has_touch=True)
    notebook = Notebook(lab, context.new_page(), lab.write("touch.ipynb", [START, MASK, READ]))
    notebook.start()
    notebook.run_all()
    canvas = notebook.page.locator(".nbgen-pad canvas")
    box = canvas.bounding_box()
    assert box is not None
    notebook.page.touchscreen.tap(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    size = size_of_brush(notebook.page.locator(".nbgen-pad"))
    assert finds(notebook, brushed([(0.25, 0.5), (0.25, 0.5)], size), alike=0.9)
    notebook.stop()
    context.close()


def test_it_comes_back_with_the_page_and_leaves_its_picture_without_a_kernel(
    lab: Lab, browser: Browser
) -> None:
    path = lab.write("kept.ipynb", [START, "m = nbgen.mask(picture)\nm", READ])
    with lab.open(browser, path) as notebook:
        notebook.run_all()
        canvas = notebook.page.locator(".nbgen-pad canvas")
        canvas.wait_for()
        drag(notebook.page, canvas, [(0.2, 0.2), (0.8, 0.8)])
        size = size_of_brush(notebook.page.locator(".nbgen-pad"))
        assert finds(notebook, brushed([(0.2, 0.2), (0.8, 0.8)], size), alike=0.9)
        before = painted(notebook)
        notebook.save()
        notebook.page.reload()
        notebook.start()
        canvas.wait_for()
        notebook.page.locator(".nbgen-pad").get_by_role("button", name="Invert").click()
        assert finds(notebook, ~before)
        notebook.save()
    with lab.open(browser, path) as notebook:
        notebook.stop()
        notebook.page.wait_for_function("() => !window.notebook.sessionContext.session")
        expect(notebook.page.locator(".jp-OutputArea-output img")).to_have_count(1)
        assert notebook.page.locator(".nbgen-pad").count() == 0
        assert "not found" not in notebook.page.locator(".jp-Notebook").inner_text()


def test_a_sketch_has_its_colours_and_copies_as_code(open_notebook: Open) -> None:
    cells = [
        START,
        "s = nbgen.sketch(size=(64, 48))\ns",
        "print(s.image.getpixel((16, 24)), s.image.getpixel((60, 4)), s.size)",
        "same = eval(s.code.removeprefix('s = '))\nprint((np.asarray(same) == np.asarray(s)).all())",
    ]
    with open_notebook("sketch", cells) as notebook:
        notebook.run_all()
        pad = notebook.page.locator(".nbgen-pad")
        pad.get_by_label("Colour red").click()
        drag(notebook.page, pad.locator("canvas"), [(0.2, 0.5), (0.5, 0.5)])
        pad.get_by_role("button", name="Fill").click()
        pad.get_by_label("Another colour").fill("#00ff40")
        drag(notebook.page, pad.locator("canvas"), [(0.9, 0.9), (0.9, 0.9)])
        assert notebook.prints(2, "(214, 40, 40) (0, 255, 64) (64, 48)\n")
        assert notebook.prints(3, "True\n")
        notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        pad.get_by_role("button", name="Copy as code").click()
        pad.get_by_role("status").filter(has_text="Copied").wait_for()
        text = notebook.page.evaluate("navigator.clipboard.readText()")
        assert text.startswith('s = nbgen.sketch(size=(64, 48), start="data:image/png;base64,')
        namespace: dict[str, object] = {}
        exec("import nbgen\n" + text, namespace)
        assert np.asarray(namespace["s"]).shape == (48, 64, 3)
        assert tuple(np.asarray(namespace["s"])[24, 16]) == (214, 40, 40)


def test_inpainting_with_it_changes_only_what_is_painted(open_notebook: Open) -> None:
    cells = [
        "import nbgen, numpy as np\npicture = nbgen.generate('a red apple on a blue background', seed=7)[0]",
        MASK,
        "print(m.share > 0.1)",
        "made = nbgen.generate('a green apple', image=picture, mask=m, seed=1, steps=6)[0]",
        "apart = np.abs(np.asarray(made).astype(int) - np.asarray(picture)).max(2)\n"
        "print(apart[np.asarray(m) == 0].max(), apart[np.asarray(m) > 0].mean() > 10, round(m.share, 2))",
    ]
    with open_notebook("inpaint", cells) as notebook:
        notebook.run(0)
        notebook.run(1)
        canvas = notebook.page.locator(".nbgen-pad canvas")
        canvas.wait_for()
        pad = notebook.page.locator(".nbgen-pad")
        pad.get_by_role("slider", name="Size").fill("24")
        drag(notebook.page, canvas, [(0.3, 0.5), (0.7, 0.5)])
        assert notebook.prints(2, "True\n")
        notebook.run(3)
        notebook.run(4)
        outside, inside, share = notebook.outputs()[4][0]["text"].split()
        assert (outside, inside) == ("0", "True") and 0.1 < float(share) < 0.5
