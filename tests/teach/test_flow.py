"""The laboratory of score and flow, scripted: is what it shows exact, repeatable, and kept where input is odd?"""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

import nbgen
from nbgen.errors import NbgenError
from nbgen.sampling import SAMPLERS
from nbgen.teach.flow_settings import VIEWS, FlowError, runnable
from nbgen.teach.learning import TrainingError
from nbgen.teach.measuring import PUBLISHED
from nbgen.teach.noising import SCHEDULES
from nbgen.teach.pages import png
from nbgen.teach.score_field import FlowLab


def small(**settings) -> FlowLab:
    """A laboratory whose errors are measured in a moment."""
    return nbgen.teach.flow(**{"points": 60, "reference_steps": 50, **settings})


def test_the_laboratory_reproduces_the_table_of_samplers() -> None:
    names = ("ddim", "heun", "dpm++2m karras")  # all of them: python -m nbgen.teach samplers
    lab = nbgen.teach.flow(
        "ring of eight", view="sampling", points=2000, reference_steps=500, sampler=list(names)
    )
    for row in lab.errors(steps=[10, 40]):
        expected = PUBLISHED[row["sampler"]][0 if row["steps"] == 10 else 2]
        assert row["error"] == pytest.approx(expected, rel=0.10, abs=0.001), row
        assert row["calls"] == (2 * row["steps"] - 1 if row["sampler"] == "heun" else row["steps"])


def test_every_sampler_of_the_table_runs_from_the_same_starts() -> None:
    lab = small(view="sampling")
    for row in SAMPLERS:
        lab.set(sampler=[row.name, "euler" if row.name == "ddim" else "ddim"], steps=6)
        one, other = lab.paths
        assert torch.allclose(one.points[0], other.points[0], atol=1e-5) and bool(one.end.isfinite().all())
        assert lab.state["runs"][0]["calls"] == row.calls(6)
        assert len(one.points) == (8 if row.extra_call else 7)  # PNDM asks once more at the same place


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_whatever_the_menu_offers_on_a_schedule_runs_on_it(schedule: str) -> None:
    for name in runnable(schedule):
        lab = small(distribution="ring of eight", view="sampling", schedule=schedule, sampler=name, steps=10)
        (ends,) = lab.samples.values()
        assert np.isfinite(ends).all(), name


def test_a_bent_schedule_of_steps_whose_first_two_timesteps_fall_together() -> None:
    # On a cosine the noise falls so fast that Karras' first sigmas round to one timestep.
    lab = small(schedule="cosine", view="sampling", sampler="dpm++2m karras", reference_steps=200)
    found = {row["steps"]: row["error"] for row in lab.errors(steps=[10, 80])}
    assert found[80] < min(0.05, found[10] / 4)


def test_forward_is_data_and_noise_by_the_schedule() -> None:
    lab = small(t=0.3, seed=4, schedule="cosine")
    x0 = lab.settings.distribution.sample(60, 4)[0].numpy()
    alpha, sigma = lab.state["alpha"], lab.state["sigma"]
    noise = torch.randn(1, 60, 2, generator=torch.Generator().manual_seed(4))[0].numpy()
    assert np.allclose(lab.points["noised"], alpha * x0 + sigma * noise, atol=1e-6)
    assert alpha**2 + sigma**2 == pytest.approx(1)
    lab.step(5)
    assert lab.state["t"] == pytest.approx(0.4)
    lab.step(100)
    assert lab.state["t"] == 1 and math.isclose(lab.state["sigma"], 1, rel_tol=1e-3)


def test_velocity_is_what_the_ode_does() -> None:
    """A particle's small step, divided by its time, is the velocity field, for a diffusion and for the flow."""
    for schedule in ("scaled linear", "flow"):
        lab = small(view="field", schedule=schedule, t=0.5, arrows="velocity")
        lab.release([(0.5, 1.0), (-1.0, 0.2)])
        velocity = lab.field([(0.5, 1.0), (-1.0, 0.2)])
        before = lab.points["particles"]
        lab.step()
        moved = (lab.points["particles"] - before) / 0.02
        assert np.allclose(moved, velocity, rtol=0.1, atol=0.1)


def test_particles_flow_home_to_where_a_fine_solution_ends() -> None:
    lab = small(view="field", t=0.6).release([(1.0, 1.0), (-1.5, 0.5), (0.2, -1.1)])
    lab.step(30)
    assert lab.state["t"] == 0
    mixture, schedule = lab.settings.distribution.mixture, lab.schedule
    x = torch.tensor([(1.0, 1.0), (-1.5, 0.5), (0.2, -1.1)], dtype=torch.float64)
    _, alphas, sigmas = schedule.descent(0.6, 4000)
    for place in range(4000):
        x0, noise = (
            mixture.x0(x, alphas[place], sigmas[place]),
            mixture.epsilon(x, alphas[place], sigmas[place]),
        )
        x = alphas[place + 1] * x0 + sigmas[place + 1] * noise
    assert np.allclose(lab.points["particles"], x.numpy(), atol=0.02)
    assert float(mixture.log_density(x).min()) > -4  # home


def test_guidance_of_one_is_the_class_and_more_narrows_it() -> None:
    lab = small(view="guidance", points=300, guidance=1.0, towards="lower moon")
    half = lab.settings.distribution.half("lower moon")
    assert lab.state["spread"] == pytest.approx(1, abs=0.1) and lab.state["outside"] < 0.05
    assert (lab.points["guided"][:, 1].mean() < 0) == bool(half.means[:, 1].mean() < 0)
    spreads = [lab.set(guidance=scale).state["spread"] for scale in (1.0, 4.0, 12.0)]
    assert spreads == sorted(spreads, reverse=True) and spreads[-1] < 0.7
    assert lab.set(guidance=0.0).state["outside"] > 0.3  # everything, the other class included


def test_a_network_learns_the_field_and_a_tiny_set_by_heart() -> None:
    lab = small(view="learning")
    lab.step(1)
    first = lab.state["field_error"]
    lab.step(9)
    assert lab.state["epoch"] == 10 and lab.state["field_error"] < first / 2
    assert lab.state["copied"] is None
    lab.set(data=4, target="v", batch=64)
    assert lab.state["epoch"] == 0
    lab.step(30)
    assert lab.state["copied"] > 0.25  # by heart: endless data give next to none
    again = small(view="learning", data=4, target="v", batch=64)
    again.step(30)
    assert np.array_equal(lab.points["network"], again.points["network"])


def test_a_loss_that_is_no_number_keeps_the_last_good_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = small(view="learning")
    lab.step(2)
    before, losses = lab.points["network"], lab.state["losses"]
    batch = lab.learner._batch
    monkeypatch.setattr(lab.learner, "_batch", lambda: batch() * math.nan)
    with pytest.raises(TrainingError, match="epoch 3 is no number any more: the weights of epoch 2 are kept"):
        lab.step(1)
    assert lab.state["losses"] == losses and np.array_equal(lab.points["network"], before)
    monkeypatch.undo()
    lab.step(1)
    undisturbed = small(view="learning")
    undisturbed.step(3)
    assert lab.state["losses"] == undisturbed.state["losses"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"view": "samplin"}, "did you mean 'sampling'"),
        ({"schedule": "sine"}, "did you mean"),
        ({"t": 1.5}, "t must be a number from 0 to 1, not 1.5"),
        ({"t": math.nan}, "t must be"),
        ({"t": True}, "t must be"),
        ({"points": 0}, "points must be a whole number from 1 to 5,000"),
        ({"points": 10**9}, "points must be"),
        ({"seed": -1}, "seed must be"),
        ({"steps": 0}, "steps must be a whole number from 1 to 200"),
        ({"steps": []}, "steps must be one to 4"),
        ({"sampler": "hune"}, "there is no sampler 'hune'"),
        ({"sampler": []}, "one to 4 names"),
        ({"sampler": ["ddim"] * 5}, "one to 4 names"),
        ({"sampler": ["ddim", "heun", "euler"], "steps": [1, 2]}, "do not match"),
        ({"sampler": "ddim", "schedule": "flow"}, "not made for flow-matching"),
        ({"sampler": "heun", "schedule": "zero-SNR"}, "cannot start at a signal-to-noise ratio of zero"),
        ({"learning_rate": 1e9}, "learning_rate must be a number from 1e-06 to 1"),
        ({"guidance": "much"}, "guidance must be"),
        ({"towards": "cat"}, "has the classes"),
        ({"distribution": [(0, 0)]}, "one point makes no distribution"),
        ({"colour": "red"}, "no setting 'colour'"),
    ],
)
def test_odd_settings_are_refused_in_a_sentence_and_change_nothing(settings, said: str) -> None:
    lab = small(view="sampling")
    before = lab.state
    with pytest.raises(NbgenError) as error:
        lab.set(**settings)
    assert said in str(error.value) and str(error.value).endswith((".", "?"))
    assert lab.state == before


def test_odd_arguments_of_methods_are_refused() -> None:
    lab = small()
    for count in (0, -1, 1.5, True, "two", 10**6):
        with pytest.raises(FlowError, match="step takes"):
            lab.step(count)
    for places in ([(math.nan, 0)], [(1e9, 0)], "abc", [(0, 0)] * 51, [1, 2, 3]):
        with pytest.raises(FlowError):
            lab.release(places)
    with pytest.raises(FlowError, match="t must be"):
        lab.field([(0, 0)], t=7)
    with pytest.raises(FlowError, match="places that are numbers"):
        lab.field([(0, math.inf)])
    assert [row["calls"] for row in lab.errors("heun", 3)] == [5]
    with pytest.raises(FlowError, match="there are 2 runs"):
        lab.set(view="sampling").copy_code(5)
    with pytest.raises(FlowError, match="no particles yet"):
        lab.set(view="field").copy_code()


def test_a_schedule_that_a_sampler_cannot_run_on_takes_euler() -> None:
    lab = small(view="sampling", sampler=["dpm++2m", "ddim"])
    assert lab.set(schedule="flow").settings.sampler == ("dpm++2m", "euler")


def test_a_drawing_is_a_distribution_like_any_other() -> None:
    lab = small(distribution=[(-1, -1), (1, 1), (1, -1)], view="guidance")
    assert lab.state["distribution"] == "drawn" and lab.state["towards"] == "drawn first"
    lab.set(view="sampling")
    assert math.isfinite(lab.state["runs"][0]["error"])


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_has_a_figure_that_is_small_and_the_same_twice(view: str) -> None:
    files = []
    for _ in range(2):
        lab = small(view=view)
        if view == "field":
            lab.release([(1, 1)]).step(5)
        lab.step(1)
        files.append(png(lab.figure()))
    assert files[0] == files[1] and len(files[0]) < 200_000
    colours = Image.open(io.BytesIO(files[0])).convert("RGB").getcolors(2**24)
    assert colours is not None and len(colours) > 50


@pytest.mark.parametrize("view", VIEWS)
def test_a_figure_takes_nothing_from_the_laboratory(view: str) -> None:
    lab = small(view=view)
    if view == "field":
        lab.release([(1, 1)])
    lab.step(2)
    lab.catch_up()
    before, drawn = lab.state, torch.get_rng_state()
    lab.do("code", {}, ())
    lab.figure()
    assert lab.state == before and torch.equal(torch.get_rng_state(), drawn)
    asked_for = lab.frame()[0]["code"]
    assert asked_for == lab.copy_code() != ""
    assert lab.frame()[0]["code"] == ""  # sent once: the page keeps it


def test_showing_it_without_a_front_end_is_one_picture(capsys) -> None:
    lab = small()
    assert repr(lab) == "FlowLab('two moons', view='forward', schedule='scaled linear')"
    lab._ipython_display_()
    assert lab._panel is None
