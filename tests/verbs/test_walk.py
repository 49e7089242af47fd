"""A walk: sliced, joined, measured against formulas worked out elsewhere, and saved so that others can play it."""

from __future__ import annotations

import base64
import io
import sys
import weakref
from functools import partial

import numpy as np
import pytest
from PIL import Image

import nbgen
from nbgen.errors import PictureFileError, RecipeError
from nbgen.recipe import Recipe
from nbgen.show.walking import gini

SIZE = (20, 12)


def frame(level, seed=None):
    """One flat grey picture; `level` from 0 to 255."""
    pixels = np.full((SIZE[1], SIZE[0], 3), level, np.uint8)
    return nbgen.Picture(pixels, None if seed is None else Recipe(prompt="grey", seed=seed), name=str(level))


def grey_walk(levels=(0, 51, 153, 255), **more):
    return nbgen.Walk([frame(level, seed) for seed, level in enumerate(levels)], **more)


def levels(walk):
    return [int(np.asarray(picture)[0, 0, 0]) for picture in walk]


def test_slices_and_ways_back_are_walks():
    walk = grey_walk()
    assert isinstance(walk[1:3], nbgen.Walk) and levels(walk[1:3]) == [51, 153]
    assert levels(walk.reverse()) == [255, 153, 51, 0]
    there_and_back = walk.boomerang()
    assert levels(there_and_back) == [0, 51, 153, 255, 153, 51] and there_and_back.loop
    assert not there_and_back[:4].loop


def test_a_seam_is_shown_once():
    walk = grey_walk()
    onwards = nbgen.Walk([frame(255, 3), frame(200, 9)])
    assert levels(walk.join(onwards)) == [0, 51, 153, 255, 200]
    assert levels(walk.join(nbgen.Walk([frame(255, 10)]))) == [0, 51, 153, 255, 255]
    with pytest.raises(RecipeError, match="joined with a walk"):
        walk.join([walk[0]])


def test_steps_are_the_distances_of_neighbours():
    walk = grey_walk()
    assert np.allclose(walk.steps, [0.2, 0.4, 0.4])
    assert walk.consistency == pytest.approx(1 / 3) and walk.largest_step == pytest.approx(0.4)
    # Mean absolute difference over twice the mean: (4 · 0.2) / (2 · 9 · ⅓).
    assert walk.smoothness == pytest.approx(1 - 0.8 / 6)
    assert np.allclose(grey_walk(loop=True).steps, [0.2, 0.4, 0.4, 1.0])
    assert walk.reverse().steps == pytest.approx(walk.steps[::-1])


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("count", [1, 2, 16, 17, 33])
def test_long_walks_are_measured_in_parts(count, loop):
    made = grey_walk(range(0, 5 * count, 5), loop=loop)
    expected = [5 / 255] * (count - 1) + ([5 * (count - 1) / 255] if loop and count > 1 else [])
    assert np.allclose(made.steps, expected)


def test_gini_is_the_mean_difference_over_twice_the_mean():
    values = np.random.default_rng(0).exponential(size=40)
    pairs = np.abs(values[:, None] - values[None, :]).mean()
    assert gini(list(values)) == pytest.approx(pairs / (2 * values.mean()))
    assert gini([1.0] * 5) == 0 and gini([0.0, 0.0]) == 0 and gini([0, 0, 0, 1]) == pytest.approx(0.75)


def test_a_cross_fade_is_told_from_a_walk():
    first, last = np.zeros((16, 16, 3)), np.zeros((16, 16, 3))
    first[4:12, 2:6], last[4:12, 10:14] = 255, 255
    fade = [first + part**2 * (last - first) for part in np.linspace(0, 1, 9)]
    moving = []
    for shift in range(9):
        picture = np.zeros((16, 16, 3))
        picture[4:12, 2 + shift : 6 + shift] = 255
        moving.append(picture)
    faded, moved = (
        nbgen.Walk([nbgen.Picture(each.astype(np.uint8)) for each in frames]) for frames in (fade, moving)
    )
    assert faded.off_the_cross_fade < 0.01 < 0.2 < moved.off_the_cross_fade
    assert faded.sharpness_at_the_middle < 0.9 and moved.sharpness_at_the_middle == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("pictures", "said"),
    [([], "at least one"), ([frame(0), nbgen.Picture(np.zeros((4, 4, 3), np.uint8))], "one size")],
)
def test_what_is_no_walk_is_refused(pictures, said):
    with pytest.raises(RecipeError, match=said):
        nbgen.Walk(pictures)


def test_it_shows_itself_as_one_png_that_plays(capsys):
    walk = grey_walk(loop=True)
    bundle = walk._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"}
    shown = Image.open(io.BytesIO(bundle["image/png"]))
    assert shown.n_frames == 4 and shown.info["loop"] == 0 and shown.size == (240, 144)
    assert bundle["text/plain"] == repr(walk) == "Walk(4 frames, seed 0 → … → 0, 20×12, loop)"
    assert grey_walk()._repr_mimebundle_()["image/png"] == grey_walk()._repr_mimebundle_()["image/png"]


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_saved_without_loss_it_tells_the_first_recipe(kind, tmp_path):
    walk = grey_walk(fps=8)
    path = walk.save(tmp_path / f"walk.{kind}")
    with Image.open(path) as played:
        assert played.n_frames == 4
        for number, level in enumerate(levels(walk)):
            played.seek(number)
            assert np.asarray(played.convert("RGB")).max() == np.asarray(played.convert("RGB")).min() == level
        assert played.info["duration"] == 125
    assert nbgen.read(path).recipe == walk[0].recipe
    assert nbgen.read(walk.save(path, metadata="none")).recipe is None


def test_a_gif_plays_at_its_speed(tmp_path):
    with Image.open(grey_walk().save(tmp_path / "walk.gif", fps=10)) as played:
        assert played.n_frames == 4 and played.info["duration"] == 100


def test_a_film_is_played_by_another_program(tmp_path):
    """Decoded by FFmpeg's own decoder; sides that are odd grow by one."""
    av = pytest.importorskip("av")
    walk = nbgen.Walk([nbgen.Picture(np.full((33, 45, 3), level, np.uint8)) for level in (20, 120, 220)])
    with av.open(str(walk.save(tmp_path / "walk.mp4", fps=10))) as film:
        stream = film.streams.video[0]
        frames = [each.to_ndarray(format="rgb24") for each in film.decode(stream)]
        assert stream.average_rate == 10 and stream.codec_context.name == "h264"
    assert [each.shape for each in frames] == [(34, 46, 3)] * 3
    assert [
        abs(int(each.mean()) - level) <= 4 for each, level in zip(frames, (20, 120, 220), strict=True)
    ] == [True] * 3


def test_a_folder_holds_a_picture_with_its_recipe_for_each_frame(tmp_path):
    walk = grey_walk()
    folder = walk.save(tmp_path / "frames")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["0001.png", "0002.png", "0003.png", "0004.png"]
    assert nbgen.read(folder / "0003.png").recipe == walk[2].recipe


def test_a_missing_codec_is_named_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(PictureFileError, match=r"nbgen\[video\]"):
        grey_walk().save(tmp_path / "walk.mp4")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_saved_is_said(tmp_path):
    walk = grey_walk()
    with pytest.raises(PictureFileError, match=r"^a walk is saved as .*\.mp4"):
        walk.save(tmp_path / "walk.mp3")
    with pytest.raises(RecipeError, match="for 3 pairs it returned 1"):
        _ = nbgen.Walk(list(walk), distances=lambda ones, others: [1.0]).steps
    with pytest.raises(PictureFileError, match="no folder 'missing'"):
        walk.save(tmp_path / "missing" / "walk.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(PictureFileError, match="cannot be written"):
        walk.save(tmp_path / "file")
    with pytest.raises(RecipeError, match="fps"):
        walk.save(tmp_path / "walk.png", fps=0)
    with pytest.raises(PictureFileError, match="level"):
        walk.save(tmp_path / "walk.png", metadata="some")


def test_a_strip_and_a_figure_show_ends_and_every_step():
    walk = grey_walk(range(0, 250, 10))
    assert walk.strip(4).width > 4 * 20
    with pytest.raises(RecipeError, match="whole number"):
        walk.strip(0)
    figure = walk.figure()
    pictures, bars = figure.axes[:-1], figure.axes[-1]
    assert len(pictures) == 9 and len(bars.patches) == 24
    assert [bar.get_height() for bar in bars.patches] == pytest.approx(walk.steps)
    # Each frame stands above its own tick.
    for axes, place in zip(pictures, bars.get_xticks(), strict=True):
        middle = axes.get_position().x0 + axes.get_position().width / 2
        tick = bars.transAxes.transform((bars.transLimits.transform((place, 0))[0], 0))[0] / figure.bbox.width
        assert middle == pytest.approx(tick, abs=1e-3)
    for theme in ("dark", "notebook"):
        assert walk.figure(theme=theme)._repr_png_()
    assert nbgen.Walk([frame(3)]).figure()._repr_png_()


def test_a_long_walk_is_measured_with_few_frames_in_memory():
    alive, most = set(), []

    def load(number):
        image = Image.new("RGB", SIZE, (number % 256, 10, 10))
        alive.add(number)
        weakref.finalize(image, alive.discard, number)
        most.append(len(alive))
        return image

    walk = nbgen.Walk(
        [nbgen.Picture(partial(load, number), size=SIZE, name=str(number)) for number in range(400)]
    )
    assert len(walk.steps) == 399 and walk.off_the_cross_fade >= 0
    assert np.isnan(walk.sharpness_at_the_middle)  # flat pictures have none
    assert len(most) > 3 * 400 / 2 and max(most) <= 20


def test_forty_eight_frames_of_mini_add_little_to_a_notebook():
    walk = nbgen.interpolate(
        ["a cat face on a yellow background", "a dog face on a blue background"], frames=48, seed=7, steps=8,
        sampler="dpm++2m", guidance=2,
    )  # fmt: skip
    bundle = walk._repr_mimebundle_()
    added = sum(len(base64.b64encode(each) if isinstance(each, bytes) else each) for each in bundle.values())
    assert added < 0.3 * 2**20
    with Image.open(io.BytesIO(bundle["image/png"])) as shown:
        assert shown.n_frames == 48 and shown.size == (256, 256)
