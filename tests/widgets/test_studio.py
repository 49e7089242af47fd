"""The studio without a page: what its buttons do, its queue, its errors, its previews, and what it leaves behind."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
import pytest

import nbgen
from nbgen.jobs import Job
from nbgen.picture import Picture
from nbgen.testing import tiny_gan, tiny_sd
from nbgen.widgets.following import MOST_WAITING, Follower, preview
from nbgen.widgets.parts import FRAME_GAP, UNSEEN, Stage
from nbgen.widgets.routing import answer_anywhere
from nbgen.widgets.typed import values_of

PATIENCE = 60


@pytest.fixture(scope="module")
def model():
    return tiny_sd()


@pytest.fixture
def studio(model, caplog):
    made = nbgen.studio(model)
    yield made
    made.stop()
    assert made.wait(PATIENCE)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def press(studio, name, picture):
    """As if the button of the strip was pressed in a page."""
    studio._results_strip.handlers["action"]({"kind": "action", "name": name, "key": picture.key})
    assert studio.wait(PATIENCE)


def generated(studio, prompt="a cat"):
    studio.generate(prompt)
    assert studio.wait(PATIENCE)
    return studio.pictures


def error_of(studio):
    return studio._stage.state["error"]


def test_generate_makes_what_the_controls_say(studio, capsys):
    studio._settings._count.value = 2
    studio._settings._controls["steps"].value = 3
    studio._settings._controls["sampler"].value = "heun"
    pictures = generated(studio)
    assert len(pictures) == 2
    assert {(p.recipe.sampler, p.recipe.steps, p.recipe.prompt) for p in pictures} == {("heun", 3, "a cat")}
    assert nbgen.last[0].key == pictures[0].key
    assert studio._stage.picture and studio._stage.caption.startswith("a cat")
    assert capsys.readouterr().out == "", "a panel must print into no cell"


def test_a_locked_seed_gives_the_same_picture_and_an_open_one_another(studio):
    first = generated(studio)[0]
    studio._settings._lock.value = True
    studio._settings._seed.value = "7"
    second, third = generated(studio)[0], generated(studio)[0]
    assert first.key != second.key == third.key
    assert second.recipe.seed == 7 == studio.recipe.seed
    assert len(studio.pictures) == 2


def test_the_code_makes_the_same_picture(studio, model):
    picture = generated(studio)[0]
    shown = studio._results_strip.items[0]
    names = {}
    exec(
        shown["code"].replace("model = ...", "").replace("model=model", "model=mine"), {"mine": model}, names
    )
    assert names["picture"].key == picture.key
    assert np.array_equal(np.asarray(names["picture"]), np.asarray(picture))
    assert nbgen.Recipe.from_json(shown["recipe"]).key == picture.recipe.key


def test_results_are_varied_starred_recalled_and_refused(studio):
    picture = generated(studio)[0]
    press(studio, "subtle", picture)
    assert len(studio.pictures) == 5
    press(studio, "star", picture)
    assert [item["starred"] for item in studio._results_strip.items if item["key"] == picture.key] == [True]
    assert [found.key for found in nbgen.history(starred=True)] == [picture.key]
    press(studio, "star", picture)
    assert not nbgen.history(starred=True)
    studio._settings._controls["steps"].value = 40
    press(studio, "recall", picture)
    assert studio._settings._controls["steps"].value == 5
    assert studio.recipe == picture.recipe
    studio._results_strip.handlers["action"]({"name": "star", "key": "gone"})
    assert "gone from the store" in error_of(studio)


def test_errors_are_one_sentence_in_the_panel(studio):
    studio._settings._lock.value = True
    studio._settings._seed.value = "seven"
    studio.generate("a cat")
    assert error_of(studio) == "seed must be a whole number from 0, not 'seven'."
    studio._settings._seed.value = "7"
    studio._settings._width.value = 33
    generated(studio)
    assert "multiple of" in error_of(studio) and not studio.busy
    studio._settings._width.value = 32
    assert len(generated(studio)) == 1 and error_of(studio) == ""


def test_controls_are_set_from_code(studio):
    studio.set(prompt="a dog", seed=9, steps=7, sampler="Heun", schedule="karras", count=2, size=(64, 32))
    pictures = generated(studio, None)
    assert [p.recipe.seed for p in pictures] == [9, 10]
    recipe = pictures[0].recipe
    assert (recipe.prompt, recipe.steps, recipe.sampler) == ("a dog", 7, "heun")
    assert (recipe.schedule, recipe.size) == ("karras", (64, 32))
    for fields in ({"stepss": 3}, {"steps": 0}, {"seed": -1}, {"count": 1000}, {"sampler": "eulr"}):
        with pytest.raises(nbgen.errors.RecipeError):
            studio.set(**fields)
    assert studio.recipe == recipe


def test_only_fields_that_the_model_has():
    panel = nbgen.studio(tiny_gan())
    shown = {name for name, each in panel._settings._controls.items() if each.layout.display is None}
    assert shown == {"truncation"}
    assert not panel._prompt.reads and not panel._prompt.denies
    panel.generate()
    assert panel.wait(PATIENCE) and len(panel.pictures) == 1


def test_another_model_is_chosen_by_name_and_an_unknown_one_refused(studio):
    other = tiny_gan()
    studio._models.box.value = "tiny-gan"
    assert studio.wait(PATIENCE)
    assert studio.model.ref == other.ref and not studio._prompt.reads
    studio._models.box.value = "no such model"
    assert studio.wait(PATIENCE)
    assert "no model" in error_of(studio)
    assert studio.model.ref == other.ref and studio._models.box.value == "tiny-gan"


def test_comparing_and_walking_in_their_tabs(studio):
    generated(studio)
    (_, values), (_, seeds), _ = studio._compare._rows
    values.value, seeds.value = "ddim, heun", "0-2"
    assert studio._compare._cost.value.startswith("6 cells")
    studio._compare.run()
    assert studio.wait(PATIENCE)
    grid = studio._compare.result
    assert grid.shape == (2, 3) and nbgen.last is grid
    assert studio._compare._stage.picture.startswith(b"\x89PNG")
    assert "sampler=[&#x27;ddim&#x27;, &#x27;heun&#x27;]" in studio._compare._code._text.value
    values.value = "eulr"
    assert "did you mean" in studio._compare._cost.value
    studio._walk._stops.value, studio._walk._frames.value = "a cat\na dog", 4
    studio._walk.run()
    assert studio.wait(PATIENCE)
    assert len(studio._walk.result) == 4 and b"acTL" in studio._walk._stage.picture
    studio._walk._stops.value = "a cat"
    studio._walk.run()
    assert studio.wait(PATIENCE) and "2 stops" in studio._walk._stage.state["error"]


def test_history_finds_by_words_and_stars(studio):
    cat = generated(studio, "a cat")[0]
    generated(studio, "a dog")
    studio._history.look()
    assert len(studio._history.pictures) == 2
    studio._history._text.value = "cat"
    assert [picture.key for picture in studio._history.pictures] == [cat.key]
    studio._history._starred.value = True
    assert not studio._history.pictures
    studio._history._starred.value = False
    press(studio, "collect", cat)
    name, put, _ = studio._actions.extra.children[0].children
    name.value = "my cats"
    put.click()
    assert nbgen.collections() == {"my cats": 1}
    studio._history._text.value = ""
    studio._history._collection.value = "my cats"
    assert [picture.key for picture in studio._history.pictures] == [cat.key]


def test_typing_tells_tokens_and_unknown_words():
    panel = nbgen.studio("mini")
    panel._prompt.handlers["typed"]({"prompt": "a catt face", "negative": ""})
    assert panel._prompt.told.startswith("5 of 38 tokens. This model does not know 'catt'")


def slow_job(seconds=30.0):
    """A job that ends when it is stopped, and the thread that does it."""
    job = Job(1)

    def work(job):
        end = time.monotonic() + seconds
        while not job.stopping() and time.monotonic() < end:
            time.sleep(0.01)

    threading.Thread(target=lambda: job._carry_out(work), daemon=True).start()
    return job


def test_runs_wait_for_their_turn_and_stop_ends_all():
    changes, ended = [], []
    stage = Stage()
    follower = Follower(lambda: changes.append(follower.waiting))
    before = threading.active_count()
    for _ in range(5):
        assert follower.follow(stage, slow_job, ended.append)
    assert follower.busy
    follower.stop()
    assert follower.wait(PATIENCE)
    assert not follower.busy and follower.waiting == 0 and len(ended) <= 1
    assert not ended or stage.state["words"].startswith("stopped")
    deadline = time.monotonic() + PATIENCE
    while threading.active_count() > before and time.monotonic() < deadline:  # one may be ending
        time.sleep(0.01)
    assert threading.active_count() <= before
    assert follower.follow(stage, slow_job, ended.append)
    deadline = time.monotonic() + PATIENCE
    while follower._job is None and time.monotonic() < deadline:  # the first one runs, and goes on running
        time.sleep(0.01)
    while follower.waiting < MOST_WAITING and time.monotonic() < deadline:
        follower.follow(stage, slow_job, ended.append)
    assert not follower.follow(stage, slow_job, ended.append)
    follower.stop()
    assert follower.wait(PATIENCE)


def test_frames_wait_for_the_page():
    now = [100.0]
    stage = Stage(clock=lambda: now[0])
    sent = []
    stage.send = lambda content, buffers=None: sent.append(content)
    assert not stage.wants_frame(), "nobody looks"
    stage.handlers["visible"]({"view": "a", "visible": True})
    assert stage.wants_frame()
    stage.frame(b"jpeg", "1 of 2")
    assert not stage.wants_frame()
    now[0] += FRAME_GAP
    assert not stage.wants_frame(), "the page has not seen the last one"
    stage.handlers["seen"]({"number": sent[-1]["number"]})
    assert stage.wants_frame()
    stage.frame(b"jpeg", "2 of 2")
    now[0] += UNSEEN
    assert stage.wants_frame(), "a frame that was lost must not end the preview"
    stage.handlers["visible"]({"view": "a", "visible": False})
    assert not stage.wants_frame()


def test_a_preview_keeps_the_places_of_a_grid():
    finished = {3: Picture(np.full((8, 8, 3), 255, np.uint8))}
    sheet = np.asarray(preview(finished, {0: np.zeros((4, 4, 3), np.uint8)}, columns=2))
    side = sheet.shape[0] // 2
    assert sheet.shape[:2] == (2 * side, 2 * side)
    assert sheet[side // 2, side // 2].max() == 0 and sheet[-side // 2, -side // 2].min() == 255
    assert (sheet[side // 2, -side // 2] == 128).all()
    assert preview({}, {}) is None


@pytest.mark.parametrize(
    ("field", "text", "values"),
    [
        ("guidance", "1, 3, 7", [1.0, 3.0, 7.0]),
        ("seed", "0-3", [0, 1, 2, 3]),
        ("steps", "1-10 [4]", [1, 4, 7, 10]),
        ("guidance", "1-2 (+0.25)", [1.0, 1.25, 1.5, 1.75, 2.0]),
        ("steps", "20-10 (+5)", [20, 15, 10]),
        ("guidance", "0.1-0.35 (+0.1)", [0.1, 0.2, 0.3]),
        ("sampler", "DPM++ 2M, heun", ["dpm++2m", "heun"]),
        ("prompt", "a cat\n\n a dog ", ["a cat", "a dog"]),
    ],
)
def test_typed_values(field, text, values):
    assert values_of(field, text) == values


@pytest.mark.parametrize(
    ("field", "text"),
    [("seed", ""), ("seed", "a"), ("steps", "1.5"), ("seed", "0-100000"), ("guidance", "1-2 (+0)"),
     ("sampler", "eulr"), ("guidance", "1-2 [1]"), ("seed", "--3"), ("prompt", " \n ")],
)  # fmt: skip
def test_typed_nonsense_is_refused(field, text):
    with pytest.raises(nbgen.errors.RecipeError):
        values_of(field, text)


def test_widgets_are_answered_where_the_page_sent_them():
    stage = Stage()

    class Comm:
        def _reply_subshell_for(self, data, default):
            return "the main shell"

    stage.comm.__class__._reply_subshell_for = Comm._reply_subshell_for
    try:
        answer_anywhere(stage)
        assert stage.comm._reply_subshell_for({}, "subshell 1") == "subshell 1"
    finally:
        del stage.comm.__class__._reply_subshell_for


def test_a_style_is_put_around_the_words() -> None:
    panel = nbgen.studio("mini")
    panel.set(prompt="a cat face", seed=1)
    panel._settings._style.value = "ink"
    recipe = panel.recipe
    assert "a cat face" in recipe.prompt and recipe.prompt != "a cat face" and recipe.negative
    panel._settings.recall(recipe)
    assert "style" not in panel._settings.values()
