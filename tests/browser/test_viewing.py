"""The viewer, the player and the blind test in the cells of a real JupyterLab, and %%imagine."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from .conftest import Open
from .lab import Lab

GRID = """
import nbgen, numpy as np
from nbgen import Picture
def plain(*colour): return Picture(np.full((64, 64, 3), colour, np.uint8))
grid = nbgen.compare({"one": plain(200, 0, 0), "two": plain(0, 200, 0), "three": plain(0, 0, 200)})
"""
WALK = """
walk = nbgen.Walk([plain(level, 0, 0) for level in (0, 60, 120, 180, 240)], fps=5)
other = nbgen.Walk([plain(0, level, 0) for level in (0, 120, 240)])
"""
SETTINGS = """
import nbgen
from nbgen.testing import tiny_sd
grid = nbgen.compare("a cat", model=tiny_sd(), sampler=["ddim", "heun"], seed=range(3), steps=2, store=False)
"""


def colour(page: Page, selector: str, across: float = 0.5) -> tuple[int, ...]:
    """The colour on the screen at a fraction of an element's width."""
    page.locator(f"{selector} img").evaluate_all("all => Promise.all(all.map((one) => one.decode()))")
    shot = Image.open(io.BytesIO(page.locator(selector).first.screenshot())).convert("RGB")
    return shot.getpixel((int(shot.width * across), shot.height // 2))


def test_the_viewer_wipes_and_blinks_in_the_cell_and_stays_as_a_figure(lab: Lab, browser: Browser) -> None:
    # What the panel shows as code is run, too.
    arranged = 'grid.arrange(rows="picture", hide={"picture": ["two"]})'
    marked = 'grid.at(picture="one")\ngrid.at(picture="two")'
    path = lab.write(
        "viewer.ipynb", [GRID, "grid.view()", f"{arranged}.figure();", f"{marked}.image.getpixel((0, 0))"]
    )
    with lab.open(browser, path) as notebook:
        notebook.run_all()
        page = notebook.page
        cells = page.locator(".nbgen-viewer button.cell")
        cells.first.wait_for()
        assert cells.count() == 3
        code = page.locator(".nbgen-view code")
        assert code.inner_text() == 'grid.arrange(columns="picture")'
        cells.first.focus()
        page.keyboard.press("Space")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        assert code.inner_text() == marked
        page.keyboard.press("c")  # in a notebook, "c" copies the cell
        assert (colour(page, ".pair", 0.25), colour(page, ".pair", 0.75)) == ((200, 0, 0), (0, 200, 0))
        page.keyboard.press("b")
        expect(page.locator(".pair .tag")).to_have_text("B")
        page.keyboard.press("Space")
        page.keyboard.press("Escape")
        page.get_by_label("Where picture runs").select_option("rows")
        page.keyboard.press("Escape")
        page.locator(".nbgen-viewer .axis summary").click()
        page.locator(".nbgen-viewer").get_by_label("two", exact=True).uncheck()
        cells.first.focus()
        page.keyboard.press("Escape")
        assert code.inner_text() == arranged
        for key in ("x", "a", "m", "d", "d"):  # all of them commands of the notebook's
            page.keyboard.press(key)
        assert page.locator(".jp-CodeCell").count() == 4
        _, (output,), _, (result,) = notebook.outputs()
        assert result["data"]["text/plain"] == "(0, 200, 0)"
        assert sorted(output["data"]) == ["image/png", "text/plain"]
        assert "widget" not in path.read_text()
        assert (notebook.complaints, notebook.strangers) == ([], [])
    with lab.open(browser, path) as notebook:
        notebook.stop()
        notebook.page.wait_for_function("() => !window.notebook.sessionContext.session")
        expect(notebook.page.locator(".jp-OutputArea-output img")).to_have_count(1)
        assert "not found" not in notebook.page.locator(".jp-Notebook").inner_text()


def test_two_walks_play_side_by_side_and_stop_where_one_wants(open_notebook: Open) -> None:
    cells = [
        GRID + WALK,
        "player = walk.view(beside=other)\nplayer",
        "print(player.frame, player.boomerang, player.picture.key == walk[3].key)",
    ]
    with open_notebook("player", cells) as notebook:
        notebook.run_all()
        page, player = notebook.page, notebook.page.locator(".nbgen-player")
        frames = player.locator("canvas")
        # It plays by itself, and begins again. Looked at with every frame of the page: each is there for a moment.
        for frame in ("3", "1"):
            page.wait_for_function(
                "frame => document.querySelector('.nbgen-player canvas')?.dataset.frame === frame", arg=frame
            )
        player.get_by_role("button", name="Pause").click()
        player.get_by_label("Frame", exact=True).fill("3")
        assert [frames.nth(place).get_attribute("data-frame") for place in (0, 1)] == ["3", "2"]
        assert colour(page, ".nbgen-player canvas") == (180, 0, 0)
        player.get_by_label("Boomerang").check()
        assert player.get_by_label("Frame", exact=True).get_attribute("max") == "7"
        player.get_by_label("Boomerang").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert frames.first.get_attribute("data-frame") == "3"  # over the end and back
        assert player.locator("code").inner_text() == "walk[3]"
        assert notebook.prints(2, "3 True True\n")
        player.get_by_label("Speed").fill("20")
        player.get_by_role("button", name="Play").click()
        assert player.locator("code").inner_text() == 'walk.boomerang().save("walk.png", fps=20)'
        (output,) = notebook.outputs()[1]
        assert sorted(output["data"]) == ["image/png", "text/plain"]


def test_a_blind_test_hides_everything_until_it_is_done(any_lab: Lab, browser: Browser) -> None:
    cells = [SETTINGS, "test = nbgen.blind(grid, seed=5)\ntest", "print(test.answers)\nprint(test.verdict)"]
    with any_lab.open(browser, any_lab.write("blind.ipynb", cells)) as notebook:
        notebook.run_all()
        page, panel = notebook.page, notebook.page.locator(".nbgen-blind")
        panel.wait_for()
        for number, press in enumerate(["ArrowLeft", "Left is better", "No difference"]):
            panel.get_by_text(f"Question {number + 1} of 3").wait_for()
            html = panel.inner_html()
            assert "ddim" not in html and "heun" not in html and "sampler" not in html and "seed" not in html
            if press.startswith("Arrow"):
                panel.focus()
                page.keyboard.press(press)
                panel.get_by_text("Question 2 of 3").wait_for()
                page.keyboard.press("Backspace")
                panel.get_by_text("Question 1 of 3").wait_for()
                page.keyboard.press(press)
            else:
                panel.get_by_role("button", name=press).click()
        panel.locator("table").wait_for()
        assert panel.locator("tbody tr").count() == 2
        assert "nbgen.blind(grid, by='sampler', seed=5, answers='ll=')" in panel.locator("code").inner_text()
        notebook.run(2)
        assert notebook.outputs()[2][0]["text"].startswith("ll=\n")
        # On a subshell the table is drawn, for the notebook to keep, while the next cell runs already.
        (output,) = notebook.outputs()[1]
        for _ in range(100):
            if "image/png" in output["data"]:
                break
            page.wait_for_timeout(200)
            (output,) = notebook.outputs()[1]
        assert sorted(output["data"]) == ["image/png", "text/plain"]
        assert "widget" not in Path(notebook.path).read_text()
        assert (notebook.complaints, notebook.strangers) == ([], [])


def test_imagine_is_there_once_nbgen_is_imported(open_notebook: Open) -> None:
    magic = "%%imagine n=2 seed=start steps=2 model=model\na red\napple"
    start = "import nbgen\nfrom nbgen.testing import tiny_sd\nmodel, start = tiny_sd(), 7"
    cells = [start, magic, "print(repr(_), [p.recipe.seed for p in nbgen.last])", "%%imagine cfg=3\na cat"]
    with open_notebook("imagine", cells) as notebook:
        notebook.run_all()
        _, shown, said, failed = notebook.outputs()
        assert sorted(shown[0]["data"]) == ["image/png", "text/plain"]
        assert said[0]["text"].startswith("Pictures(2: ") and said[0]["text"].endswith("[7, 8]\n")
        assert (failed[0]["ename"], failed[0]["evalue"]) == (
            "RecipeError",
            "there is no field 'cfg': nbgen calls it guidance.",
        )
