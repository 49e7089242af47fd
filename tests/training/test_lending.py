"""Whoever has only the exported folder can go on from it."""

import json
import math
from argparse import Namespace
from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from nbgen.training import mini_commands
from nbgen.training.autoencoder import AutoencoderLearner
from nbgen.training.clip import ClipLearner
from nbgen.training.denoiser import DenoiserLearner
from nbgen.training.export import export, load_autoencoder, load_words
from nbgen.training.lending import HISTORY, Lender
from nbgen.training.loop import Budget, train
from nbgen.training.objects import load_objects
from nbgen.training.words import WordsLearner

CPU = torch.device("cpu")
train = partial(train, sheet_every=math.inf, say=lambda line: None)
WEIGHTS = ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model", "clip/image")


@pytest.fixture(scope="module")
def finished(world, tmp_path_factory):
    """A model of every part, trained for a step each, exported; its checkpoints are gone."""
    out = tmp_path_factory.mktemp("runs")
    train(AutoencoderLearner(world, CPU, batch=2), Budget(steps=1), out)
    autoencoder = load_autoencoder(out / "autoencoder.safetensors")
    train(WordsLearner(world, autoencoder, CPU, batch=4, held=12), Budget(steps=1), out)
    words = load_words(out, world)
    train(DenoiserLearner(world, autoencoder, *words, CPU, batch=4, held=12), Budget(steps=1), out)
    train(ClipLearner(world, *words, CPU, batch=4), Budget(steps=1), out)
    export(out, out / "mini", world)
    return out / "mini"


def weights(folder):
    return {name: load_file(folder / f"{name}.safetensors") for name in WEIGHTS}


def test_without_checkpoints_everything_is_lent(world, finished, tmp_path):
    export(tmp_path / "nothing", tmp_path / "mini", world, finished)
    ours, theirs = weights(tmp_path / "mini"), weights(finished)
    for name in WEIGHTS:
        assert ours[name].keys() == theirs[name].keys()
        assert all(torch.equal(ours[name][key], theirs[name][key]) for key in ours[name]), name
    configs = [
        json.loads((folder / "vae/config.json").read_text()) for folder in (tmp_path / "mini", finished)
    ]
    assert configs[0]["scaling_factor"] == configs[1]["scaling_factor"]
    history = json.loads((tmp_path / "mini" / HISTORY).read_text())
    assert list(history) == ["autoencoder", "words", "denoiser", "clip"]
    assert history["words"]["steps"] == 1
    assert "- denoiser: 1 steps" in (tmp_path / "mini" / "README.md").read_text(encoding="utf-8")


def test_the_decoder_learns_more_and_the_rest_stays(world, finished, tmp_path, monkeypatch):
    monkeypatch.setattr(mini_commands, "load_objects", lambda: world)
    options = Namespace(out=tmp_path / "runs", start_from=finished, seed=0, fresh=False)
    learner = mini_commands.make_learner("decoder", options, CPU)
    train(learner, Budget(steps=1), options.out)
    export(options.out, tmp_path / "mini", world, finished)
    ours, theirs = weights(tmp_path / "mini"), weights(finished)
    changed = {
        name for name in WEIGHTS for key in ours[name] if not torch.equal(ours[name][key], theirs[name][key])
    }
    assert changed == {"vae/diffusion_pytorch_model"}
    assert list(json.loads((tmp_path / "mini" / HISTORY).read_text()))[-1] == "decoder"


def test_new_words_leave_the_old_clip_behind(world, finished, tmp_path):
    """The CLIP shares the text encoder's file: beside another one it would read nonsense."""
    autoencoder = Lender(finished).autoencoder()
    train(WordsLearner(world, autoencoder, CPU, batch=4, held=12, seed=1), Budget(steps=2), tmp_path)
    export(tmp_path, tmp_path / "mini", world, finished)
    assert not (tmp_path / "mini" / "clip").exists()
    assert list(json.loads((tmp_path / "mini" / HISTORY).read_text())) == ["words"]
    card = (tmp_path / "mini" / "README.md").read_text(encoding="utf-8")
    assert "The denoiser is untrained" in card and "Its own CLIP" not in card


def test_a_model_of_another_world_lends_its_autoencoder_only(finished, tmp_path):
    other = load_objects(limit=9)
    lender = Lender(finished, other.names, ())
    assert lender.autoencoder() is not None
    assert lender.text_encoder() is None and lender.unet() is None and lender.history() == {}


def test_nobody_lends_nothing(tmp_path):
    lender = Lender(None)
    lender.lend_clip(tmp_path)
    assert lender.autoencoder() is None and lender.history() == {} and not list(tmp_path.iterdir())
