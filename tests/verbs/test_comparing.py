"""compare, plan and Grid on millisecond-sized models: every cell right, nothing made twice, failures in place."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image

import nbgen
from nbgen import jobs
from nbgen.errors import PictureFileError, RecipeError
from nbgen.picture import Picture
from nbgen.testing import tiny_gan, tiny_sd

SAMPLERS = ["ddim", "heun", "dpm++2m"]


pytestmark = pytest.mark.usefixtures("at_once")


def loaded(path):
    with Image.open(path) as image:
        image.load()
    return image


def small(model, **more):
    fields = {"sampler": SAMPLERS, "seed": range(2), "steps": 3, **more}
    return nbgen.compare("a cat", model=model, **fields)


def test_every_cell_is_the_picture_that_its_recipe_gives_alone(model):
    grid = small(model, guidance=[1, 3])
    assert grid.shape == (3, 2, 2) and len(grid) == 12
    for sampler, seed, guidance in (("heun", 1, 3), ("ddim", 0, 1), ("dpm++2m", 1, 1)):
        cell = grid.at(sampler=sampler, seed=seed, guidance=guidance)
        recipe = model.resolve(prompt="a cat", sampler=sampler, seed=seed, guidance=guidance, steps=3)
        ((_, alone),) = model.run([recipe])
        assert cell.recipe == recipe
        difference = np.asarray(cell).astype(int) - np.asarray(alone).astype(int)
        assert np.abs(difference).max() <= 1


def test_a_finished_grid_runs_again_without_a_call_and_a_grown_axis_makes_only_the_new(model, rows):
    first = small(model)
    made = sum(rows)
    again = small(model)
    assert sum(rows) == made and all(picture.cost.stored for picture in again)
    assert [picture.key for picture in again] == [picture.key for picture in first]
    grown = small(model, seed=range(3))
    assert [picture.cost.stored for picture in grown] == [True, True, False] * 3
    # ddim and dpm++2m take 3 calls, heun 5; guided, so two rows each.
    assert sum(rows) - made == 2 * (3 + 3 + 5)


def test_equal_cells_are_made_once(model, rows):
    grid = nbgen.compare("a cat", model=model, steps=3, sampler="ddim", seed=[4, 4, 4])
    assert sum(rows) == 6 and len(grid) == 3
    assert len({picture.key for picture in grid}) == 1


def test_a_stopped_comparison_keeps_what_was_finished_and_goes_on_there(
    model, rows, monkeypatch, stopped_after
):
    monkeypatch.setattr(model, "rows", 4)
    with stopped_after(3), pytest.raises(nbgen.errors.JobStopped):
        small(model, seed=range(4))
    partial = nbgen.last
    assert 3 <= len(partial) < 12 and "missing" in repr(partial)
    assert set(partial.failures.values()) == {"not made"}
    partial.figure()
    whole = small(model, seed=range(4))
    assert sum(picture.cost.stored for picture in whole) == len(partial)
    # What was in flight when it stopped, at most two pictures, was begun twice.
    assert sum(rows) <= 2 * 4 * (3 + 3 + 5) + 4 * 2 * 5


def test_a_cell_that_fails_says_why_in_its_place_and_the_others_go_on(model, monkeypatch):

    def fails_on_heun(self, recipe):
        if recipe.sampler == "heun" and recipe.seed == 1:
            raise RuntimeError("the tokenizer choked on it")
        return condition(self, recipe)

    condition = type(model).condition
    monkeypatch.setattr(type(model), "condition", fails_on_heun)
    grid = small(model)
    assert len(grid) == 5 and "1 missing" in repr(grid)
    assert grid.failures == {"sampler heun, seed 1": "the tokenizer choked on it"}
    with pytest.raises(RecipeError, match=r"no picture at sampler heun, seed 1: the tokenizer choked"):
        grid.at(sampler="heun", seed=1)
    texts = " ".join(text.get_text() for text in grid.figure().axes[0].texts)
    assert "the tokenizer" in texts
    assert [row["failed"] for row in grid.table()].count("the tokenizer choked on it") == 1


def test_all_problems_are_said_before_anything_runs(model, rows):
    with pytest.raises(RecipeError) as caught:
        nbgen.compare("a cat", model=model, cfg=3, seed=[], sampler=["ddim", "hune"], steps=[2, 5000])
    text = str(caught.value)
    for part in ("nbgen calls it guidance", "empty axis", "did you mean 'heun'", "not 5000"):
        assert part in text
    assert rows == []
    for wrong in (
        dict(start=3),
        dict(seed=range(10**6)),
        dict(n=0),
        dict(limit=0),
        dict(prompt="a dog"),
        dict(truncation=[1]),
    ):
        start = wrong.pop("start", "a cat")
        with pytest.raises(RecipeError):
            nbgen.compare(start, model=model, **wrong)
    assert rows == []


def test_too_many_cells_come_with_an_estimate(model):
    some = {"steps": [1, 3], "guidance": [1, 2], "sampler": "ddim"}
    with pytest.raises(RecipeError) as caught:
        nbgen.compare("a cat", model=model, seed=range(250_000), **some)
    told = re.search(r"would be 1,000,000 cells, about ([\d,]+) denoiser calls", str(caught.value))
    assert int(told.group(1).replace(",", "")) == pytest.approx(2_000_000, rel=0.15)
    with pytest.raises(RecipeError, match=r"12,000 cells, about .*say limit=12000"):
        nbgen.plan("a cat", model=model, seed=range(3000), **some)
    assert nbgen.plan("a cat", model=model, seed=range(3000), limit=12_000, **some).calls == 24_000


def test_weights_are_looked_at_once_a_call_not_once_a_cell(model, monkeypatch):
    seen = []
    tensors = type(model)._tensors
    monkeypatch.setattr(type(model), "_tensors", lambda self: seen.append(1) or tensors(self))
    nbgen.plan("a cat", model=model, seed=range(30))
    assert len(seen) <= 4


def test_a_pipeline_that_was_trained_on_makes_new_pictures():
    trained = tiny_sd(4)
    before = nbgen.compare("a cat", model=trained, seed=range(2), steps=2)
    trained._pipe.unet.conv_in.weight.data += 0.01
    after = nbgen.compare("a cat", model=trained, seed=range(2), steps=2)
    assert not any(picture.cost.stored for picture in after)
    assert {picture.key for picture in before}.isdisjoint(picture.key for picture in after)


def test_it_starts_from_a_picture(model):
    picture = nbgen.generate(
        "a cat", model=model, seed=5, steps=3, sampler="dpm++2m karras", negative="a dog"
    )[0]
    grid = nbgen.compare(picture, guidance=[2, 3])
    assert [cell.recipe.guidance for cell in grid] == [2, 3]
    assert {(cell.recipe.seed, cell.recipe.negative, cell.recipe.schedule) for cell in grid} == {
        (5, "a dog", "karras")
    }
    others = nbgen.compare(picture, sampler=["dpm++2m", "ddim"])  # ddim has no schedule to take along
    assert [cell.recipe.schedule for cell in others] == ["karras", None]
    with pytest.raises(RecipeError, match="no recipe"):
        nbgen.compare(Picture(Image.new("RGB", (8, 8))), steps=[1, 2])


def test_several_models_each_run_their_own_cells(model):
    other = tiny_sd(1)
    grid = nbgen.compare("a cat", model=[model, other], seed=range(2), steps=2)
    assert [picture.recipe.model.fingerprint for picture in grid] == [model.ref.fingerprint] * 2 + [
        other.ref.fingerprint
    ] * 2
    assert grid.at(model=other, seed=1).recipe.seed == 1
    with pytest.raises(RecipeError, match="truncation"):
        nbgen.compare("a cat", model=[model, tiny_gan()], truncation=[0.5, 1])


def test_several_models_on_threads_of_their_own(monkeypatch):
    monkeypatch.setattr(jobs, "executor", jobs.ThreadExecutor())
    models = [tiny_sd(0), tiny_sd(1)]
    forwards, backwards = (
        nbgen.compare("a cat", model=order, seed=range(2), steps=2, wait=False, store=False)
        for order in (models, models[::-1])
    )
    assert len(forwards.result(60)) == len(backwards.result(60)) == 4
    assert forwards.calls == (8, 8)


def test_a_gan_is_compared_as_readily():
    grid = nbgen.compare(model=tiny_gan(), truncation=[0.5, 1.0], seed=range(3))
    assert grid.shape == (2, 3) and {picture.cost.calls for picture in grid} == {1}


def test_the_notebooks_defaults_hold_and_the_seed_is_zero(model):
    nbgen.defaults(model=model, steps=2, sampler="heun")
    try:
        grid = nbgen.compare("a cat", guidance=[1, 2])
        assert {(cell.recipe.seed, cell.recipe.steps, cell.recipe.sampler) for cell in grid} == {
            (0, 2, "heun")
        }
    finally:
        nbgen.defaults(None)


def test_pictures_that_exist_compare_too(model, tmp_path):
    made = nbgen.generate("a cat", model=model, seed=1, steps=2)[0]
    Image.new("RGB", (32, 32), "red").save(tmp_path / "theirs.png")
    (tmp_path / "notes.txt").write_text("no picture")
    grid = nbgen.compare(
        {"mine": made, "theirs": tmp_path / "theirs.png", "array": np.zeros((32, 32, 3), np.uint8)}
    )
    assert grid.at(picture="mine").recipe == made.recipe and len(grid) == 3
    assert grid.measure("mine")[1]["rmse"] > 0
    folder = nbgen.compare(tmp_path)
    assert len(folder) == 1 and folder.layout.axes[0].labels == ("theirs.png",)
    with pytest.raises(RecipeError, match="leave out"):
        nbgen.compare({"mine": made}, seed=[1, 2])
    with pytest.raises(PictureFileError, match="missing"):
        nbgen.compare({"missing": tmp_path / "missing.png"})
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(PictureFileError, match="no pictures"):
        nbgen.compare(empty)


def test_a_line_for_each_sampler_says_whether_it_is_fair(model, capsys):
    small(model)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == SAMPLERS
    assert "5 calls" in lines[1] and "same starting noise" in lines[1]
    # Independent of the code under test: the schedulers' own tables.
    from diffusers import DDIMScheduler

    theirs = DDIMScheduler(
        **{name: model.trained[name] for name in ("beta_start", "beta_end", "beta_schedule", "steps_offset")}
    )
    theirs.set_timesteps(3)
    alpha = theirs.alphas_cumprod[theirs.timesteps[0]]
    assert f"sigma {float(((1 - alpha) / alpha) ** 0.5):.3g} to" in lines[0]
    nbgen.compare("a cat", model=model, seed=range(2), steps=2)
    assert capsys.readouterr().out == ""
    nbgen.compare("a cat", model=model, sampler=["ddim", "euler"], steps=1)
    assert "ddim: 1 call, sigma" in capsys.readouterr().out


def test_the_plan_is_what_then_happens(model, rows):
    small(model, seed=[0])
    before = sum(rows)
    arguments = dict(model=model, sampler=SAMPLERS, seed=[0, 1, 1], steps=3)
    plan = nbgen.plan("a cat", **arguments)
    assert (plan.cells, plan.pictures, plan.stored, plan.calls) == (9, 6, 3, 3 + 3 + 5)
    assert plan.seconds is not None and plan.seconds > 0 and "cells" in str(plan)
    nbgen.compare("a cat", **arguments)
    assert sum(rows) - before == plan.rows
    assert nbgen.plan("a cat", **arguments).calls == 0
    assert nbgen.plan("a cat", model=tiny_sd(3), seed=range(2)).seconds is None


def test_arranging_makes_nothing_and_loses_nothing(model, rows):
    grid = small(model)
    made = len(rows)
    turned = grid.arrange(rows="seed", columns="sampler")
    assert [label.get_text() for label in turned.figure().axes[0].get_xticklabels()] == SAMPLERS
    assert len(turned) == 6 and turned.at(sampler="ddim", seed=0) is grid.at(sampler="ddim", seed=0)
    one = grid.arrange(drop={"seed": 1}).figure()
    assert "seed: 1" in [text.get_text() for text in one.axes[0].texts]
    assert len(rows) == made


def test_measures_name_no_best_from_one_seed(model):
    grid = small(model, seed=range(6), reference="heun")
    rows = grid.measure()
    assert [row["rmse"] == 0 for row in rows] == [row["sampler"] == "heun" for row in rows]
    assert {row["calls"] for row in rows if row["sampler"] == "heun"} == {5}
    assert "rmse" in grid.table().columns
    paired = grid.paired("ddim")
    assert repr(paired).endswith("(95% bootstrap intervals).") or "not clearly" in repr(paired)
    assert [row["sampler"] for row in paired] == ["dpm++2m"] and paired[0][
        "n"
    ] == 6  # heun is its own reference
    (single,) = small(model, seed=range(1), reference="heun").paired("ddim")
    assert single["n"] == 1 and single["from"] is None and "no setting is the best" in single["verdict"]
    timed = grid.measure(timing=True, repeats=1)
    assert len({row["seconds alone"] for row in timed}) == 3
    for wrong in (
        lambda: grid.measure("lcm"),
        lambda: grid.paired("ddim", measure="beauty"),
        lambda: grid.paired("heun"),
        lambda: small(model).measure(timing=True, repeats=0),
        lambda: small(model).difference(),
    ):
        with pytest.raises(RecipeError):
            wrong()


def test_the_table_is_a_data_frame_where_there_is_pandas(model, monkeypatch):
    grid = small(model)
    monkeypatch.setitem(sys.modules, "pandas", None)  # as if it were not installed
    rows = grid.table()
    monkeypatch.setitem(
        sys.modules, "pandas", types.SimpleNamespace(DataFrame=lambda given: ("frame", given))
    )
    assert grid.table() == ("frame", list(rows)) and len(rows) == 6


def test_heat_maps_share_a_scale_and_outline_their_reference(model):
    grid = small(model)
    figure = grid.difference("heun")
    assert len(figure.axes) == 2 and len(figure.axes[0].patches) == 2
    assert figure.axes[1].get_xlim()[1] >= 8 / 255


def test_it_shows_and_saves_itself(model, tmp_path, needs):
    grid = small(model)
    bundle = grid._repr_mimebundle_()
    assert (
        set(bundle) == {"image/png", "text/plain"}
        and bundle["text/plain"] == "Grid(sampler × seed: 3 × 2, 6 pictures)"
    )
    assert grid._repr_mimebundle_() == bundle == small(model)._repr_mimebundle_()
    png = loaded(grid.save(tmp_path / "grid.png"))
    said = json.loads(png.info["nbgen-grid"])
    assert said["cells"][3] == {"at": [1, 1], "recipe": grid.at(sampler="heun", seed=1).recipe.to_plain()}
    assert "trainedAlgorithmicMedia" in png.info["XML:com.adobe.xmp"]
    webp = loaded(grid.save(tmp_path / "grid.webp", metadata="full"))
    assert b"nbgen:grid" in webp.info["xmp"] and b"versions" in webp.info["xmp"]
    assert loaded(grid.save(tmp_path / "none.png", metadata="none")).info == {}
    assert grid.save(tmp_path / "grid.pdf").read_bytes().startswith(b"%PDF")
    for level, known in (("recipe", said), ("none", None)):
        path = grid.save(tmp_path / f"{level}.pdf", metadata=level)
        shown = subprocess.run([needs("exiftool"), "-json", str(path)], capture_output=True, check=True)
        (pdf,) = json.loads(shown.stdout)
        assert json.loads(pdf.get("Subject", "null")) == known
        assert not {"Producer", "Creator", "CreateDate"} & pdf.keys()
    for wrong in ("grid.gif", "grid"):
        with pytest.raises(PictureFileError):
            grid.save(tmp_path / wrong)
    with pytest.raises(PictureFileError):
        grid.save(tmp_path / "missing" / "grid.png")


def test_the_page_holds_every_picture_with_its_recipe(model, tmp_path):
    grid = small(model).arrange(rows="seed", columns="sampler")
    page = grid.save_html(tmp_path / "grid.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
    assert data["title"] == "a cat" and data["roles"] == ["columns", "rows"] and len(data["pictures"]) == 6
    assert (
        re.search(r"sampler +heun", data["cells"][3]["recipe"])
        and data["cells"][3]["alt"] == "a cat; sampler heun, seed 1"
    )
    with pytest.raises(PictureFileError, match=r"ends in \.html"):
        grid.save_html(tmp_path / "grid.png")


def test_n_pictures_in_a_cell_and_words_swapped(model):
    grid = nbgen.compare("a cat", nbgen.swap_words("cat", ["cat", "dog"]), model=model, steps=2, n=3)
    assert grid.shape == (2, 3) and [cell.recipe.prompt for cell in grid] == ["a cat"] * 3 + ["a dog"] * 3
    assert [cell.recipe.seed for cell in grid] == [0, 1, 2] * 2
    assert "In each cell, seed: 0, 1, 2" in [text.get_text() for text in grid.figure().axes[0].texts]
    assert grid.pictures.labels()
