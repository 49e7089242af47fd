"""The report on a comparison, as a Markdown reader understands it."""

from __future__ import annotations

import re

import mistune
import pytest
from PIL import Image

import nbgen
from nbgen.errors import RecipeError
from nbgen.testing import tiny_gan

HOSTILE = "a_cat | <img src=x onerror=alert(1)> $x$ 100% \\textbf{}"


pytestmark = pytest.mark.usefixtures("at_once")


def read(text):
    html = mistune.create_markdown(plugins=["table"])(text)
    rows = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    ]
    return html, rows


def test_markdown_tells_versions_weights_calls_sigmas_and_seeds(model):
    grid = nbgen.compare("a cat", model=model, sampler=["ddim", "heun"], seed=[0, 1, 2, 7], steps=4)
    html, rows = read(grid.report())
    assert rows[0] == ["sampler", "calls", "first σ", "last σ", "spacing", "seeds"]
    assert [row[:2] for row in rows[1:]] == [["ddim", "4"], ["heun", "7"]] and rows[1][-1] == "0–2, 7"
    # √((1 − ᾱ₉₉₉)/ᾱ₉₉₉) of Stable Diffusion's betas
    assert float(rows[2][2]) == pytest.approx(14.61, abs=0.01)
    for part in (
        "8 pictures",
        "torch 2",
        "diffusers",
        f"weights {model.ref.fingerprint[:12]}",
        "prompt a cat",
        "steps 4",
    ):
        assert part in html


def test_what_users_wrote_stays_text(model):
    html, rows = read(nbgen.compare([HOSTILE, "b"], model=model, steps=2).report())
    assert "<img" not in html and "alert(1)" in html
    assert len({len(row) for row in rows}) == 1 and rows[1][0].startswith("a_cat | &lt;img")
    latex = nbgen.compare(HOSTILE, model=model, steps=[2, 3]).report("latex")
    assert (
        r"a\_cat \textbar{} \textless{}img" in latex
        and r"\textbackslash{}textbf\{\}" in latex
        and r"100\%" in latex
    )
    lines = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 3 and len({len(re.findall(r"(?<!\\)&", line)) for line in lines}) == 1
    assert latex.count(r"\begin") == latex.count(r"\end") == 1


def test_models_without_samplers_and_pictures_without_recipes(model):
    _, rows = read(nbgen.compare(model=tiny_gan(), truncation=[0.5, 1], seed=range(2)).report())
    assert rows == [["truncation", "calls", "seeds"], ["0.5", "1", "0–1"], ["1", "1", "0–1"]]
    with pytest.raises(RecipeError, match="no recipes"):
        nbgen.compare({"mine": Image.new("RGB", (8, 8))}).report()
    assert (
        nbgen.compare("a cat", model=model, seed=[1], steps=2).report().startswith("1 picture was compared")
    )
    with pytest.raises(RecipeError, match="markdown or latex"):
        nbgen.compare("a cat", model=model, steps=[1]).report("word")


def test_programs_are_told_once_whether_pictures_are_from_the_store_or_new(model):
    nbgen.generate("a cat", model=model, seed=[0, 1], steps=2)
    report = nbgen.compare("a cat", model=model, seed=range(4), steps=2).report()
    assert report.count("torch 2") == 1
