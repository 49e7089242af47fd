"""The GAN game, scripted: is what it shows exact, does it repeat bit for bit, and is a good state kept?"""

from __future__ import annotations

import io
import math
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import nbgen
from nbgen.teach.distributions import grid
from nbgen.teach.gan_game import GanLab
from nbgen.teach.gan_measures import CELLS, densities, distance_to_optimal, probability, scores
from nbgen.teach.gan_players import LOSSES, PENALTIES
from nbgen.teach.gan_presets import PRESETS
from nbgen.teach.gan_run import Run, one_thread
from nbgen.teach.gan_settings import GanError, Settings, with_changes
from nbgen.teach.pages import png


def small(*names: Any, **settings: Any) -> GanLab:
    """A game whose steps take a moment."""
    return nbgen.teach.gan(*names, **{"d_width": 8, "g_width": 8, "batch": 16, **settings})


def affine(**settings: Any) -> Run:
    """A generator whose density is a Gaussian known beforehand: mean (0.2, 0), covariance AAᵀ."""
    run = Run(with_changes(Settings(), {"g_layers": 0, **settings}))
    with torch.no_grad():
        run.generator[0].weight.copy_(torch.tensor([[0.6, 0.2], [0.0, 0.5]]))
        run.generator[0].bias.copy_(torch.tensor([0.2, 0.0]))
    return run


# Exact where mathematics allows.


def test_the_density_of_an_affine_generator_is_that_of_its_samples() -> None:
    both = densities(affine())
    assert both.exact and both.blur == 0
    weight = torch.tensor([[0.6, 0.2], [0.0, 0.5]], dtype=torch.float64)
    covariance = weight @ weight.T
    offset = grid(CELLS) - torch.tensor([0.2, 0.0], dtype=torch.float64)
    square = (offset @ covariance.inverse() * offset).sum(1)
    expected = (-square / 2).exp() / (2 * math.pi * covariance.det().sqrt())
    assert torch.allclose(both.q, expected, rtol=1e-5)  # the weights are float32
    assert torch.allclose(both.optimal, both.p / (both.p + both.q))


@pytest.mark.parametrize("loss", ["non-saturating", "least squares", "relativistic"])
def test_a_discriminator_trained_against_a_frozen_generator_becomes_the_perfect_one(loss: str) -> None:
    run = affine(loss=loss, d_layers=3, batch=512)
    for rate in (5e-3, 1e-3, 2e-4):
        run.adopt(with_changes(run.settings, {"d_learning_rate": rate}))
        run.play(400, "D")
    both = densities(run)
    away = distance_to_optimal(probability(run, scores(run, grid(CELLS)), both), both)
    assert away is not None and away <= 0.05


@pytest.mark.parametrize("distribution", ["ring of eight", "two moons", "spiral", "checkerboard"])
def test_the_divergence_is_that_of_a_finer_grid(distribution: str) -> None:
    for run in (
        affine(distribution=distribution),
        Run(with_changes(Settings(), {"distribution": distribution})),
    ):
        assert densities(run).divergence == pytest.approx(densities(run, 4 * CELLS).divergence, rel=0.02)


def test_the_divergence_at_its_ends() -> None:
    run = affine()
    with torch.no_grad():
        run.generator[0].bias.fill_(40.0)
    # Nothing in common, and off the grid.
    assert densities(run).divergence == pytest.approx(math.log(2), rel=1e-6)
    both = densities(affine(distribution="two moons"))
    same = type(both)(both.p, both.p, both.area, 0.0, True)
    assert same.divergence == pytest.approx(0, abs=1e-9)
    narrow = affine()
    with torch.no_grad():
        narrow.generator[0].weight.mul_(1e-4)
    both = densities(narrow)
    assert both.blur > 0 and both.exact and float(both.q.sum()) * both.area == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_arrows_are_finite_differences_of_the_generators_loss(loss: str) -> None:
    lab = small(loss=loss, dtype="float64", seed=3).step(20)
    run, fakes = lab.match.runs[0], lab.samples(0, 12)
    real = torch.as_tensor(lab.reals(12))
    step = 1e-6

    def value(points: np.ndarray) -> float:
        with torch.no_grad():
            return float(run.generator_loss(real, torch.as_tensor(points)))

    expected = np.zeros_like(fakes)
    for place in np.ndindex(*fakes.shape):
        up, down = fakes.copy(), fakes.copy()
        up[place] += step
        down[place] -= step
        expected[place] = -len(fakes) * (value(up) - value(down)) / (2 * step)
    assert np.abs(lab.arrows(fakes) - expected).max() <= 1e-3 * np.abs(expected).max()


def test_penalties_are_what_their_papers_say() -> None:
    run = affine(dtype="float64", d_width=8)
    real, fake = run.reals(9, torch.Generator().manual_seed(0)), run.samples(9)

    def square(points: Tensor) -> Tensor:
        return (
            torch.func.vmap(torch.func.jacrev(lambda x: run.discriminator(x)[0]))(points)
            .pow(2)
            .sum(1)
            .detach()
        )

    one, other = float(square(real).mean()), float(square(fake).mean())
    expected = {"none": 0.0, "R1": one / 2, "R2": other / 2, "R1 and R2": (one + other) / 2}
    for name, value in expected.items():
        penalty = PENALTIES[name][0](run.discriminator, real, fake, torch.Generator())
        assert float(penalty.detach()) == pytest.approx(value)
    part = torch.rand(9, 1, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    between = float(((square(part * real + (1 - part) * fake).sqrt() - 1) ** 2).mean())
    given = PENALTIES["slope one"][0](run.discriminator, real, fake, torch.Generator().manual_seed(5))
    assert float(given.detach()) == pytest.approx(between)


def test_modes_are_counted_by_their_share() -> None:
    lab = small()
    assert lab.state["of_modes"] == 8 and lab.state["modes"] <= 2
    assert small("spiral").state["modes"] is None
    from nbgen.teach.gan_measures import modes_covered

    ring = lab.match.settings.distribution
    assert modes_covered(ring, ring.sample(1000)[0]) == 8
    assert modes_covered(ring, ring.mixture.means[:3].repeat(20, 1)) == 3
    few = torch.cat([ring.mixture.means[:1].repeat(990, 1), ring.mixture.means[1:2].repeat(10, 1)])
    assert modes_covered(ring, few) == 1  # one in a hundred is no mode covered
    assert modes_covered(ring, ring.mixture.means * 5) == 0


# What works, what collapses, what repairs: small versions of `python -m nbgen.bench games`.


def test_the_game_that_works_covers_the_modes() -> None:
    assert nbgen.teach.gan(preset="it works").step(300).state["modes"] >= 7


def test_a_collapse_and_its_repair() -> None:
    lab = nbgen.teach.gan(preset="mode collapse").step(600)
    assert lab.state["modes"] <= 3
    lab.set(penalty="R1 and R2").step(500)
    assert lab.state["modes"] >= 7


def test_a_discriminator_too_strong_leaves_nothing_to_pull() -> None:
    lab = nbgen.teach.gan(preset="discriminator too strong").step(25)
    pulls = [np.linalg.norm(lab.arrows(lab.samples(which, 100), which), axis=1).mean() for which in (0, 1)]
    assert pulls[0] < 1e-3 < 1 < pulls[1]


# Back and forwards, bit for bit.


def equal(one: Run, other: Run) -> bool:
    pairs = ((one.generator, other.generator), (one.discriminator, other.discriminator))
    return all(
        torch.equal(a, b)
        for left, right in pairs
        for a, b in zip(left.parameters(), right.parameters(), strict=True)
    )


def test_rewinding_and_playing_again_is_the_same_bit_for_bit() -> None:
    lab = (
        small(loss="relativistic", k=2)
        .step(70)
        .set(penalty="R1", g_learning_rate=5e-3)
        .step(30, "D")
        .step(30)
    )
    other = small(loss="relativistic", k=2).step(70)
    samples, losses = lab.samples(), lab.losses()
    for step in (100, 3, 70, 0, 129, 55):
        lab.rewind(step)
        assert lab.state["step"] == step and lab.state["furthest"] == 130
        assert lab.state["settings"]["penalty"] == ("none" if step < 70 else "R1")
    lab.rewind(130)
    assert np.array_equal(lab.samples(), samples)
    lab.rewind(70)
    assert equal(lab.match.runs[0], other.match.runs[0])
    lab.step(30, "D").step(30)
    assert np.array_equal(lab.samples(), samples)
    assert all(np.array_equal(lab.losses()[one], losses[one], equal_nan=True) for one in "DG")
    assert np.isnan(losses["G"][70:100]).all() and not np.isnan(losses["D"]).any()


def test_a_new_step_forgets_what_was_played_later() -> None:
    lab = small().step(60).rewind(20).step(5)
    assert lab.state["furthest"] == 25 and list(lab.trace()) == list(small().step(25).trace())
    with pytest.raises(GanError, match="any step from 0 to 25, not to 26"):
        lab.rewind(26)


def test_states_that_are_kept_stay_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbgen.teach.gan_run.MOST_KEPT", 6)
    run = Run(with_changes(Settings(), {"d_width": 4, "g_width": 4, "batch": 4}))
    run.play(700)
    assert len(run._kept) <= 6
    samples = run.samples()
    run.rewind(333)
    run.rewind(700)
    assert torch.equal(run.samples(), samples)


def test_other_threads_keep_their_number() -> None:
    usual, seen = torch.get_num_threads(), []
    torch.set_num_threads(3)
    try:
        with one_thread(), one_thread():
            assert torch.get_num_threads() == 1
            fresh = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
            fresh.start()
            fresh.join()
        assert (torch.get_num_threads(), seen) == (3, [3])
    finally:
        torch.set_num_threads(usual)


# The code that a student takes away.

CODES: list[tuple[dict[str, Any], int]] = [
    ({"preset": "it works"}, 0),
    ({"loss": "Wasserstein", "distribution": "letter A"}, 0),
    ({"loss": "least squares", "dtype": "float64", "noise_dim": 3, "k": 2}, 0),
    ({"beside": {"penalty": "R1"}, "since": 20, "distribution": [(0, 0), (1, 1)]}, 1),
]


def run_code(code: str, folder: Path) -> np.ndarray:
    assert "nbgen" not in code
    path = folder / "run.py"
    path.write_text(code + "\nimport numpy, sys\nnumpy.save(sys.argv[1], samples.numpy())\n")
    subprocess.run([sys.executable, "-W", "error", str(path), str(folder / "samples.npy")], check=True)
    return np.load(folder / "samples.npy")


@pytest.mark.parametrize(("settings", "which"), CODES)
def test_the_copied_code_ends_with_the_same_samples(
    settings: dict[str, Any], which: int, tmp_path: Path
) -> None:
    lab = nbgen.teach.gan(**settings).step(60)
    made = run_code(lab.copy_code(which), tmp_path)
    assert np.abs(made - lab.samples(which)).max() <= 1e-5
    assert np.isfinite(made).all() and made.std() > 0


def test_the_copied_code_of_a_run_that_changed_on_its_way(tmp_path: Path) -> None:
    lab = small().step(30).set(loss="relativistic", penalty="R1 and R2", k=2).step(20).step(5, "D")
    lab.set(d_learning_rate=4e-3, penalty="slope one", beta1=0.0).step(10).step(3, "G")
    lab.step(40).rewind(68)
    assert np.abs(run_code(lab.copy_code(), tmp_path) - lab.samples()).max() <= 1e-5


@pytest.mark.parametrize(
    "changes",
    [
        [{"loss": "saturating"}, {"beta2": 0.9}],  # both losses have one discriminator's
        [{"penalty": "slope one"}, {"strength": 0}, {"k": 3}],  # one penalty, now and then
        [
            {"penalty": "R1", "loss": "Wasserstein"},
            {"penalty": "R2", "strength": 0.5},
            {"loss": "relativistic"},
        ],
    ],
)
def test_only_what_changed_stands_in_the_codes_table(changes: list[dict[str, Any]], tmp_path: Path) -> None:
    lab = small(d_layers=1, g_layers=3).step(6)
    for change in changes:
        lab.set(**change).step(6)
    code = lab.copy_code()
    assert np.abs(run_code(code, tmp_path) - lab.samples()).max() <= 1e-5
    (columns,) = [line for line in code.splitlines() if line.endswith(" in [")]
    assert "g_steps" not in columns and ("penalty" in columns) == ("R2" in str(changes))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_code_is_about_thirty_lines(preset: str) -> None:
    code = nbgen.teach.gan(preset=preset, seed=3).step(2).copy_code()
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) < 40 and len(max(lines, key=len)) <= 120, code


# Two runs.


def test_two_runs_from_one_seed_differ_in_one_thing() -> None:
    lab = small(beside={"penalty": "R1"}, since=30).step(30)
    assert equal(*lab.match.runs) and lab.state["beside"]["settings"]["penalty"] == "none"
    lab.step(20)
    assert not equal(*lab.match.runs)
    assert lab.state["beside"]["settings"]["penalty"] == "R1" and lab.state["settings"]["penalty"] == "none"
    alone = small().step(50)
    assert equal(lab.match.runs[0], alone.match.runs[0])
    lab.rewind(10).step(40)
    assert equal(lab.match.runs[0], alone.match.runs[0]) and lab.match.titles[1] == "penalty: R1 from step 30"
    lab.beside()
    assert "beside" not in lab.state and lab.state["step"] == 0


def test_every_preset_plays_and_shows_itself() -> None:
    for name, preset in PRESETS.items():
        lab = nbgen.teach.gan(preset=name).step(2)
        assert preset.says and preset.steps > 0 and repr(lab).startswith("GanLab(")
        picture = Image.open(io.BytesIO(png(lab.figure())))
        assert picture.size[0] == 960 and np.asarray(picture.convert("L")).std() > 10
