"""Does running a notebook twice give the same outputs, pictures included? Fresh kernel, fresh store, both times."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from nbgen.cli import demo

QUICK = ("01-quickstart", "05-your-own-model", "06-studio", "13-gan-latent-space")
"""One of each kind; NBGEN_NOTEBOOKS=all tries the others, too, which takes a quarter of an hour more."""
NOTEBOOKS = [
    path
    for path in sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
    if path.stem in QUICK or os.environ.get("NBGEN_NOTEBOOKS") == "all"
]


def outputs(path: Path) -> list[Any]:
    notebook = demo.read(path)
    assert demo.execute(notebook) is None
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.pop("execution_count", None)
    return [cell.get("outputs") for cell in notebook.cells]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_run_all_twice_gives_the_same_outputs(path: Path) -> None:
    first, second = outputs(path), outputs(path)
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        assert json.dumps(one) == json.dumps(other), f"cell {number} of {path.name} differs"
