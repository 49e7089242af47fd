"""The latent laboratory's line of `python -m nbgen.bench browser`: how soon does a slider show another picture?"""

from __future__ import annotations

from typing import Any

from .browser import Line, percentile, register

CELLS = ("import nbgen\nlab = nbgen.teach.latent(prompt='any fruit')\nlab",)

_MOVED = """async (times) => {
    const panel = document.querySelector(".nbgen-latent");
    const frame = () => Number(panel.dataset.frame);
    const sliders = [...panel.querySelectorAll('input[type="range"]')];
    const next = (after) => new Promise((done) => {
        const look = () => (frame() > after ? done() : requestAnimationFrame(look));
        look();
    });
    const taken = [];
    for (let turn = 0; turn < times; turn += 1) {
        const target = sliders[turn % sliders.length];
        const [began, before] = [performance.now(), frame()];
        target.value = Number(target.min) + ((turn * 7) % 10 / 10) * (Number(target.max) - Number(target.min));
        target.dispatchEvent(new Event("input", { bubbles: true }));
        await next(before);
        taken.push(performance.now() - began);
        await new Promise((done) => setTimeout(done, 120));
    }
    return taken;
}"""


def _moved(notebook: Any) -> list[float]:
    notebook.page.wait_for_selector(".nbgen-latent[data-frame]")
    notebook.page.wait_for_timeout(1500)
    taken: list[float] = notebook.page.evaluate(_MOVED, 60)
    return taken


register(
    "latent slider",
    Line(
        "latent space: a slider shows a new picture, 95th percentile",
        CELLS,
        _moved,
        "≤ 100 ms",
        summary=percentile(0.95),
    ),
)
