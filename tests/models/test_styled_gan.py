"""The style-based GAN: words, truncation, mixing and directions mean what they say; batches; folders; refusals."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import nbgen
from nbgen.errors import DamagedFileError, MissingFileError, ModelError, RecipeError
from nbgen.models.gan_files import INDEX
from nbgen.models.gan_networks import RANGES, StyledConvolution, StyleGenerator
from nbgen.models.gan_styles import Components, styles_of
from nbgen.models.gan_words import GanWords
from nbgen.testing import TinyGenerator, tiny_sd, tiny_style_gan
from nbgen.testing.gans import TINY_WORDS


@pytest.fixture(scope="module")
def gan():
    return tiny_style_gan(seed=3)


def styles(gan, **fields):
    return styles_of(gan, gan.resolve(**fields))


def close(one, other):
    return np.abs(np.asarray(one).astype(int) - np.asarray(other)).max() <= 1


def test_a_styled_convolution_is_stylegan2s():
    """Oracle: equations 1 to 3 of 1912.04958 on the weights, one picture at a time."""
    torch.manual_seed(0)
    layer = StyledConvolution(6, 4, 5).double()
    x, w = torch.randn(3, 4, 8, 8).double(), torch.randn(3, 6).double()
    for place in range(3):
        weight = layer.weight * layer.scale(w[place])[None, :, None, None]
        weight = weight / (weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-6).sqrt()
        made = F.leaky_relu(F.conv2d(x[place : place + 1], weight, layer.bias, padding=1), 0.2) * 2**0.5
        torch.testing.assert_close(layer(x, w)[place : place + 1], made)


def test_components_are_those_of_a_singular_value_decomposition():
    """Oracle: numpy."""
    points = torch.randn(300, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [3.0, 2, 1, 0.5, 0.1]
    )
    found = Components.of(points, 3)
    centred = (points - points.mean(dim=0)).double().numpy()
    _, sizes, rows = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.deviations, sizes[:3] / np.sqrt(299), rtol=1e-5)
    np.testing.assert_allclose(
        np.abs((found.directions.double().numpy() * rows[:3]).sum(axis=1)), 1, rtol=1e-5
    )
    assert found.total == pytest.approx(centred.var(axis=0, ddof=1).sum())


@pytest.mark.parametrize(
    ("prompt", "things", "grounds"),
    [
        ("a red apple on a blue background", {"red apple"}, {"blue"}),
        ("Cat", {"cat"}, {"white", "blue"}),
        ("any fruit, white background", {"red apple", "lemon"}, {"white"}),
        ("a mammal", {"cat", "dog"}, {"white", "blue"}),
        ("a bird", {"bird"}, {"white", "blue"}),
        ("an emoji of the lemon in front of a blue background", {"lemon"}, {"blue"}),
        ("anything on blue", set(TINY_WORDS.objects), {"blue"}),
        ("", set(TINY_WORDS.objects), {"white", "blue"}),
    ],
)
def test_words(prompt, things, grounds):
    allowed = TINY_WORDS.allowed(prompt)
    names = [*TINY_WORDS.objects, *TINY_WORDS.backgrounds]
    assert {name for name, there in zip(names, allowed, strict=True) if there} == things | grounds


def test_orange_is_a_background_and_the_beginning_of_a_heart():
    words = GanWords(("orange heart", "heart"), {}, {"orange": (250, 150, 50), "white": (255, 255, 255)})
    assert words.read("a heart on orange") == ((1,), (0,))
    assert words.read("an orange heart on an orange background") == ((0,), (0,))


@pytest.mark.parametrize("prompt", ["any fruit", "a cat on blue", ""])
def test_z_decides_what_the_words_leave_open(gan, prompt):
    allowed = gan.words.allowed(prompt)
    z = torch.randn(500, gan.latent, generator=torch.Generator().manual_seed(0))
    things, grounds = gan.generator.mapping.choices(z, allowed.expand(500, -1))
    for chosen, there in ((things, allowed[:5]), (grounds, allowed[5:])):
        torch.testing.assert_close(chosen.sum(dim=1), torch.ones(500))
        assert (chosen[:, ~there] == 0).all()
        assert set(chosen.argmax(dim=1).tolist()) == set(there.nonzero()[:, 0].tolist())


def test_a_named_picture_does_not_depend_on_the_seed(gan):
    torch.testing.assert_close(
        styles(gan, prompt="a cat on blue", seed=1), styles(gan, prompt="a cat on blue", seed=2)
    )
    assert "every seed" in gan.reading("a cat on blue") and "one of 2 objects" in gan.reading("any fruit")


def test_truncation_goes_to_the_mean_and_past_the_style(gan):
    own, mean, past = (styles(gan, prompt="any fruit", seed=1, truncation=psi) for psi in (1.0, 0.0, 1.2))
    z = torch.randn(20000, gan.latent, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(mean[0], gan.styles_of(z, "any fruit").mean(dim=0), rtol=0.05, atol=0.05)
    torch.testing.assert_close(past, mean + 1.2 * (own - mean))
    torch.testing.assert_close(mean, styles(gan, prompt="any fruit", seed=9, truncation=0.0))


def test_mixing_puts_another_seeds_style_into_some_layers(gan):
    own, other = styles(gan, seed=1), styles(gan, seed=2)
    for name, layers in RANGES.items():
        mixed = styles(gan, seed=1, style_mix={"seed": 2, "layers": name})
        for layer in range(6):
            torch.testing.assert_close(mixed[layer], (other if layer in layers else own)[layer])
    half = styles(gan, seed=1, style_mix={"seed": 2, "layers": range(6), "amount": 0.5})
    torch.testing.assert_close(half, (own + other) / 2)
    words = styles(gan, seed=1, style_mix={"seed": 1, "layers": "fine", "prompt": "a cat on blue"})
    torch.testing.assert_close(words[5], styles(gan, prompt="a cat on blue", seed=1)[5])


def test_a_direction_is_a_push_in_standard_deviations(gan):
    found = gan.components()
    pushed = styles(gan, seed=1, direction={"c0": 2, "c1@fine": -1.5, "c2@0+3": 0})
    wanted = styles(gan, seed=1) + 2 * found.deviations[0] * found.directions[0]
    wanted[4:] -= 1.5 * found.deviations[1] * found.directions[1]
    torch.testing.assert_close(pushed, wanted)


def test_mixtures_of_prompts_are_mixed_as_styles_and_seeds_as_noises_or_styles(gan):
    cat, lemon = (styles(gan, prompt=word, seed=4) for word in ("a cat", "a lemon"))
    mixed = styles(gan, prompt=nbgen.Mix.of((1, "a cat"), (3, "a lemon")), seed=4)
    torch.testing.assert_close(mixed, 0.25 * cat + 0.75 * lemon)
    one, two = (styles(gan, seed=seed) for seed in (1, 2))
    seeds = nbgen.Mix.of((0.5, 1), (0.5, 2))
    torch.testing.assert_close(styles(gan, seed=seeds, mixing="style"), (one + two) / 2)
    z = sum(torch.randn(1, 8, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)) / 2**0.5
    torch.testing.assert_close(styles(gan, seed=seeds)[0], gan.styles_of(z, "")[0])


def test_neutral_fields_leave_the_key_alone(gan):
    plain = gan.resolve(seed=1)
    assert gan.resolve(seed=1, style_mix={}, direction={"c0": 0}).key == plain.key
    assert gan.resolve(seed=1, direction={"c0": 1}).key != plain.key
    by_name, by_number = (
        gan.resolve(seed=1, style_mix={"seed": 2, "layers": layers}) for layers in ("fine", [5, 4])
    )
    assert by_name.key == by_number.key


def test_a_picture_does_not_depend_on_its_neighbours(gan):
    recipes = [gan.resolve(prompt=prompt, seed=seed) for seed in range(6) for prompt in ("", "any fruit")]
    together = gan.synthesis(torch.stack([styles_of(gan, recipe) for recipe in recipes]))
    alone = torch.cat([gan.synthesis(styles_of(gan, recipe)[None]) for recipe in recipes])
    assert float((together - alone).norm() / alone.norm()) <= 1e-5


def test_verbs_take_it(gan, tmp_path):
    picture = nbgen.generate(
        "any fruit",
        model=gan,
        seed=2,
        truncation=0.8,
        style_mix={"seed": 5, "layers": "fine"},
        direction={"c0": 1},
    )[0]
    path = picture.save(tmp_path / "fruit.png")
    back = nbgen.read(path or tmp_path / "fruit.png")
    assert back.recipe == picture.recipe and np.array_equal(back, picture)
    assert close(back.again(fresh=True), picture)
    assert not np.array_equal(picture.again(truncation=0.1), picture)
    grid = nbgen.compare(prompt=["a cat", "a dog"], truncation=[0.3, 1.0], seed=range(2), model=gan)
    assert grid.shape == (2, 2, 2)
    assert len(nbgen.vary(picture, n=2)) == 2
    assert nbgen.history("fruit")[0].recipe.model.name == "tiny-style-gan"


def test_it_is_compared_with_a_diffusion_model(gan):
    models = nbgen.axis(
        "model", {"diffusion": dict(model=tiny_sd(), steps=2), "gan": dict(model=gan, truncation=0.7)}
    )
    grid = nbgen.compare("a cat", models, seed=range(2))
    assert grid.at(model="gan", seed=0).recipe.truncation == 0.7
    assert grid.at(model="diffusion", seed=0).recipe.steps == 2


def test_a_walk_goes_through_noises_or_styles(gan):
    one, two = (styles(gan, prompt="any fruit", seed=seed) for seed in (1, 2))
    through = nbgen.interpolate([1, 2], prompt="any fruit", frames=5, model=gan, method="style")
    torch.testing.assert_close(styles_of(gan, through[1].recipe), 0.75 * one + 0.25 * two)
    assert through[0].recipe.key == gan.resolve(prompt="any fruit", seed=1).key
    noises = nbgen.interpolate([1, 2], prompt="any fruit", frames=5, model=gan)
    z = (torch.randn(1, 8, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    middle = sum(z) / 2**0.5
    torch.testing.assert_close(styles_of(gan, noises[2].recipe)[0], gan.styles_of(middle, "any fruit")[0])
    further = nbgen.interpolate([through[1], through[3]], frames=3, model=gan, method="style")
    torch.testing.assert_close(styles_of(gan, further[1].recipe), (one + two) / 2)
    with pytest.raises(RecipeError, match='give method="style"'):
        nbgen.interpolate([through[1], 7], frames=3, model=gan)


def test_words_numbers_and_corners_travel_too(gan):
    walk = nbgen.interpolate(["a cat", "a lemon"], frames=3, seed=4, model=gan, method="style")
    cat, lemon = (styles(gan, prompt=word, seed=4) for word in ("a cat", "a lemon"))
    torch.testing.assert_close(styles_of(gan, walk[1].recipe), (cat + lemon) / 2)
    psi = nbgen.interpolate([gan.resolve(seed=1, truncation=t) for t in (0.0, 1.0)], frames=3, model=gan)
    assert psi[1].recipe.truncation == 0.5
    corners = nbgen.interpolate_grid([1, 2, 3, 4], 3, 3, model=gan, method="style")
    mean = sum(styles(gan, seed=seed) for seed in (1, 2, 3, 4)) / 4
    torch.testing.assert_close(styles_of(gan, corners.pictures[4].recipe), mean)
    loop = nbgen.interpolate([1, 2], frames=4, loop=True, model=gan, method="style")
    assert loop[1].recipe.key == loop[3].recipe.key


def test_only_a_gan_with_styles_walks_through_them():
    with pytest.raises(RecipeError, match="needs a GAN that has styles"):
        nbgen.interpolate([1, 2], prompt="a cat", model=tiny_sd(), method="style", frames=2)


REFUSED = {
    "a word outside its vocabulary": (dict(prompt="an aple"), "knows no 'aple'.*red apple"),
    "two things": (dict(prompt="a cat and a dog"), "knows no 'and'|one thing"),
    "two things, plainly": (dict(prompt="cat dog"), "draws one thing"),
    "two backgrounds": (dict(prompt="a cat on white on blue"), "one background"),
    "a field of diffusion": (dict(steps=5), "no field 'steps'.*truncation"),
    "layers out of range": (dict(style_mix={"seed": 1, "layers": 6}), "0 .coarsest. to 5 .finest."),
    "a range that is none": (dict(style_mix={"seed": 1, "layers": "rough"}), "'coarse', 'middle', 'fine'"),
    "no layers": (dict(style_mix={"seed": 1, "layers": []}), "at least one layer"),
    "mixing with nothing": (dict(style_mix={"layers": "fine"}), "needs a seed and layers"),
    "mixing with more": (dict(style_mix={"seed": 1, "layers": "fine", "colour": 1}), "has no 'colour'"),
    "mixing too much": (dict(style_mix={"seed": 1, "layers": "fine", "amount": 2}), "from 0 to 1"),
    "mixing unknown words": (
        dict(style_mix={"seed": 1, "layers": 0, "prompt": "a zebra"}),
        "knows no 'zebra'",
    ),
    "no direction": (dict(direction={"smile": 1}), "c0.*c11"),
    "a direction past the last": (dict(direction={"c12": 1}), "c0.*c11"),
    "a push too far": (dict(direction={"c0": 1e6}), "-100 to 100"),
    "attention": (dict(mixing="attention"), "without attention"),
    "another size": (dict(size=(128, 128)), "64×64 pixels only"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_says_what_would_be_right(gan, name):
    fields, sentence = REFUSED[name]
    with pytest.raises(RecipeError, match=sentence):
        nbgen.generate(
            fields.pop("prompt", None) if "prompt" in fields else None, seed=1, model=gan, **fields
        )


def test_a_diffusion_model_has_no_truncation():
    with pytest.raises(RecipeError, match="no field 'truncation'"):
        nbgen.generate("a cat", model=tiny_sd(), seed=1, truncation=0.5)


class Odd(torch.nn.Module):
    def __init__(self, made):
        super().__init__()
        self.made = made

    def forward(self, z):
        return self.made(z)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda z: z, "must map latents"),
        (lambda z: torch.zeros(1, 3, 8, 8), "must map latents"),
        (lambda z: torch.full((len(z), 3, 8, 8), float("nan")), "finite"),
        (lambda z: torch.zeros(len(z), 3, 8, 8, dtype=torch.int64), "finite floating-point"),
    ],
)
def test_a_module_that_makes_no_pictures(made, sentence):
    with pytest.raises(ModelError, match=sentence):
        nbgen.load(gan=Odd(made), latent=8)


def test_weights_that_are_not_numbers():
    module = TinyGenerator()
    with torch.no_grad():
        next(module.parameters())[0] = float("nan")
    with pytest.raises(ModelError, match="not all numbers"):
        nbgen.load(gan=module, latent=8)


@pytest.fixture
def folder(gan, tmp_path):
    place = tmp_path / "my-gan"
    gan.autoencoder.save_pretrained(place / "vae")
    save_file(gan.generator.state_dict(), place / "generator.safetensors")
    save_file(gan.discriminator.state_dict(), place / "discriminator.safetensors")
    settings = {
        "generator": gan.generator.config, "discriminator": gan.discriminator.config, "scaling_factor": 1.0,
    }  # fmt: skip
    (place / INDEX).write_text(json.dumps(settings))
    words = {
        "objects": TINY_WORDS.objects,
        "groups": TINY_WORDS.groups,
        "backgrounds": TINY_WORDS.backgrounds,
    }
    (place / "vocabulary.json").write_text(json.dumps(words))
    return place


def test_a_folder_is_loaded_once_and_draws_the_same(gan, folder):
    loaded = nbgen.load(folder)
    assert nbgen.load(folder) is loaded and loaded.ref.name == "my-gan"
    made, own = (nbgen.generate("a cat", seed=1, model=model)[0] for model in (loaded, gan))
    assert close(made, own)
    with pytest.raises(ModelError, match="always float32"):
        nbgen.load(folder, dtype="float16")


def test_damaged_folders_say_what_is_wrong(folder):
    whole = (folder / "generator.safetensors").read_bytes()
    (folder / "generator.safetensors").write_bytes(whole[:100])
    with pytest.raises(DamagedFileError, match="does not fit its settings"):
        nbgen.load(folder)
    save_file(
        StyleGenerator(2, 2, latent=4, style=4, widths=(4, 4, 4)).state_dict(),
        folder / "generator.safetensors",
    )
    with pytest.raises(DamagedFileError, match="does not fit its settings"):
        nbgen.load(folder)
    (folder / "generator.safetensors").unlink()
    with pytest.raises(MissingFileError, match="no generator"):
        nbgen.load(folder)
    (folder / INDEX).write_text("{}")
    with pytest.raises(DamagedFileError, match="not complete"):
        nbgen.load(folder)
    (folder / INDEX).write_text("nonsense")
    with pytest.raises(DamagedFileError, match="cannot be read"):
        nbgen.load(folder)
