"""The studio under rough hands: hundreds of presses, a restart, hidden tabs, a mouse that paints, keys alone."""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter

import numpy as np
import pytest

from .conftest import Open
from .lab import Lab, Notebook
from .panel import PROMPT, START, evaluate, pictures, put, ready, tab, write
from .test_painting import brushed, drag, overlap, size_of_brush

WATCHED = """
import time, nbgen.jobs
from nbgen.widgets.parts import Stage
from nbgen.widgets.studio import Studio
finished, sent, heard = set(), [], []
keep, frame, pressed = nbgen.jobs.Job.picture, Stage.frame, Studio._pressed
def kept(job, index, picture):
    finished.add(picture.key)
    keep(job, index, picture)
def timed(stage, *arguments):
    sent.append(time.monotonic())
    frame(stage, *arguments)
def hear(studio, message):
    pressed(studio, message)
    heard.append(message["prompt"])
nbgen.jobs.Job.picture, Stage.frame, Studio._pressed = kept, timed, hear
"""
"""What was finished, when frames were sent, and which words were pressed: noted beside nbgen, not by it."""

PRESS = """async ([count, seed]) => {
    let state = seed;
    const random = () => (state = (state * 1664525 + 1013904223) % 2 ** 32) / 2 ** 32;
    for (let pressed = 0; pressed < count; pressed += 1) {
        const button = random() < 0.6 ? ".nbgen-primary" : ".nbgen-stop";
        document.querySelectorAll(button)[random() < 0.5 ? 0 : 1].click();
        await new Promise((later) => setTimeout(later, 120 * random() ** 2));
    }
}"""

PRESSES = itertools.count(1)
"""How many blanks the words of a last press end with."""

LEFT = """
import threading, comm
from ipywidgets.widgets.widget import _instances
threads = [each.name for each in threading.enumerate() if "GarbageCollector" not in type(each).__name__]
print([threads, len(comm.get_comm_manager().comms), len(_instances)])
"""
"""What a kernel holds. ZeroMQ starts a collector of its own with the first long message, and keeps that one."""

STORED = """
from nbgen.storage import default_store
default_store().flush(60)
stored = {picture.key for picture in nbgen.history(limit=5000)}
print(len(finished) > 0, finished <= stored, {p.key for each in (studio, other) for p in each.pictures} <= stored)
"""


@pytest.mark.parametrize("subshells", ["perCommTarget", "disabled"])
def test_two_hundred_presses_and_a_restart_leave_nothing_behind(
    open_notebook: Open, lab: Lab, subshells: str
) -> None:
    lab.set("kernels-settings", {"commsOverSubshells": subshells})
    two = "".join(
        f"\nfor each in (studio, other): each.set({more})" for more in ("prompt='a cat face', steps=4",)
    )
    cells = [WATCHED + START, "other = nbgen.studio()\nother", two]
    try:
        with open_notebook(f"studio-presses-{subshells}", cells) as notebook:
            for half in (1, 2):
                if half == 1:
                    notebook.run_all()
                else:
                    notebook.page.evaluate(
                        "() => document.querySelectorAll('.nbgen-primary').forEach((one) => one.click())"
                    )
                    notebook.restart_and_run_all()
                notebook.page.wait_for_function(f"() => document.querySelectorAll({PROMPT!r}).length === 2")
                # The first run starts what stays: the model's own thread, and the shell that hears the page.
                evaluate(notebook, "studio.set(seed=1)")
                _press(notebook, 20, 7)
                _rested(notebook)
                before = ast.literal_eval(evaluate(notebook, LEFT))
                _press(notebook, 100, half)
                _rested(notebook)
                threads, *counts = ast.literal_eval(evaluate(notebook, LEFT))
                assert counts == before[1:]
                assert Counter(threads) <= Counter(before[0])
                assert evaluate(notebook, STORED).strip() == "True True True"
            notebook.page.click(".nbgen-primary >> nth=1")
            pictures(notebook, 1)
    finally:
        lab.set("kernels-settings", {})


def _press(notebook: Notebook, count: int, seed: int) -> None:
    notebook.page.evaluate(PRESS, [count, seed])


def _rested(notebook: Notebook) -> None:
    """One more of each, so that there is always something to have finished; then until nothing runs.

    The kernel hears the presses on a subshell, when it comes to them: these last ones are known by their words.
    """
    words = f"a cat face{' ' * next(PRESSES)}"
    notebook.page.evaluate(
        """([prompt, words]) => {
            document.querySelectorAll(prompt).forEach((one) => { one.value = words; });
            document.querySelectorAll(".nbgen-primary").forEach((one) => one.click());
        }""",
        [PROMPT, words],
    )
    said = ""
    while said != "2":
        said = evaluate(notebook, f"print(heard.count({words!r}))").strip()
    while said != "True True":  # the page's time limit ends a studio that hangs
        said = evaluate(notebook, "print(studio.wait(90), other.wait(90))").strip()
        assert "False" not in said
    notebook.page.wait_for_function(
        "() => [...document.querySelectorAll('.nbgen-stop')].every((one) => one.disabled)"
    )


def test_at_most_four_frames_a_second_and_none_to_a_tab_that_is_hidden(open_notebook: Open) -> None:
    calls = "print(studio._follower._job.calls[0], len(sent), studio._stage.visible)"
    with open_notebook("studio-frames", [WATCHED + START]) as notebook:
        page = notebook.page
        ready(notebook)
        write(notebook, "a cat face")
        put(notebook, steps=200, count=16)
        page.click(".nbgen-primary")
        page.wait_for_function("() => document.querySelector('.nbgen-stage').dataset.frames >= 4")
        tab(notebook, "History")
        visible = "True"
        while visible == "True":  # until the page has told that nobody looks
            done, frames, visible = evaluate(notebook, calls).split()
        later = done
        while int(later) < int(done) + 100:
            later, frames_later, _ = evaluate(notebook, calls).split()
        # One may have been on its way when the page told so.
        assert int(frames_later) <= int(frames) + 1, "a view that nobody sees costs nothing"
        tab(notebook, "Create")
        seen = page.get_attribute(".nbgen-stage", "data-frames")
        page.wait_for_function(
            "seen => document.querySelector('.nbgen-stage').dataset.frames > Number(seen)", arg=seen
        )
        page.click(".nbgen-stop")
        page.wait_for_function("() => document.querySelector('.nbgen-stop').disabled")
        times = ast.literal_eval(evaluate(notebook, "print(sent)"))
        assert min(np.diff(times)) >= 0.25


def test_what_is_painted_in_the_panel_is_all_that_changes(open_notebook: Open) -> None:
    line = [(0.3, 0.5), (0.7, 0.5)]
    compared = """
import numpy as np
from nbgen.inputs import opened
made, *_, first = studio.pictures
mask = np.asarray(opened(made.recipe.mask).convert("L")) > 127
apart = np.abs(np.asarray(made).astype(int) - np.asarray(first)).max(2)
print(apart[~mask].max(), apart[mask].mean() > 10)
print(["".join(".#"[int(each)] for each in row) for row in mask])
"""
    with open_notebook("studio-paint", [START]) as notebook:
        page = notebook.page
        ready(notebook)
        write(notebook, "a red apple on a blue background")
        put(notebook, seed=7, steps=8)
        page.click(".nbgen-primary")
        pictures(notebook, 1)
        page.click("button[data-action=mask]")
        pad = page.locator(".nbgen-panel .nbgen-pad")
        pad.get_by_role("slider", name="Size").fill("24")
        drag(page, pad.locator("canvas"), [(0.1, 0.1), (0.2, 0.2)])
        pad.get_by_role("button", name="Undo").click()
        pad.get_by_role("status").filter(has_text="Undone.").wait_for()
        drag(page, pad.locator("canvas"), line)
        size = size_of_brush(pad)
        page.click("button:has-text('Change only what is painted')")
        page.wait_for_selector("text=64×64, changed where painted")
        pad.wait_for(state="detached")  # in a moment of its own: two messages
        write(notebook, "a green apple on a blue background")
        page.click(".nbgen-primary")
        pictures(notebook, 2)
        said, rows = evaluate(notebook, compared).strip().splitlines()
        assert said == "0 True"
        mask = np.array([[each == "#" for each in row] for row in ast.literal_eval(rows)])
        assert overlap(mask, brushed(line, size, (64, 64))) >= 0.95
        page.get_by_label("Start from words alone").click()
        page.wait_for_selector("text=Drop it here, or choose a file")


NAMED = re.compile(
    r"^- (button|textbox|slider|combobox|spinbutton|checkbox|tab|listbox|option|progressbar|img)(?=[ :]|$)(.*)"
)

WALKED = """() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    const around = one.closest("label.nbgen-place") ?? one; // a file's own button is drawn by what is around it
    const ring = getComputedStyle(around);
    one.dataset.reached = "yes";
    return [Boolean(one.closest(".nbgen-panel")), ring.outlineStyle !== "none" && parseFloat(ring.outlineWidth) >= 1,
            one.outerHTML.slice(0, 120)];
}"""

FORGOTTEN = """() => [...document.querySelectorAll(".nbgen-panel :is(button, input, select, textarea, [tabindex])")]
    .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0 && !one.dataset.reached)
    .map((one) => one.outerHTML.slice(0, 120))"""


def test_every_control_has_a_name_and_is_reached_by_keys(open_notebook: Open) -> None:
    with open_notebook("studio-keys", [START]) as notebook:
        page = notebook.page
        ready(notebook)
        put(notebook, prompt="a cat face", steps=4, seed=1)
        page.click(".nbgen-primary")
        pictures(notebook, 1)
        for name in ("Create", "Compare", "Interpolate", "History"):
            tab(notebook, name)
            page.wait_for_timeout(300)
            if name == "History":  # its strip comes when the store has been searched
                page.wait_for_selector("text=the store holds")
            lines = [line.strip() for line in page.locator(".nbgen-panel").aria_snapshot().splitlines()]
            controls = [match for line in lines if (match := NAMED.match(line))]
            assert len(controls) >= 8
            assert [match[0] for match in controls if not match[2].startswith(' "')] == []
            page.locator(".nbgen-panel .lm-TabBar-tab.lm-mod-current").focus()
            for pressed in range(60):
                inside, ring, what = page.evaluate(WALKED)
                if not inside:
                    break
                assert ring or not pressed, f"no ring around {what}"  # the first had it from a mouse
                page.keyboard.press("Tab")
            assert page.evaluate(FORGOTTEN) == []
        page.locator(".nbgen-panel .lm-TabBar-tab.lm-mod-current").focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        page.locator("button:visible", has_text="Open the player").or_(
            page.get_by_label("Stops")
        ).first.wait_for()
        # Letters and Ctrl+Enter on a list are no commands of the notebook's, which would cut the cell or run it.
        tab(notebook, "Create")
        page.get_by_label("Sampler").focus()
        for key in ("x", "a", "d", "d"):
            page.keyboard.press(key)
        assert page.locator(".jp-CodeCell").count() == 1
        put(notebook, seed=2)
        page.get_by_label("Schedule").focus()
        page.keyboard.press("Control+Enter")
        pictures(notebook, 2)
        # What happens is announced: quietly while it goes on, at once where it failed.
        assert page.locator(".nbgen-stage [role=status]").count() == page.locator(".nbgen-stage").count()
        assert page.locator(".nbgen-stage [role=alert]").count() == page.locator(".nbgen-stage").count()
