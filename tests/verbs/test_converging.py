"""convergence and filmstrip: what they show, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import nbgen
from nbgen.errors import RecipeError, SamplerError
from nbgen.testing import tiny_gan, tiny_sd


@pytest.fixture(scope="module")
def model():
    return tiny_sd(seed=5)


def test_errors_stand_against_calls_and_fall_with_them(model) -> None:
    found = nbgen.convergence(
        "a cat", model=model, sampler=["ddim", "heun", "DPM++ 2M Karras", "ddpm"], steps=[3, 12], seed=[1, 2],
        reference_steps=60, guidance=2,
    )  # fmt: skip
    assert nbgen.last is found
    rows = {(row["sampler"], row["steps"]): row for row in found.table()}
    assert rows["heun", 12]["calls"] == 23
    assert rows["ddim", 12]["error"] < rows["ddim", 3]["error"]
    assert rows["dpm++2m karras", 12]["seeds"] == 2
    (axes,) = found.figure().axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert axes.get_xlabel() == "denoiser calls"
    assert len(axes.collections) == 1  # a band for the stochastic one only
    assert "ODE" in found.figure().get_supxlabel()
    assert set(found._repr_mimebundle_()) == {"image/png", "text/plain"}


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"sampler": []}, RecipeError, "empty"),
        ({"steps": []}, RecipeError, "empty"),
        ({"seed": []}, RecipeError, "empty"),
        ({"sampler": ["eulr"]}, SamplerError, "euler"),
        ({"steps": [0]}, RecipeError, "from 1 to 1000"),
        ({"cfg": 3}, RecipeError, "guidance"),
    ],
    ids=str,
)
def test_convergence_checks_before_it_runs(model, monkeypatch, fields, error, said) -> None:
    monkeypatch.setattr(model, "forward", lambda *given: pytest.fail("work was begun"))
    with pytest.raises(error, match=said):
        nbgen.convergence("a cat", model=model, **fields)
    with pytest.raises(RecipeError, match="no samplers"):
        nbgen.convergence(model=tiny_gan())


def test_a_filmstrip_ends_with_the_picture(model) -> None:
    strip = nbgen.filmstrip("a cat", at=[1, 3, 6], seed=4, steps=6, sampler="ddim", model=model)
    assert [picture.name for picture in strip] == ["1 of 6", "3 of 6", "6 of 6"]
    finished = nbgen.generate("a cat", seed=4, steps=6, sampler="ddim", model=model)[0]
    # DDIM's last step lands on its estimate but for the last sliver of noise.
    assert np.abs(np.asarray(strip[-1]).astype(int) - np.asarray(finished)).mean() <= 1
    noisy = nbgen.filmstrip(finished, at=[1], show="noisy")
    assert not (np.asarray(noisy[0]) == np.asarray(strip[0])).all()


def test_a_filmstrip_spreads_over_the_run(model) -> None:
    assert [picture.name for picture in nbgen.filmstrip("x", steps=3, model=model)] == [
        "1 of 3",
        "2 of 3",
        "3 of 3",
    ]
    strip = nbgen.filmstrip("x", steps=20, sampler="heun", model=model)
    assert (len(strip), strip[0].name, strip[-1].name) == (8, "1 of 39", "39 of 39")


@pytest.mark.parametrize("at", [[0], [7], [], [1.5], [True]])
def test_a_filmstrip_has_moments_of_its_run_only(model, at) -> None:
    with pytest.raises(RecipeError, match="from 1 to 6"):
        nbgen.filmstrip("x", steps=6, at=at, model=model)
    with pytest.raises(RecipeError, match="one forward"):
        nbgen.filmstrip("x", model=tiny_gan())
