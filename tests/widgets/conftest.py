"""What holds in every test of a widget: an error in one of its callbacks fails the test, wherever it was caught."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest


@pytest.fixture
def failures(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged of errors by now; ipywidgets logs those of callbacks as warnings, and goes on."""

    def found() -> list[str]:
        return [
            record.getMessage()
            for record in caplog.get_records("call")
            if record.levelno >= logging.ERROR or record.getMessage().startswith("Exception in ")
        ]

    return found


@pytest.fixture(autouse=True)
def no_callback_fails(failures: Callable[[], list[str]]) -> Iterator[None]:
    yield
    assert failures() == []
