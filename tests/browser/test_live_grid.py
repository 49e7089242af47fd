"""A comparison fills a live grid: finished cells, glimpses of those under way, and empty places."""

from __future__ import annotations

from playwright.sync_api import expect

from .conftest import Open

STRIP = ".nbgen-progress"


def test_a_comparison_fills_its_grid(open_notebook: Open) -> None:
    cells = [
        "import nbgen\nmodel = nbgen.load('mini', rows=8)",
        "nbgen.compare('a cat face', sampler=['ddim', 'heun', 'dpm++2m'], seed=range(6), steps=12, model=model)",
    ]
    with open_notebook("live-grid", cells) as notebook:
        notebook.run_all(wait=False)
        page = notebook.page
        page.wait_for_function(
            f"""() => {{
                const cells = [...document.querySelectorAll("{STRIP} .nbgen-progress-grid > *")];
                const of = (version) => cells.filter((cell) => version(cell.dataset.version)).length;
                return cells.length === 18 && of((v) => v === "finished") >= 3
                    && of((v) => v && v !== "finished") >= 1 && of((v) => !v) >= 1;
            }}"""
        )
        notebook.see("live-grid")
        notebook.wait_until_idle()
        expect(page.locator(STRIP)).to_have_count(0)
        (picture,) = [output for output in notebook.outputs()[1] if "data" in output]
        assert sorted(picture["data"]) == ["image/png", "text/plain"]
