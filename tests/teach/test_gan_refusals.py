"""What the GAN game refuses, and what it keeps when numbers run away: one kind sentence, and the last good state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import nbgen
from nbgen.errors import NbgenError
from nbgen.teach.gan_requests import do
from nbgen.teach.gan_settings import GanError

from .test_gan import small

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"k": 0}, "k must be a whole number from 1 to 50, not 0"),
    ({"k": 1.5}, "k must be a whole number"),
    ({"k": True}, "k must be a whole number"),
    ({"d_learning_rate": 1e9}, "d_learning_rate must be a number from 1e-06 to 1, not 1000000000.0"),
    ({"g_learning_rate": float("nan")}, "g_learning_rate must be"),
    ({"g_learning_rate": "fast"}, "not 'fast'"),
    ({"loss": "hinge"}, "there is no loss 'hinge'"),
    ({"penalty": "r1"}, "R1"),
    ({"distribution": [(0.3, 0.3)]}, "one point makes no distribution"),
    ({"distribution": "moons"}, "two moons"),
    ({"preset": "collapse"}, "mode collapse"),
    ({"lerning_rate": 1}, "learning_rate"),
    ({"beside": {"k": 2, "loss": "relativistic"}}, "give one difference"),
    ({"beside": {"k": 1}}, "k is 1 in both runs"),
    ({"beside": {"seed": 3}}, "both runs share their seed"),
    ({"beside": {"g_width": 9}, "since": 10}, "leave `since` out"),
    ({"beside": "R1"}, "one setting"),
    ({"beside": {"k": 2}, "since": -1}, "since must be"),
]


@pytest.mark.parametrize(("settings", "words"), REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(NbgenError) as caught:
        nbgen.teach.gan(**settings)
    assert words in str(caught.value) and len(str(caught.value)) < 200


def test_a_refusal_changes_nothing() -> None:
    lab = small(beside={"k": 3}).step(3)
    before, samples = lab.state, lab.samples()
    for attempt in (
        lambda: lab.set(k=5),
        lambda: lab.set(k=0, loss="relativistic"),
        lambda: lab.set(noise_dim=0),
        lambda: lab.step(0),
        lambda: lab.step(-1),
        lambda: lab.step(2.0),  # type: ignore[arg-type]
        lambda: lab.step(1, "both of them"),
        lambda: lab.rewind(99),
        lambda: lab.rewind(True),
        lambda: lab.beside(k=0),
        lambda: lab.show(surface="moon"),
        lambda: lab.show(sun=True),
        lambda: lab.samples(2),
        lambda: lab.copy_code(-1),
        lambda: lab.surface("moon"),
        lambda: do(lab, "dance", {}),
        lambda: do(lab, "preset", {"preset": "dance"}),
        lambda: do(lab, "set", {"d_learning_rate": 1e9}),
    ):
        with pytest.raises(NbgenError):
            attempt()
    assert lab.state == before and np.array_equal(lab.samples(), samples)


@pytest.mark.parametrize("move", ["both", "D", "G"])
def test_numbers_that_run_away_leave_the_last_good_step(move: str) -> None:
    lab = small(beside={"k": 2}).step(55)
    good = small(beside={"k": 2}).step(55)
    with torch.no_grad():  # as a learning rate too high would, at the very next step
        next(lab.match.runs[1].discriminator.parameters()).fill_(float("nan"))
    with pytest.raises(GanError, match=r"step 56 gave numbers that are none .* the state of step 55 is kept"):
        lab.step(20, move)
    for which in (0, 1):
        assert np.array_equal(lab.samples(which), good.samples(which))
    assert lab.state["step"] == lab.state["furthest"] == 55
    lab.step(5)
    assert np.array_equal(lab.samples(1), good.step(5).samples(1))


def test_weights_that_ran_away_a_step_before_the_loss_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = small().step(10)
    run = lab.match.runs[0]
    with monkeypatch.context() as patch, pytest.raises(GanError, match="the state of step 10 is kept"):
        step = run._d_optimizer.step

        def runaway() -> None:
            step()
            if run.step == 10:  # every time, as arithmetic would
                with torch.no_grad():
                    next(run.discriminator.parameters()).fill_(float("inf"))

        patch.setattr(run._d_optimizer, "step", runaway)
        lab.step(5, "D")
    assert np.array_equal(lab.samples(), small().step(10).samples())


def test_every_button_of_the_page_does_what_it_says() -> None:
    lab = small()
    do(lab, "step", {"move": "D"})
    do(lab, "step", {"move": "G"})
    do(lab, "step", {})
    assert lab.state["step"] == 3
    do(lab, "rewind", {"step": 1})
    do(lab, "set", {"k": 2, "slot": "k", "view": "x"})
    do(lab, "show", {"perfect": True, "surface": "perfect"})
    do(lab, "code", {})
    words, arrays = lab.frame()
    assert words["code"].startswith("import torch") and words["sides"][0]["step"] == 1
    assert words["shown"]["perfect"] is True and words["settings"]["k"] == 2
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert lab.frame()[0]["code"] == ""  # sent once
    do(lab, "play", {"on": True, "slow": True})
    lab.advance()
    assert lab.playing and lab.state["step"] == 2 and lab.match.moved == "D"
    do(lab, "play", {"on": False})
    do(lab, "preset", {"preset": "a penalty repairs"})
    assert not lab.playing and len(lab.match.runs) == 2 and lab.preset == "a penalty repairs"
    do(lab, "beside", {"difference": {}})
    do(lab, "set", {"distribution": "spiral"})
    do(lab, "restart", {})
    assert len(lab.match.runs) == 1 and lab.preset == ""


def test_slow_motion_is_k_steps_of_d_and_one_of_g() -> None:
    lab = small(k=3)
    turns = []
    for _ in range(8):
        turns.append(lab.match.next_move())
        lab.match.play(1, turns[-1])
    assert "".join(turns) == "DDDGDDDG"
