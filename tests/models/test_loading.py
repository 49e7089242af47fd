"""Loading: what is taken, what is refused and why, and how changed weights are noticed."""

from __future__ import annotations

import gc
import hashlib
import json
import shutil
import struct
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

import nbgen
from nbgen.engine.batching import Engine
from nbgen.errors import ModelError, RecipeError
from nbgen.models.fingerprint import of_tensors
from nbgen.models.loading import find
from nbgen.testing import (
    TinyGenerator,
    tiny_flux_pipeline,
    tiny_gan,
    tiny_lora,
    tiny_sd,
    tiny_sd_pipeline,
)
from tests.drawn import shades_apart


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_sd_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def copy(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "tiny"))


def test_a_folder_draws_what_its_pipeline_draws(saved) -> None:
    model = nbgen.load(saved)
    assert nbgen.load(str(saved)) is model
    assert model.ref.name == "tiny"
    assert str(saved.parent) not in model.resolve(prompt="x").to_json()
    own = nbgen.load(tiny_sd_pipeline())
    one, other = (
        next(iter(Engine(each, [each.resolve(prompt="a cat", seed=1, sampler="ddim", steps=3)]).run())).latent
        for each in (model, own)
    )
    assert torch.allclose(one, other, atol=1e-5)


def test_a_fingerprint_is_of_the_contents(saved, copy) -> None:
    assert nbgen.load(copy).ref.fingerprint == nbgen.load(saved).ref.fingerprint


def broken(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("model_index.json", lambda b: None, "no model_index.json"),
        ("model_index.json", lambda b: b"{", "cannot be read"),
        ("model_index.json", lambda b: b"[]", "cannot be read"),
        (
            "model_index.json",
            lambda b: b.replace(b"StableDiffusionPipeline", b"FluxPipeline"),
            "FluxPipeline",
        ),
        ("model_index.json", lambda b: b.replace(b'"UNet2DConditionModel"', b'"NoSuchModel"'), "NoSuchModel"),
        ("model_index.json", lambda b: b.replace(b'"unet"', b'"umet"'), "has no unet"),
        (WEIGHTS, lambda b: None, "no weights in unet/"),
        (WEIGHTS, lambda b: b[:-1], "truncated"),
        (WEIGHTS, lambda b: b[:4], "damaged"),
        (WEIGHTS, lambda b: b"\xff" * 64, "damaged"),
        (WEIGHTS, lambda b: b + b"x", "longer"),
        ("unet/config.json", lambda b: b"{", "the unet of this model cannot be read"),
        (
            "unet/config.json",
            lambda b: b.replace(b'"cross_attention_dim": 16', b'"cross_attention_dim": 24'),
            "unet",
        ),
        ("tokenizer/tokenizer.json", lambda b: b"{", "the tokenizer of this model cannot be read"),
    ],
)
def test_a_broken_folder_is_a_typed_error(copy, file: str, change: Any, said: str) -> None:
    broken(copy / file, change((copy / file).read_bytes()))
    with pytest.raises(ModelError, match=said) as caught:
        nbgen.load(copy)
    assert str(copy.parent) not in str(caught.value)


def test_pickles_are_refused(copy) -> None:
    (copy / WEIGHTS).rename(copy / "unet/diffusion_pytorch_model.bin")
    with pytest.raises(ModelError, match="pickle"):
        nbgen.load(copy)


def test_code_of_its_own_is_refused(copy) -> None:
    index = json.loads((copy / "model_index.json").read_text())
    index["unet"] = ["my_unet", "MyUNet"]
    (copy / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="code of its own"):
        nbgen.load(copy)


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ("minni", {}, "did you mean 'mini'"),
        (Path("no/such/folder"), {}, "no such folder"),
        ("https://huggingface.co/owner/model", {}, "an address is no model"),
        ("owner/model", {"config": "folder"}, "config='folder' means nothing for a model on the hub"),
        ("mini", {"device": "gpu"}, "no device 'gpu'"),
        ("mini", {"dtype": "float16"}, "always float32"),
        ("mini", {"rows": 0}, "rows must be"),
        (3, {}, "not int"),
        (TinyGenerator(), {}, "gan=module"),
        (None, {"gan": TinyGenerator()}, "length of its latent"),
        (None, {"gan": TinyGenerator(), "latent": 0}, "length of its latent"),
        (None, {"gan": torch.nn.Linear(8, 3), "latent": 8}, "must map latents"),
        (None, {"gan": "stylegan", "latent": 8}, "torch.nn.Module"),
    ],
    ids=str,
)
def test_what_is_no_model_is_said_so(source: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        nbgen.load(source, **options)


def test_the_folder_of_a_file_and_an_empty_one(tmp_path) -> None:
    with pytest.raises(ModelError, match="it is empty"):
        nbgen.load(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="not a safetensors file"):
        nbgen.load(tmp_path / "weights.safetensors")


def test_a_pipeline_stays_as_it_was_and_one_training_step_makes_new_pictures() -> None:
    pipe = tiny_sd_pipeline(seed=41)  # weights that no other test has loaded
    scheduler, before = pipe.scheduler, dict(pipe.scheduler.config)
    model = nbgen.load(pipe)
    assert nbgen.load(pipe) is model
    assert "_nbgen_model" not in pipe.config
    first = nbgen.generate("a cat", seed=1, steps=3, model=pipe)[0]
    assert nbgen.generate("a cat", seed=1, steps=3, model=pipe)[0].cost.stored
    assert pipe.scheduler is scheduler
    assert dict(pipe.scheduler.config) == before

    optimiser = torch.optim.SGD(pipe.unet.parameters(), lr=1e-3)
    noise = pipe.unet(torch.ones(1, 4, 8, 8), 5, encoder_hidden_states=torch.ones(1, 4, 16)).sample
    noise.pow(2).mean().backward()
    optimiser.step()

    trained = nbgen.generate("a cat", seed=1, steps=3, model=pipe)[0]
    assert not trained.cost.stored
    assert trained.key != first.key
    with pytest.raises(RecipeError, match="other weights"):
        list(model.run([first.recipe]))
    with pytest.raises(ModelError, match="not loaded"):
        first.again()


def test_a_text_encoder_that_was_trained_is_asked_again() -> None:
    pipe = tiny_sd_pipeline()
    before = nbgen.generate("a cat", seed=1, steps=3, model=pipe)[0].key
    with torch.no_grad():
        next(pipe.text_encoder.parameters()).data.mul_(1.5)  # .data escapes autograd's version counter
    after = nbgen.generate("a cat", seed=1, steps=3, model=pipe)[0]
    assert after.key != before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"revision": "main"}, "revision='main' means nothing for a folder"),
        ({"config": "elsewhere"}, "config='elsewhere' means nothing for a folder"),
        ({"variant": "fp16"}, "tiny has no weights called 'fp16'"),
    ],
)
def test_what_a_folder_does_not_take_is_said(saved: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        nbgen.load(saved, **options)


def test_checksums_tell_any_change() -> None:
    tensor = torch.arange(1000, dtype=torch.float32)
    name = of_tensors([("a", tensor)])
    assert of_tensors([("a", tensor.clone())]) == name
    swapped = tensor.clone()
    swapped[[3, 700]] = swapped[[700, 3]]
    for other in (swapped, tensor + 1e-3, tensor[:999], tensor.reshape(10, 100), tensor.half()):
        assert of_tensors([("a", other)]) != name
    assert of_tensors([("b", tensor)]) != name
    assert of_tensors([("a", tensor)], {"betas": 1}) != name
    assert len(of_tensors([("odd", torch.ones(3, dtype=torch.float16)), ("none", torch.ones(0))])) == 32


def test_checksums_stay_as_they_were_defined() -> None:
    """In whole numbers of Python's, tensor by tensor: pictures that were made are found by them."""
    draw = torch.Generator().manual_seed(1)
    kinds = (torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool)
    shapes = ((), (0,), (1,), (3,), (7, 5), (300,), (129, 128))
    named = [
        (f"{kind} {shape}", (100 * torch.randn(shape, generator=draw)).to(kind))
        for kind in kinds
        for shape in shapes
    ]
    named.append(("turned", torch.randn(4, 6, generator=draw).T))
    total = hashlib.sha256(b"null")
    for name, tensor in named:
        total.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} ".encode())
        content = bytes(tensor.contiguous().reshape(-1).view(torch.uint8).tolist())
        content += bytes(-len(content) % 4)
        numbers = [number for (number,) in struct.iter_unpack("<i", content)]
        weighted = sum(number * (place % 251 + 1) for place, number in enumerate(numbers))
        for found in (sum(numbers), weighted):
            total.update((found % 2**61).to_bytes(16, "little", signed=True))
    assert of_tensors(named) == total.hexdigest()[:32]


def test_pictures_find_the_model_that_made_them() -> None:
    model, gan = tiny_sd(seed=42), tiny_gan(seed=42)
    assert find(model.ref) is model
    assert find(gan.ref) is gan
    picture = nbgen.generate("a cat", seed=2, model=model)[0]
    assert picture.again(steps=7).recipe.steps == 7
    with pytest.raises(RecipeError, match="no field"):
        picture.again(stepz=7)
    with pytest.raises(ModelError, match="not loaded"):
        find(nbgen.ModelRef("elsewhere", "0" * 32))


def test_weights_that_edit_in_another_way_are_refused() -> None:
    """Nine channels are those of inpainting; eight, those of instructions, are not driven."""
    pipe = tiny_sd_pipeline()
    pipe.unet.register_to_config(in_channels=8)
    with pytest.raises(ModelError, match=r"takes 8 channels .* made for editing"):
        nbgen.load(pipe)


def test_a_dropped_pipeline_takes_its_model_along() -> None:
    pipe = tiny_sd_pipeline(seed=43)
    gone = weakref.ref(nbgen.load(pipe))
    assert gone() is not None
    del pipe
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("make", [tiny_sd_pipeline, tiny_flux_pipeline], ids=["sd", "flux"])
def test_adapters_and_switches_of_the_pipelines_own_are_part_of_the_model(make: Any, tmp_path: Path) -> None:
    """A strength is no tensor, and changes pictures all the same: each is another model, back where it was after."""
    pipe = make()
    model = nbgen.load(pipe)
    plain = model.ref.fingerprint
    tiny_lora(pipe, tmp_path / "ink.safetensors")
    pipe.load_lora_weights(tmp_path, weight_name="ink.safetensors", adapter_name="ink")
    stock: dict[str, Any] = (
        {"guidance_scale": 1.0} if make is tiny_sd_pipeline else {"max_sequence_length": 24}
    )
    found = [plain]
    for weight in (0.1, 2.0):
        pipe.set_adapters(["ink"], [weight])
        found.append(model.ref.fingerprint)
        mine = nbgen.generate("a cat", seed=1, steps=2, guidance=1, size=(32, 32), model=model)[0]
        assert not mine.cost.stored and mine.recipe.model.fingerprint == found[-1]
        theirs = pipe(
            "a cat", num_inference_steps=2, width=32, height=32, generator=torch.Generator().manual_seed(1), **stock
        ).images[0]  # fmt: skip
        assert shades_apart(mine, theirs) <= 1
    pipe.disable_lora()
    found.append(model.ref.fingerprint)
    if hasattr(pipe, "enable_freeu"):
        pipe.enable_freeu(s1=0.9, s2=0.2, b1=1.5, b2=1.6)
        found.append(model.ref.fingerprint)
        pipe.disable_freeu()
    assert len(set(found)) == len(found)
    pipe.unload_lora_weights()
    assert model.ref.fingerprint == plain
