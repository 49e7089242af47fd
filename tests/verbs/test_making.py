"""generate and again: what they make, keep, say and refuse; on a diffusion model and on a GAN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbgen
from nbgen import jobs
from nbgen.errors import RecipeError, SamplerError
from nbgen.storage import default_store
from nbgen.testing import tiny_gan, tiny_sd
from nbgen.verbs.wishes import Wishes


@pytest.fixture(scope="module", params=["sd", "gan"])
def model(request):
    return tiny_sd(seed=9) if request.param == "sd" else tiny_gan(seed=9)


@pytest.fixture
def words(model) -> dict[str, Any]:
    return {"prompt": "a cat"} if "prompt" in model.fields else {}


@pytest.fixture(scope="module")
def sd():
    return tiny_sd(seed=9)


def test_n_pictures_with_seeds_in_a_row(model, words) -> None:
    pictures = nbgen.generate(**words, n=3, seed=7, model=model)
    assert isinstance(pictures, nbgen.Pictures)
    assert [picture.recipe.seed for picture in pictures] == [7, 8, 9]
    assert nbgen.last is pictures
    assert len({picture.key for picture in pictures}) == 3
    assert pictures[0].size == (32, 32) if words else (16, 16)


def test_what_was_made_once_is_not_made_again(model, words, monkeypatch) -> None:
    first = nbgen.generate(**words, n=2, seed=7, model=model)
    asked = []
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda *given: (asked.append(len(given[1])), forward(*given))[1])
    again = nbgen.generate(**words, n=3, seed=7, model=model)
    assert [picture.cost.stored for picture in again] == [True, True, False]
    assert repr(again[:2]) == repr(first)
    assert all((np.asarray(a) == np.asarray(b)).all() for a, b in zip(first, again, strict=False))
    asked.clear()
    nbgen.generate(**words, n=3, seed=7, model=model)
    assert asked == []


def test_fresh_and_without_trace(model, words) -> None:
    kept = nbgen.generate(**words, seed=1, model=model)[0]
    fresh = nbgen.generate(**words, seed=1, model=model, fresh=True)[0]
    assert not fresh.cost.stored
    assert np.abs(np.asarray(fresh).astype(int) - np.asarray(kept)).max() <= 1
    nbgen.generate(**words, seed=2, model=model, store=False)
    assert len(nbgen.history()) == 1


def test_exact_reuses_only_what_was_made_exactly(model, words) -> None:
    nbgen.generate(**words, n=2, seed=1, model=model)
    exact = nbgen.generate(**words, n=2, seed=1, model=model, exact=True)
    assert [picture.cost.stored for picture in exact] == [False, False]
    assert all(picture.cost.exact and picture.cost.batch == 1 for picture in exact)
    again = nbgen.generate(**words, n=2, seed=1, model=model, exact=True)
    assert [picture.cost.stored for picture in again] == [True, True]
    fresh = nbgen.generate(**words, n=2, seed=1, model=model, exact=True, fresh=True)
    assert all((np.asarray(a) == np.asarray(b)).all() for a, b in zip(exact, fresh, strict=True))


def test_a_saved_picture_reads_back_to_the_same_recipe_and_pixels(model, words, tmp_path: Path) -> None:
    picture = nbgen.generate(**words, seed=3, model=model)[0]
    found = nbgen.read(picture.save(tmp_path / "a.png"))
    assert found.recipe == picture.recipe
    assert (np.asarray(found) == np.asarray(picture)).all()
    again = found.again(store=False)
    assert np.abs(np.asarray(again).astype(int) - np.asarray(picture)).max() <= 1


def test_wait_false_gives_the_job(model, words) -> None:
    job = nbgen.generate(**words, n=2, seed=5, model=model, wait=False)
    pictures = job.result(timeout=60)
    assert [picture.recipe.seed for picture in pictures] == [5, 6]
    assert job.done


def test_lists_of_prompts_and_of_seeds(sd) -> None:
    pictures = nbgen.generate(["a cat", "a dog"], seed=[3, 1], model=sd)
    assert [(picture.recipe.prompt, picture.recipe.seed) for picture in pictures] == [
        ("a cat", 3), ("a cat", 1), ("a dog", 3), ("a dog", 1),
    ]  # fmt: skip


def test_equal_recipes_are_made_once(sd) -> None:
    pictures = nbgen.generate("a cat", seed=[4, 4, 4], model=sd)
    assert len(pictures) == 3
    assert pictures[0] is pictures[1] is pictures[2]
    assert pictures[0].cost.batch == 1


def test_a_drawn_seed_is_said_and_makes_the_picture_again(sd, capsys) -> None:
    picture = nbgen.generate("a cat", model=sd)[0]
    assert f"Seed drawn: {picture.recipe.seed}." in capsys.readouterr().out
    assert nbgen.generate("a cat", seed=picture.recipe.seed, model=sd)[0].cost.stored
    assert capsys.readouterr().out == ""


def test_a_notebooks_defaults_hold_where_the_call_is_silent(sd) -> None:
    try:
        nbgen.defaults(model=sd, seed=12, steps=3, sampler="euler")
        recipe = nbgen.generate("a cat")[0].recipe
        assert (recipe.seed, recipe.steps, recipe.sampler) == (12, 3, "euler")
        assert nbgen.generate("a cat", steps=2)[0].recipe.steps == 2
        assert nbgen.generate(model=tiny_gan(seed=9))[0].recipe.steps is None
    finally:
        nbgen.defaults(None)


def test_again_changes_what_it_is_told(sd) -> None:
    picture = nbgen.generate("a cat", seed=3, sampler="ddim", options={"eta": 0.5}, model=sd)[0]
    assert picture.again().cost.stored
    assert picture.again(steps=9).recipe == picture.recipe.replace(steps=9)
    assert picture.again(sampler="heun").recipe.options == ()
    with pytest.raises(RecipeError, match="nbgen calls it steps"):
        picture.again(num_inference_steps=9)


def test_notes_stand_above_the_picture(sd, capsys) -> None:
    pictures = nbgen.generate("abcdefghijklmnopqrstuvwxyz", n=2, seed=1, model=sd)
    said = capsys.readouterr().out
    assert said.count("never sees") == 1
    assert "never sees" in pictures[0].notes[0]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        ({}, RecipeError, "a prompt is needed"),
        ({"prompt": []}, RecipeError, "empty"),
        ({"prompt": 3}, RecipeError, "must be text"),
        ({"prompt": b"x"}, RecipeError, "must be text"),
        ({"prompt": ["x", 3]}, RecipeError, "must be text"),
        ({"prompt": "x", "n": 0}, RecipeError, "n must be from 1"),
        ({"prompt": "x", "n": -3}, RecipeError, "n must be from 1"),
        ({"prompt": "x", "n": 10**6}, RecipeError, "10,000"),
        ({"prompt": "x", "n": 2.5}, RecipeError, "whole number"),
        ({"prompt": "x", "n": 2, "seed": [1, 2]}, RecipeError, "list of seeds"),
        ({"prompt": "x", "seed": []}, RecipeError, "list of seeds is empty"),
        ({"prompt": "x", "seed": "seven"}, RecipeError, "whole number"),
        ({"prompt": "x", "seed": 2**64 - 1, "n": 2}, RecipeError, "largest"),
        ({"prompt": "x", "sampler": "eulr"}, SamplerError, "'euler'"),
        ({"prompt": "x", "width": 64}, RecipeError, r"size=\(width, height\)"),
        ({"prompt": "x", "step": 3}, RecipeError, "steps"),
    ],
    ids=str,
)
def test_bad_calls_are_told_before_any_work(sd, monkeypatch, call, error, said) -> None:
    monkeypatch.setattr(sd, "forward", lambda *given: pytest.fail("work was begun"))
    before = nbgen.last
    with pytest.raises(error, match=said):
        nbgen.generate(model=sd, **call)
    assert nbgen.last is before


def test_a_failure_keeps_what_was_finished(sd, monkeypatch) -> None:
    nbgen.generate("a cat", seed=1, model=sd)
    monkeypatch.setattr(sd, "forward", lambda *given: (_ for _ in ()).throw(ValueError("no answer")))
    with pytest.raises(ValueError, match="no answer"):
        nbgen.generate("a cat", n=2, seed=1, model=sd)
    assert [picture.recipe.seed for picture in nbgen.last] == [1]


def test_an_interrupt_keeps_what_was_finished(sd, monkeypatch) -> None:
    waits = []

    def interrupted(job: jobs.Job, timeout: float | None = None) -> bool:
        waits.append(timeout)
        if len(waits) == 1:
            raise KeyboardInterrupt
        return True

    monkeypatch.setattr(jobs, "executor", jobs.SynchronousExecutor())
    monkeypatch.setattr(jobs.Job, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        nbgen.generate("a cat", n=3, seed=21, model=sd)
    assert [picture.recipe.seed for picture in nbgen.last] == [21, 22, 23]


def test_a_full_disk_costs_only_the_history(sd, monkeypatch) -> None:
    monkeypatch.setenv("NBGEN_STORE", "/dev/null/store")
    with pytest.warns(nbgen.errors.StoreWarning) as warned:
        first = nbgen.generate("a cat", seed=31, model=sd)[0]
        nbgen.generate("a cat", seed=32, model=sd)
    assert len(warned) == 1
    assert first.size == (32, 32)


def test_pictures_are_stored_as_they_finish(sd) -> None:
    """What an interrupt, or a power cut, leaves is what was finished by then."""
    seen = []

    class Stopping(jobs.Job):
        def picture(self, index: int, picture: Any) -> None:
            super().picture(index, picture)
            default_store().flush()
            seen.append(len(nbgen.history()))
            if index == 3:
                self.stop()

    job = Stopping(total=8)
    model = tiny_sd(seed=9)
    model.rows = 4
    from nbgen.verbs import running

    started: list[Any] = []

    def submit(model: Any, work: Any, **options: Any) -> Any:
        started.append(work)
        return job

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "submit", submit)
        recipes = [model.resolve(prompt="x", seed=seed, guidance=1, steps=3) for seed in range(8)]
        running.start(model, recipes, Wishes())
    started[0](job)
    assert seen == [1, 2, 3, 4]
    assert len(nbgen.history()) == 4


def test_the_weights_are_looked_at_as_often_for_many_pictures_as_for_one(sd, monkeypatch) -> None:
    looks = []
    checksum = sd._checksum
    monkeypatch.setattr(sd, "_checksum", lambda: looks.append(1) or checksum())
    counts = []
    for n in (1, 6):
        looks.clear()
        nbgen.generate("a cat", n=n, seed=1, steps=2, model=sd, store=False)
        counts.append(len(looks))
    assert counts[0] == counts[1] > 0
