"""Walks on millisecond-sized models: stops exact, noise of the right size, nothing made twice, kind errors."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch

import nbgen
from nbgen import jobs
from nbgen.engine.batching import Engine, Finished
from nbgen.engine.noise import unit_noise
from nbgen.errors import JobStopped, PictureFileError, RecipeError
from nbgen.recipe import Mix, Recipe
from nbgen.testing import tiny_gan
from nbgen.verbs.noises import arc, around
from nbgen.verbs.pacing import even, even_to_the_eye, leaps
from nbgen.verbs.stops import between
from tests.drawn import shades_apart

pytestmark = pytest.mark.usefixtures("at_once")


def walk(model, stops=("a cat", "two red dogs"), **more):
    return nbgen.interpolate(list(stops), **{"frames": 5, "model": model, "steps": 3, **more})


AT_THE_LIMIT = "abcdefghijklmn"
"""Fourteen tokens of this tokenizer, and the two that mark start and end."""


@pytest.mark.parametrize(
    "ends", [("cat", "dog"), ("a", "abc def ghi jk"), ("", "a cat"), (AT_THE_LIMIT, "x"), ("", AT_THE_LIMIT)]
)
def test_the_ends_are_what_generate_makes(model, ends):
    found = walk(model, ends, seed=3)
    recipes = [picture.recipe for picture in found]
    alone = [model.resolve(prompt=words, seed=3, steps=3) for words in ends]
    assert [recipes[0], recipes[-1]] == alone

    def latents(wanted):
        made = {each.index: each.latent for each in Engine(model, wanted).run() if isinstance(each, Finished)}
        return torch.stack([made[place] for place in range(len(wanted))])

    together, single = latents(recipes), torch.cat([latents([recipe]) for recipe in alone])
    assert torch.linalg.norm(together[[0, -1]] - single) <= 1e-4 * torch.linalg.norm(single)
    assert np.array_equal(found[0], nbgen.generate(ends[0], seed=3, steps=3, model=model)[0])


def test_a_frame_is_made_from_the_mixed_embeddings(model):
    middle = walk(model, ("a", "bc"), frames=3)[1].recipe
    one, other = (model.condition(middle.replace(prompt=words))[0].tensors["words"] for words in ("a", "bc"))
    mixed = model.condition(middle)[0].tensors["words"]
    assert torch.allclose(mixed, (one + other) / 2, atol=1e-6)


def test_noise_along_two_hundred_walks_keeps_its_size():
    """Two to five stops, any weights, equal seeds among them."""
    generator = np.random.default_rng(0)
    shape, deviations = (4, 32, 32), []
    bar = 4 / math.sqrt(2 * math.prod(shape))
    for _ in range(200):
        seeds = [int(seed) for seed in generator.integers(0, 6, size=generator.integers(2, 6))]
        weights = generator.uniform(0.01, 1, size=len(seeds))
        mixed = Mix.of(*zip(map(float, weights), seeds, strict=True))
        deviations.append(float(unit_noise(mixed, shape)[0].std(correction=0)))
        one, other = (int(seed) for seed in generator.choice(50, size=2, replace=False))
        deviations.append(
            float(unit_noise(arc(one, other, float(generator.uniform())), shape)[0].std(correction=0))
        )
    assert max(abs(each - 1) for each in deviations) <= bar
    assert abs(np.mean(deviations) - 1) <= 0.005


def test_the_arc_between_noises_is_that_of_scipy():
    """Slerp by another hand: independent unit vectors, and the vector at each fraction of the angle."""
    from scipy.spatial import geometric_slerp

    for part in (0.1, 0.5, 0.8):
        found = arc(1, 2, part)
        assert isinstance(found, Mix)
        expected = geometric_slerp(np.array([1.0, 0.0]), np.array([0.0, 1.0]), part)
        assert np.allclose([weight for weight, _ in found.parts], expected, atol=1e-11)
    nested = arc(arc(1, 2, 0.5), 3, 0.25)
    assert isinstance(nested, Mix) and math.isclose(
        sum(weight**2 for weight, _ in nested.parts), 1, abs_tol=1e-9
    )


def test_a_loop_through_two_seeds_is_a_circle_that_closes():
    def at(turn):
        return unit_noise(around(4, 9, turn), (1, 4, 16, 16))[0]

    assert around(4, 9, 0.0) == around(4, 9, 1.0) == 4 and around(4, 9, 0.25) == 9
    assert (at(1 - 1e-8) - at(0.0)).abs().max() <= 1e-6
    assert torch.allclose(at(0.5), -at(0.0))
    steps = [float((at((n + 1) / 12) - at(n / 12)).norm()) for n in range(12)]
    assert max(steps) / min(steps) <= 1.1  # these two noises are not quite orthogonal


def test_loops_show_no_frame_twice_and_lead_back(model):
    circle = nbgen.interpolate([1, 2], prompt="cat", frames=8, loop=True, model=model, steps=2)
    assert circle.loop and len({picture.key for picture in circle}) == 8
    assert circle[0].recipe.seed == 1 and circle[2].recipe.seed == 2
    three = walk(model, ("a", "b", "c"), frames=6, loop=True)
    assert [three[place].recipe.prompt for place in (0, 2, 4)] == ["a", "b", "c"]
    assert dict((value, weight) for weight, value in three[5].recipe.prompt.parts) == {"a": 0.5, "c": 0.5}


def test_a_finer_walk_makes_only_what_is_new_and_a_stored_one_nothing(model, rows):
    first = walk(model, frames=24, steps=2)
    made = sum(rows)
    again = walk(model, frames=24, steps=2)
    assert sum(rows) == made and [each.key for each in again] == [each.key for each in first]
    finer = walk(model, frames=47, steps=2)
    assert sum(not picture.cost.stored for picture in finer) == 23
    # Guided, so two rows a step; but of the first step's unconditional rows, all alike, one a tick is enough.
    assert 23 * (2 + 1) < sum(rows) - made <= 23 * 2 * 2
    assert [picture.key for picture in finer[::2]] == [picture.key for picture in first]


def test_a_stored_walk_at_a_perceptual_pace_calls_no_denoiser(model, rows):
    first = walk(model, pace="perceptual", frames=6)
    made = sum(rows)
    again = walk(model, pace="perceptual", frames=6)
    assert sum(rows) == made and [each.key for each in again] == [each.key for each in first]
    assert first[0].recipe.prompt == "a cat" and first[-1].recipe.prompt == "two red dogs"


def test_perceptual_pace_evens_out_what_the_eye_sees(model):
    """An eye that sees nothing change but near three tenths of the way, by the seed's weight."""

    def eye(ones, others):
        return [abs(seen(other) - seen(one)) for one, other in zip(ones, others, strict=True)]

    def seen(pixels):
        return math.tanh(30 * (float(pixels.mean()) / 255 - 0.47))

    settings = {"frames": 16, "model": tiny_gan(), "distances": eye}
    even_walk = nbgen.interpolate([0, 5], **settings)
    paced = nbgen.interpolate([0, 5], pace="perceptual", **settings)
    assert len(even_walk) == len(paced) == 16
    assert paced.largest_step < even_walk.largest_step and paced.smoothness > even_walk.smoothness


def test_places_invert_the_cumulative_distance():
    known = even(401, False)
    curve = [math.tanh(12 * (float(place) - 0.3)) for place in known]
    places = even_to_the_eye(known, [b - a for a, b in pairwise(curve)], 11, False)
    values = np.interp([float(place) for place in places], [float(place) for place in known], curve)
    assert places[0] == 0 and places[-1] == 1
    assert np.allclose(np.diff(values), (curve[-1] - curve[0]) / 10, rtol=0.02)
    assert even_to_the_eye(known, [0.0] * 400, 3, False) == [Fraction(0), Fraction(1, 2), Fraction(1)]


def test_only_leaps_are_looked_into():
    known = even(5, False)
    assert leaps(known, [1.0, 1.0, 1.0, 1.0], 5) == []
    # Four of six, where a step is one and a half: into three parts.
    assert [round(float(place), 4) for place in leaps(known, [1.0, 1.0, 4.0, 0.0], 5)] == [0.5833, 0.6667]


def test_easing_moves_the_frames_and_keeps_the_ends(model):
    eased = walk(model, frames=3, easing="in")
    assert eased[0].recipe.prompt == "a cat" and eased[2].recipe.prompt == "two red dogs"
    assert eased[1].recipe.prompt == Mix.of((0.75, "a cat"), (0.25, "two red dogs"))
    same = walk(model, frames=3, easing=lambda t: t * t)
    assert [each.key for each in same] == [each.key for each in eased]


def test_prompts_seeds_and_numbers_travel_together(model):
    ends = [Recipe(prompt="a", seed=1, guidance=2.0), Recipe(prompt="b", seed=2, guidance=6.0, negative="c")]
    middle = nbgen.interpolate(ends, frames=3, model=model, steps=2)[1].recipe
    assert middle.guidance == 4.0
    assert middle.prompt == Mix.of((0.5, "a"), (0.5, "b")) and middle.negative == Mix.of(
        (0.5, ""), (0.5, "c")
    )
    assert np.allclose([weight for weight, _ in middle.seed.parts], math.sqrt(0.5))
    along_prompt = nbgen.interpolate(ends, frames=3, model=model, steps=2, guidance=2, along="prompt")
    assert {picture.recipe.seed for picture in along_prompt} == {1}
    along_seed = nbgen.interpolate(ends, frames=3, model=model, steps=2, guidance=2, along="seed")
    assert {picture.recipe.prompt for picture in along_seed} == {"a"}


def test_a_picture_stands_for_its_recipe_and_hands_it_on(model):
    picture = nbgen.generate("a cat", seed=5, steps=2, guidance=2, model=model)[0]
    found = nbgen.interpolate([picture, "a dog"], frames=3)
    assert found[0].key == picture.key and found[0].cost.stored
    assert found[2].recipe == picture.recipe.replace(prompt="a dog")
    frame = found[1]
    further = nbgen.interpolate([frame, "a bird"], frames=2)
    assert further[0].key == frame.key


def test_a_grid_has_its_stops_in_the_corners():
    model = tiny_gan()
    grid = nbgen.interpolate_grid([1, 2, 3, 4], rows=3, columns=4, model=model)
    assert grid.shape == (3, 4) and len(grid) == 12
    pictures = list(grid)
    corners = [pictures[place].recipe.seed for place in (0, 3, 8, 11)]
    assert corners == [1, 2, 3, 4]
    weights = [sum(weight**2 for weight, _ in each.recipe.seed.parts) for each in pictures if each.key and
               isinstance(each.recipe.seed, Mix)]  # fmt: skip
    assert np.allclose(weights, 1)
    assert np.array_equal(grid.at(down="0", across="1"), nbgen.generate(seed=2, model=model)[0])


def test_neighbours_lie_as_far_from_a_picture_as_was_asked(model):
    picture = nbgen.generate("a cat", seed=7, steps=2, model=model)[0]
    near = nbgen.vary(picture, n=3, amount=0.2)
    assert len({each.key for each in near}) == 3
    own = unit_noise(7, (64, 64))[0]
    for each in near:
        noise = unit_noise(each.recipe.seed, (64, 64))[0]
        assert float((noise * own).mean()) == pytest.approx(math.cos(0.1 * math.pi), abs=0.05)
        assert each.recipe.replace(seed=7) == picture.recipe
    assert [each.recipe.seed for each in nbgen.vary(picture, n=2, amount=1)] == [8, 9]


def test_neighbours_by_image_are_drawn_on_from_its_pixels(model):
    picture = nbgen.generate("a cat", seed=7, steps=4, guidance=2, model=model)[0]
    near = nbgen.vary(picture, n=2, amount=0.5, by="image")
    assert [each.recipe.seed for each in near] == [8, 9]
    by_hand = nbgen.generate(
        "a cat", seed=8, steps=4, guidance=2, image=picture, strength=0.5, model=model, store=False
    )
    assert near[0].recipe == by_hand[0].recipe and shades_apart(near[0], by_hand[0]) <= 1
    again = nbgen.vary(near[0], n=1, amount=0.25, by="image")[0].recipe
    assert again.image != near[0].recipe.image and (again.strength, again.seed) == (0.25, 9)
    bare = nbgen.vary(picture.image, n=1, amount=0.25, by="image", model=model)[0].recipe
    assert (bare.prompt, bare.seed, bare.image) == ("", 0, near[0].recipe.image)
    with pytest.raises(RecipeError, match="draws from a picture"):
        nbgen.vary(picture, by="image", model=tiny_gan())
    with pytest.raises(PictureFileError, match=r"no 'cat\.png'"):
        nbgen.vary("cat.png", by="image", model=model)


def test_samplers_that_draw_noise_on_the_way_are_named(model, capsys):
    nbgen.interpolate([1, 2], prompt="a", frames=2, model=model, steps=2, sampler="Euler a")
    assert "flicker" in capsys.readouterr().out
    walk(model, frames=2, sampler="Euler a")
    assert "flicker" not in capsys.readouterr().out


def test_a_walk_is_stopped_also_while_it_looks_ahead(model):
    class Stopping(jobs.Job):
        def tick(self, calls_done, calls_total):
            self.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "Job", Stopping)
        job = walk(model, pace="perceptual", wait=False)
    assert job.stopped and not job.finished
    with pytest.raises(JobStopped):
        job.result()


PICTURE = nbgen.Picture(np.zeros((32, 32, 3), np.uint8))

WRONG = {
    "one stop": (dict(stops=["a cat"]), "at least 2 stops"),
    "no list": (dict(stops="a cat"), "list of two or more"),
    "one frame": (dict(frames=1), "frames must be a whole number from 2"),
    "a flag for frames": (dict(frames=True), "whole number"),
    "equal stops": (dict(stops=["a", "a"]), "all stops are the same"),
    "other steps": (
        dict(stops=[Recipe(prompt="a", steps=2), Recipe(prompt="b", steps=4)], steps=None), "differ in steps"
    ),
    "other sizes": (
        dict(stops=[Recipe(prompt="a", size=(32, 32)), Recipe(prompt="b", size=(64, 64))]), "differ in size"
    ),
    "pixels for a GAN": (dict(stops=[PICTURE, PICTURE], model=tiny_gan(), steps=None), "inversion"),
    "pixels and noise": (dict(stops=["a", PICTURE], sampler="Euler a"), "fresh noise"),
    "no stop at all": (dict(stops=["a cat", 2.5]), "stop 2 must be"),
    "two prompts": (dict(prompt="a"), "prompt is given twice"),
    "two seeds": (dict(stops=[1, 2], prompt="a", seed=3), "seed is given twice"),
    "a list of seeds": (dict(seed=[1, 2]), "one value for all stops"),
    "along nothing": (dict(along="seed"), "different seeds"),
    "along what": (dict(along="guidance"), "along must be"),
    "a method": (dict(method="magic"), "method must be"),
    "a pace": (dict(pace="fast"), "pace must be"),
    "an easing": (dict(easing="bounce"), "easing must be"),
    "an overshoot": (dict(easing=lambda t: 2 * t), "between 0 and 1"),
    "a field": (dict(gidance=3), "guidance"),
    "stops without an order": (dict(stops={"a", "b"}), "a list of two"),
    "distances of nothing": (dict(distances="far"), "distances must be a function"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_walked_is_said_before_any_work(model, rows, arguments, said):
    given = {"stops": ["a cat", "a dog"], "frames": 3, "steps": 2, **arguments}
    with pytest.raises(RecipeError, match=said):
        nbgen.interpolate(given.pop("stops"), **{"model": model, **given})
    assert not rows


def test_stops_of_different_models_are_refused(model):
    ours = nbgen.generate("a", seed=1, steps=2, model=model)[0]
    theirs = nbgen.generate(seed=1, model=tiny_gan())[0]
    with pytest.raises(RecipeError, match="different models"):
        nbgen.interpolate([ours, theirs])
    with pytest.raises(RecipeError, match="leave model out"):
        nbgen.interpolate([theirs, 3], model=model)
    with pytest.raises(RecipeError, match="prompt"):
        nbgen.interpolate(["a", "b"], model=tiny_gan())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(by="image"), "a recipe has none"),
        (dict(by="magic"), "by must be"),
        (dict(by="image", picture=None), "nothing has none"),
        (dict(amount=0), "above 0"),
        (dict(n=0), "n must be"),
        (dict(picture=PICTURE), 'by="image" takes any picture'),
    ],
)
def test_neighbours_that_cannot_be_are_refused(model, arguments, said):
    given = {"picture": model.resolve(prompt="a", seed=1, steps=2), **arguments}
    with pytest.raises(RecipeError, match=said):
        nbgen.vary(given.pop("picture"), model=model, **given)


def test_corners_are_four():
    with pytest.raises(RecipeError, match="four corners"):
        nbgen.interpolate_grid([1, 2, 3, 4, 5], model=tiny_gan())
    with pytest.raises(RecipeError, match="at least 4 stops"):
        nbgen.interpolate_grid([1, 2, 3], model=tiny_gan())


def test_there_is_no_way_through_the_opposite_noise():
    with pytest.raises(RecipeError, match="no way between"):
        between(Recipe(seed=1), Recipe(seed=Mix.of((-1.0, 1))), 0.5)
