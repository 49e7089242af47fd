"""A walk plays: in the cell, in the saved notebook without a kernel, and in its HTML export."""

from __future__ import annotations

from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Locator, Page

from .lab import Lab

CELL = """
import numpy as np, nbgen
nbgen.Walk([nbgen.Picture(np.full((16, 16, 3), level, np.uint8)) for level in (0, 80, 160, 240)], fps=5)
"""


def looks(page: Page, image: Locator) -> int:
    """How many different pictures an image on a page shows within three seconds."""
    seen = set()
    for _ in range(15):
        seen.add(image.screenshot())
        page.wait_for_timeout(200)
    return len(seen)


def test_a_walk_plays_wherever_the_notebook_is_opened(lab: Lab, browser: Browser) -> None:
    path = lab.write("walk.ipynb", [CELL])
    with lab.open(browser, path) as notebook:
        notebook.run_all()
        assert looks(notebook.page, notebook.page.locator(".jp-OutputArea-output img")) >= 3
        (output,) = notebook.outputs()[0]
        assert sorted(output["data"]) == ["image/png", "text/plain"]
    with lab.open(browser, path) as notebook:
        assert notebook.complaints == [] and notebook.strangers == []
        notebook.stop()
        notebook.page.wait_for_function("() => !window.notebook.sessionContext.session")
        assert looks(notebook.page, notebook.page.locator(".jp-OutputArea-output img")) >= 3
    page = browser.new_page()
    page.context.set_offline(True)
    page.set_content(HTMLExporter().from_filename(str(path))[0], wait_until="domcontentloaded")
    assert looks(page, page.locator(".jp-OutputArea-output img")) >= 3
    page.context.close()
