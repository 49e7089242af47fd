"""The quickstart in a real JupyterLab, as a person opens it: every cell runs, and says what the stored one says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser

from .lab import REPOSITORY, Lab

QUICKSTART = REPOSITORY / "notebooks" / "01-quickstart.ipynb"


def said(outputs: list[dict[str, Any]]) -> list[Any]:
    """The text of each output, and of pictures that there is one; their bits may differ between machines."""
    return [
        output["text"]
        if output["output_type"] == "stream"
        else {kind: text for kind, text in output["data"].items() if kind.startswith("text/")}
        | {"kinds": sorted(output["data"])}
        for output in outputs
    ]


@pytest.fixture
def own_lab(tmp_path: Path) -> Iterator[Lab]:
    """A JupyterLab with an empty store: the quickstart looks into it."""
    with Lab(tmp_path / "lab") as lab:
        yield lab


def test_the_quickstart_runs_from_top_to_bottom(own_lab: Lab, browser: Browser) -> None:
    lab, path = own_lab, own_lab.root / QUICKSTART.name
    shutil.copy(QUICKSTART, path)
    stored = [
        cell.outputs for cell in nbformat.read(QUICKSTART, as_version=4).cells if cell.cell_type == "code"
    ]
    with lab.open(browser, path) as notebook:
        notebook.run_all()
        outputs = notebook.outputs()
        assert not [output for cell in outputs for output in cell if output["output_type"] == "error"]
        assert [said(cell) for cell in outputs] == [said(cell) for cell in stored]
        assert path.stat().st_size < 2**20
        assert "widget" not in path.read_text()
        pictures = notebook.page.locator(".jp-OutputArea-output img")
        assert pictures.count() > 0
        notebook.page.wait_for_function(
            """() => [...document.querySelectorAll(".jp-OutputArea-output img")]
                .every((one) => one.complete && one.naturalWidth > 0)"""
        )
        assert notebook.complaints == []
        assert notebook.strangers == []
