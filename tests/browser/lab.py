"""A real JupyterLab in a real browser, driven from Python: how do notebooks behave for the people who open them?

`Lab` is the server, on 127.0.0.1 with folders of its own; `Notebook` is one notebook open in a page. JupyterLab's
own test helper (`jupyterlab.galata`) removes the token and puts `window.jupyterapp` into the page.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlparse

import nbformat
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

REPOSITORY = Path(__file__).resolve().parents[2]

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--force-color-profile=srgb"]

CONFIGURATION = """
from jupyterlab.galata import configure_jupyter_server
configure_jupyter_server(c)
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = {port}
c.ServerApp.root_dir = {root!r}
c.LabApp.workspaces_dir = {workspaces!r}
c.LabApp.extension_manager = "readonly"
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.news_url = None
"""

PATIENCE = 90
"""Seconds until a wait gives up. Only what hangs meets it: a slow machine is no failed test."""

LISTEN = """() => {
    window.notebook = window.jupyterapp.shell.currentWidget;
    window.notebook.sessionContext.iopubMessage.connect((_, message) => {
        if (message.header.msg_type === "error" && message.parent_header.msg_type === "comm_msg")
            console.error(`a callback failed: ${message.content.ename}: ${message.content.evalue}`);
    });
}"""
"""An error in a widget's callback is shown nowhere; here it is one of the page's complaints."""
CUT_OFF = "Kernel message validation error"
"""What JupyterLab says of a message that a kernel did not send to its end: ipykernel's sending thread is gone a
moment before the process, and what other threads then send themselves can get into each other's way."""

LOOPBACK = {"127.0.0.1", "localhost", "::1", ""}

# What a page may complain of that no notebook caused, each with its reason.
HARMLESS = (
    "ResizeObserver loop",  # the browser's own notice that it lays out once more
    "Failed to load resource: the server responded with a status of 404",  # workspaces and favicons not there yet
)


class Lab:
    """A JupyterLab server in a temporary folder. Use it as a context manager."""

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.root = folder / "notebooks"
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment = environment or {}

    def __enter__(self) -> Lab:
        for name in ("notebooks", "home", "config", "data", "runtime", "workspaces", "ipython", "store"):
            (self.folder / name).mkdir(parents=True)
        configuration = self.folder / "config" / "jupyter_server_config.py"
        configuration.write_text(
            CONFIGURATION.format(
                port=self.port, root=str(self.root), workspaces=str(self.folder / "workspaces")
            )
        )
        environment = {
            **os.environ,
            "HOME": str(self.folder / "home"),
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "IPYTHONDIR": str(self.folder / "ipython"),
            "JUPYTERLAB_GALATA_ROOT_DIR": str(self.root),
            "NBGEN_STORE": str(self.folder / "store"),
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]).rstrip(
                os.pathsep
            ),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            **self._environment,
        }
        environment.pop("NBGEN_PROGRESS", None)
        (self.folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension").mkdir(
            parents=True
        )
        # Nobody answers the question whether JupyterLab's news may be fetched.
        self.set("notification", {"fetchNews": "false", "checkForUpdates": False})
        self._log = open(self.folder / "server.log", "wb")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--config={configuration}"],
            env=environment,
            cwd=self.root,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.terminate()
        try:
            self._server.wait(10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._log.close()

    def _wait_until_it_answers(self, seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._server.poll() is None:
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                with urllib.request.urlopen(f"{self.address}/api/status", timeout=2):
                    return
            time.sleep(0.2)
        raise RuntimeError("JupyterLab did not start:\n" + (self.folder / "server.log").read_text()[-2000:])

    def set(self, plugin: str, values: dict[str, Any]) -> None:
        """Settings of a person, of a plugin of JupyterLab's own "apputils"; pages that are opened later have them."""
        folder = self.folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
        (folder / f"{plugin}.jupyterlab-settings").write_text(json.dumps(values))

    def write(self, name: str, cells: Sequence[str]) -> Path:
        """A notebook file with these code cells, in the server's folder."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell, id=f"cell-{number}") for number, cell in enumerate(cells)],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        path = self.root / name
        nbformat.write(notebook, path)
        return path

    @contextlib.contextmanager
    def open(
        self, browser: Browser, path: Path, *, width: int = 1280, height: int = 900
    ) -> Iterator[Notebook]:
        """The notebook at `path` in a page of its own, its kernel ready."""
        with contextlib.closing(browser.new_context(viewport={"width": width, "height": height})) as context:
            notebook = Notebook(self, context.new_page(), path)
            notebook.start()
            try:
                yield notebook
            finally:
                notebook.stop()


class Notebook:
    """One notebook in a page of JupyterLab."""

    def __init__(self, lab: Lab, page: Page, path: Path) -> None:
        self.lab, self.page, self.path = lab, page, path
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        page.set_default_timeout(PATIENCE * 1000)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(known in message.text for known in HARMLESS):
            self.complaints.append(message.text)

    def _on_request(self, request: Request) -> None:
        url = urlparse(request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.hostname not in LOOPBACK:
            self.strangers.append(request.url)

    def start(self) -> None:
        relative = quote(self.path.relative_to(self.lab.root).as_posix())
        self.page.goto(f"{self.lab.address}/lab/workspaces/{self.path.stem}/tree/{relative}")
        self.page.wait_for_function(
            "window.jupyterapp && window.jupyterapp.shell.currentWidget?.context?.isReady", timeout=60_000
        )
        self.page.evaluate(LISTEN)
        self.wait_until_idle()

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            self.page.evaluate("() => window.notebook.sessionContext.shutdown()")

    def command(self, name: str, *, wait: bool = True, **arguments: Any) -> None:
        """Run one of JupyterLab's own commands, as its menus do. `wait=False` returns while it runs."""
        run = "([name, args]) => window.jupyterapp.commands.execute(name, args)"
        started = "([name, args]) => { window.jupyterapp.commands.execute(name, args); }"
        self.page.evaluate(run if wait else started, [name, arguments])

    def run_all(self, *, wait: bool = True) -> None:
        self.command("notebook:run-all-cells", wait=wait)
        if wait:
            self.wait_until_idle()

    def run(self, cell: int) -> None:
        """Run one cell and wait for it."""
        self.page.evaluate("cell => { window.notebook.content.activeCellIndex = cell; }", cell)
        self.command("notebook:run-cell")
        self.wait_until_idle()

    def restart_and_run_all(self) -> None:
        self._begin("notebook:restart-run-all")
        self._wait_until_done()
        self.wait_until_idle()
        self.complaints = [text for text in self.complaints if CUT_OFF not in text]

    def lose_kernel(self, gone: str, seconds: float = PATIENCE) -> None:
        """Restart the kernel, whatever it is doing, and wait until what `gone` selects has left the page."""
        self._begin("notebook:restart-kernel")
        self.page.wait_for_selector(gone, state="detached", timeout=seconds * 1000)
        self._wait_until_done()

    def begin_again(self) -> None:
        """Run all with the kernel that came in place of a lost one."""
        self.wait_until_idle()
        self.complaints.clear()  # JupyterLab's own, about messages that were on their way
        self.run_all()

    def _begin(self, name: str) -> None:
        """Start a command that asks first, and say yes."""
        self.page.evaluate(
            """name => {
                window.done = false;
                window.jupyterapp.commands.execute(name).then(() => { window.done = true; });
            }""",
            name,
        )
        self.page.locator(".jp-Dialog .jp-mod-accept").click()

    def _wait_until_done(self) -> None:
        """Until the command is: the old kernel has said its last "idle" long before."""
        self.page.wait_for_function("() => window.done")

    def interrupt(self) -> None:
        self.command("notebook:interrupt-kernel")

    def wait_until_idle(self, seconds: float = PATIENCE) -> None:
        """Until the kernel is idle and no cell of the notebook still waits for it."""
        self.page.wait_for_function(
            """() => window.notebook.sessionContext.session?.kernel?.status === "idle"
                  && [...window.notebook.content.widgets].every(
                       cell => cell.model.type !== "code" || cell.model.executionState === "idle")""",
            timeout=seconds * 1000,
        )

    def save(self) -> nbformat.NotebookNode:
        """Save as a person does, and read the file back."""
        self.command("docmanager:save")
        return nbformat.read(self.path, as_version=4)

    def outputs(self) -> list[list[dict[str, Any]]]:
        """The outputs of each code cell in the saved file."""
        return [cell.outputs for cell in self.save().cells if cell.cell_type == "code"]

    def prints(self, cell: int, wanted: str, times: int = 20) -> bool:
        """Whether a cell comes to print this: on a busy machine it may overtake what a widget says on a subshell."""
        for _ in range(times):
            self.run(cell)
            if self.outputs()[cell][0]["text"] == wanted:
                return True
            self.page.wait_for_timeout(200)
        return False

    def see(self, name: str) -> Path:
        """A screenshot of the page as it is, beside the server's files (never in the repository)."""
        path = self.lab.folder / f"{name}.png"
        self.page.screenshot(path=path)
        return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
