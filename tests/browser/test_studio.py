"""The studio in a real JupyterLab: words, pictures, stop while a cell runs, comparisons, and what the file keeps."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from .conftest import Open
from .lab import Notebook

START = """
import nbgen
studio = nbgen.studio()
studio
"""
PROMPT = ".nbgen-prompt textarea[name=prompt]"
OPTION = ".nbgen-strip .nbgen-list [role=option]"
STATE = "print(studio.busy, len(studio.pictures), [p.recipe.seed for p in studio.pictures])"


def ready(notebook: Notebook) -> None:
    notebook.run(0)
    notebook.page.wait_for_selector(PROMPT)


def write(notebook: Notebook, prompt: str) -> None:
    notebook.page.fill(PROMPT, prompt)
    notebook.page.wait_for_function("() => /tokens/.test(document.querySelector('.nbgen-told').textContent)")


def set_steps(notebook: Notebook, steps: int) -> None:
    """Through Python, as a slider's readout is set by hand only."""
    evaluate(notebook, f"studio._settings._controls['steps'].value = {steps}")


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


def test_a_prompt_becomes_a_picture_and_a_locked_seed_the_same(open_notebook: Open) -> None:
    with open_notebook("studio-create", [START, STATE]) as notebook:
        ready(notebook)
        write(notebook, "a cat face")
        notebook.page.keyboard.press("Control+Enter")
        pictures(notebook, 1)
        first = large(notebook)
        assert first.shape == (64, 64, 3) and first.std() > 20
        # At least two frames before the final picture, of a run of 20 steps.
        assert int(notebook.page.get_attribute(".nbgen-stage", "data-frames") or 0) >= 2
        notebook.page.click("button:has-text('Lock')")
        notebook.page.click(".nbgen-primary")
        notebook.page.wait_for_function("() => document.querySelector('.nbgen-stop').disabled")
        notebook.page.click(".nbgen-primary")
        pictures(notebook, 1)
        assert np.array_equal(large(notebook), first)
        notebook.run(1)
        said = notebook.outputs()[1][0]["text"]
        assert said.startswith("False 1 ")


def test_stop_is_heard_while_a_cell_runs(open_notebook: Open) -> None:
    cells = [START, "import time\ntime.sleep(60)"]
    with open_notebook("studio-stop", cells) as notebook:
        ready(notebook)
        write(notebook, "a cat face")
        set_steps(notebook, 100)
        evaluate(notebook, "studio._settings._count.value = 16")
        notebook.page.evaluate("() => { window.notebook.content.activeCellIndex = 1; }")
        notebook.command("notebook:run-cell", wait=False)
        notebook.page.wait_for_timeout(500)
        notebook.page.click(".nbgen-primary")
        notebook.page.wait_for_function("() => document.querySelector('.nbgen-stage').dataset.frames >= 2")
        notebook.page.click(".nbgen-stop")
        notebook.page.wait_for_function("() => document.querySelector('.nbgen-stop').disabled")
        assert notebook.page.inner_text(".nbgen-stage .nbgen-status").startswith("stopped after")
        # The cell goes on all the while: it is what the kernel's main thread does.
        assert "[*]" in notebook.page.inner_text(".jp-Notebook")
        notebook.interrupt()
        notebook.wait_until_idle()
        assert evaluate(notebook, "print(studio.busy)").strip() == "False"


def test_copied_code_makes_the_same_picture(open_notebook: Open) -> None:
    with open_notebook("studio-code", [START, ""]) as notebook:
        notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        ready(notebook)
        write(notebook, "a red apple on a blue background")
        notebook.page.click(".nbgen-primary")
        pictures(notebook, 1)
        shown = large(notebook)
        notebook.page.click("button[data-action=code]")
        notebook.page.wait_for_function(
            """() => [...document.querySelectorAll(".nbgen-strip .nbgen-status")]
                .some((one) => /copied/.test(one.textContent))"""
        )
        code = notebook.page.evaluate("() => navigator.clipboard.readText()")
        assert code.startswith("import nbgen\n")
        made = evaluate(notebook, code + "\nimport numpy\nprint('<', *numpy.asarray(picture).ravel(), '>')")
        pixels = np.array(made.partition("<")[2].partition(">")[0].split(), int)
        assert np.abs(pixels - shown.ravel()).mean() <= 1


def test_a_grid_fills_in_its_tab_and_what_is_inserted_stays_without_a_kernel(open_notebook: Open) -> None:
    with open_notebook("studio-compare", [START, "1"]) as notebook:
        page = notebook.page
        ready(notebook)
        write(notebook, "a cat face")
        page.click(".nbgen-primary")
        pictures(notebook, 1)
        page.click("button[data-action=insert]")
        # The page moves while the picture comes: a click in that moment would miss the tab.
        page.wait_for_selector(".jp-OutputArea-output img:visible")
        page.wait_for_timeout(500)
        page.click(".nbgen-panel .lm-TabBar-tabLabel:has-text('Compare')")
        page.wait_for_selector("text=Prompt and settings are those of the Create tab")
        values = page.locator("textarea:visible")
        values.nth(0).fill("ddim, heun")
        values.nth(1).fill("0-2")
        page.keyboard.press("Tab")  # leaves the field, as a person does
        page.wait_for_function("() => /6 cells/.test(document.body.innerText)")
        page.click("button:visible:has-text('Compare')")
        page.wait_for_function(
            """() => [...document.querySelectorAll(".nbgen-stage figcaption")]
                .some((one) => one.textContent.startsWith("Grid(sampler × seed: 2 × 3"))"""
        )
        assert large(notebook).shape[1] > 300
        page.click("button:visible:has-text('Insert below')")
        page.wait_for_timeout(500)
        notebook.see("studio-compare")
        outputs = notebook.outputs()[0]
        stored = [output["data"] for output in outputs if "image/png" in output.get("data", {})]
        assert [data["text/plain"].partition("(")[0] for data in stored] == ["Studio", "Grid"]
        assert sum(len(data["image/png"]) for data in stored) < 1_000_000
        notebook.stop()  # the kernel is gone, and with it the panel
        page.goto(f"{notebook.lab.address}/lab/workspaces/again/tree/{notebook.path.name}")
        page.wait_for_function(
            """() => [...document.querySelectorAll(".jp-OutputArea-output img")]
                .some((one) => one.complete && one.naturalWidth > 300)"""
        )


@pytest.mark.parametrize("subshells", ["perCommTarget", "disabled"])
def test_random_presses_leave_nothing_behind(open_notebook: Open, lab, subshells: str) -> None:
    settings = lab.folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    chosen = settings / "kernels-settings.jupyterlab-settings"
    chosen.write_text(f'{{"commsOverSubshells": "{subshells}"}}')
    two = START.replace("studio\n", "studio\n", 1) + "\n"
    cells = [two, "other = nbgen.studio()\nother", "print(1)"]
    try:
        with open_notebook(f"studio-presses-{subshells}", cells) as notebook:
            ready(notebook)
            notebook.run(1)
            notebook.page.wait_for_function(f"() => document.querySelectorAll({PROMPT!r}).length === 2")
            evaluate(notebook, "for each in (studio, other): each._settings._controls['steps'].value = 5")
            before = _counts(notebook)
            order = np.random.default_rng(0)
            for _ in range(60):
                panel = int(order.integers(2))
                button = ".nbgen-primary" if order.random() < 0.6 else ".nbgen-stop"
                notebook.page.evaluate(
                    "([button, panel]) => document.querySelectorAll(button)[panel].click()", [button, panel]
                )
            notebook.page.wait_for_function(
                "() => [...document.querySelectorAll('.nbgen-stop')].every((one) => one.disabled)"
            )
            assert evaluate(notebook, "print(studio.wait(60), other.wait(60))").strip() == "True True"
            assert _counts(notebook) == before
            stored = evaluate(
                notebook,
                "made = {p.key for each in (studio, other) for p in each.pictures}\n"
                "print(made <= {p.key for p in nbgen.history(limit=1000)})",
            )
            assert stored.strip() == "True"
            notebook.restart_and_run_all()
            notebook.page.wait_for_function(f"() => document.querySelectorAll({PROMPT!r}).length === 2")
            notebook.page.click(".nbgen-primary >> nth=0")
            pictures(notebook, 1)
    finally:
        chosen.unlink()


def _counts(notebook: Notebook) -> str:
    """How many threads follow a job, and how many comms there are: one a widget."""
    return evaluate(
        notebook,
        "import threading, comm\n"
        "following = [each for each in threading.enumerate() if each.name == 'nbgen-follower']\n"
        "print(len(following), len(comm.get_comm_manager().comms))",
    )
