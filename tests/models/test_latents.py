"""The autoencoder both ways: diffusers' own posterior and scaling, shift and per-channel scaling, half precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

from nbgen.models import latents
from nbgen.models.latents import decode, encode
from nbgen.testing import tiny_sd, tiny_sd_pipeline


@pytest.fixture
def vae():
    return tiny_sd_pipeline().vae


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


def as_diffusers_encodes(vae, pixels: np.ndarray) -> DiagonalGaussianDistribution:
    with torch.no_grad():
        return vae.encode(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 * 2 - 1).latent_dist


def test_the_mode_and_samples_are_those_of_diffusers(vae, pixels) -> None:
    expected = as_diffusers_encodes(vae, pixels)
    scale = vae.config.scaling_factor
    torch.testing.assert_close(encode(vae, pixels), expected.mode() * scale)
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    sampled = encode(vae, pixels, generators)
    for number, seed in enumerate((3, 4)):
        own = DiagonalGaussianDistribution(expected.parameters[number : number + 1])
        generator = torch.Generator().manual_seed(seed)
        torch.testing.assert_close(sampled[number : number + 1], own.sample(generator) * scale)
        # What is drawn next is the same too: the noise comes from the same generator.
        assert torch.equal(torch.randn(3, generator=generator), torch.randn(3, generator=generators[number]))


@pytest.mark.parametrize(
    "config",
    [
        {"scaling_factor": 1.5305, "shift_factor": 0.0609},
        {"scaling_factor": 0.5, "latents_mean": [0.1, -0.2, 0.3, 0.0], "latents_std": [1.0, 2.0, 0.5, 1.5]},
    ],
)
def test_shift_and_scale_are_undone(vae, pixels, config) -> None:
    vae.register_to_config(**config)
    raw = as_diffusers_encodes(vae, pixels).mode()
    if "latents_std" in config:
        mean, std = (torch.tensor(config[name]).view(1, 4, 1, 1) for name in ("latents_mean", "latents_std"))
        expected = (raw - mean) * 0.5 / std  # as in StableDiffusionXLImg2ImgPipeline
    else:
        expected = (raw - 0.0609) * 1.5305  # as in StableDiffusion3Img2ImgPipeline
    found = encode(vae, pixels)
    torch.testing.assert_close(found, expected)
    with torch.no_grad():
        picture = vae.decode(raw).sample[0].clamp(-1, 1).permute(1, 2, 0).numpy()
    assert np.abs(decode(vae, found)[0][0] / 127.5 - 1 - picture).max() < 0.01


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -7.0])
def test_what_overflows_in_half_precision_is_decoded_again(vae, pixels, monkeypatch, broken) -> None:
    found = encode(vae, pixels)
    expected, _ = decode(vae, found)
    vae.to(torch.float16)
    before = {name: (tensor, tensor.data_ptr()) for name, tensor in vae.state_dict(keep_vars=True).items()}
    inner = type(vae).decode

    def overflowing(self, values, return_dict=True):
        made = inner(self, values, return_dict=False)[0]
        if values.dtype == torch.float16:
            made[1] = broken
        return (made,)

    monkeypatch.setattr(type(vae), "decode", overflowing)
    made, overflowed = decode(vae, found)
    assert overflowed == [False, True]
    assert np.abs(made.astype(int) - expected).max() <= 2
    for name, tensor in vae.state_dict(keep_vars=True).items():
        assert tensor is before[name][0] and tensor.data_ptr() == before[name][1], name


def test_a_black_picture_is_no_overflow(vae, pixels, monkeypatch) -> None:
    found = encode(vae, pixels)
    vae.to(torch.bfloat16)
    monkeypatch.setattr(type(vae), "decode", lambda self, values, return_dict: (-torch.ones(2, 3, 32, 32),))
    made, overflowed = decode(vae, found)
    assert overflowed == [False, False] and not made.any()


def test_an_autoencoder_that_asks_for_float32_gets_it(vae, pixels, monkeypatch) -> None:
    said = {name: value for name, value in vae.config.items() if not name.startswith("_")}
    vae = type(vae).from_config({**said, "force_upcast": True}).to(torch.float16)
    seen = []
    inner = type(vae).encode

    def noting(self, values, return_dict=True):
        seen.append(values.dtype)
        return inner(self, values, return_dict)

    monkeypatch.setattr(type(vae), "encode", noting)
    latents.posterior(vae, pixels)
    assert seen == [torch.float32] and vae.dtype == torch.float16


def test_the_note_is_on_the_picture_that_overflowed_and_on_no_other(monkeypatch) -> None:
    model = tiny_sd()
    model._pipe.vae.to(torch.float16)
    kind = type(model._pipe.vae)
    inner = kind.decode

    def overflowing(self, values, return_dict=True):
        made = inner(self, values, return_dict=False)[0]
        if values.dtype == torch.float16:
            made[1] = float("nan")
        return (made,)

    monkeypatch.setattr(kind, "decode", overflowing)
    recipes = [model.resolve(prompt="a cat", seed=seed, steps=2, size=(32, 32)) for seed in range(3)]
    notes = {index: picture.notes for index, picture in model.run(recipes)}
    assert [latents.OVERFLOWED in notes[index] for index in range(3)] == [False, True, False]
