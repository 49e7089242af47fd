"""The GAN game's lines of `python -m nbgen.bench browser`: how soon does a press show, how many frames a second?"""

from __future__ import annotations

from typing import Any

from .browser import Line, answers, percentile, register

CELLS = ("import nbgen\ngame = nbgen.teach.gan(preset='it works')\ngame",)

_FRAMES = """async (seconds) => {
    const panel = document.querySelector(".nbgen-gan");
    const drawn = [];
    const watcher = new MutationObserver(() => drawn.push(performance.now()));
    watcher.observe(panel, { attributeFilter: ["data-frame"] });
    await new Promise((done) => setTimeout(done, seconds * 1000));
    watcher.disconnect();
    const rates = [];
    for (let second = 0; second < seconds; second += 1) {
        const start = drawn[0] + second * 1000;
        rates.push(drawn.filter((time) => time >= start && time < start + 1000).length);
    }
    return rates.slice(0, -1);
}"""

STEP = 'button[aria-label="One step of both"]'
K = ".nbgen-gan-panel > .nbgen-slider:nth-of-type(3) input"


def _played(notebook: Any) -> list[float]:
    notebook.page.wait_for_selector(".nbgen-gan[data-frame]")
    notebook.page.wait_for_timeout(1500)
    notebook.page.get_by_role("button", name="Play", exact=True).click()
    notebook.page.wait_for_timeout(1000)
    rates: list[float] = notebook.page.evaluate(_FRAMES, 10)
    return rates


register(
    "gan step",
    Line(
        "GAN game: a step shows, 95th percentile",
        CELLS,
        answers(".nbgen-gan", STEP, 40),
        "≤ 200 ms",
        summary=percentile(0.95),
    ),
)
register(
    "gan slider",
    Line(
        "GAN game: a slider shows, 95th percentile",
        CELLS,
        answers(".nbgen-gan", K, 40),
        "≤ 200 ms",
        summary=percentile(0.95),
    ),
)
register(
    "gan play",
    Line(
        "GAN game: 2,000 points, frames a second",
        CELLS,
        _played,
        "≥ 15 a second",
        unit="a second",
        summary=min,
    ),
)
