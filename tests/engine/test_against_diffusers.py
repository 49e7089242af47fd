"""Every listed sampler, with and without each schedule it takes, against diffusers' own pipeline."""

from __future__ import annotations

import pytest
import torch

import nbgen
from nbgen.engine.batching import Engine, Finished
from nbgen.models.catalogue import embedded_folder
from nbgen.sampling import SAMPLERS, Sampler
from nbgen.testing import tiny_sd, tiny_sd_pipeline

from .stock import distance, stock_latents

# Remarks of the oracle itself, not of nbgen.
pytestmark = pytest.mark.filterwarnings("ignore:Should have t", "ignore::FutureWarning:diffusers")

STEPS = 6
CASES = [(sampler, schedule) for sampler in SAMPLERS for schedule in (None, *sampler.schedules)]


@pytest.fixture(scope="module", params=["epsilon", "v_prediction", "mini"])
def model(request):
    """Two tiny models with random weights, and the one that ships."""
    return nbgen.load("mini") if request.param == "mini" else tiny_sd(prediction_type=request.param)


@pytest.fixture(scope="module")
def pipe(model):
    """The stock pipeline of the same weights; for mini, loaded from its folder as a person would."""
    if model.ref.name != "mini":
        return model._pipe
    from diffusers import StableDiffusionPipeline

    loaded = StableDiffusionPipeline.from_pretrained(embedded_folder("mini"))
    loaded.set_progress_bar_config(disable=True)
    return loaded


def latents(model, recipes, **options) -> list[torch.Tensor]:
    made = sorted((each for each in Engine(model, recipes, **options).run()), key=lambda each: each.index)
    assert all(isinstance(each, Finished) for each in made), made
    return [each.latent[None] for each in made]


@pytest.mark.parametrize(
    ("sampler", "schedule"), CASES, ids=[f"{s.name}-{schedule or 'own'}" for s, schedule in CASES]
)
def test_sampler_matches_the_stock_pipeline(model, pipe, sampler: Sampler, schedule: str | None) -> None:
    recipe = model.resolve(
        prompt="a cat", seed=11, sampler=sampler.name, schedule=schedule, steps=STEPS, guidance=3.0
    )
    eta = {"eta": 0.3} if sampler.name == "tcd" else {}  # TCD's own default; the pipeline's is DDIM's
    expected = stock_latents(
        pipe, sampler.scheduler, "a cat", 11, STEPS, 3.0, schedule, options=dict(sampler.fixed), **eta
    )
    assert distance(latents(model, [recipe])[0], expected) <= 1e-4


@pytest.mark.parametrize("sampler", SAMPLERS, ids=[sampler.name for sampler in SAMPLERS])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_calls_are_counted_as_they_happen(model, sampler: Sampler, steps: int) -> None:
    recipe = model.resolve(prompt="x", sampler=sampler.name, steps=steps, guidance=1)
    made = next(iter(Engine(model, [recipe]).run()))
    assert isinstance(made, Finished)
    assert made.calls == made.rows == sampler.calls(steps)


@pytest.mark.parametrize(
    "fields",
    [
        {"guidance": 1.0},
        {"guidance": 7.5, "guidance_rescale": 0.7},
        {"negative": "a dog"},
        {"size": (48, 16)},
        {"prompt": ""},
        {"prompt": "a very long prompt that goes on past the sixteen tokens which the encoder reads"},
        {"sampler": "ddim", "options": {"eta": 0.8}},
        {"sampler": "dpm++2m", "options": {"solver_order": 3}},
    ],
    ids=str,
)  # fmt: skip
def test_fields_match_the_stock_pipeline(model, pipe, fields) -> None:
    fields = {"prompt": "a cat", "sampler": "ddim", "guidance": 3.0, **fields}
    recipe = model.resolve(seed=5, steps=STEPS, **fields)
    options = fields.get("options", {})
    built = {key: value for key, value in options.items() if key == "solver_order"}
    scheduler = {"ddim": "DDIMScheduler", "dpm++2m": "DPMSolverMultistepScheduler"}
    stepped = {}
    if "eta" in options:
        stepped["eta"] = options["eta"]
    if "guidance_rescale" in fields:
        stepped["guidance_rescale"] = fields["guidance_rescale"]
    expected = stock_latents(
        pipe, scheduler[fields["sampler"]], fields["prompt"], 5, STEPS, fields["guidance"], size=fields.get("size"),
        negative=fields.get("negative"), options=built, **stepped,
    )  # fmt: skip
    assert distance(latents(model, [recipe])[0], expected) <= 1e-4


def test_pixels_are_those_of_the_stock_pipeline() -> None:
    import numpy as np

    model = tiny_sd()
    recipe = model.resolve(prompt="a cat", seed=1, steps=4)
    (_, picture), = model.run([recipe])  # fmt: skip
    stock = tiny_sd_pipeline()(
        "a cat", num_inference_steps=4, guidance_scale=3.0, generator=torch.Generator().manual_seed(1)
    ).images[0]
    assert np.abs(np.asarray(picture).astype(int) - np.asarray(stock)).max() <= 1
