import math
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from nbgen.training import checkpoints
from nbgen.training.autoencoder import AutoencoderLearner
from nbgen.training.denoiser import DenoiserLearner
from nbgen.training.export import export, load_autoencoder, load_words, size_of
from nbgen.training.loop import Budget, learning_rate, train
from nbgen.training.noising import noise_and_timesteps
from nbgen.training.report import read_losses, report, save, smooth
from nbgen.training.shards import Shards
from nbgen.training.tokenizer import tokenize
from nbgen.training.words import WordsLearner, cut, put_together

CPU = torch.device("cpu")


train = partial(train, sheet_every=math.inf, say=lambda line: None)


def make_learner(name, world, folder):
    if name == "autoencoder":
        return AutoencoderLearner(world, CPU, batch=2)
    autoencoder = load_autoencoder(folder / "autoencoder.safetensors")
    if name == "words":
        return WordsLearner(world, autoencoder, CPU, batch=4, held=12)
    return DenoiserLearner(world, autoencoder, *load_words(folder, world), CPU, batch=4, held=12)


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory):
    """A folder with all checkpoints after a few steps: nothing learned, everything in place."""
    folder = tmp_path_factory.mktemp("runs") / "mini"
    for name in ("autoencoder", "words", "denoiser"):
        train(make_learner(name, world, folder), Budget(steps=2), folder)
    return folder


@pytest.mark.parametrize("name", ["autoencoder", "words", "denoiser"])
def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(name, world, trained, tmp_path):
    budget = Budget(steps=8)
    straight = train(make_learner(name, world, trained), budget, tmp_path / "straight")

    learner = make_learner(name, world, trained)
    take_step = learner.step

    def interrupted(number, rate):
        if number == 4:
            raise KeyboardInterrupt
        return take_step(number, rate)

    learner.step = interrupted
    with pytest.raises(KeyboardInterrupt):
        train(learner, budget, tmp_path / "halved", every=0)
    halved = train(make_learner(name, world, trained), budget, tmp_path / "halved")

    ours, facts = checkpoints.load(halved)
    theirs, _ = checkpoints.load(straight)
    assert facts["step"] == 8
    assert ours.keys() == theirs.keys()
    for key in ours:
        torch.testing.assert_close(ours[key], theirs[key], rtol=1e-4, atol=1e-5)


def test_training_lowers_the_loss(world):
    learner = AutoencoderLearner(world, CPU, batch=4)
    losses = [learner.step(number, 0.5) for number in range(12)]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


def test_shards_give_the_gradient_of_the_whole_batch():
    """Oracle: torch's own backward."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(5, 3)
    batch = (torch.randn(7, 5), torch.randn(7, 3))

    def loss_of(x, y):
        return (layer(x) - y).square().mean()

    loss_of(*batch).backward()
    wanted = [parameter.grad.clone() for parameter in layer.parameters()]
    loss = Shards(3).backward(loss_of, batch, list(layer.parameters()))
    assert loss == pytest.approx(loss_of(*batch).item(), rel=1e-5)
    for parameter, gradient in zip(layer.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_every_step_sees_all_noise_levels_much_noise_most():
    noise, timesteps = noise_and_timesteps(3, torch.Size((400, 4)), 1000)
    assert torch.equal(noise, torch.randn(400, 4, generator=torch.Generator().manual_seed(3)))
    # The density of t is 2 t, so a share of t² lies below t; of 400, one from each stretch, to one exactly.
    for t in (0.1, 0.5, 0.9):
        assert abs(int((timesteps < 1000 * t).sum()) - 400 * t**2) <= 1
    assert 0 <= timesteps.min() and timesteps.max() <= 999
    assert torch.equal(noise_and_timesteps(3, torch.Size((400, 4)), 1000)[1], timesteps)


def test_the_learning_rate_follows_the_budget():
    assert learning_rate(0, 0.0) == pytest.approx(0.01)
    assert learning_rate(500, 0.5) == 1
    assert learning_rate(500, 0.8) == pytest.approx(0.5)
    assert learning_rate(10**6, 1.0) == pytest.approx(0.01)


@pytest.mark.parametrize("text", ["", "90", "soon", "-3m", "5 weeks"])
def test_a_budget_that_cannot_be_read_says_how_one_is_written(text):
    with pytest.raises(ValueError, match="90m"):
        Budget.parse(text)


def test_the_stock_pipeline_loads_an_export_without_a_warning(world, trained, tmp_path):
    export(trained, tmp_path / "mini", world)
    export(trained, tmp_path / "mini", world)  # replacing works, too
    assert [path.name for path in tmp_path.iterdir()] == ["mini"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "mini")
    pipeline.set_progress_bar_config(disable=True)
    tensors, facts = checkpoints.load(trained / "denoiser.safetensors")
    assert pipeline.vae.config.scaling_factor == facts["scaling_factor"]
    assert pipeline.unet.dtype == pipeline.text_encoder.dtype == torch.float32
    assert pipeline.tokenizer.model_max_length == pipeline.text_encoder.config.max_position_embeddings
    ours = checkpoints.under("average.unet", tensors)
    for name, weight in pipeline.unet.state_dict().items():
        torch.testing.assert_close(weight, ours[name].half().float())
    picture = pipeline("a rocket", num_inference_steps=2, generator=torch.Generator().manual_seed(0)).images[
        0
    ]
    assert picture.size == (64, 64)
    assert size_of(tmp_path / "mini") < 40e6


def test_a_training_can_be_looked_back_at(world, trained, tmp_path):
    losses = read_losses(trained / "denoiser.csv")
    assert losses[:, 0].tolist() == [1, 2] and (losses[:, 2] > 0).all()
    figure = report(trained)
    assert figure.axes[0].get_xlabel() == "step"
    save(figure, tmp_path / "report.png")
    with Image.open(tmp_path / "report.png") as saved:
        assert saved.width == pytest.approx(9.5 * 110, abs=2) and len(saved.getcolors(256) or []) > 4
    (tmp_path / "run.csv").write_text("1,0.5,0.9\n2,1.0,0.8\n3,1.5,0.7\n2,1.1,0.6\n")
    # The training was interrupted after step 3 and went on from a checkpoint at step 1.
    assert read_losses(tmp_path / "run.csv")[:, 2].tolist() == [0.9, 0.6]


def test_smoothing_leaves_a_constant_alone_and_has_no_edges():
    assert smooth(np.full(30, 2.5), 7) == pytest.approx(np.full(30, 2.5))


def test_cells_are_the_picture_row_by_row():
    latents = torch.arange(2 * 4 * 16 * 16).view(2, 4, 16, 16)
    cells = cut(latents)
    assert torch.equal(cells[1, 6].view(4, 4, 4), latents[1, :, 4:8, 8:12])
    assert torch.equal(put_together(cells), latents)


def test_words_are_read_as_what_they_mean(world, trained):
    """A few objects are learned by heart at once: each caption is nearest to its own picture."""
    learner = WordsLearner(
        world, load_autoencoder(trained / "autoencoder.safetensors"), CPU, batch=32, held=32
    )
    learner.supply.fresh = 0
    for number in range(100):
        learner.step(number, min(1.0, (number + 1) / 20))
    plain = [number for number in range(32) if learner.supply.scenes[number].style is None][:12]
    tokens = tokenize(learner.tokenizer, [learner.speaker.plainly(learner.supply.scenes[n]) for n in plain])
    with torch.no_grad():
        read = learner.text_encoder(tokens)
        cells, whole = learner.readers(read.last_hidden_state, read.pooler_output)
    wanted = cut(learner.supply.latents[plain].float() * learner.scaling_factor)
    for made in (cells, whole):
        nearest = torch.cdist(made.flatten(1), wanted.flatten(1)).argmin(dim=1)
        assert (nearest == torch.arange(len(plain))).float().mean() > 0.6  # by chance 0.08
