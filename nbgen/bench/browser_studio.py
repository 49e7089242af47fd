"""How quickly does the studio answer: a first preview, a stop while a cell runs, keys typed while it draws?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .browser import Line, percentile, register

_CELLS = (
    "import nbgen\nstudio = nbgen.studio()\nstudio",
    """
import time, nbgen.jobs
ticks, tick = [], nbgen.jobs.Job.tick
def timed(job, done, total):
    ticks.append((job, time.monotonic()))
    tick(job, done, total)
nbgen.jobs.Job.tick = timed
""",
)
_PROMPT = ".nbgen-prompt textarea[name=prompt]"
_TIMES = 12
_KEYS = 40
_ROUNDS = 3

_FIRST_FRAME = """async () => {
    const stage = document.querySelector(".nbgen-stage");
    const before = stage.dataset.frames ?? "0";
    const began = performance.now();
    document.querySelector(".nbgen-primary").click();
    while ((stage.dataset.frames ?? "0") === before) await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""

_STOP = """async () => {
    const stop = document.querySelector(".nbgen-stop");
    const began = performance.now();
    stop.click();
    while (!stop.disabled) await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""

_TYPE = """async ([prompt, count]) => {
    const area = document.querySelector(prompt);
    const taken = [];
    for (let key = 0; key < count; key += 1) {
        const began = performance.now();
        area.value += "a";
        area.dispatchEvent(new InputEvent("input", { bubbles: true }));
        await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 0)));
        taken.push(performance.now() - began);
        await new Promise((later) => setTimeout(later, 40));
    }
    return taken;
}"""
"""How long a key takes until it is drawn, for each key."""

_IDLE = "() => document.querySelector('.nbgen-stop').disabled"


def _run(notebook: Any, code: str) -> str:
    """Run code in the kernel, beside all cells, and return what it prints."""
    said: str = notebook.page.evaluate(
        """async (code) => {
            const future = window.notebook.sessionContext.session.kernel.requestExecute({ code, store_history: false });
            let text = "";
            future.onIOPub = (message) => { if (message.header.msg_type === "stream") text += message.content.text; };
            await future.done;
            return text;
        }""",
        code,
    )
    return said


def _long(notebook: Any, steps: int, count: int) -> None:
    """Make runs long enough to be interrupted; each draws a seed, so that none comes from the store."""
    notebook.page.wait_for_selector(".nbgen-stage")  # the panel comes after its cell has ended
    _run(notebook, f"studio.set(prompt='a cat face', seed=None, steps={steps}, count={count})")


def first_preview(notebook: Any) -> list[float]:
    """Milliseconds from the click on Generate to the first frame, warm."""
    _long(notebook, 20, 1)
    taken = []
    for number in range(_TIMES + 1):
        milliseconds = notebook.page.evaluate(_FIRST_FRAME)
        notebook.page.wait_for_function(_IDLE)
        notebook.page.wait_for_timeout(300)
        taken += [milliseconds] if number else []  # the first one warms the model
    return taken


def stop_while_a_cell_runs(notebook: Any) -> list[float]:
    """Milliseconds, past the time of one step, from Stop until the panel rests, a cell running all the while."""
    _long(notebook, 100, 16)
    taken = []
    notebook.page.evaluate(
        """() => { window.notebook.sessionContext.session.kernel.requestExecute({ code: "time.sleep(60)" }); }"""
    )
    for _ in range(_TIMES // 2):
        notebook.page.evaluate(_FIRST_FRAME)
        taken.append(notebook.page.evaluate(_STOP))
        notebook.page.wait_for_timeout(300)
    notebook.interrupt()
    notebook.wait_until_idle()
    gaps = (
        "import numpy\nprint(1000 * numpy.median([late - early for (one, early), (other, late) in "
        "zip(ticks, ticks[1:]) if one is other]))"
    )
    step = float(_run(notebook, gaps))
    return [each - step for each in taken]


def typing_slowed(notebook: Any) -> list[float]:
    """Milliseconds that a key takes longer while the studio draws: the 95th percentile less that of an idle kernel."""
    _long(notebook, 100, 16)
    high, slower = percentile(0.95), []
    for _ in range(_ROUNDS):
        idle: Sequence[float] = notebook.page.evaluate(_TYPE, [_PROMPT, _KEYS])
        notebook.page.evaluate(_FIRST_FRAME)
        busy: Sequence[float] = notebook.page.evaluate(_TYPE, [_PROMPT, _KEYS])
        notebook.page.evaluate(_STOP)
        slower.append(max(0.0, high(busy) - high(idle)))
    return slower


register(
    "studio preview",
    Line("studio: click to first preview, warm", _CELLS, first_preview, "≤ 500 ms", summary=max),
)
register(
    "studio stop",
    Line(
        "studio: Stop while a cell runs, past one step",
        _CELLS,
        stop_while_a_cell_runs,
        "≤ 300 ms",
        summary=max,
    ),
)
register("studio typing", Line("studio: a key while it draws, slower by", _CELLS, typing_slowed, "≤ 50 ms"))
