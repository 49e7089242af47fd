"""The GAN game in a real JupyterLab: stepped, rewound, played while a cell runs, refused, saved and reopened."""

from __future__ import annotations

from .conftest import Open
from .lab import Notebook
from .test_flow import PANEL, panel_ready, said

START = (
    "import nbgen\n"
    "game = nbgen.teach.gan('ring of eight', d_width=8, g_width=8, batch=16, penalty='none')\n"
    "game"
)
STEP = "print(game.state['step'], game.state['furthest'], game.playing)"


def shown_step(notebook: Notebook, wanted: str) -> None:
    """Until the panel's timeline satisfies a condition on `step`."""
    notebook.page.wait_for_function(
        "() => { const step = Number(document.querySelector('.nbgen-gan input[type=range]').value); "
        f"return {wanted}; }}"
    )


def press(notebook: Notebook, name: str) -> None:
    notebook.page.locator(PANEL).first.get_by_role("button", name=name, exact=True).click()


def test_steps_keys_and_the_timeline(open_notebook: Open) -> None:
    with open_notebook("gan-steps", [START, STEP]) as notebook:
        notebook.run(0)
        panel_ready(notebook)
        assert not notebook.page.locator(".jp-RenderedImage img").is_visible()  # the panel lies over it
        for name in ("One step of D", "One step of G", "One step of both"):
            press(notebook, name)
        shown_step(notebook, "step === 3")
        notebook.page.locator(f"{PANEL} .nbgen-plane").first.focus()
        for key in ("d", "d", "g", "ArrowRight"):  # twice D would delete the cell, were it the notebook's
            notebook.page.keyboard.press(key)
        shown_step(notebook, "step === 7")
        notebook.page.keyboard.press("ArrowLeft")
        shown_step(notebook, "step === 6")
        timeline = notebook.page.locator(f"{PANEL} input[type=range]").first
        timeline.focus()
        timeline.press("Home")
        shown_step(notebook, "step === 0")
        # The slider is where the key has put it at once; the game follows when the panel's thread comes to it.
        assert notebook.prints(1, "0 7 False\n")


def test_played_paused_and_slowed_down_while_a_cell_runs(open_notebook: Open) -> None:
    busy = "import time\nfor _ in range(6000):\n    time.sleep(0.1)"
    with open_notebook("gan-busy", [START, busy, STEP, "print(game._panel.sent)"]) as notebook:
        notebook.run(0)
        panel_ready(notebook)
        notebook.page.evaluate("() => { window.notebook.content.activeCellIndex = 1; }")
        notebook.command("notebook:run-cell", wait=False)
        press(notebook, "Play")
        shown_step(notebook, "step > 30")
        notebook.page.locator(PANEL).get_by_role("button", name="Pause").click()
        notebook.page.locator(PANEL).get_by_role("button", name="Play", exact=True).wait_for()
        press(notebook, "Slow")
        marked = notebook.page.locator(f"{PANEL} button[aria-pressed=true]", has_text="G")
        marked.and_(notebook.page.get_by_label("One step of G")).wait_for()  # whose move it was
        notebook.page.locator(PANEL).get_by_role("button", name="Pause").click()
        notebook.page.locator(PANEL).get_by_role("button", name="Slow", exact=True).wait_for()
        # The kernel's own status says "idle" after each message of the panel: the cell tells whether it runs.
        assert (
            notebook.page.evaluate("() => window.notebook.content.widgets[1].model.executionState")
            == "running"
        )
        notebook.interrupt()
        notebook.wait_until_idle()
        notebook.run(2)
        assert said(notebook, 2).endswith("False\n")
        notebook.run(3)
        last = int(notebook.page.locator(PANEL).get_attribute("data-frame") or 0)
        assert int(said(notebook, 3)) - last <= 1  # at most one frame is on its way: no backlog


def test_menus_two_runs_and_a_refusal_in_the_panel(open_notebook: Open) -> None:
    break_it = (
        "import torch\nwith torch.no_grad():\n    game.match.runs[0].discriminator[0].weight.fill_(torch.nan)"
    )
    with open_notebook("gan-two-runs", [START, break_it, STEP]) as notebook:
        notebook.run(0)
        panel_ready(notebook)
        panel = notebook.page.locator(PANEL)
        panel.get_by_label("Beside it").select_option(label="k = 5")
        panel.locator(".nbgen-gan-1 .nbgen-plane").wait_for()
        panel.locator(".nbgen-gan-1", has_text="k: 5").wait_for()
        panel.locator(".nbgen-gan-panel select").first.select_option("relativistic")
        press(notebook, "One step of both")
        shown_step(notebook, "step === 1")
        notebook.run(1)
        press(notebook, "One step of both")
        panel.get_by_role("alert").filter(has_text="the state of step 1 is kept").wait_for()
        notebook.run(2)
        assert said(notebook, 2) == "1 1 False\n"
        press(notebook, "One step of both")
        panel.get_by_role("alert").wait_for(state="hidden")
        shown_step(notebook, "step === 2")
        press(notebook, "Copy code")
        panel.locator("textarea").wait_for()
        assert "discriminator(reals()) - discriminator(fakes())" in panel.locator("textarea").input_value()


def test_words_can_be_read_in_light_and_dark(open_notebook: Open) -> None:
    smallest_and_faintest = """() => {
        const level = (colour) => {
            const [r, g, b] = colour.match(/[\\d.]+/g).map((one) => one / 255)
                .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const paper = (one) => {
            const found = getComputedStyle(one).backgroundColor;
            return found === "rgba(0, 0, 0, 0)" ? paper(one.parentElement) : found;
        };
        const kinds = "p, span, button, select, output, li, summary, h4";
        const spoken = [...document.querySelectorAll(`.nbgen-gan :is(${kinds})`)]
            .filter((one) => one.offsetParent && one.textContent.trim() && !one.hasAttribute("aria-hidden"));
        const contrast = (one) => {
            const [a, b] = [level(getComputedStyle(one).color), level(paper(one))].sort((x, y) => y - x);
            return (a + 0.05) / (b + 0.05);
        };
        const sizes = spoken.map((one) => parseFloat(getComputedStyle(one).fontSize));
        return [spoken.length, Math.min(...sizes), Math.min(...spoken.map(contrast))];
    }"""
    with open_notebook("gan-words", [START + ".beside(k=3)"]) as notebook:
        notebook.run(0)
        panel_ready(notebook)
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            notebook.command("apputils:change-theme", theme=theme)
            notebook.page.wait_for_function(
                "dark => document.body.dataset.jpThemeLight === String(!dark)", arg=theme.endswith("Dark")
            )
            notebook.page.wait_for_timeout(300)
            count, size, contrast = notebook.page.evaluate(smallest_and_faintest)
            assert count > 30 and size >= 14 and contrast >= 4.5, (theme, count, size, contrast)


def test_saved_reopened_and_restarted(open_notebook: Open, lab, browser) -> None:
    other = "other = nbgen.teach.flow('spiral', points=100, reference_steps=50)\nother"
    with open_notebook("gan-kept", [START, other]) as notebook:
        notebook.run_all()
        panel_ready(notebook, 2)
        first = notebook.outputs()[0][0]["data"]["image/png"]
        press(notebook, "Play")
        shown_step(notebook, "step > 5")
        notebook.page.locator(PANEL).first.get_by_role("button", name="Pause").click()
        for _ in range(60):  # it comes to rest, and the picture is filled in again
            notebook.page.wait_for_timeout(1000)
            (output,) = notebook.outputs()[0]
            if output["data"]["image/png"] != first:
                break
        assert set(output["data"]) == {"image/png", "text/plain"} and output["data"]["image/png"] != first
        assert "widget" not in notebook.path.read_text()
        press(notebook, "Play")
        notebook.lose_kernel(PANEL)  # in the middle of it
        notebook.page.locator(".jp-RenderedImage img").first.wait_for()
        notebook.begin_again()
        panel_ready(notebook, 2)
        notebook.save()
        path = notebook.path
    with lab.open(browser, path) as notebook:
        images = notebook.page.locator(".jp-RenderedImage img")
        images.first.wait_for()
        assert images.first.evaluate("one => one.complete && one.naturalWidth > 500")
        assert notebook.page.locator(PANEL).count() == 0
        assert "model not found" not in notebook.page.locator(".jp-Notebook").inner_text()
