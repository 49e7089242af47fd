"""The timed lines of the laboratory of score and flow: dragging, the slider, play, and 2,000 points."""

from __future__ import annotations

from typing import Any

from .browser import Line, percentile, register

_CELL = "import nbgen\nlab = nbgen.teach.flow('two moons', points={points})\nlab"

_ANSWERED = """
async ({ act, text }) => {
    const panel = document.querySelector(".nbgen-laboratory");
    const before = Number(panel.dataset.frame ?? 0);
    const started = performance.now();
    const drawn = new Promise((resolve) => {
        const watch = new MutationObserver(() => {
            if (Number(panel.dataset.frame) <= before) return;
            watch.disconnect();
            resolve(performance.now() - started);
        });
        watch.observe(panel, { attributeFilter: ["data-frame"] });
    });
    if (act === "slide") {
        const slider = panel.querySelector("input[type=range]");
        slider.value = Number(text);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (act === "press") {
        [...panel.querySelectorAll("button")].find((one) => one.textContent === text).click();
    } else {
        const plane = panel.querySelector(".nbgen-plane");
        const box = plane.getBoundingClientRect();
        const [type, x, y] = text.split(" ");
        plane.dispatchEvent(new PointerEvent(type, {
            pointerId: 1, bubbles: true, clientX: box.left + x * box.width, clientY: box.top + y * box.height,
        }));
    }
    return await drawn;
}
"""
"""Does one thing in the page, and tells how many milliseconds later the first new frame was drawn."""

_FRAMES = """
async (seconds) => {
    const panel = document.querySelector(".nbgen-laboratory");
    let drawn = 0;
    const watch = new MutationObserver(() => { drawn += 1; });
    watch.observe(panel, { attributeFilter: ["data-frame"] });
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
    watch.disconnect();
    return drawn / seconds;
}
"""


def _ready(notebook: Any) -> Any:
    page = notebook.page
    page.wait_for_selector(".nbgen-laboratory[data-frame]")
    page.evaluate("() => document.querySelector('.nbgen-laboratory').scrollIntoView()")
    page.wait_for_timeout(2500)  # the still picture is filled in before the clock runs
    return page


def _answer(page: Any, act: str, text: str) -> float:
    if act == "press":
        page.get_by_role("button", name=text, exact=True).wait_for()
    milliseconds = float(page.evaluate(_ANSWERED, {"act": act, "text": text}))
    page.wait_for_timeout(60)
    return milliseconds


def _slide(notebook: Any) -> list[float]:
    page = _ready(notebook)
    return [_answer(page, "slide", f"{(37 * number) % 100 / 100}") for number in range(60)]


def _drag(notebook: Any) -> list[float]:
    page = _ready(notebook)
    page.get_by_role("tab", name="Field").click()
    page.wait_for_timeout(2500)
    # Synthetic pointers cannot be captured; the page's own answer to that is not what is timed.
    page.evaluate("() => { Element.prototype.setPointerCapture = () => {}; }")
    samples = [_answer(page, "pointer", "pointerdown 0.5 0.5")]
    samples += [_answer(page, "pointer", f"pointermove {0.3 + number / 150} 0.4") for number in range(59)]
    return samples


def _play(notebook: Any) -> list[float]:
    page = _ready(notebook)
    samples = []
    for _ in range(20):
        samples.append(_answer(page, "press", "Restart"))
        samples.append(_answer(page, "press", "Play"))
        samples.append(_answer(page, "press", "Pause"))
        page.wait_for_timeout(100)
    return samples


def _frames(notebook: Any) -> list[float]:
    page = _ready(notebook)
    rates = []
    for _ in range(5):
        _answer(page, "press", "Restart")
        _answer(page, "press", "Play")
        rates.append(float(page.evaluate(_FRAMES, 1.0)))
        _answer(page, "press", "Pause")
    return rates


def _line(figure: str, points: int, measure: Any, wanted: str, unit: str, summary: Any) -> Line:
    return Line(f"score and flow: {figure}", [_CELL.format(points=points)], measure, wanted, unit, summary)


_SOON = ("≤ 200 ms", "ms", percentile(0.95))

register("flow slider", _line("slider to frame, 95%", 600, _slide, *_SOON))
register("flow drag", _line("dragged particle to frame, 95%", 600, _drag, *_SOON))
register("flow play", _line("play, pause, restart to frame, 95%", 600, _play, *_SOON))
register("flow points", _line("2,000 points playing", 2000, _frames, "≥ 15 frames/s", "frames/s", min))
