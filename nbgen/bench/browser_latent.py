"""The latent laboratory's line of `python -m nbgen.bench browser`: how soon does a slider show another picture?"""

from __future__ import annotations

from .browser import Line, answers, percentile, register

CELLS = ("import nbgen\nlab = nbgen.teach.latent(prompt='any fruit')\nlab",)

register(
    "latent slider",
    Line(
        "latent space: a slider shows a new picture, 95th percentile",
        CELLS,
        answers(".nbgen-latent", "input[type=range]", 60),
        "≤ 100 ms",
        summary=percentile(0.95),
    ),
)
