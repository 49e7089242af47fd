"""Pipelines that nbgen does not drive row by row: same pictures as alone, stoppable, left as they were, or refused."""

from __future__ import annotations

import copy
import itertools
from types import SimpleNamespace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

import nbgen
from nbgen.engine.observer import Observer
from nbgen.errors import ModelError, OutOfMemoryError, RecipeError, SamplerError
from nbgen.models.pipeline import PipelineModel

from . import tiny_pipelines as tiny

FIELDS: dict[str, dict[str, Any]] = {
    "aura_flow": {"size": (32, 32)},
    "consistency": {"extra": {"class_labels": 3}},
    "dit": {"extra": {"class_labels": 3}},
    "hunyuan_dit": {"size": (64, 64), "extra": {"use_resolution_binning": False}},
    "pixart_alpha": {"extra": {"use_resolution_binning": False, "clean_caption": False}},
    "pixart_sigma": {"extra": {"use_resolution_binning": False, "clean_caption": False}},
    "sana": {"size": (32, 32), "extra": {"use_resolution_binning": False, "complex_human_instruction": ()}},
}
"""What the tiny ones need beside words; the size of real ones is their default."""
WALKS = {
    "aura_flow", "consistency", "hunyuan_dit", "latent_consistency", "lumina2", "perturbed_attention",
    "pixart_alpha", "pixart_sigma", "sana", "stable_diffusion",
}  # fmt: skip


class Watching(Observer):
    """Keeps what a run tells, and stops it after `most` ticks."""

    def __init__(self, most: int | None = None, steps: bool = False) -> None:
        self.ticks: list[tuple[int, int]] = []
        self.steps: list[Any] = []
        self.failures: dict[int, Exception] = {}
        self.wants_steps = steps
        self._most = most
        self.stats: Any = None

    def tick(self, calls_done: int, calls_total: int) -> None:
        self.ticks.append((calls_done, calls_total))

    def step(self, event: Any) -> None:
        self.steps.append(event)

    def failed(self, index: int, error: Exception) -> None:
        self.failures[index] = error

    def ended(self, stats: Any) -> None:
        self.stats = stats

    def stopping(self) -> bool:
        return self._most is not None and len(self.ticks) >= self._most


def recipes(model: PipelineModel, name: str, n: int = 3, steps: int = 3, **fields: Any) -> list[nbgen.Recipe]:
    words = {"prompt": "a cat"} if "prompt" in model.fields else {}
    return [
        model.resolve(seed=seed, steps=steps, **{**words, **FIELDS.get(name, {}), **fields})
        for seed in range(n)
    ]


def pixels(made: Any) -> np.ndarray:
    return np.asarray(made).astype(np.float32)


@pytest.mark.parametrize("name", tiny.ALL)
def test_a_batch_draws_what_the_pipeline_itself_draws_for_each_seed(name: str) -> None:
    pipe = tiny.ALL[name]()
    model = PipelineModel(pipe)
    watching = Watching()
    made = dict(model.run(recipes(model, name), watching))
    assert not watching.failures
    assert sorted(made) == [0, 1, 2]
    assert made[0].cost.batch == 3
    fields = FIELDS.get(name, {})
    arguments: dict[str, Any] = {"num_inference_steps": 3}
    arguments |= {"prompt": "a cat"} if "prompt" in model.fields else {}
    arguments |= {"width": fields["size"][0], "height": fields["size"][1]} if "size" in fields else {}
    extra = {key: list(value) if value == () else value for key, value in fields.get("extra", {}).items()}
    if name == "dit":
        extra = {"class_labels": [3]}
    for seed in (0, 2):
        stock = pipe(generator=torch.Generator().manual_seed(seed), **arguments, **extra).images[0]
        assert np.abs(pixels(made[seed]) - pixels(stock)).max() <= 1
    assert np.abs(pixels(made[0]) - pixels(made[1])).mean() > 5
    assert watching.ticks[-1] == (9, 9)
    assert len({done for done, _ in watching.ticks}) >= 3  # while it runs, and not only at the end


@pytest.mark.parametrize("name", tiny.ALL)
def test_walks_along_seeds_work_or_are_refused_with_the_reason(name: str) -> None:
    model = PipelineModel(tiny.ALL[name]())
    words = {"prompt": "a cat"} if "prompt" in model.fields else {}
    asked = {"frames": 5, "along": "seed", "model": model, **words, **FIELDS.get(name, {}), "steps": 2}
    if name not in WALKS:
        with pytest.raises(RecipeError, match="two seeds"):
            nbgen.interpolate([1, 2], **asked)
        return
    walk = nbgen.interpolate([1, 2], **asked)
    alone = dict(model.run(recipes(model, name, steps=2)))
    # Five in a call or three: sums in another order, and so now and then the neighbouring shade.
    assert np.abs(pixels(walk[0]) - pixels(alone[1])).max() <= 1
    assert np.abs(pixels(walk[4]) - pixels(alone[2])).max() <= 1
    if name in ("consistency", "hunyuan_dit", "latent_consistency"):
        return  # their samplers draw noise at every step
    ends = np.square(pixels(walk[0]) - pixels(walk[4])).mean()
    assert all(np.square(pixels(one) - pixels(two)).mean() < ends for one, two in itertools.pairwise(walk))


@pytest.mark.parametrize("name", ["aura_flow", "ddim", "dit", "ldm_text_to_image", "pixart_alpha"])
def test_verbs_take_it(name: str) -> None:
    model = nbgen.load(tiny.ALL[name]())
    assert isinstance(model, PipelineModel)
    words = {"prompt": "a cat"} if "prompt" in model.fields else {}
    fields = {**FIELDS.get(name, {}), **words, "model": model}
    assert len(nbgen.generate(n=2, seed=1, steps=2, **fields)) == 2
    grid = nbgen.compare(seed=[1, 2], steps=[2, 3], **fields)
    assert grid.at(seed=2, steps=2).cost.stored


def test_several_prompts_and_labels_share_a_call() -> None:
    model = PipelineModel(tiny.aura_flow())
    asked = [
        model.resolve(prompt=words, negative=negative, seed=4, steps=2, size=(32, 32))
        for words, negative in (("a cat", "red"), ("a dog", "blue"))
    ]
    made = dict(model.run(asked))
    alone = dict(model.run(asked, exact=True))
    assert (made[0].cost.batch, alone[0].cost.batch) == (2, 1)
    assert all(np.abs(pixels(made[place]) - pixels(alone[place])).max() <= 1 for place in (0, 1))
    labelled = PipelineModel(tiny.dit())
    classes = [labelled.resolve(seed=1, steps=2, extra={"class_labels": label}) for label in (1, 2)]
    both = dict(labelled.run(classes))
    assert both[0].cost.batch == 2
    assert not np.array_equal(pixels(both[0]), pixels(both[1]))


@pytest.mark.parametrize("name", ["perturbed_attention", "pixart_alpha", "ddpm", "ldm_text_to_image"])
def test_stop_takes_effect_within_a_step_and_leaves_the_pipeline_as_it_was(name: str) -> None:
    """Through either kind of callback, and through the progress bar."""
    pipe = tiny.ALL[name]()
    model = PipelineModel(pipe)
    held, scheduler, config = dict(vars(pipe)), pipe.scheduler, copy.deepcopy(dict(pipe.config))
    timesteps = copy.deepcopy(scheduler.timesteps)
    attention = (
        dict(pipe.unet.attn_processors) if hasattr(getattr(pipe, "unet", None), "attn_processors") else {}
    )
    freed: list[bool] = []
    pipe.maybe_free_model_hooks = lambda: freed.append(True)
    watching = Watching(most=2)
    assert list(model.run(recipes(model, name, n=40, steps=20), watching)) == []
    assert len(watching.ticks) == 2
    assert watching.stats is not None
    assert freed
    del pipe.maybe_free_model_hooks
    assert all(vars(pipe)[key] is kept for key, kept in held.items())
    assert "progress_bar" not in vars(pipe)
    assert pipe.scheduler is scheduler
    assert dict(pipe.config) == config
    assert torch.equal(torch.as_tensor(scheduler.timesteps), torch.as_tensor(timesteps))
    assert all(pipe.unet.attn_processors[key] is kept for key, kept in attention.items())
    assert len(dict(model.run(recipes(model, name, n=1)))) == 1


def test_steps_are_shown_where_the_pipeline_has_latents_like_pictures() -> None:
    model = PipelineModel(tiny.pixart_alpha())
    watching = Watching(steps=True)
    list(model.run(recipes(model, "pixart_alpha", n=2), watching))
    assert [(event.index, event.number) for event in watching.steps] == [
        (0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2),
    ]  # fmt: skip
    assert model.decode is not None
    assert model.decode(watching.steps[0].x0[None]).shape == (1, 32, 32, 3)


def test_without_a_step_callback_it_says_so() -> None:
    model = PipelineModel(tiny.dit())
    assert "no step callback" in model.notes(recipes(model, "dit")[0])[0]
    assert PipelineModel(tiny.aura_flow()).notes(recipes(model, "dit")[0]) == ()


def test_out_of_memory_halves_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tiny.aura_flow()
    model = PipelineModel(pipe)
    expected = dict(model.run(recipes(model, "aura_flow", n=8)))
    forward, sizes = pipe.transformer.forward, []

    def crowded(hidden_states: Any, *arguments: Any, **options: Any) -> Any:
        sizes.append(len(hidden_states))
        if len(hidden_states) > 6:  # two rows a picture
            raise torch.OutOfMemoryError("CUDA out of memory (a test)")
        return forward(hidden_states, *arguments, **options)

    monkeypatch.setattr(pipe.transformer, "forward", crowded)
    watching = Watching()
    made = dict(model.run(recipes(model, "aura_flow", n=8), watching))
    assert watching.stats.out_of_memory >= 1
    assert not watching.failures
    assert sorted(made) == list(range(8))
    assert all(np.abs(pixels(made[place]) - pixels(expected[place])).max() <= 1 for place in made)
    sizes.clear()
    list(model.run(recipes(model, "aura_flow", n=8), watching))
    assert max(sizes) <= 6  # what was learnt is kept

    monkeypatch.setattr(
        pipe.transformer, "forward", lambda *a, **k: (_ for _ in ()).throw(MemoryError("none left"))
    )
    list(model.run(recipes(model, "aura_flow", n=2), watching))
    assert all(isinstance(error, OutOfMemoryError) for error in watching.failures.values())


def test_one_that_fails_does_not_stop_the_others() -> None:
    model = PipelineModel(tiny.aura_flow())
    good = recipes(model, "aura_flow", n=2)
    bad = model.resolve(prompt="a cat", seed=9, steps=3, size=(33, 32))
    watching = Watching()
    assert sorted(dict(model.run([good[0], bad, good[1]], watching))) == [0, 2]
    assert isinstance(watching.failures[1], RecipeError)
    assert "AuraFlowPipeline did not make this picture" in str(watching.failures[1])


def test_a_blanked_picture_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tiny.stable_diffusion()
    pipe.safety_checker = object()

    def checker(image: Any, device: Any, dtype: Any) -> tuple[Any, list[bool]]:
        flags = [place == 1 for place in range(len(image))]
        return torch.stack(
            [torch.zeros_like(each) if bad else each for each, bad in zip(image, flags, strict=True)]
        ), flags

    monkeypatch.setattr(pipe, "run_safety_checker", checker)
    model = PipelineModel(pipe)
    watching = Watching()
    assert sorted(dict(model.run(recipes(model, "stable_diffusion"), watching))) == [0, 2]
    assert "safety checker" in str(watching.failures[1])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"extra": {"max_sequence_lenght": 3}}, "did you mean 'max_sequence_length'"),
        ({"extra": {"num_inference_steps": 3}}, "nbgen calls it steps"),
        ({"extra": {"width": 3}}, "nbgen calls it size"),
        ({"extra": {"generator": 3}}, "nbgen gives it itself"),
        ({"extra": {"max_sequence_length": "many"}}, "must be a number"),
        ({"sampler": "heun"}, "sampler 'heun' takes none"),
        ({"sampler": "ddim"}, "flow"),
        ({"strength": 0.5}, "no field 'strength'"),
        ({"prompt": nbgen.Mix.of((0.5, "a"), (0.5, "b"))}, "cannot mix prompts"),
    ],
    ids=str,
)
def test_arguments_are_checked_before_any_work(fields: dict[str, Any], said: str) -> None:
    model = PipelineModel(tiny.aura_flow())
    with pytest.raises(RecipeError, match=said):
        model.resolve(**{"prompt": "a cat", **fields})


def test_what_must_be_given_and_what_says_the_default() -> None:
    labelled, flow = PipelineModel(tiny.dit()), PipelineModel(tiny.aura_flow())
    with pytest.raises(RecipeError, match="needs class_labels"):
        labelled.resolve(seed=1)
    with pytest.raises(SamplerError, match="does not scale"):
        labelled.resolve(seed=1, sampler="euler", extra={"class_labels": 1})
    with pytest.raises(RecipeError, match="a prompt is needed"):
        flow.resolve(seed=1)
    said = flow.resolve(prompt="a cat", extra={"max_sequence_length": 256})
    assert said.key == flow.resolve(prompt="a cat").key
    assert said.key != flow.resolve(prompt="a cat", extra={"max_sequence_length": 128}).key


def test_samplers_are_swapped_where_that_is_sensible() -> None:
    pipe = tiny.pixart_alpha()
    model = PipelineModel(pipe)
    own, other = (recipes(model, "pixart_alpha", n=1, sampler=name)[0] for name in ("dpm++2m", "ddim"))
    made = dict(model.run([own, other]))
    stock = tiny.pixart_alpha()
    trained = {key: stock.scheduler.config[key] for key in ("beta_schedule", "beta_start", "beta_end")}
    stock.scheduler = diffusers.DDIMScheduler(**trained, clip_sample=False, set_alpha_to_one=False)
    picture = stock(
        "a cat", generator=torch.Generator().manual_seed(0), num_inference_steps=3, clean_caption=False,
        use_resolution_binning=False,
    ).images[0]  # fmt: skip
    assert np.abs(pixels(made[1]) - pixels(picture)).max() <= 1
    assert not np.array_equal(pixels(made[0]), pixels(made[1]))
    assert "sampler" not in PipelineModel(tiny.ddpm()).fields  # on pixels, schedulers clip
    assert "sampler" not in PipelineModel(tiny.latent_consistency()).fields  # distilled for its own


class Unheard(diffusers.DiffusionPipeline):
    """A pipeline that nobody has heard of, with bad habits: it draws from the global generator."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.register_modules(unet=unet)

    def __call__(self, prompt: Any, brightness: float = 0.5, generator: Any = None) -> Any:
        several = prompt if isinstance(prompt, list) else [prompt]
        noise = torch.rand(len(several), 8, 8, 3)
        images = [Image.fromarray((each.numpy() * brightness * 255).astype(np.uint8)) for each in noise]
        return SimpleNamespace(images=images)


def test_a_pipeline_with_random_numbers_of_its_own_is_run_alone_and_can_be_repeated() -> None:
    model = nbgen.load(Unheard(torch.nn.Linear(1, 1)))
    assert model.fields == {"prompt", "seed", "extra"}
    state = torch.get_rng_state()
    made = nbgen.generate("a cat", n=3, seed=5, model=model, extra={"brightness": 1})
    assert torch.equal(torch.get_rng_state(), state)
    assert made[0].cost.batch == 1
    again = nbgen.generate("a cat", seed=6, model=model, extra={"brightness": 1}, fresh=True)
    assert np.array_equal(pixels(made[1]), pixels(again[0]))
    assert not np.array_equal(pixels(made[0]), pixels(made[1]))


class Unregistered(Unheard):
    """Its network is its own affair: diffusers does not know that it has one."""

    def __init__(self, unet: Any = None) -> None:
        self.network = unet

    def __call__(self, prompt: Any, generator: Any = None) -> Any:
        grey = np.uint8(255 * torch.sigmoid(self.network.weight[0, 0]).item())
        return SimpleNamespace(images=[Image.fromarray(np.full((8, 8, 3), grey))])


def test_a_pipeline_that_registers_nothing_is_known_by_the_modules_that_it_has() -> None:
    pipe = Unregistered(torch.nn.Linear(1, 1))
    before = nbgen.generate("a cat", seed=1, model=pipe)[0]
    with torch.no_grad():
        pipe.network.weight.add_(1.0)
    after = nbgen.generate("a cat", seed=1, model=pipe)[0]
    assert after.key != before.key and not np.array_equal(pixels(before), pixels(after))


def _calls(signature: str) -> Any:
    names: dict[str, Any] = {"Unheard": Unheard}
    exec(f"class Other(Unheard):\n    def __call__(self, {signature}): return {{}}", names)
    return names["Other"](torch.nn.Linear(1, 1))


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        ("prompt, image", "needs image, which no recipe has"),
        ("prompt=None, num_frames=8", "makes videos"),
        ("prompt=None, audio_length_in_s=8", "makes sounds"),
        ("steps=3", "takes no prompt"),
    ],
)
def test_pipelines_that_cannot_be_run_are_refused_with_the_reason(signature: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        nbgen.load(_calls(signature))


def test_a_pipeline_without_pictures_fails_with_the_reason() -> None:
    pipe = _calls("prompt=None, generator=None")
    with pytest.raises(RecipeError, match="no pictures"):
        nbgen.generate("a cat", seed=1, model=pipe)


def test_weights_that_change_make_new_pictures() -> None:
    pipe = tiny.ddim()
    model = nbgen.load(pipe)
    before = model.ref.fingerprint
    with torch.no_grad():
        next(pipe.unet.parameters()).mul_(1.5)
    assert model.ref.fingerprint != before
    assert (
        PipelineModel(tiny.pixart_alpha()).ref.fingerprint
        != PipelineModel(tiny.pixart_sigma()).ref.fingerprint
    )
