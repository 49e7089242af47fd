"""A walk plays: in the cell, in the saved notebook without a kernel, and in its HTML export."""

from __future__ import annotations

from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Locator, Page

from .lab import Lab

CELL = """
import numpy as np, nbgen
nbgen.Walk([nbgen.Picture(np.full((16, 16, 3), level, np.uint8)) for level in (0, 80, 160, 240)], fps=5)
"""


def plays(page: Page, image: Locator) -> bool:
    """Whether an image on a page comes to show three different pictures."""
    seen = set()
    for look in range(60):
        seen.add(image.screenshot())
        if len(seen) >= 3:
            return True
        page.wait_for_timeout(130 + 10 * (look % 7))  # never in step with it
    return False


def test_a_walk_plays_wherever_the_notebook_is_opened(lab: Lab, browser: Browser) -> None:
    path = lab.write("walk.ipynb", [CELL])
    with lab.open(browser, path) as notebook:
        notebook.run_all()
        assert plays(notebook.page, notebook.page.locator(".jp-OutputArea-output img"))
        (output,) = notebook.outputs()[0]
        assert sorted(output["data"]) == ["image/png", "text/plain"]
    with lab.open(browser, path) as notebook:
        assert notebook.complaints == [] and notebook.strangers == []
        notebook.stop()
        notebook.page.wait_for_function("() => !window.notebook.sessionContext.session")
        assert plays(notebook.page, notebook.page.locator(".jp-OutputArea-output img"))
    page = browser.new_page()
    page.context.set_offline(True)
    page.set_content(HTMLExporter().from_filename(str(path))[0], wait_until="domcontentloaded")
    assert plays(page, page.locator(".jp-OutputArea-output img"))
    page.context.close()
