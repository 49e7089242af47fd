"""The decoder learns what the UNet gives; the encoder and the meaning of latents stay."""

from functools import partial

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from nbgen.training import checkpoints
from nbgen.training.composition import Composer
from nbgen.training.decoder import BEGINNINGS, DecoderLearner, put_into
from nbgen.training.loop import Budget, train
from nbgen.training.scenes import STYLES
from nbgen.training.student import AS_TRAINED
from nbgen.training.tokenizer import tokenize
from nbgen.training.walking import Walk

CPU = torch.device("cpu")
train = partial(train, sheet_every=float("inf"), say=lambda line: None)


@pytest.fixture
def learn(pipeline, world, speaker):
    """What makes a learner, always the same one."""
    return partial(DecoderLearner, pipeline, Composer(world), speaker, CPU, batch=6)


def test_the_encoder_stays_and_the_decoder_learns(pipeline, learn):
    learner = learn()
    before = {name: tensor.clone() for name, tensor in pipeline.vae.state_dict().items()}
    losses = [learner.step(number % 2, 1.0) for number in range(12)]
    assert np.mean(losses[-4:]) < 0.9 * np.mean(losses[:4])
    changed = {
        name for name, tensor in pipeline.vae.state_dict().items() if not torch.equal(tensor, before[name])
    }
    assert changed and changed <= set(learner.learning())
    assert not any(name.startswith(("encoder", "quant_conv")) for name in changed)


def test_a_latent_is_the_encoders_own_or_guessed(pipeline, learn):
    """With every row exact the loss is the autoencoder's; with every row walked it is another."""
    learner = learn()
    pictures = torch.rand(4, 3, 64, 64) * 2 - 1
    noise, timesteps = torch.randn(4, 4, 16, 16), torch.tensor(BEGINNINGS)
    tokens = tokenize(pipeline.tokenizer, ["a skull"] * 4)
    with torch.no_grad():
        exact, walked = (
            float(learner.loss(pictures, noise, timesteps, tokens, torch.full((4,), guessed)))
            for guessed in (False, True)
        )
        again = float(learner.loss(pictures, noise + 1, timesteps, tokens, torch.zeros(4, dtype=bool)))
    assert exact == again != walked


def test_a_step_walks_to_a_third_of_its_latents(pipeline, learn, monkeypatch):
    learner, seen = learn(), []
    inner = learner.guess

    def counted(latents, *rest):
        seen.append(len(latents))
        return inner(latents, *rest)

    monkeypatch.setattr(learner, "guess", counted)
    learner.step(0, 1.0)
    assert sum(seen) == learner.batch / 3


def test_going_on_is_what_would_have_been(pipeline, learn, tmp_path):
    first = learn()
    begun = {name: tensor.clone() for name, tensor in first.learning().items()}
    for number in range(2):
        first.step(number, 1.0)
    halfway = {name: tensor.clone() for name, tensor in first.tensors().items()}
    first.step(2, 1.0)
    straight = {name: tensor.detach().clone() for name, tensor in first.learning().items()}
    assert any(not torch.equal(tensor, begun[name]) for name, tensor in straight.items())
    again = learn()
    again.restore(halfway)
    again.step(2, 1.0)
    for name, tensor in again.learning().items():
        torch.testing.assert_close(tensor.detach(), straight[name], rtol=1e-4, atol=1e-5)


def test_it_goes_on_from_a_checkpoint(pipeline, learn, tmp_path):
    path = train(learn(), Budget(steps=2), tmp_path)
    own = {name: tensor.clone() for name, tensor in pipeline.vae.state_dict().items()}
    with torch.no_grad():
        for parameter in pipeline.vae.decoder.parameters():
            parameter.zero_()
    tensors, facts = checkpoints.load(path)
    assert facts["step"] == 2 and facts["guidance"] > 1
    put_into(pipeline.vae, tensors)
    assert all(torch.equal(tensor, own[name]) for name, tensor in pipeline.vae.state_dict().items())
    assert learn().sheet().width > 64


def test_a_walk_is_ddims(pipeline):
    """Oracle: diffusers' scheduler, with guidance added up by hand."""
    scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="trailing", **AS_TRAINED
    )
    scheduler.set_timesteps(4)
    x = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    tokens = tokenize(pipeline.tokenizer, ["", "a skull"])
    nothing, words = (
        row.expand(2, -1, -1) for row in pipeline.text_encoder(tokens).last_hidden_state[:, None]
    )
    walk = Walk(pipeline.unet, scheduler, 3.0, steps=4)
    with torch.no_grad():
        reached = walk(x, torch.tensor([999, 999]), torch.tensor([-1, -1]), words, nothing)
        for timestep in scheduler.timesteps:
            without, with_words = (pipeline.unet(x, timestep, read).sample for read in (nothing, words))
            x = scheduler.step(without + 3.0 * (with_words - without), timestep, x).prev_sample
    torch.testing.assert_close(reached, x, rtol=1e-3, atol=1e-3)


def test_half_of_the_pictures_are_in_a_style(learn):
    learner, draw = learn(), np.random.default_rng(0)
    styles = [learner.scene(draw).style for _ in range(400)]
    assert 0.4 < np.mean([style is not None for style in styles]) < 0.6
    assert set(styles) == {None, *STYLES}
