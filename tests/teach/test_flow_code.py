"""Does the copied code, run in a fresh process without nbgen, give the laboratory's samples?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

import nbgen
from nbgen.teach.distributions import NAMES
from nbgen.teach.score_field import FlowLab

ALONE = """
import sys, warnings
warnings.filterwarnings("ignore", message="Should have t")  # torchsde, of its own rounding
import numpy
for place, path in enumerate(sys.argv[1:]):
    names = {}
    exec(compile(open(path, encoding="utf-8").read(), path, "exec"), names)
    numpy.save(path + ".npy", names["samples"].detach().numpy())
assert "nbgen" not in sys.modules
"""
"""Runs the files named, one after the other, in one Python that has never heard of nbgen."""


def agree(labs: list[tuple[FlowLab, int]], folder: Path) -> None:
    """Run all the copied codes in one fresh process, and compare with what the laboratories have."""
    files, expected = [], []
    for place, (lab, which) in enumerate(labs):
        code = lab.copy_code(which)
        assert "nbgen" not in code and len(max(code.splitlines(), key=len)) <= 120
        files.append(folder / f"{place}.py")
        files[-1].write_text(code, encoding="utf-8")
        expected.append(list(lab.samples.values())[which])
    subprocess.run([sys.executable, "-W", "ignore", "-c", ALONE, *map(str, files)], check=True, cwd=folder)
    for file, samples in zip(files, expected, strict=True):
        found = np.load(f"{file}.npy")
        assert found.shape == samples.shape, file.read_text()
        assert np.abs(found - samples).max() <= 1e-5, file.read_text()


def small(name: str = "two moons", **settings) -> FlowLab:
    return nbgen.teach.flow(name, points=40, **settings)


def test_every_view_on_every_kind_of_schedule(tmp_path: Path) -> None:
    labs = []
    for schedule in ("scaled linear", "cosine", "zero-SNR", "flow"):
        training = dict(view="learning", schedule=schedule, batch=64, width=16)
        labs += [
            small(schedule=schedule, t=0.35),
            small(view="field", schedule=schedule, t=0.6).release([(1.0, 1.0), (-1.0, 0.5)]).step(12),
            small(view="field", schedule=schedule, t=0.31).release([(1.0, 1.0)]).step(40),
            small(view="guidance", schedule=schedule, guidance=4.0, towards="lower moon"),
            small(**training, target="v").step(2),
            small(**training, target="flow", data=9).step(2),
        ]
    agree([(lab, 0) for lab in labs], tmp_path)


def test_samplers_written_out_and_those_of_diffusers(tmp_path: Path) -> None:
    names = [
        "ddim",
        "euler",
        "heun",
        "dpm++2m karras",
        "euler_a",
        "dpm2_a",
        "pndm",
        "unipc",
        "dpm++sde",
        "ddpm",
    ]
    labs = [(small(view="sampling", sampler=name, steps=7, schedule="linear"), 0) for name in names]
    several = small(view="sampling", sampler=["ddim", "heun"], steps=[12, 5])
    flowing = small(view="sampling", sampler=["euler", "dpm++2m"], schedule="flow", steps=6)
    zero = small(view="sampling", sampler=["ddim", "euler"], schedule="zero-SNR", steps=6)
    cosine = small(view="sampling", sampler=["dpm++2m karras", "heun karras"], schedule="cosine", steps=10)
    both = [(lab, which) for lab in (flowing, zero, cosine) for which in (0, 1)]
    agree([*labs, (several, 1), *both], tmp_path)
    for lab, _ in labs[:3]:
        code = lab.copy_code()
        assert "diffusers" not in code and len(code.splitlines()) <= 40


def test_every_distribution(tmp_path: Path) -> None:
    drawn = nbgen.teach.flow(
        [(-1, -1), (1, 0.5), (0.25, 1)], view="sampling", points=40, sampler="ddim", steps=8
    )
    labs = [small(name, view="sampling", sampler="ddim", steps=8) for name in NAMES]
    agree([(lab, 0) for lab in (*labs, drawn)], tmp_path)
