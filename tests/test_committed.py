"""Is what lies in the repository fit to be committed? Text, code, notebooks, weights, pinned versions."""

from __future__ import annotations

import ast
import json
import os
import re
import socket
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "nbgen"


def committed(*endings: str) -> list[Path]:
    """The files that git knows or would add, with one of these endings; every one where none is given."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    paths = [REPOSITORY / name for name in listed if name and name.endswith(endings or ("",))]
    return [path for path in paths if path.is_file()]


def shown(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def test_a_file_past_300_lines_is_two_ideas() -> None:
    lengths = {shown(path): len(path.read_text().splitlines()) for path in committed(".py", ".js", ".css")}
    # A table of cases in a test is long without being two.
    most = {name: 400 if name.startswith("tests") else 300 for name in lengths}
    assert {name: length for name, length in lengths.items() if length > most[name]} == {}


def private_words() -> list[str]:
    """What tells of one machine: its name, and where its pip looks (a public index aside)."""
    words = [socket.gethostname()]
    for variable in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        for place in os.environ.get(variable, "").split():
            words += [place, urlsplit(place).hostname or ""]
    public = ("localhost", "pypi.org", "download.pytorch.org")
    return [word for word in words if len(word) > 3 and word not in public]


def test_committed_text_tells_of_no_machine() -> None:
    place = re.compile(r"(?<![\w.~}])/(?:home|Users|root|work)/\w|\b[A-Z]:\\+Users\\")
    found = []
    for path in committed():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{shown(path)}: {match[0]}" for match in place.finditer(text)]
        found += [f"{shown(path)}: {word}" for word in private_words() if word in text]
    assert not found


def test_no_pickle_no_pyplot_no_evaluation() -> None:
    forbidden = {
        "pickle",
        "cPickle",
        "cloudpickle",
        "dill",
        "joblib",
        "shelve",
        "marshal",
        "matplotlib.pyplot",
        "pylab",
    }
    for path in (*committed(".py"), *committed(".ipynb")):
        source = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            cells = json.loads(source)["cells"]
            code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
            # The body of a cell magic need not be Python: that of %%imagine is a prompt.
            source = "\n".join(cell for cell in code if not cell.startswith("%%"))
            source = re.sub(r"^\s*[%!].*$", "", source, flags=re.M)
        for node in ast.walk(ast.parse(source)):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            assert not forbidden & set(names), f"{shown(path)} imports {names}"
            if isinstance(node, ast.Call) and path.is_relative_to(PACKAGE):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "torch.load", "torch.save"), (
                    f"{shown(path)} calls {called}"
                )


@pytest.mark.parametrize("path", committed(".ipynb"), ids=lambda path: path.name)
def test_a_notebook_is_small_and_its_outputs_are_ordinary(path: Path) -> None:
    assert path.stat().st_size < 2**20
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert "widgets" not in notebook["metadata"]
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            assert output["output_type"] != "error"
            data = output.get("data", {})
            assert not any("widget" in kind for kind in data)
            text = "".join(data.get("text/plain", "")) + "".join(output.get("text", ""))
            assert not re.search(r"0x[0-9a-f]{6,}", text), f"an address in an output: {text[:200]}"


def test_weights_are_safetensors_below_60_megabytes() -> None:
    weights = [path for path in (PACKAGE / "assets").rglob("*") if path.stat().st_size > 1_000_000]
    assert all(path.suffix == ".safetensors" for path in weights)
    assert sum(path.stat().st_size for path in weights) < 60e6


def test_constraints_pin_every_requirement_and_no_build() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    asked = {re.split(r"[<>=\[;]", line)[0].strip().lower() for line in project["dependencies"]}
    for extra in project["optional-dependencies"].values():
        asked |= {re.split(r"[<>=\[;]", line)[0].strip().lower() for line in extra}
    lines = [line for line in (REPOSITORY / "constraints.txt").read_text().splitlines() if line[:1] != "#"]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    assert asked <= {line.split("==")[0].lower() for line in lines}
    assert "torch==2.13.0" in lines
