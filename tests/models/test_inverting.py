"""Pictures led back to their noise: against diffusers' own inverse scheduler, and as stops of walks."""

from __future__ import annotations

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

import nbgen
from nbgen.engine.schedule import STEPS_BACK
from nbgen.errors import PictureFileError, RecipeError
from nbgen.inputs import blob_of
from nbgen.recipe import Recipe
from nbgen.testing import tiny_flux, tiny_gan, tiny_sd, tiny_sdxl
from nbgen.verbs.stops import between
from tests.models.oracle import distance, latents


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module", params=[tiny_sd, tiny_sdxl], ids=["sd", "sdxl"])
def model(request):
    return request.param()


def inverted(model, parts, **more):
    blobs = {blob_of("image", picture(seed)): (weight, words) for seed, weight, words in parts}
    return model.resolve(**{"prompt": "a", "seed": 3, "steps": 4, "guidance": 1, "inverted": blobs, **more})


def by_hand(model, seed, words):
    """The noise of a picture with diffusers' autoencoder, UNet and inverse scheduler, called one after the other."""
    pipe = model._pipe
    pixels = torch.from_numpy(picture(seed)).permute(2, 0, 1)[None].float() / 127.5 - 1
    scheduler = diffusers.DDIMInverseScheduler.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(STEPS_BACK)
    text = {name: tensor[None] for name, tensor in model.encode(words).items()}
    added = None
    if "pooled" in text:
        added = {"text_embeds": text["pooled"], "time_ids": torch.tensor([[32.0, 32, 0, 0, 32, 32]])}
    with torch.no_grad():
        x = pipe.vae.encode(pixels).latent_dist.mean * pipe.vae.config.scaling_factor
        for timestep in scheduler.timesteps:
            answer = pipe.unet(
                x, timestep, encoder_hidden_states=text["words"], added_cond_kwargs=added
            ).sample
            x = scheduler.step(answer, timestep, x).prev_sample
    return x


def test_the_noise_is_that_of_diffusers_own_inverse(model):
    latents(model, [inverted(model, [(1, 1.0, "a cat")])])
    (noise,) = (found for name, found in model.noises.items() if name[1] == "a cat")
    assert distance(noise, by_hand(model, 1, "a cat")) <= 1e-4


def test_rows_do_not_know_one_another(model):
    recipes = [
        inverted(model, [(2, 1.0, "")]), inverted(model, [(3, 0.6, "x"), (2, 0.4, "")]),
        model.resolve(prompt="b", seed=3, steps=4, guidance=2),
    ]  # fmt: skip
    together = latents(model, recipes)
    for recipe, made in zip(recipes, together, strict=True):
        model.noises.clear()
        assert distance(made, latents(model, [recipe])[0]) <= 1e-4


def test_a_mixture_is_as_wide_as_its_parts_and_the_seed_has_the_rest(model):
    from nbgen.engine.inversion import _mixed

    recipe = inverted(model, [(1, 0.6, ""), (2, 0.3, "")])
    latents(model, [recipe])
    own = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(3))
    found = _mixed(model, recipe, own)
    widths = {seed: float(by_hand(model, seed, "").square().mean()) for seed in (1, 2)}
    wanted = 0.36 * widths[1] + 0.09 * widths[2] + 0.55 * float(own.square().mean())
    assert float(found.square().mean()) == pytest.approx(wanted, rel=1e-4)


def test_a_whole_picture_forgets_its_seed_and_travels_in_json(model):
    whole = inverted(model, [(1, 1.0, "")])
    assert whole.seed == 0 and whole.key == inverted(model, [(1, 1.0, "")], seed=99).key
    assert inverted(model, [(1, 0.5, "")]).seed == 3
    assert Recipe.from_json(whole.to_json()) == whole
    with pytest.raises(RecipeError, match="nbgen's alone"):
        whole.code("diffusers")


def test_between_two_pictures_no_seed_is_left_and_between_picture_and_seed_some(model):
    one, other = (inverted(model, [(seed, 1.0, "")]) for seed in (1, 2))
    middle = between(one, other, 0.5)
    assert [weight for _, (weight, _) in middle.inverted] == pytest.approx([0.5**0.5] * 2)
    assert model.check(middle).seed == 0
    seeded = model.resolve(prompt="a", seed=9, steps=4, guidance=1)
    third = between(one, seeded, 1 / 3)
    ((_, (weight, _)),) = third.inverted
    assert weight == pytest.approx(0.75**0.5) and third.seed == 9
    assert between(third, seeded, 0.5).seed == 9


def test_any_picture_is_a_stop(tmp_path, capsys):
    model = tiny_sd()
    Image.fromarray(picture(1)).save(tmp_path / "cat.png")
    stops = [
        tmp_path / "cat.png",
        Image.fromarray(picture(2)),
        picture(3),
        nbgen.Picture(picture(4)),
        "a dog",
        7,
    ]
    walk = nbgen.interpolate(stops, frames=11, model=model, steps=2, guidance=1)
    assert len(walk.notes) == 4 and "stop 1 comes back from its noise with an error of" in walk.notes[0]
    assert capsys.readouterr().out.count("comes back") == 4
    assert walk.figure()._repr_png_()
    error = np.sqrt(np.mean((picture(3) / 255.0 - np.asarray(walk[4]) / 255.0) ** 2))
    assert walk.notes[2].endswith(f"{error:.3f}")
    again = nbgen.interpolate(stops, frames=11, model=model, steps=2, guidance=1)
    assert all(frame.cost.stored for frame in again) and again.notes == walk.notes


def test_a_table_between_pictures_says_how_near_each_corner_comes(capsys):
    model = tiny_sd()
    grid = nbgen.interpolate_grid(
        [picture(1), "a dog", picture(3), 7], 2, 2, model=model, steps=2, guidance=1
    )
    assert [note[:26] for note in grid.notes[1:]] == [
        "stop 1 comes back from its",
        "stop 3 comes back from its",
    ]
    assert capsys.readouterr().out.count("comes back") == 2


def test_along_the_prompt_the_noise_stays_that_of_the_first_picture():
    walk = nbgen.interpolate(
        [picture(1), "b"], frames=3, along="prompt", model=tiny_sd(), steps=1, store=False
    )
    assert len({frame.recipe.inverted for frame in walk}) == 1 and walk[2].recipe.prompt == "b"


def test_what_cannot_be_led_back_is_said(tmp_path):
    model = tiny_sd()
    for other in (tiny_gan(), tiny_flux()):
        with pytest.raises(RecipeError, match="does not allow"):
            nbgen.interpolate([picture(1), picture(2)], model=other)
    with pytest.raises(RecipeError, match="fresh noise on the way"):
        nbgen.interpolate([picture(1), "a"], model=model, sampler="euler_a", steps=2)
    with pytest.raises(PictureFileError, match=r"no 'cat\.png'"):
        nbgen.interpolate([tmp_path / "cat.png", "a"], model=model)
    with pytest.raises(RecipeError, match="two beginnings"):
        inverted(model, [(1, 1.0, "")], image=picture(2))
    with pytest.raises(RecipeError, match="squared weights"):
        inverted(model, [(1, 1.0, ""), (2, 1.0, "")])
    with pytest.raises(RecipeError, match=r"\(weight, prompt\)"):
        model.resolve(prompt="a", inverted={"f" * 64: 1.0})
    with pytest.raises(RecipeError, match="pictures' hashes"):
        model.resolve(prompt="a", inverted={"cat.png": (1.0, "")})
