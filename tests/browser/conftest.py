"""One JupyterLab and one browser for the folder; each test opens its notebooks in pages of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from .lab import CHROMIUM, PATIENCE, Lab, Notebook

expect.set_options(timeout=PATIENCE * 1000)

Open = Callable[[str, Sequence[str]], AbstractContextManager[Notebook]]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's browser."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    message = "chromium is missing: .ci/run says how to install it."
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        shutil.copy(Path(__file__).parent / "slow.py", lab.root / "slow.py")
        yield lab


@pytest.fixture(scope="module", params=["subshells", "no subshells"])
def any_lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab as it comes, and one that sends widgets' messages to the shell that runs the cells."""
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        if request.param == "no subshells":
            lab.set("kernels-settings", {"commsOverSubshells": "disabled"})
        yield lab


@pytest.fixture
def open_notebook(lab: Lab, browser: Browser) -> Open:
    """open_notebook(name, cells): a new notebook in a page, which must neither complain nor leave this machine."""

    @contextmanager
    def opened(name: str, cells: Sequence[str]) -> Iterator[Notebook]:
        with lab.open(browser, lab.write(f"{name}.ipynb", cells)) as notebook:
            yield notebook
            assert notebook.complaints == []
            assert notebook.strangers == []

    return opened
