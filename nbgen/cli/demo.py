"""`python -m nbgen demo`: the quickstart without a browser, as a web page and its pictures."""

from __future__ import annotations

import base64
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import NbgenError
from . import notebooks

_CELL_SECONDS = 900

_TEMPLATE = """
{%- extends "lab/index.html.j2" -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
"""
"""nbconvert's page without the scripts that it would fetch from the network as the page opens."""


class DemoError(NbgenError):
    """The demonstration cannot be run here."""


def run_demo(folder: Path) -> int:
    """Run the quickstart in a temporary store; write the page and the pictures to `folder`, say where."""
    notebook = read(notebooks.shipped() / notebooks.QUICKSTART)
    print(f"Running {notebooks.QUICKSTART}: {_count(notebook)} cells, a minute or two.", flush=True)
    failure = execute(notebook)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        name = notebooks.QUICKSTART.removesuffix(".ipynb").lstrip("0123456789-")
        for old in folder.glob(f"{name}-*.png"):
            old.unlink()
        page = folder / f"{name}.html"
        page.write_text(_to_html(notebook, name), encoding="utf-8")
        made = []
        for number, png in enumerate(pictures(notebook), 1):
            made.append(folder / f"{name}-{number:02}.png")
            made[-1].write_bytes(png)
    except OSError as error:
        raise DemoError(f"the results cannot be written to {folder}: {error.strerror}.") from None
    print(f"{page}\n{len(made)} pictures beside it")
    if failure is not None:
        plain = re.sub("\x1b\\[[0-9;]*m", "", str(failure))
        print(f"A cell failed, and the page ends there:\n{plain}", file=sys.stderr)
        return 1
    return 0


def pictures(notebook: Any) -> Iterator[bytes]:
    """Every PNG among the outputs of a notebook, in reading order."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {}).get("image/png")
            if data:
                yield base64.b64decode(data)


def execute(notebook: Any) -> Exception | None:
    """Run every cell in this Python, in an empty folder; the error of the cell that failed, if one did."""
    try:
        from jupyter_client.kernelspec import KernelSpecManager
        from jupyter_client.manager import AsyncKernelManager
        from nbclient import NotebookClient
        from nbclient.exceptions import CellControlSignal, CellTimeoutError, DeadKernelError
    except ImportError as error:
        raise DemoError(f"{error.name} is not installed: python -m pip install nbclient ipykernel") from None

    with tempfile.TemporaryDirectory(prefix="nbgen-demo-", ignore_cleanup_errors=True) as place:
        environment = {
            **os.environ,
            "NBGEN_STORE": os.path.join(place, "store"),
            "NBGEN_PROGRESS": "none",
            "HF_HUB_OFFLINE": "1",
            **_python_path(),
        }
        # Without kernel folders, "python3" can only mean the Python that runs this.
        manager = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
        if manager.has_trait("transport_encryption"):  # where jupyter_client has it, kernels warn without
            manager.transport_encryption = "auto"
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=_CELL_SECONDS,
            resources={"metadata": {"path": place}},
            on_cell_executed=_progress(_count(notebook)),
        )
        try:
            client.execute(env=environment, cleanup_kc=True)
        except (CellControlSignal, CellTimeoutError, DeadKernelError) as error:
            return error
    return None


def _python_path() -> dict[str, str]:
    """PYTHONPATH for the kernel, which runs in another folder: a clone may be run without being installed."""
    if not notebooks.is_clone():
        return {}
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(notebooks.REPOSITORY), *([inherited] if inherited else [])])}


def _progress(total: int) -> Any:
    """A hook that counts cells on one line of a terminal, and says nothing elsewhere."""
    done = 0

    def tell(**_: Any) -> None:
        nonlocal done
        done += 1
        if sys.stdout.isatty():
            print(f"\r{done} of {total}" if done < total else "\r" + " " * 20 + "\r", end="", flush=True)

    return tell


def _count(notebook: Any) -> int:
    return sum(cell.cell_type == "code" for cell in notebook.cells)


def read(path: Path) -> Any:
    try:
        import nbformat
    except ImportError:
        raise DemoError("nbformat is not installed: python -m pip install nbclient nbconvert") from None
    return nbformat.read(path, as_version=4)


def _to_html(notebook: Any, title: str) -> str:
    try:
        from jinja2 import DictLoader
        from nbconvert import HTMLExporter
    except ImportError:
        raise DemoError("nbconvert is not installed: python -m pip install nbconvert") from None
    exporter = HTMLExporter(
        extra_loaders=[DictLoader({"offline.html.j2": _TEMPLATE})],
        template_file="offline.html.j2",
        exclude_anchor_links=True,
    )
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return str(page)
