import itertools

import numpy as np
import pytest

from nbgen.training.composition import Composer
from nbgen.training.judging import Judge, background_of, shows
from nbgen.training.pictures import BACKGROUNDS
from nbgen.training.questions import draw_questions
from nbgen.training.scenes import (
    FULL,
    GRID,
    KINDS,
    STYLES,
    Scene,
    draw_scene,
    is_held_out,
    lay_out,
)
from nbgen.training.style_judging import Discriminant, statistics


@pytest.fixture(scope="module")
def judge(world):
    return Judge(Composer(world))


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_stand_on_the_grid_and_inside(kind, world):
    draw = np.random.default_rng(0)
    for _ in range(60):
        scene = draw_scene(kind, world.names, draw)
        boxes = [box for _, box in lay_out(scene, draw)]
        assert len(boxes) == max(scene.count, len(scene.things))
        for left, top, side in boxes:
            assert left % GRID == top % GRID == side % GRID == 0
            assert 0 <= min(left, top) and max(left, top) + side <= FULL
        for (a, b, s), (c, d, t) in itertools.combinations(boxes, 2):
            assert a + s <= c or c + t <= a or b + s <= d or d + t <= b, "boxes overlap"


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_draw_every_scene_has_one_layout_that_may_also_be_drawn(kind, world):
    draw = np.random.default_rng(0)
    for _ in range(10):
        scene = draw_scene(kind, world.names, draw)
        expected = lay_out(scene, None)
        assert expected == lay_out(scene, None)
        assert expected in [lay_out(scene, draw) for _ in range(100)]


def test_one_pair_in_twenty_is_held_out_and_never_drawn(whole_world):
    names = whole_world.names
    draw = np.random.default_rng(0)
    drawn = [draw_scene("pair", names, draw).things for _ in range(500)]
    assert not any(is_held_out(names[a], names[b]) for a, b in drawn)
    pairs = [(names[a], names[b]) for a, b in draw.integers(len(names), size=(4000, 2)) if a != b]
    assert np.mean([is_held_out(*pair) for pair in pairs]) == pytest.approx(1 / 20, abs=0.01)
    assert all(is_held_out(a, b) == is_held_out(b, a) for a, b in pairs[:200])


def test_questions_are_drawn_by_seed_and_ask_for_held_out_pairs(whole_world):
    names = whole_world.names
    asked = draw_questions("pair", names, 20, seed=3)
    assert asked == draw_questions("pair", names, 20, seed=3) != draw_questions("pair", names, 20, seed=4)
    assert all(is_held_out(*(names[n] for n in question.scene.things)) for question in asked)
    objects = draw_questions("object", names, 100, seed=0)
    assert len({question.scene.things for question in objects}) == 100


@pytest.mark.parametrize("kind", ["plain", "size", "place", "number", "pair"])
def test_the_judge_finds_everything_in_references(kind, judge, world):
    """What the measuring code measures must be there in pictures that are drawn, not painted."""
    draw = np.random.default_rng(1)
    for _ in range(25):
        scene = draw_scene(kind, world.names, draw)
        told = shows(scene, judge.composer.drawn(scene, draw), judge)
        assert all(told.values()), (scene, told)


def test_the_judge_is_not_content_with_something_else(judge, world):
    draw = np.random.default_rng(2)
    wrong = {
        "object": (Scene((1,)), Scene((2,))),
        "background": (Scene((1,), "blue"), Scene((1,), "pink")),
        "size": (Scene((1,), size="small"), Scene((1,), size="large")),
        "place": (Scene((1,), place="left"), Scene((1,), place="right")),
        "number": (Scene((1,), count=3), Scene((1,), count=2)),
        "pair": (Scene((1, 2), relation="next to"), Scene((2, 1), relation="next to")),
    }
    for key, (asked, shown) in wrong.items():
        assert not shows(asked, judge.composer.drawn(shown, draw), judge)[key], key
        noise = draw.integers(0, 256, (64, 64, 3)).astype(np.uint8)
        assert not all(shows(asked, noise, judge).values())


def test_the_judge_stands_noise_and_blur(judge, world):
    from scipy import ndimage

    draw = np.random.default_rng(4)
    right = []
    for _ in range(30):
        scene = draw_scene("plain", world.names, draw)
        picture = ndimage.gaussian_filter(judge.composer.drawn(scene, draw).astype(float), (1, 1, 0))
        noisy = np.clip(picture + draw.normal(0, 15, picture.shape), 0, 255).astype(np.uint8)
        right.append(all(shows(scene, noisy, judge).values()))
    assert np.mean(right) >= 0.95


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_a_background_is_known_by_its_rim(background, judge, world):
    draw = np.random.default_rng(3)
    for number in range(len(world.names)):
        assert background_of(judge.composer.drawn(Scene((number,), background), draw)) == background


@pytest.mark.parametrize("style", STYLES)
def test_styles_are_told_by_statistics_fitted_on_other_pictures(style, whole_world):
    """Fitted on one half of some objects, asked about the other."""
    composer = Composer(type(whole_world)(whole_world.names[::12], whole_world.glyphs[::12]))
    ground, count = STYLES[style][0], len(composer.world.names)
    draw = np.random.default_rng(0)
    styled, plain = (
        np.stack(
            [
                statistics(composer.drawn(Scene((n,), ground, size=size, style=name), draw), ground)
                for n in range(count)
            ]
        )
        for size, name in ((None, style), ("large", None))
    )
    fitted = Discriminant.fit(styled[::2], plain[::2])
    right = np.mean(fitted.tells(styled[1::2])) / 2 + np.mean(~fitted.tells(plain[1::2])) / 2
    assert right >= 0.9
