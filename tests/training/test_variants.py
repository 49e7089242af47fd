"""What is trained beside the model itself: its CLIP, the student of four steps, the ControlNet for sketches."""

import json
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
)
from transformers import CLIPModel, CLIPTextModel

from nbgen.models.agreement import cosines
from nbgen.training import checkpoints
from nbgen.training.clip import ClipLearner, embed_pictures, embed_words
from nbgen.training.composition import Composer
from nbgen.training.denoiser import UNET_CONFIG
from nbgen.training.export import size_of
from nbgen.training.export_clip import export_clip, prefixed_tower
from nbgen.training.scenes import Scene
from nbgen.training.sketch import HALVINGS, SketchLearner, outlines, without_attention
from nbgen.training.student import AS_TRAINED, CALLS, StudentLearner
from nbgen.training.supply import Supply
from nbgen.training.tokenizer import tokenize

CPU = torch.device("cpu")


@pytest.fixture
def supply(world, speaker):
    def encode(pictures):
        return torch.nn.functional.avg_pool2d(pictures, 4)[:, [0, 1, 2, 0]]

    return Supply(Composer(world), speaker, encode, batch=4, seed=0, capacity=16, start=8, fresh=2)


def test_the_text_tower_is_the_one_that_the_unet_listens_to(world, pipeline):
    """Oracle: the text encoder itself."""
    learner = ClipLearner(world, pipeline.text_encoder, pipeline.tokenizer, CPU, batch=6)
    tokens = tokenize(pipeline.tokenizer, ["a skull", "two ghosts on blue"])
    before = pipeline.text_encoder(tokens).pooler_output
    losses = [learner.step(number, 0.3) for number in range(14)]
    assert np.mean(losses[-4:]) < np.mean(losses[:4])
    torch.testing.assert_close(learner.model.text_model(input_ids=tokens).pooler_output, before)


def test_clip_goes_on_from_a_checkpoint_and_is_an_ordinary_one(world, pipeline, tmp_path):
    one, other = (
        ClipLearner(world, pipeline.text_encoder, pipeline.tokenizer, CPU, batch=4, seed=seed)
        for seed in (0, 1)
    )
    one.step(0, 0.5)
    other.restore(one.tensors())
    for name, tensor in one.model.state_dict().items():
        assert torch.equal(tensor, other.model.state_dict()[name]), name
    one.model.save_pretrained(tmp_path)
    loaded = CLIPModel.from_pretrained(tmp_path).eval()
    pictures, captions = one.draw(5)
    ours = embed_pictures(loaded, pictures) @ embed_words(loaded, pipeline.tokenizer, captions).T
    theirs = cosines(loaded, pipeline.tokenizer, list(pictures), captions)
    assert ours.diagonal().tolist() == pytest.approx(theirs, abs=1e-4)


def test_an_exported_clip_shares_the_text_encoder_and_loads_as_any_other(world, pipeline, tmp_path):
    learner = ClipLearner(world, pipeline.text_encoder, pipeline.tokenizer, CPU, batch=4)
    checkpoints.save(tmp_path / "clip.safetensors", learner.tensors(), learner.facts())
    folder = tmp_path / "model"
    pipeline.text_encoder.save_pretrained(folder / "text_encoder")
    prefixed_tower(folder / "text_encoder" / "model.safetensors")
    export_clip(tmp_path, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clip, told = CLIPModel.from_pretrained(folder / "clip", output_loading_info=True)
        text, said = CLIPTextModel.from_pretrained(folder / "text_encoder", output_loading_info=True)
    assert not any(told.values()) and not any(said.values())
    assert clip.dtype == torch.float32
    for name, tensor in learner.model.state_dict().items():
        torch.testing.assert_close(clip.state_dict()[name], tensor, rtol=1e-3, atol=1e-3)
    for name, tensor in pipeline.text_encoder.state_dict().items():
        assert torch.equal(text.state_dict()[name], tensor)
    assert size_of(folder / "clip") < 2.5e6


def test_the_students_stations_and_steps_are_ddims(pipeline, supply):
    """Oracle: diffusers' scheduler."""
    learner = StudentLearner(pipeline, supply, CPU)
    scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="trailing", **AS_TRAINED
    )
    scheduler.set_timesteps(CALLS)
    stations = learner.stations()
    assert stations[:-1].tolist() == scheduler.timesteps.tolist() and stations[-1] == -1
    x, v = torch.randn(2, 2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    for here, there in pairwise(stations):
        wanted = scheduler.step(v, here, x).prev_sample
        reached = learner.walk.jump(x, v, here.repeat(2), there.repeat(2))
        torch.testing.assert_close(reached, wanted, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(
            learner.walk.velocity(x, here.repeat(2), reached, there.repeat(2)), v, rtol=1e-2, atol=1e-2
        )


def test_a_student_that_need_not_learn_is_its_teacher(pipeline, supply):
    """One small step without guidance is what the teacher itself does: nothing is left to learn."""
    learner = StudentLearner(pipeline, supply, CPU, small_steps=1, guidance=1.0)
    assert learner.step(0, 0.0) == pytest.approx(0, abs=1e-4)
    guided = StudentLearner(pipeline, supply, CPU, small_steps=2, guidance=3.0)
    assert guided.step(0, 0.0) > 1e-4


def test_a_student_learns_and_loads_as_a_lora(pipeline, supply, tmp_path):
    learner = StudentLearner(pipeline, supply, CPU, guidance=3.0, rank=4)
    before = {name: tensor.clone() for name, tensor in pipeline.unet.state_dict().items()}
    losses = [learner.step(number, 1.0) for number in range(10)]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert all(torch.equal(tensor, before[name]) for name, tensor in pipeline.unet.state_dict().items())
    other = StudentLearner(pipeline, supply, CPU, guidance=3.0, rank=4, seed=1)
    other.restore(learner.tensors())
    learner.export(tmp_path)
    pipeline.load_lora_weights(tmp_path, weight_name="few-step.safetensors")
    x, words = torch.randn(1, 4, 16, 16), torch.randn(1, 5, UNET_CONFIG["cross_attention_dim"])
    timestep = torch.tensor([499])
    wanted = learner.student(x, timestep, words).sample
    torch.testing.assert_close(pipeline.unet(x, timestep, words).sample, wanted, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(other.student(x, timestep, words).sample, wanted)


def test_outlines_are_where_the_object_is(world):
    picture = Composer(world).world.references("blue")[1]
    lines = outlines(picture)
    assert lines.shape == picture.shape and set(np.unique(lines)) <= {0, 255}
    assert 0.02 < (lines > 0).mean() < 0.4
    assert not outlines(np.full((64, 64, 3), 90, np.uint8)).any()


def test_a_controlnet_begins_with_the_convolutions_of_the_unet_and_leaves_out_its_attention(pipeline):
    full = ControlNetModel.from_unet(pipeline.unet, conditioning_embedding_out_channels=HALVINGS)
    small = without_attention(pipeline.unet)
    assert not any("attn" in name for name in small.state_dict())
    mine, theirs = small.state_dict(), full.state_dict()
    same = [name for name in mine if "resnets" in name or "downsamplers" in name or "conv_in" in name]
    assert len(same) > 30
    assert all(torch.equal(mine[n], theirs[n]) for n in same if "cond_embedding" not in n)


def test_lines_say_where_an_object_stands_when_words_do_not(pipeline, supply):
    learner, draw = SketchLearner(pipeline, supply, CPU), np.random.default_rng(0)
    scene = Scene((0,), "white")
    apart = [learner.elsewhere(scene, draw) for _ in range(12)]
    sides = {int(np.ptp(np.nonzero((picture < 250).any(axis=(1, 2)))[0])) for picture in apart}
    assert len(sides) >= 3 and len({picture.tobytes() for picture in apart}) >= 8


def test_a_controlnet_begins_by_changing_nothing_and_learns(pipeline, supply, tmp_path):
    learner = SketchLearner(pipeline, supply, CPU)
    tokens = tokenize(pipeline.tokenizer, ["a skull"])
    words = pipeline.text_encoder(tokens).last_hidden_state
    x, timestep, lines = torch.randn(1, 4, 16, 16), torch.tensor([300]), torch.rand(1, 3, 64, 64)

    def painted():
        down, middle = learner.controlnet(x, timestep, words, controlnet_cond=lines, return_dict=False)
        return pipeline.unet(
            x, timestep, words, down_block_additional_residuals=down, mid_block_additional_residual=middle
        ).sample

    plain = pipeline.unet(x, timestep, words).sample
    torch.testing.assert_close(painted(), plain)
    for number in range(3):
        learner.step(number, 1.0)
    assert (painted() - plain).abs().max() > 1e-4
    again = SketchLearner(pipeline, supply, CPU, seed=2)
    again.restore(learner.tensors())
    learner.export(tmp_path)
    stock = StableDiffusionControlNetPipeline(
        **{**pipeline.components, "image_encoder": None},
        controlnet=ControlNetModel.from_pretrained(tmp_path).float(),
        requires_safety_checker=False,
    )
    stock.set_progress_bar_config(disable=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        made = stock("a skull", lines, num_inference_steps=2, height=64, width=64).images[0]
    assert made.size == (64, 64)
    assert json.dumps(learner.facts())
