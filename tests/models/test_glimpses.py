"""Previews by a tiny autoencoder: the pictures diffusers makes with it, in a run, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from diffusers.image_processor import VaeImageProcessor

import nbgen
from nbgen.errors import MissingFileError, ModelError
from nbgen.testing import tiny_gan, tiny_sd


def tiny(channels: int = 4) -> AutoencoderTiny:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return AutoencoderTiny(
            encoder_block_out_channels=(8, 8, 8), decoder_block_out_channels=(8, 8, 8), latent_channels=channels,
            num_encoder_blocks=(1, 1, 1), num_decoder_blocks=(1, 1, 1),
        ).eval()  # fmt: skip


def test_it_shows_what_diffusers_decodes() -> None:
    model, decoder = tiny_sd(), tiny()
    model.preview = decoder
    latent = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        decoded = decoder.decode(latent[None] / decoder.config.scaling_factor).sample
    expected = VaeImageProcessor().postprocess(decoded, output_type="np")[0]
    shown = model.preview(latent)
    assert shown is not None and shown.shape == (32, 32, 3)
    assert np.abs(shown.astype(int) - (expected * 255).round()).max() <= 1
    model.preview = None
    assert model.preview is None


def test_glimpses_take_a_share_of_the_time_only(monkeypatch) -> None:
    model = tiny_sd()
    model.preview = tiny()
    now = iter([0.0, 1.0, 3.0, 4.9, 5.1, 5.2])  # a glimpse of one second, then four without
    monkeypatch.setattr("nbgen.models.glimpses.time.perf_counter", lambda: next(now))
    shown = [model.preview(torch.zeros(4, 8, 8)) is not None for _ in range(4)]
    assert shown == [True, False, False, True]


def test_a_run_is_watched_through_it(tmp_path) -> None:
    from nbgen.verbs.running import _Placing

    tiny().save_pretrained(tmp_path / "tiny")
    model = nbgen.load(tiny_sd(), preview=tmp_path / "tiny")

    class Job:
        wants_steps = True

        def __init__(self) -> None:
            self.seen = []

        def glimpse(self, place, colours) -> None:
            self.seen.append((place, colours.shape))

        def stopping(self) -> bool:
            return False

        def __getattr__(self, name):
            return lambda *rest: None

    job = Job()
    watcher = _Placing(job, [[4]], False, 0, 0, model.decode, model.preview)
    made = list(model.run([model.resolve(prompt="a cat", seed=1)], watcher))
    assert len(made) == 1 and job.seen
    assert set(job.seen) == {(4, (32, 32, 3))}


def test_what_is_refused(tmp_path) -> None:
    model = tiny_sd()
    with pytest.raises(ModelError, match="16 channels, and the model's 4"):
        model.preview = tiny(16)
    with pytest.raises(ModelError, match="not AutoencoderKL"):
        model.preview = model.autoencoder
    with pytest.raises(MissingFileError, match="no AutoencoderTiny in a folder"):
        model.preview = tmp_path
    model.autoencoder.save_pretrained(tmp_path / "vae")
    with pytest.raises(ModelError, match="holds a AutoencoderKL"):
        nbgen.load(model, preview=tmp_path / "vae")
    with pytest.raises(ModelError, match="not 3"):
        model.preview = 3
    with pytest.raises(ModelError, match="driven row by row"):
        nbgen.load(tiny_gan(), preview=tiny())
