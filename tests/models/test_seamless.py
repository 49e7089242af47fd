"""Seamless textures: circular convolutions against torch's own, all places alike, and everything as it was after."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import nbgen
from nbgen.models.seamless import going_round
from nbgen.testing import tiny_sd

from .oracle import distance, latents


@pytest.fixture(scope="module")
def model():
    return tiny_sd()


def test_convolutions_go_round_as_torchs_own_circular_ones(model) -> None:
    """The oracle is the same UNet, built anew with circular convolutions throughout."""
    unet = model._pipe.unet
    own = type(unet).from_config(unet.config).eval()
    own.load_state_dict(unet.state_dict())
    for name, layer in list(own.named_modules()):
        if isinstance(layer, nn.Conv2d):
            parent, _, last = name.rpartition(".")
            options = {"stride": layer.stride, "padding": layer.padding, "padding_mode": "circular"}
            circular = nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size, **options)  # type: ignore[arg-type]
            circular.load_state_dict(layer.state_dict())
            setattr(own.get_submodule(parent), last, circular)
    x, words = torch.randn(2, 4, 8, 8), torch.randn(2, 16, 16)
    with torch.no_grad():
        expected = own(x, 500, words).sample
        with going_round(unet):
            found = unet(x, 500, words).sample
        plain = unet(x, 500, words).sample
    torch.testing.assert_close(found, expected)
    assert (plain - expected).abs().max() > 1e-3


def test_all_places_of_a_seamless_picture_are_alike(model) -> None:
    """Rolled noise gives the rolled picture, through UNet and autoencoder."""
    x, words = torch.randn(1, 4, 8, 8), torch.randn(1, 16, 16)
    unet, vae = model._pipe.unet, model._pipe.vae
    with torch.no_grad(), going_round(unet, vae):
        answer, picture = unet(x, 500, words).sample, vae.decode(x).sample
        rolled = x.roll((2, 4), (2, 3))
        torch.testing.assert_close(unet(rolled, 500, words).sample, answer.roll((2, 4), (2, 3)))
        torch.testing.assert_close(
            vae.decode(rolled).sample, picture.roll((8, 16), (2, 3)), atol=1e-5, rtol=1e-4
        )


def test_everything_is_as_it_was_also_after_an_error(model) -> None:
    parts = model._pipe.unet, model._pipe.vae
    before = [
        layer.padding_mode for part in parts for layer in part.modules() if isinstance(layer, nn.Conv2d)
    ]
    with pytest.raises(RuntimeError), going_round(*parts):
        raise RuntimeError
    after = [layer.padding_mode for part in parts for layer in part.modules() if isinstance(layer, nn.Conv2d)]
    assert before == after and set(after) == {"zeros"}


def test_seamless_and_plain_pictures_in_one_batch_equal_each_alone(model) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    recipes = [
        model.resolve(prompt="a cat", seed=seed, tile=tile, **start)
        for start in ({}, {"image": pixels, "strength": 0.6})
        for seed in (1, 2)
        for tile in (False, True)
    ]
    for recipe, found in zip(recipes, latents(model, recipes), strict=True):
        assert distance(found, latents(model, [recipe], exact=True)[0]) <= 1e-4
    assert distance(*latents(model, recipes[:2])) > 1e-3


def seam(picture: np.ndarray) -> float:
    """How different the pixels are that meet where the picture is repeated, as a multiple of inner neighbours."""
    values = picture.astype(float)
    inner = np.mean([np.abs(np.diff(values, axis=axis)).mean() for axis in (0, 1)])
    return float(
        np.mean([np.abs(values[0] - values[-1]).mean(), np.abs(values[:, 0] - values[:, -1]).mean()]) / inner
    )


def test_a_texture_of_mini_has_no_seam() -> None:
    words = {"prompt": "a sunflower on a purple background", "seed": 3, "steps": 8}
    tiled, plain = (nbgen.generate(**words, tile=tile)[0] for tile in (True, False))
    assert seam(np.asarray(tiled)) < 1.5
    assert tiled.shown().size == (128, 128) and plain.shown().size == (64, 64)
    rolled = np.roll(np.asarray(tiled), (32, 32), (0, 1))
    assert np.array_equal(np.asarray(tiled.shown())[32:96, 32:96], rolled)


def test_an_image_is_encoded_as_one_that_goes_round(model) -> None:
    """Rolled by whole places of the latent, a seamless image has the rolled latent."""
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    found = model._posterior(pixels, True).mean
    rolled = model._posterior(np.roll(pixels, (8, 12), (1, 2)), True).mean
    assert distance(rolled, found.roll((2, 3), (2, 3))) < 0.05
