"""Do LoRAs give what diffusers gives with them, row by row, and leave the model bitwise as it was?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import nbgen
from nbgen.errors import (
    DamagedFileError,
    MissingFileError,
    ModelError,
    RecipeError,
    UnsafeModelError,
)
from nbgen.models import adapters
from nbgen.recipe import Recipe
from nbgen.testing import tiny_gan, tiny_lora, tiny_sd_pipeline, tiny_sdxl_pipeline
from tests.drawn import shades_apart
from tests.models.oracle import distance, latents, stock_latents

MAKE: dict[str, Any] = {"sd": tiny_sd_pipeline, "sdxl": tiny_sdxl_pipeline}
SD = tiny_sd_pipeline()
FIELDS = {"prompt": "a cat", "negative": "a dog", "seed": 5, "sampler": "ddim", "steps": 4, "guidance": 3.0}


@pytest.fixture(autouse=True)
def unmet() -> None:
    adapters._files.clear()
    adapters._names.clear()


@pytest.fixture
def ink(tmp_path: Path) -> Path:
    return tiny_lora(SD, tmp_path / "ink.safetensors", 1)


def stock(family: str, weights: dict[Path, float]) -> torch.Tensor:
    """As diffusers and peft draw it, with a pipeline of the same weights."""
    pipe = MAKE[family]()
    for path in weights:
        pipe.load_lora_weights(path.parent, weight_name=path.name, adapter_name=path.stem)
    pipe.set_adapters([path.stem for path in weights], list(weights.values()))
    return stock_latents(pipe, "DDIMScheduler", "a cat", 5, 4, 3.0, negative="a dog", size=(32, 32))


@pytest.mark.parametrize("family", ["sd", "sdxl"])
@pytest.mark.parametrize("form", ["diffusers", "kohya"])
def test_as_diffusers_with_peft(family: str, form: str, tmp_path: Path) -> None:
    pipe = MAKE[family]()
    path = tiny_lora(pipe, tmp_path / "ink.safetensors", 1, form=form)
    model = nbgen.load(pipe)
    recipe = model.resolve(**FIELDS, size=(32, 32), adapters={path: 0.7})
    (made,), (free,) = latents(model, [recipe]), latents(model, [recipe.replace(adapters=())])
    theirs = stock(family, {path: 0.7})
    assert distance(made, theirs) < 1e-4
    assert distance(free, theirs) > 1e-2


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")
def test_two_at_once(tmp_path: Path) -> None:
    paths = [
        tiny_lora(SD, tmp_path / f"{name}.safetensors", seed) for seed, name in enumerate(["ink", "oil"])
    ]
    recipe = nbgen.load(SD).resolve(**FIELDS, adapters={paths[0]: 0.5, paths[1]: -0.3})
    assert distance(latents(nbgen.load(SD), [recipe])[0], stock("sd", {paths[0]: 0.5, paths[1]: -0.3})) < 1e-4


def test_the_scale_that_peft_wrote(tmp_path: Path) -> None:
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    pipe = tiny_sd_pipeline()
    pipe.unet.add_adapter(
        LoraConfig(r=2, lora_alpha=5, target_modules=["to_q", "to_v"], init_lora_weights=False)
    )
    pipe.save_lora_weights(
        tmp_path, unet_lora_layers=get_peft_model_state_dict(pipe.unet), weight_name="ink.safetensors",
        unet_lora_adapter_metadata=pipe.unet.peft_config["default"].to_dict(),
    )  # fmt: skip
    recipe = nbgen.load(SD).resolve(**FIELDS, adapters={tmp_path / "ink.safetensors": 0.4})
    theirs = stock("sd", {tmp_path / "ink.safetensors": 0.4})
    assert distance(latents(nbgen.load(SD), [recipe])[0], theirs) < 1e-4


def test_the_model_is_bitwise_as_it_was(ink: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tiny_sd_pipeline()
    model = nbgen.load(pipe)
    before = {name: tensor.clone() for name, tensor in pipe.unet.state_dict().items()}
    places = [parameter.data_ptr() for parameter in pipe.unet.parameters()]
    named = [name for name, _ in pipe.unet.named_modules()]
    reference = model.ref
    nbgen.generate(**FIELDS, adapters={ink: 2.0}, model=model, n=2)

    def fails(*arguments: Any, **options: Any) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(pipe.unet, "forward", fails)
    with pytest.raises(ValueError, match="broken"):
        nbgen.generate(**{**FIELDS, "seed": 99}, adapters={ink: 2.0}, model=model, n=1)
    after = pipe.unet.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [parameter.data_ptr() for parameter in pipe.unet.parameters()] == places
    assert [name for name, _ in pipe.unet.named_modules()] == named
    assert model.ref == reference


def test_mixed_batches_are_each_row_alone_and_drained_in_turn(
    ink: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oil = tiny_lora(SD, tmp_path / "oil.safetensors", 2)
    model = nbgen.load(SD)
    chosen: list[Any] = [None, {ink: 0.5}, {oil: 1}, {ink: 1.0}, {ink: 0.5, oil: 0.5}]
    recipes = [
        model.resolve(**{**FIELDS, "seed": seed, "steps": 3 + seed}, adapters=each)
        for seed in range(3)
        for each in chosen
    ]
    alone = [latents(model, [recipe])[0] for recipe in recipes]
    seen: list[Any] = []
    forward = model.forward

    def watched(group: Any, *arguments: Any) -> Any:
        seen.append(group.adapters)
        return forward(group, *arguments)

    monkeypatch.setattr(model, "forward", watched)
    together = latents(model, recipes, rows=8)
    for one, other in zip(alone, together, strict=True):
        assert distance(other, one) < 1e-4
    switches = [each for place, each in enumerate(seen) if place == 0 or each != seen[place - 1]]
    assert len(switches) == len(set(switches)) == len(chosen)  # each group of adapters has one turn


def test_weights_are_an_axis(ink: Path) -> None:
    model = nbgen.load(SD)
    nbgen.generate(**FIELDS, adapters={ink: 1}, model=model, n=1)
    grid = nbgen.compare(
        "a cat", adapters=[{"ink": 0.0}, {"ink": 0.2}, {"ink": 0.8}], seed=[1, 2], steps=2, model=model
    )
    assert not grid[0].recipe.adapters  # no weight is no adapter
    weights = {dict(picture.recipe.adapters)["ink"][1] for picture in grid if picture.recipe.adapters}
    assert weights == {0.2, 0.8}
    assert "ink=0.2" in grid.report()
    last = grid[-1]
    assert Recipe.from_json(last.recipe.to_json()) == last.recipe
    assert str(ink.parent) not in last.recipe.to_json()
    assert shades_apart(last.again(fresh=True), last) <= 1


def test_files_and_names(ink: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = nbgen.load(SD)
    by_path = model.resolve(**FIELDS, adapters=str(ink))
    assert by_path.adapters == (("ink", (by_path.adapters[0][1][0], 1.0)),)
    assert model.resolve(**FIELDS, adapters={"ink": 1}) == by_path
    assert model.resolve(**FIELDS, adapters={str(ink.with_suffix("")): 1}) == by_path
    assert model.resolve(**FIELDS, adapters={ink: 0}) == model.resolve(**FIELDS)
    monkeypatch.chdir(ink.parent)
    adapters._files.clear()
    adapters._names.clear()
    with pytest.raises(MissingFileError, match="say where it lies"):
        nbgen.load(tiny_sd_pipeline()).resolve(**FIELDS, adapters=dict(by_path.adapters))
    assert model.resolve(**FIELDS, adapters={"ink": 1}) == by_path
    changed = load_file(ink)
    save_file({name: tensor * 2 for name, tensor in changed.items()}, ink)
    other = model.resolve(**FIELDS, adapters={ink: 1})
    assert other.key != by_path.key
    assert distance(latents(model, [other])[0], latents(model, [by_path])[0]) > 1e-2


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ({"nowhere": 1}, MissingFileError, "no adapter 'nowhere.safetensors'"),
        ({"ink.bin": 1}, UnsafeModelError, "save_file"),
        ({"ink.PT": 1}, UnsafeModelError, "pickle"),
        ({"ink.safetensors": 99}, RecipeError, "from -10 to 10"),
        ({"ink.safetensors": "much"}, RecipeError, "must be a number"),
        ({"ink.safetensors": 1, "ink": 2}, RecipeError, "two that are called 'ink'"),
        ({3: 1}, RecipeError, "a file or its name"),
        (0.8, RecipeError, "files and weights"),
        ({"": 1}, RecipeError, "a file or its name"),
        ({"x" * 5000: 1}, MissingFileError, "no adapter"),
    ],
)
def test_refused_before_work(
    value: Any, error: type[Exception], words: str, ink: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ink.parent)
    with pytest.raises(error, match=words):
        nbgen.load(SD).resolve(**FIELDS, adapters=value)


def test_files_that_do_not_fit(ink: Path, tmp_path: Path) -> None:
    model = nbgen.load(SD)
    xl = tiny_sdxl_pipeline()

    def refused(path: Path, words: str, kind: type[Exception] = ModelError, by: Any = model) -> None:
        with pytest.raises(kind, match=words):
            by.resolve(prompt="a", adapters=path)

    def written(name: str, tensors: dict[str, torch.Tensor]) -> Path:
        save_file(tensors, tmp_path / f"{name}.safetensors")
        return tmp_path / f"{name}.safetensors"

    for form in ("diffusers", "kohya"):
        refused(tiny_lora(xl, tmp_path / "xl.safetensors", form=form), "another family|not a LoRA for")
        refused(
            tiny_lora(xl, tmp_path / "xl2.safetensors", form=form, words=False),
            "another family|not a LoRA for",
        )
    refused(ink, "another family", by=nbgen.load(xl))
    whole = load_file(ink)
    name = next(each for each in whole if each.endswith("lora_A.weight"))
    refused(written("half", {key: each for key, each in whole.items() if key != name}), "damaged")
    refused(written("nan", {**whole, name: whole[name] * float("nan")}), "not finite")
    refused(
        written("dora", {**whole, name.replace("lora_A.weight", "lora_magnitude_vector"): torch.ones(2)}),
        "DoRA",
    )
    refused(
        written("flux", {"transformer.x.lora_A.weight": torch.ones(2, 2)}), "not a LoRA for Stable Diffusion"
    )
    refused(written("model", {"unet.weight": torch.ones(2, 2)}), "is no LoRA")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(ink.read_bytes()[:-8])
    refused(cut, "truncated", DamagedFileError)
    with pytest.raises(RecipeError, match="adapters"):
        tiny_gan().resolve(adapters={ink: 1})


def test_mini_takes_them_too(tmp_path: Path) -> None:
    mini = nbgen.load()
    path = tiny_lora(mini._pipe, tmp_path / "ink.safetensors", 1, words=False)
    plain, drawn = (
        latents(mini, [mini.resolve(prompt="a cat face", steps=2, seed=1, adapters=each)])[0]
        for each in (None, {path: 0.5})
    )
    assert distance(drawn, plain) > 1e-3


def test_as_diffusers_code(ink: Path, tmp_path: Path) -> None:
    tiny_sd_pipeline().save_pretrained(tmp_path / "model")
    model = nbgen.load(tmp_path / "model")
    (picture,) = nbgen.generate(**FIELDS, adapters={ink: 0.7}, model=model, n=1)
    code = picture.recipe.code("diffusers")
    assert picture.recipe.adapters[0][1][0][:12] in code
    code = code.replace("load_lora_weights(...,", f"load_lora_weights({str(ink)!r},")
    code = code.replace("folder = ...", f"folder = {str(tmp_path / 'model')!r}")
    names: dict[str, Any] = {}
    exec(code, names)
    assert np.abs(np.asarray(names["image"]).astype(int) - np.asarray(picture)).max() <= 1
    names = {}
    again = picture.recipe.code().replace("model = ...", "model = given")
    exec(again, {"given": model, **names})
