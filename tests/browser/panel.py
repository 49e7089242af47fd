"""The studio's panel in a page: opened, written into, pressed, and looked at."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from .lab import Notebook

START = """
import nbgen
studio = nbgen.studio()
studio
"""
PROMPT = ".nbgen-prompt textarea[name=prompt]"
OPTION = ".nbgen-strip .nbgen-list [role=option]"


def ready(notebook: Notebook) -> None:
    notebook.run(0)
    notebook.page.wait_for_selector(PROMPT)


def write(notebook: Notebook, prompt: str) -> None:
    notebook.page.fill(PROMPT, prompt)
    notebook.page.wait_for_function("() => /tokens/.test(document.querySelector('.nbgen-told').textContent)")


def put(notebook: Notebook, **fields: object) -> None:
    """Set controls through Python, as a slider's readout is set by hand only."""
    assert evaluate(notebook, f"studio.set(**{fields!r})") == ""


def evaluate(notebook: Notebook, code: str) -> str:
    """Run code in the kernel, beside all cells, and return what it prints."""
    return notebook.page.evaluate(
        """async (code) => {
            const future = window.notebook.sessionContext.session.kernel.requestExecute({ code, store_history: false });
            let text = "";
            future.onIOPub = (message) => { if (message.header.msg_type === "stream") text += message.content.text;
                if (message.header.msg_type === "error") text += message.content.traceback.join("\\n"); };
            await future.done;
            return text;
        }""",
        code,
    )


def pictures(notebook: Notebook, count: int) -> None:
    """Wait until the strip holds `count` pictures and nothing runs."""
    notebook.page.wait_for_function(
        """([option, count]) => document.querySelector(".nbgen-stop").disabled
             && [...document.querySelectorAll(option)].filter((one) => one.checkVisibility()).length >= count""",
        arg=[OPTION, count],
    )


def large(notebook: Notebook) -> np.ndarray:
    """The large picture's pixels as the page decodes them."""
    data = notebook.page.evaluate(
        """async () => {
            const image = [...document.querySelectorAll(".nbgen-stage img")].find((one) => one.checkVisibility());
            // A picture that is replaced while it is decoded is decoded once more.
            for (let tries = 0; tries < 20; tries += 1) {
                if (await image.decode().then(() => true, () => false)) break;
                await new Promise((later) => setTimeout(later, 100));
            }
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            canvas.getContext("2d").drawImage(image, 0, 0);
            return canvas.toDataURL("image/png").split(",")[1];
        }"""
    )
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


def tab(notebook: Notebook, name: str) -> None:
    """Open one of the panel's tabs."""
    notebook.page.click(f".nbgen-panel .lm-TabBar-tabLabel:has-text('{name}')")
