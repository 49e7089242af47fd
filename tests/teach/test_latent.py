"""The latent laboratory: its parts against what the model says, its page's requests, its files, its refusals."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import nbgen
from nbgen.errors import ModelError, NbgenError, RecipeError
from nbgen.models.gan_projection import judge, project
from nbgen.models.gan_styles import styles_of
from nbgen.teach import albums, latent_parts
from nbgen.testing import tiny_gan, tiny_style_gan


@pytest.fixture(scope="module")
def gan():
    return tiny_style_gan(seed=3)


@pytest.fixture
def lab(gan):
    return nbgen.teach.latent(gan, prompt="any fruit", seed=1)


def drawn(gan, **fields):
    return np.asarray(nbgen.generate(fields.pop("prompt", ""), model=gan, **fields)[0])


def close(one, other):
    return np.abs(np.asarray(one).astype(int) - np.asarray(other)).max() <= 1


def test_its_pixels_are_what_generate_makes(gan, lab):
    lab.set(truncation=0.7).push(c0=2.0)
    lab.where = "fine"
    lab.push(c1=-1.0)
    wanted = drawn(gan, prompt="any fruit", seed=1, truncation=0.7, direction={"c0": 2, "c1@fine": -1})
    assert close(lab.pixels(), wanted) and close(lab.picture(), wanted)
    assert lab.push(c1=0).recipe.direction == (("c0", 2.0),)
    assert lab.figure().axes and "c0 +2" in repr(lab)


def test_truncation(gan, lab):
    row = lab.truncation((0, 0.5, 1), n=2)
    assert row.pictures.shape == (3, 2, 64, 64, 3)
    assert np.array_equal(row.pictures[0, 0], row.pictures[0, 1])
    assert close(row.pictures[1, 1], drawn(gan, prompt="any fruit", seed=2, truncation=0.5))
    assert row.diversity[0] == pytest.approx(0, abs=1e-3) and sorted(row.diversity) == list(row.diversity)
    assert len(row.figure().get_axes() or row.figure().subfigs) >= 2
    # A cell shows it, and its figure, without pyplot; the figure's repr is no wall of numbers.
    assert row._repr_png_().startswith(b"\x89PNG") and len(repr(row)) < 80
    assert len(row._repr_png_()) < len(row.figure()._repr_png_())


def test_mixing(gan, lab):
    matrix = lab.mixing("coarse", n=2)
    assert matrix.layers == (0, 1) and matrix.rows == (1, 2) and matrix.columns == (3, 4)
    wanted = drawn(gan, prompt="any fruit", seed=2, style_mix={"seed": 3, "layers": "coarse"})
    assert close(matrix.pictures[1, 0], wanted)
    assert matrix.figure().axes


def test_arithmetic(gan, lab):
    cat, dog, lemon = (
        styles_of(gan, gan.resolve(prompt=word, seed=1)) for word in ("a cat", "a dog", "a lemon")
    )
    found = lab.arithmetic("a cat", plus="a lemon", minus=["a dog"])
    torch.testing.assert_close(found.styles, cat + lemon - dog)
    picture = nbgen.generate("a cat", model=gan, seed=1)[0]
    same = lab.arithmetic(picture, plus=lab.recipe, minus=lab.recipe)
    assert close(same.picture, picture)
    assert found.terms == ("a cat", "+ a lemon", "− a dog") and found.figure().axes


def test_sweep_and_components(gan, lab):
    found = lab.sweep("c1@fine", (-2, 0, 2), n=2)
    assert close(found.pictures[1, 2], drawn(gan, prompt="any fruit", seed=2, direction={"c1@fine": 2}))
    assert found.figure().axes
    shares = [float(row["share of variance"].rstrip("%")) for row in lab.components()]
    assert shares == sorted(shares, reverse=True) and 99 < sum(shares) < 101


def test_projection_comes_nearer(gan):
    """What is sought was made by the generator, so that there is something to be found."""
    pixels = latent_parts.draw(gan, styles_of(gan, gan.resolve(seed=77))[None])[0]
    blurred = gan.latents_of(pixels[None])
    found = project(gan, pixels, steps=40, shown=4)
    assert len(found.path) == len(found.steps) == 4 and found.steps[-1] == 40
    first, last = (
        float((gan.synthesis(styles[None]) - blurred).abs().mean())
        for styles in (project(gan, pixels, steps=1).styles, found.styles)
    )
    assert last < first
    one = project(gan, pixels, steps=3, free=False)
    assert torch.equal(one.styles[0], one.styles[5])


def test_a_gradient_is_the_slope_of_the_score(gan):
    """Oracle: the score of a picture that is changed a little along the gradient, in double precision."""
    double = tiny_style_gan(seed=3)
    for module in (double.autoencoder, double.discriminator):
        module.double()
    pixels = np.random.default_rng(0).integers(60, 190, (64, 64, 3), dtype=np.uint8)
    said = judge(gan, pixels, "a cat")
    assert said.gradient.shape == (64, 64, 3)

    def score(values):
        latents = double.autoencoder.encode(
            torch.from_numpy(values).permute(2, 0, 1)[None] * 2 - 1
        ).latent_dist.mean
        return float(double.discriminator.double()(latents, gan.words.allowed("a cat")[None])[0])

    step = said.gradient.astype(float) / np.linalg.norm(said.gradient) * 1e-2
    values = pixels.astype(float) / 255
    slope = (score(values + step) - score(values - step)) / 2e-2
    assert slope == pytest.approx(np.linalg.norm(said.gradient), rel=0.05)


def test_what_the_laboratory_projects_and_judges(lab, tmp_path):
    image = Image.effect_noise((80, 64), 40).convert("RGB")
    found = lab.project(image, steps=2)
    assert found.sought.shape == (64, 64, 3) and found.error > 0 and found.figure().subfigs
    image.save(tmp_path / "noise.png")
    assert lab.judge(tmp_path / "noise.png", "a cat").figure().axes
    assert lab.judge().picture.shape == (64, 64, 3)


def test_named_directions_are_kept_in_files(gan, lab, tmp_path):
    lab.push(c0=1.5)
    lab.keep("rounder")
    lab.keep("darker", {"c1@fine": -1})
    path = lab.save(tmp_path / "directions.json")
    other = nbgen.teach.latent(gan)
    assert other.read(path) == {"rounder": {"c0": 1.5}, "darker": {"c1@fine": -1.0}} == other.kept
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "model": "another"}))
    with pytest.raises(RecipeError, match="other weights"):
        other.read(path)
    path.write_text("[]")
    with pytest.raises(RecipeError, match="holds no directions"):
        other.read(path)


def test_the_page_can_ask_for_everything(lab):
    lab.do("set", {"prompt": "any mammal", "seed": 5, "truncation": 0.5}, ())
    lab.do("where", {"where": "middle"}, ())
    lab.do("push", {"component": 2, "amount": 1.5}, ())
    lab.do("keep", {"as": "mine"}, ())
    said, arrays = lab.frame()
    assert (said["prompt"], said["seed"], said["truncation"]) == ("any mammal", "5", 0.5)
    assert said["amounts"][2] == 1.5 and said["pushed"] == "c2@middle +1.5σ" and said["kept"] == ["mine"]
    assert "one of 2 objects" in said["says"] and arrays["picture"].dtype == np.uint8
    lab.do("reset", {}, ())
    assert lab.recipe.direction == () and lab.recipe.truncation == 1
    lab.do("use", {"kept": "mine"}, ())
    assert lab.recipe.direction == (("c2@middle", 1.5),)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("set", {"prompt": "a zebra"}),
        ("set", {"seed": -1}),
        ("push", {"component": 77, "amount": 1}),
        ("push", {"component": 0, "amount": "far"}),
        ("where", {"where": "everywhere"}),
        ("keep", {"as": " "}),
        ("use", {"kept": "nothing"}),
        ("dance", {}),
    ],
)
def test_what_cannot_be_leaves_the_state(lab, name, message):
    before = lab.recipe, lab.where, dict(lab.kept)
    with pytest.raises(NbgenError):
        lab.do(name, message, ())
    assert (lab.recipe, lab.where, lab.kept) == before


def test_refusals(lab):
    with pytest.raises(ModelError, match="no styles to explore"):
        nbgen.teach.latent(tiny_gan())
    with pytest.raises(RecipeError, match="a term is a prompt"):
        lab.arithmetic(3)
    theirs = nbgen.generate("a cat", model=tiny_style_gan(seed=8), seed=1)[0]
    with pytest.raises(RecipeError, match="mean nothing to"):
        lab.arithmetic(theirs)
    with pytest.raises(RecipeError, match="the most"):
        lab.mixing(n=20, layers="fine") and lab.truncation([0.1] * 40, n=20)
    with pytest.raises(RecipeError, match="first"):
        nbgen.teach.latent(lab.model).keep("nothing")


def test_an_album_says_what_is_nearest(gan, monkeypatch):
    monkeypatch.setattr(albums, "FEW", 100)  # this autoencoder has learnt nothing: its latents are no guide
    album = nbgen.teach.album(gan)
    assert len(album) == len(gan.words.objects) * len(gan.words.backgrounds)
    name, background = gan.words.objects[1], list(gan.words.backgrounds)[1]
    picture = nbgen.generate(f"a {name} on a {background} background", model=gan, seed=5)[0]
    for given in (picture, picture.image, np.asarray(picture.image), [picture]):
        (found,) = album.nearest(given)
        assert (found.name, found.background) == (name, background) and found.distance < 0.005
    dark = np.clip(np.asarray(picture.image).astype(float) - 51, 0, 255).astype(np.uint8)
    assert album.nearest(dark)[0].distance > found.distance
    assert album.nearest([]) == [] and "tiny" in repr(album)


def test_an_album_needs_names_and_pictures(gan):
    with pytest.raises(ModelError, match="no list of names"):
        nbgen.teach.album(tiny_gan())
    with pytest.raises(RecipeError, match="takes a picture"):
        nbgen.teach.album(gan).nearest(3)
