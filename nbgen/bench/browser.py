"""`python -m nbgen.bench browser`: how quickly do panels answer in a real JupyterLab, in a real browser?

One registry of timed lines. A line opens a notebook of its own, does what a person would do, and returns seconds
(or frames a second); the table shows them beside what is wanted. It needs a clone of the repository, with the
extra "browser" and Debian's chromium: the JupyterLab is that of the browser tests. Measured on a quiet machine only.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cli import notebooks
from ..errors import NbgenError
from ..show.table import Table

HOMES = ("browser_flow", "browser_gan", "browser_latent", "browser_studio")
"""Modules of this folder that register lines."""


class BrowserError(NbgenError):
    """There is no browser, or no clone, to measure with."""


@dataclass(frozen=True)
class Line:
    """One line of the table.

    `cells` are the notebook's code cells, all run first; `measure(notebook)` takes the browser tests' `Notebook` (its
    `page` is Playwright's) and returns samples. `summary` makes one number of them, `wanted` is that number's bound.
    """

    figure: str
    cells: Sequence[str]
    measure: Callable[[Any], list[float]]
    wanted: str
    unit: str = "ms"
    summary: Callable[[Sequence[float]], float] = max


LINES: dict[str, Line] = {}
"""Every timed line by name, in the order of the table."""


def register(name: str, line: Line) -> None:
    """Add a line; a name is taken once."""
    if name in LINES:
        raise ValueError(f"there is a line {name!r} already.")
    LINES[name] = line


_ANSWERS = """async ([panel, selector, times]) => {
    const frame = () => Number(panel.dataset.frame);
    const targets = [...panel.querySelectorAll(selector)];
    const next = (after) => new Promise((done) => {
        const look = () => (frame() > after ? done() : requestAnimationFrame(look));
        look();
    });
    const taken = [];
    for (let turn = 0; turn < times; turn += 1) {
        const target = targets[turn % targets.length];
        const [began, before] = [performance.now(), frame()];
        if (target.type === "range") {
            target.value = Number(target.min) + ((turn * 7) % 10 / 10) * (Number(target.max) - Number(target.min));
            target.dispatchEvent(new Event("input", { bubbles: true }));
        } else target.click();
        await next(before);
        taken.push(performance.now() - began);
        await new Promise((done) => setTimeout(done, 120));
    }
    return taken;
}"""


def answers(panel: str, selector: str, times: int) -> Callable[[Any], list[float]]:
    """Measures milliseconds until a laboratory's panel shows the next frame, its controls moved or pressed in turns."""

    def measure(notebook: Any) -> list[float]:
        shown = notebook.page.wait_for_selector(f"{panel}[data-frame]")
        notebook.page.wait_for_timeout(1500)
        taken: list[float] = notebook.page.evaluate(_ANSWERS, [shown, selector, times])
        return taken

    return measure


def percentile(part: float) -> Callable[[Sequence[float]], float]:
    """The smallest sample that at least `part` of all samples do not exceed (nearest rank).

    >>> percentile(0.95)([1.0, 2.0, 3.0, 4.0])
    4.0
    """

    def of(samples: Sequence[float]) -> float:
        return sorted(samples)[max(0, math.ceil(part * len(samples)) - 1)]

    return of


def lines() -> dict[str, Line]:
    """All lines, their modules imported."""
    for home in HOMES:
        if importlib.util.find_spec(f".{home}", __package__) is not None:
            importlib.import_module(f".{home}", __package__)
    return LINES


def table(only: Sequence[str] = ()) -> Table:
    """Measure every line, or those named, one after the other. Raises BrowserError."""
    chosen = {name: line for name, line in lines().items() if not only or name in only}
    if not chosen:
        raise BrowserError(f"there is no such line; known are: {', '.join(lines())}.")
    machinery, chromium = _machinery(), _chromium()
    from playwright.sync_api import sync_playwright

    rows: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory(prefix="nbgen-bench-", ignore_cleanup_errors=True) as folder,
        machinery.Lab(Path(folder) / "lab") as lab,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=machinery.CHROMIUM)
        for name, line in chosen.items():
            path = lab.write(f"{name.replace(' ', '-')}.ipynb", line.cells)
            with lab.open(browser, path, width=1280, height=720) as notebook:
                notebook.run_all()
                samples = line.measure(notebook)
            rows.append(
                {
                    "figure": line.figure,
                    "nbgen": f"{line.summary(samples):.0f} {line.unit}",
                    "wanted": line.wanted,
                    "median": f"{percentile(0.5)(samples):.0f} {line.unit}",
                    "samples": len(samples),
                }
            )
        browser.close()
    return Table(rows)


def _machinery() -> Any:
    if importlib.util.find_spec("playwright") is None:
        raise BrowserError('playwright is not installed: python -m pip install "nbgen[browser]"')
    if not notebooks.is_clone():
        raise BrowserError(
            "the browser is measured from a clone of the repository: its tests drive the browser."
        )
    root = str(notebooks.REPOSITORY)
    if root not in sys.path:
        sys.path.insert(0, root)
    return importlib.import_module("tests.browser.lab")


def _chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise BrowserError("chromium is missing: apt-get install chromium")
