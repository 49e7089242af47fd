"""The studio's parts without a page: fields from code, recalled settings, pictures dropped, and nothing left over."""

from __future__ import annotations

import gc
import io
import json
import logging
import time
import weakref

import ipywidgets
import numpy as np
import pytest
import torch
from ipywidgets.widgets.widget import _instances
from PIL import Image

import nbgen
from nbgen import jobs
from nbgen.errors import NbgenError
from nbgen.picture import Picture
from nbgen.testing import tiny_gan, tiny_sd
from nbgen.widgets import parts
from nbgen.widgets.following import Follower
from nbgen.widgets.parts import Stage
from nbgen.widgets.resulting import MOST_IN_FILE, Results

PATIENCE = 60


@pytest.fixture(scope="module")
def model():
    return tiny_sd()


@pytest.fixture
def studio(model):
    made = nbgen.studio(model)
    yield made
    made.close()


def generated(studio, **fields):
    studio.set(**fields)
    studio.generate()
    assert studio.wait(PATIENCE) and not studio._stage.state["error"]
    return studio.pictures


def dots(colour="navy", size=(40, 32)):
    return Image.new("RGB", size, colour)


def test_every_field_of_the_panel_is_set_from_code(studio, model):
    picture, mask = dots(), np.zeros((32, 40), bool)
    mask[:16] = True
    fields = {
        "prompt": "a cat", "negative": "blurry", "seed": 7, "sampler": "DPM++ 2M Karras", "steps": 150, "guidance": 25,
        "size": (40, 32), "style": "ink", "count": 2, "image": picture, "mask": mask, "strength": 0.5,
    }  # fmt: skip
    shown = {
        name for name, control in studio._settings._controls.items() if control.layout.display is None
    } | {"prompt", "negative", "seed", "size", "style", "count", "image", "mask", "strength"}
    assert shown - {"schedule"} == set(fields)
    studio.set(**fields)
    recipe = studio.recipe
    assert (recipe.sampler, recipe.schedule, recipe.steps, recipe.guidance) == ("dpm++2m", "karras", 150, 25)
    assert (recipe.size, recipe.seed, recipe.strength) == ((40, 32), 7, 0.5)
    assert recipe.prompt.startswith("ink drawing of a cat") and recipe.negative.startswith("blurry, ")
    given = {name: value for name, value in fields.items() if name != "count"}
    assert recipe == model.resolve(**nbgen.styling.styled(given, model.fields))
    assert studio._prompt.prompt == "a cat" and studio._settings._lock.value
    studio.set(steps=None, style=None, sampler=None, image=None, guidance=None, negative=None, seed=None)
    recipe = studio.recipe
    assert recipe == model.resolve(prompt="a cat", seed=recipe.seed, size=(40, 32))
    assert not studio._settings._lock.value


def test_fields_without_a_control_are_carried_along_and_given_back(studio):
    studio.set(prompt="a cat", tile=True)
    assert studio.recipe.tile and "tile = True" in studio._settings._further._words.value
    studio._settings._further._drop.click()
    assert not studio.recipe.tile and studio._settings._further.box.layout.display == "none"
    studio.set(sampler="ddim", options={"eta": 0.5})
    assert dict(studio.recipe.options) == {"eta": 0.5}
    studio._settings._controls["sampler"].value = "heun"  # the options were the other sampler's
    assert studio.recipe.options == ()


def test_another_model_is_set_from_code(studio):
    other = tiny_gan()
    studio.set(model=other, truncation=0.5, seed=3)
    assert studio.model is other and studio._models.box.value == "tiny-gan"
    assert (studio.recipe.truncation, studio.recipe.seed) == (0.5, 3)
    with pytest.raises(NbgenError, match="no field 'prompt'"):
        studio.set(prompt="a cat")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"style": "inc"}, "there is no style 'inc'"),
        ({"strength": 0.5}, "strength is about an image"),
        ({"image": "no/such/file.png"}, "there is no 'file.png'"),
        ({"image": dots(), "mask": np.ones((8, 8), bool)}, "a mask has the size of its image"),
        ({"mask": np.ones((8, 8), bool)}, "is about an image"),
        ({"size": (33, 32)}, "multiple of 8"),
        ({"count": 0}, "count must be from 1"),
        ({"model": "no such model"}, "no model"),
        ({"schedule": "carras"}, "there is no schedule 'carras'"),
        ({"cfg": 3}, "nbgen calls it guidance"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(studio, fields, words):
    studio.set(prompt="a cat", seed=1, sampler="heun", steps=3)
    before = studio.recipe
    with pytest.raises(NbgenError, match=words):
        studio.set(steps=9, **fields)
    assert studio.recipe == before


def test_recall_puts_back_every_setting(studio, model):
    start, mask = dots(), np.zeros((32, 40), bool)
    mask[8:20, 8:20] = True
    first = generated(
        studio, prompt="a cat", negative="fog", seed=5, sampler="heun", steps=2, guidance=30, image=start, mask=mask,
        strength=0.7, tile=True,
    )[0]  # fmt: skip
    second = generated(
        studio,
        prompt="a dog",
        negative=None,
        seed=6,
        image=None,
        tile=None,
        steps=3,
        guidance=None,
        size=(32, 32),
    )[0]
    assert second.recipe.image is None and not second.recipe.tile and second.recipe.negative is None
    for picture in (first, second, first):
        studio._results_strip.handlers["action"]({"name": "recall", "key": picture.key})
        assert studio.recipe == picture.recipe
    # Those of another model come with it.
    other = tiny_gan()
    gan = generated(studio, model=other, seed=2)[0]
    studio._results_strip.handlers["action"]({"name": "recall", "key": first.key})
    assert studio.model.ref == model.ref and studio.recipe == first.recipe  # of equal models any will do
    studio._results_strip.handlers["action"]({"name": "recall", "key": gan.key})
    assert studio.model.ref == other.ref and studio.recipe == gan.recipe


def test_a_picture_is_dropped_and_what_is_none_is_refused(studio):
    buffer = io.BytesIO()
    dots("red").save(buffer, "PNG")
    part = studio._settings._start
    part._handle_custom_msg({"kind": "file"}, [memoryview(buffer.getvalue())])
    studio.set(prompt="a cat", strength=0.5)
    assert studio.recipe.image == part.image and studio.recipe.size == (40, 32)
    assert Image.open(io.BytesIO(part.thumb)).convert("RGB").getpixel((3, 3)) == (255, 0, 0)
    part._handle_custom_msg({"kind": "file"}, [memoryview(b"<svg onload=alert(1)>")])
    assert "picture" in studio._stage.state["error"] and studio.recipe.image == part.image
    part._handle_custom_msg({"kind": "without"}, [])
    assert studio.recipe.image is None and part.thumb == b""


def test_sizes_have_the_names_of_their_shapes(studio):
    settings = studio._settings
    for name, size in settings._shape.options[:-1]:
        settings._shape.value = size
        assert studio.recipe.size == size and settings._shape.label == name
    settings._height.value = 72
    assert settings._shape.value is None
    studio.set(size=(32, 32))
    assert settings._shape.label.startswith("square")


def test_a_picture_is_looked_at_beside_another_or_compared_with_other_settings(studio):
    first = generated(studio, prompt="a cat", steps=2, seed=1)[0]
    other = generated(studio, seed=2)[0]
    press = studio._results_strip.handlers["action"]
    press({"name": "compare", "key": first.key})
    asked, place = studio._actions.extra.children
    which, look, settings, _ = asked.children
    assert len(which.options) == 1 and str(other.recipe.seed) in which.options[0]
    look.click()
    (view,) = place.children
    assert [cell["picture"] for cell in view.data["cells"]] == [0, 1]
    settings.click()
    assert studio._tabs.selected_index == 1 and "a cat" in studio._compare._from.value
    assert not studio._actions.extra.children


def test_a_panel_that_is_closed_leaves_nothing(model, capsys):
    nbgen.studio(model).close()
    before = len(_instances)
    panel = nbgen.studio(model)
    first = generated(panel, prompt="a cat", steps=2, seed=1)[0]
    for name in ("mask", "compare", "collect"):
        panel._results_strip.handlers["action"]({"name": name, "key": first.key})
    panel._compare.run()
    assert panel.wait(PATIENCE)
    panel._compare.view()
    opened = len(_instances)
    panel._compare.view()
    panel._results_strip.handlers["action"]({"name": "collect", "key": first.key})
    assert len(_instances) <= opened, "a viewer opened again replaces the one before"
    panel.close()
    assert len(_instances) == before and not panel.pictures
    assert capsys.readouterr().out == ""
    gone = weakref.ref(panel)
    del panel
    gc.collect()
    assert gone() is None, "something keeps a panel that is closed"


def held():
    """Bytes of tensors and number of jobs that are alive."""
    gc.collect()
    # By type alone: asking every object that there is for its class would load half of torch.
    found = [each for each in gc.get_objects() if issubclass(type(each), (torch.Tensor, jobs.Job))]
    tensors = [each for each in found if issubclass(type(each), torch.Tensor)]
    return sum(each.numel() * each.element_size() for each in tensors), len(found) - len(tensors)


def test_memory_is_as_before_after_generating_and_stopping(studio):
    generated(studio, prompt="a cat", steps=3, count=2)
    studio.set(steps=60, count=8)
    studio.generate()
    studio.stop()
    assert studio.wait(PATIENCE)
    before = held()
    for _ in range(4):
        studio.generate()
        follower = studio._follower
        while follower.busy and not (follower._job and follower._job.calls[0]):
            time.sleep(0.005)
        studio.stop()
        assert studio.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while held() != before and time.monotonic() < deadline:  # a worker may be leaving its task
        time.sleep(0.05)
    assert held() == before


def test_stop_ends_a_run_within_one_step(studio, monkeypatch):
    after = []
    tick = jobs.Job.tick

    def counted(job, done, total):
        tick(job, done, total)
        if job.stopping():
            after.append(done)
        elif done > 20:
            studio.stop()  # what the button does, pressed while the model is at work

    monkeypatch.setattr(jobs.Job, "tick", counted)
    studio.set(prompt="a cat", steps=400, count=8)
    studio.generate()
    assert studio.wait(PATIENCE)
    assert len(after) <= 1 and studio._stage.state["words"].startswith("stopped after 0 of 8")


def test_no_more_than_four_frames_a_second_are_sent():
    now = [0.0]
    stage = Stage(clock=lambda: now[0])
    sent = []
    stage.send = lambda content, buffers=None: sent.append((now[0], content["number"]))
    stage.handlers["visible"]({"view": "a", "visible": True})
    for _ in range(1000):  # ten seconds, looked at a hundred times each; the page answers at once
        if stage.wants_frame():
            stage.frame(b"jpeg", "")
            stage.handlers["seen"]({"number": sent[-1][1]})
        now[0] += 0.01
    times = [when for when, _ in sent]
    assert 30 <= len(times) <= 40
    assert min(np.diff(times)) >= 0.25 - 1e-9
    stage.handlers["visible"]({"view": "a", "visible": False})
    now[0] += 100
    assert not stage.wants_frame()


def test_twelve_large_results_fit_into_the_file():
    results = Results()
    noise = np.random.default_rng(0)
    made = [Picture(noise.integers(0, 255, (1024, 1024, 3), np.uint8)) for _ in range(14)]
    for picture in made:
        results.add([picture], lambda _: {"starred": False})
    assert MOST_IN_FILE == 12
    png = results.still("Studio")["image/png"]
    assert len(png) * 4 / 3 < 2**20, "as base64, of pictures that no PNG makes smaller"
    assert max(len(item["thumb"]) for item in results.strip.items) < 2 * 3 * parts.THUMB**2


def test_an_error_in_a_callback_is_one_that_fails_a_test(caplog, failures):
    button = ipywidgets.Button()
    button.on_click(lambda _: 1 / 0)
    button.click()
    assert [each for each in failures() if "division by zero" in each]
    caplog.clear()


def test_an_error_that_nobody_foresaw_is_said_and_logged(caplog):
    stage, follower = Stage(), Follower(lambda: None)

    def begin():
        raise KeyError("nobody foresaw this")

    follower.follow(stage, begin, lambda job: None)
    assert follower.wait(PATIENCE)
    assert "nobody foresaw this" in stage.state["error"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR]
    caplog.clear()


def test_the_page_is_told_which_buttons_stand_together(studio):
    actions = studio._results_strip.actions
    groups = [action["group"] for action in actions]
    assert groups == sorted(groups) and len(set(groups)) >= 4
    assert json.dumps(actions)
