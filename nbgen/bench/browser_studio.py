"""How quickly does the studio answer: a first preview, a stop while a cell runs, keys typed while it draws?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .browser import Line, percentile, register

_CELLS = ("import nbgen\nstudio = nbgen.studio()\nstudio", "import time")
_PROMPT = ".nbgen-prompt textarea[name=prompt]"
_TIMES = 12
_KEYS = 40

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


def _long(notebook: Any, steps: int, count: int) -> None:
    """Make runs long enough to be interrupted."""
    notebook.page.evaluate(
        """async (code) => {
            await window.notebook.sessionContext.session.kernel.requestExecute({ code }).done;
        }""",
        f"studio.set(prompt='a cat face', seed=1, steps={steps}, count={count})\n"
        "studio._settings._lock.value = False",
    )


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
    """Milliseconds from the click on Stop until the panel rests, a cell running all the while."""
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
    return taken


def typing_slowed(notebook: Any) -> list[float]:
    """Milliseconds that a key takes longer while the studio draws: the 95th percentile less that of an idle kernel."""
    _long(notebook, 100, 16)
    idle: Sequence[float] = notebook.page.evaluate(_TYPE, [_PROMPT, _KEYS])
    notebook.page.evaluate(_FIRST_FRAME)
    busy: Sequence[float] = notebook.page.evaluate(_TYPE, [_PROMPT, _KEYS])
    notebook.page.evaluate(_STOP)
    high = percentile(0.95)
    return [max(0.0, high(busy) - high(idle))]


register(
    "studio preview",
    Line("studio: click to first preview, warm", _CELLS, first_preview, "≤ 500 ms", summary=max),
)
register(
    "studio stop",
    Line("studio: Stop while a cell runs", _CELLS, stop_while_a_cell_runs, "≤ a step + 300 ms", summary=max),
)
register("studio typing", Line("studio: a key while it draws, slower by", _CELLS, typing_slowed, "≤ 50 ms"))
