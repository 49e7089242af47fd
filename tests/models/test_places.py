"""Folders of any pipeline, single files; where weights go, and how their memory comes back."""

from __future__ import annotations

import gc
import json
import shutil
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import nbgen
from nbgen import errors
from nbgen.models import loading, placing
from nbgen.models.pipeline import PipelineModel
from nbgen.models.placing import take_turns
from nbgen.testing import tiny_flux_pipeline, tiny_sd_pipeline, tiny_sdxl_pipeline

from . import tiny_pipelines as tiny

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_loaded", weakref.WeakValueDictionary())
    loading._kept.clear()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("places") / "tiny"
    tiny_sd_pipeline(7).save_pretrained(folder)
    return folder


def picture(model: Any, **fields: Any) -> np.ndarray:
    words = {"prompt": "a cat"} if "prompt" in model.fields else {}
    made = nbgen.generate(model=model, seed=3, steps=2, store=False, **words, **fields)
    return np.asarray(made[0]).astype(int)


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (tiny.ddim, {}),
        (tiny.dit, {"extra": {"class_labels": 3}}),
        (tiny.pixart_alpha, {"extra": {"use_resolution_binning": False, "clean_caption": False}}),
        (tiny.ldm_text_to_image, {"size": (64, 64)}),
        (tiny_sdxl_pipeline, {}),
        (tiny_flux_pipeline, {"size": (32, 32)}),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_folder_of_any_family_draws_what_its_pipeline_draws(
    make: Any, fields: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = make()
    pipe.save_pretrained(tmp_path / "model")
    model = nbgen.load(tmp_path / "model")
    assert "model: float32 on cpu: half precision is slower" in capsys.readouterr().out
    assert model.ref.name == "model"
    assert np.abs(picture(model, **fields) - picture(nbgen.load(pipe), **fields)).max() <= 1


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"_class_name": ["my_pipeline", "MyPipeline"]}, errors.UnsafeModelError, "code of its own"),
        ({"_class_name": "NoSuchPipeline"}, errors.UnsafeModelError, "does not have: upgrade it"),
        ({"unet": ["my_code", "MyUNet"]}, errors.UnsafeModelError, "code of its own"),
        ({"unet": ["diffusers"]}, errors.ModelError, "says no library and class"),
        ({"unet": ["diffusers", "NoSuchModel"]}, errors.ModelError, "upgrade diffusers"),
    ],
    ids=str,
)
def test_folders_that_need_more_than_is_trusted(
    change: dict[str, Any], error: type[Exception], said: str, tmp_path: Path
) -> None:
    tiny.ddim().save_pretrained(tmp_path / "model")
    path = tmp_path / "model/model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(error, match=said):
        nbgen.load(tmp_path / "model")


def test_each_kind_of_missing_or_damaged_file_is_its_own_error(saved: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(saved, tmp_path / "tiny"))
    (copy / WEIGHTS).write_bytes((copy / WEIGHTS).read_bytes()[:-1])
    with pytest.raises(errors.DamagedFileError, match="truncated"):
        nbgen.load(copy)
    (copy / WEIGHTS).rename(copy / "unet/diffusion_pytorch_model.bin")
    with pytest.raises(errors.UnsafeModelError, match="save_pretrained writes safetensors"):
        nbgen.load(copy)
    (copy / "unet/diffusion_pytorch_model.bin").unlink()
    listing = {"weight_map": {"a": "diffusion_pytorch_model-00001-of-00002.safetensors"}}
    (copy / "unet/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(listing))
    with pytest.raises(errors.MissingFileError, match="no weights in unet/"):
        nbgen.load(copy)
    shutil.copy(saved / WEIGHTS, copy / "unet/diffusion_pytorch_model-00002-of-00002.safetensors")
    with pytest.raises(errors.MissingFileError, match=r"00001-of-00002\.safetensors is missing"):
        nbgen.load(copy)


def test_weights_under_another_name_are_found(saved: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(saved, tmp_path / "tiny"))
    for part in ("unet", "vae"):
        (copy / f"{part}/diffusion_pytorch_model.safetensors").rename(
            copy / f"{part}/diffusion_pytorch_model.fp16.safetensors"
        )
    assert np.array_equal(picture(nbgen.load(copy)), picture(nbgen.load(saved)))


# One file.


@pytest.mark.parametrize(
    ("name", "tensors", "error", "said"),
    [
        ("model.ckpt", None, errors.UnsafeModelError, "safetensors.torch.save_file"),
        ("model.pt", None, errors.UnsafeModelError, "is a pickle"),
        ("notes.md", None, errors.ModelError, "of another kind"),
        ("style.safetensors", {"lora_unet_down.weight": torch.ones(2)}, errors.ModelError, "is a LoRA"),
        ("vae.safetensors", {"decoder.conv_in.weight": torch.ones(2)}, errors.ModelError, "holds no denoiser"),
        (
            "model.safetensors", {"model.diffusion_model.input_blocks.0.0.weight": torch.ones(2, 2)},
            errors.NetworkError, "give a folder that has them as config=",
        ),
        (
            "odd.safetensors", {"model.diffusion_model.input_blocks.0.0.weight": torch.ones(2)},
            errors.ModelError, "shapes that no known model has",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_files_that_are_no_whole_model(
    name: str, tensors: Any, error: type[Exception], said: str, tmp_path: Path
) -> None:
    if tensors is None:
        (tmp_path / name).write_bytes(b"something")
    else:
        save_file(tensors, tmp_path / name)
    with pytest.raises(error, match=said) as caught:
        nbgen.load(tmp_path / name)
    assert str(tmp_path) not in str(caught.value)


def test_a_checkpoint_is_read_with_the_settings_of_a_folder(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import diffusers

    save_file({"model.diffusion_model.input_blocks.0.0.weight": torch.ones(2)}, tmp_path / "mine.safetensors")
    seen: dict[str, Any] = {}

    def from_single_file(path: str, **options: Any) -> Any:
        seen.update(options, path=path)
        return tiny_sd_pipeline(7)

    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "from_single_file", from_single_file)
    model = nbgen.load(tmp_path / "mine.safetensors", config=saved)
    assert model.ref.name == "mine"
    assert len(model.ref.fingerprint) == 64
    assert seen["local_files_only"] is True
    assert seen["config"] == str(saved)
    assert seen["safety_checker"] is None
    assert np.array_equal(picture(model), picture(nbgen.load(saved)))


# Placing, speed, and memory given back.


def test_what_is_chosen_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "as you asked" in placing.choose("cpu", "bfloat16").why
    assert "may swap" in placing.choose("cpu", None, numbers=10**15).why
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(placing, "free_bytes", lambda device: 8 * 10**9)
    unet, transformer = placing.choose(None, None, numbers=10**9), placing.choose(None, None, flow=True)
    assert (unet.device.type, unet.dtype, unet.low_memory) == ("cuda", "float16", False)
    assert transformer.dtype == "bfloat16"
    tight = placing.choose(None, None, numbers=12 * 10**9)
    assert tight.low_memory
    assert "24.0 GB of weights do not fit the 8.0 GB that are free" in tight.why
    assert placing.choose(None, None, "low").low_memory


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"memory": "little"}, 'memory must be "low"'),
        ({"speed": "fast"}, 'speed must be "compile"'),
        ({"dtype": "float8"}, "there is no dtype 'float8'"),
        ({"device": "cuda:99"}, "has no device"),
    ],
)
def test_what_cannot_be_chosen(options: dict[str, Any], said: str, saved: Path) -> None:
    with pytest.raises(errors.ModelError, match=said):
        nbgen.load(saved, **options)


def test_what_ships_and_what_is_handed_over_stay_as_they_are() -> None:
    with pytest.raises(errors.ModelError, match="means nothing for mini"):
        nbgen.load("mini", memory="low")
    with pytest.raises(errors.ModelError, match="place it yourself"):
        nbgen.load(tiny_sd_pipeline(), dtype="float16")


def test_parts_take_turns_and_draw_the_same(saved: Path) -> None:
    pipe = tiny_sd_pipeline(7)
    moves: list[tuple[str, str]] = []
    parts = {name: getattr(pipe, name) for name in ("text_encoder", "unet", "vae")}
    for name, part in parts.items():
        move = part.to

        def noted(*where: Any, name: str = name, move: Any = move, **options: Any) -> Any:
            moves.append((name, str(where[0])))
            return move(*where, **options)

        part.to = noted
    take_turns(parts, torch.device("cpu"))
    drawn = picture(nbgen.load(pipe))
    assert np.array_equal(drawn, picture(nbgen.load(saved)))
    assert [name for name, _ in moves[:3]] == ["text_encoder", "text_encoder", "unet"]  # in, out, in
    assert ("vae", "cpu") in moves


def test_low_memory_tiles_the_decoder_and_compiling_is_by_region(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers import UNet2DConditionModel

    compiled: list[dict[str, Any]] = []
    monkeypatch.setattr(
        UNet2DConditionModel, "compile_repeated_blocks", lambda self, **options: compiled.append(options)
    )
    model: Any = nbgen.load(saved, memory="low", speed="compile")
    assert model._pipe.vae.use_tiling
    assert compiled == [{"fullgraph": True, "dynamic": True}]
    assert np.abs(picture(model) - picture(nbgen.load(saved))).max() <= 1


def weights_alive() -> int:
    gc.collect()
    return sum(
        tensor.untyped_storage().nbytes() for tensor in gc.get_objects()
        if type(tensor) is torch.nn.Parameter and tensor.device.type != "meta"
    )  # fmt: skip


def test_unloading_gives_the_memory_back_and_using_it_again_reads_it(saved: Path) -> None:
    before = weights_alive()
    model = nbgen.load(saved)
    first = picture(model)
    held = weights_alive() - before
    assert held > 0
    assert nbgen.unload(model) == pytest.approx(held, rel=0.1)
    assert weights_alive() - before < 0.05 * held
    assert np.array_equal(picture(model), first)
    assert nbgen.unload(str(saved)) > 0
    assert nbgen.unload() == 0
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_unloading_after_a_while_waits_for_the_idle_time(saved: Path) -> None:
    model = nbgen.load(saved)
    assert nbgen.unload(model, after="0.2s") == 0
    picture(model)
    end = time.monotonic() + 30
    assert model.residence is not None
    while model.residence.here and time.monotonic() < end:
        time.sleep(0.05)
    assert not model.residence.here
    nbgen.unload(model, after="never")
    picture(model)
    assert model.residence.here
    for wrong in ("soon", "10 parsecs", "-1s", "1000000 years", -1, True, float("nan"), [3]):
        with pytest.raises(errors.ModelError, match='"10m"'):
            nbgen.unload(model, after=wrong)
    with pytest.raises(errors.ModelError, match="is not loaded"):
        nbgen.unload("no/model")


def test_loading_many_models_one_after_the_other_keeps_few(tmp_path: Path) -> None:
    seen = []
    for number in range(6):
        (tiny.ddim if number % 2 else tiny_sd_pipeline)(number).save_pretrained(tmp_path / str(number))
        model = nbgen.load(tmp_path / str(number))
        picture(model)
        seen.append(weakref.ref(model))
    del model
    gc.collect()
    assert sum(each() is not None for each in seen) <= loading.KEPT
    assert isinstance(nbgen.load(tmp_path / "5"), PipelineModel)
