"""A checkpoint in one file, in its makers' own layout, draws what its folder draws, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import nbgen
from nbgen import errors
from nbgen.models.fingerprint import of_file
from nbgen.testing import tiny_sd_pipeline, tiny_sdxl_pipeline
from nbgen.testing.encoders import clip_encoder, seeded
from nbgen.testing.unets import _unet

from .original_layout import write_checkpoint
from .test_places import nothing_loaded, picture

__all__ = ["nothing_loaded"]  # a fixture


def tiny_xl() -> Any:
    """A tiny SDXL whose encoders have different widths, by which diffusers tells them apart in a file."""
    pipe = tiny_sdxl_pipeline(7)
    with seeded(8):
        pipe.text_encoder_2 = clip_encoder(pipe.tokenizer_2, projection=True, layers=2, width=24)
        pipe.unet = _unet(
            16 + 24, addition_embed_type="text_time", addition_time_embed_dim=8, use_linear_projection=True,
            projection_class_embeddings_input_dim=16 + 6 * 8, transformer_layers_per_block=(1, 1),
        )  # fmt: skip
    return pipe


MAKE: dict[str, Any] = {
    "sd": lambda: tiny_sd_pipeline(7),
    "inpainting": lambda: tiny_sd_pipeline(7, inpainting=True),
    "sdxl": tiny_xl,
}


@pytest.mark.parametrize("name", MAKE)
def test_it_draws_what_its_folder_draws(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = MAKE[name]()
    pipe.save_pretrained(tmp_path / "folder")
    file = write_checkpoint(pipe, tmp_path / "mine.safetensors")
    model = nbgen.load(file, config=tmp_path / "folder")
    assert "mine: float32 on cpu" in capsys.readouterr().out
    assert (model.ref.name, model.ref.fingerprint) == ("mine", of_file(file))
    assert nbgen.load(file, config=tmp_path / "folder") is model
    whole = nbgen.load(tmp_path / "folder")
    assert np.array_equal(picture(model), picture(whole))
    assert np.array_equal(picture(model, guidance=1), picture(nbgen.load(pipe), guidance=1))
    assert nbgen.unload(model) > 0
    assert np.array_equal(picture(model), picture(whole))


def test_settings_of_another_model_do_not_fit(tmp_path: Path) -> None:
    for name in ("sd", "sdxl"):
        MAKE[name]().save_pretrained(tmp_path / name)
        write_checkpoint(MAKE[name](), tmp_path / f"{name}.safetensors")
    for file, config in (("sd", "sdxl"), ("sdxl", "sd")):
        with pytest.raises(errors.ModelError, match="does not fit the settings") as caught:
            nbgen.load(tmp_path / f"{file}.safetensors", config=tmp_path / config)
        assert str(tmp_path) not in str(caught.value)


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    MAKE["sd"]().save_pretrained(tmp_path / "folder")
    tensors = load_file(write_checkpoint(MAKE["sd"](), tmp_path / "whole.safetensors"))
    for gone in ("first_stage_model", "cond_stage_model", "model.diffusion_model.middle_block"):
        left = {name: each for name, each in tensors.items() if not name.startswith(gone)}
        save_file(left, tmp_path / "part.safetensors")
        with pytest.raises(errors.ModelError, match="does not fit the settings"):
            nbgen.load(tmp_path / "part.safetensors", config=tmp_path / "folder")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "whole.safetensors").read_bytes()[:-1])
    with pytest.raises(errors.DamagedFileError, match="truncated"):
        nbgen.load(tmp_path / "cut.safetensors", config=tmp_path / "folder")


def test_half_precision_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    MAKE["sd"]().save_pretrained(tmp_path / "folder")
    file = write_checkpoint(MAKE["sd"](), tmp_path / "mine.safetensors")
    model: Any = nbgen.load(file, config=tmp_path / "folder", dtype="bfloat16")
    assert model.ref.dtype == "bfloat16"
    assert {each.dtype for each in model._pipe.unet.parameters()} == {torch.bfloat16}
