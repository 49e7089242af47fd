"""The GPU benchmark at tiny size on a CPU: the same work on both sides, and every figure in the table."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from nbgen.bench import __main__ as bench
from nbgen.bench import gpu, gpu_works, sized
from nbgen.sampling import BY_NAME
from nbgen.testing import tiny_sd_pipeline, tiny_sdxl_pipeline


def test_the_grid_is_the_same_work_and_survives_too_little_memory() -> None:
    found = gpu.measure("tiny", tiny_sd_pipeline(), repeats=1, steps=3, size=(32, 32), wanted=1.5)
    assert found.difference <= 0.5
    assert found.shrunk >= 1
    assert found.finished == len(gpu_works.SAMPLERS) * len(gpu_works.SEEDS) == 16
    assert abs(found.bytes_after / found.bytes_before - 1) <= 0.05
    assert 0 < found.unguided_share < 1
    assert min(found.grid, found.cell_by_cell, found.in_batches) > 0
    shown = repr(gpu.table([found], gpu_works.Compiled(2.0, 30.0, 1.0)))
    assert f"{found.cell_by_cell_ratio:.2f}×" in shown
    assert "16 of 16" in shown and "≤ 55%" in shown and "…" not in shown
    assert re.search(r"pays after grids\s+29", shown)


def test_the_stock_pipeline_is_given_the_same_samplers() -> None:
    for name, scheduler in gpu_works.SAMPLERS.items():
        assert BY_NAME[name].scheduler == scheduler and not BY_NAME[name].fixed


def test_compiling_is_measured_at_its_first_call_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    regions: list[dict[str, Any]] = []
    monkeypatch.setattr(
        UNet2DConditionModel, "compile_repeated_blocks", lambda self, **options: regions.append(options)
    )
    found = gpu_works.compiled(tiny_sd_pipeline(), steps=2, size=(32, 32))
    assert len(regions) == 1
    assert min(found.plain, found.first, found.second) > 0
    assert gpu_works.Compiled(1.0, 9.0, 1.5).breaks_even is None


def test_models_have_the_public_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted without memory: tensors of the meta device have a shape only."""
    made = {}
    for make in (sized.sd15_pipeline, sized.sdxl_pipeline):
        pipe = make(torch.float16, torch.device("meta"))
        made[make.__name__] = {
            name: sum(each.numel() for each in part.parameters())
            for name, part in pipe.components.items()
            if isinstance(part, torch.nn.Module)
        }
    assert made["sd15_pipeline"] == {"vae": 83_653_863, "text_encoder": 123_060_480, "unet": 859_520_964}
    assert made["sdxl_pipeline"]["unet"] == 2_567_463_684
    assert made["sdxl_pipeline"]["text_encoder_2"] == 694_659_840


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here, so it would be measured")
def test_without_a_gpu_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "gpu"])
    assert bench.main() == 1
    assert "no GPU that torch can use" in capsys.readouterr().out


def test_a_run_is_kept_with_date_card_and_versions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for name in ("empty_cache", "reset_peak_memory_stats", "synchronize"):
        monkeypatch.setattr(torch.cuda, name, lambda *arguments: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 2**31)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a card")
    monkeypatch.setattr(sized, "sd15_pipeline", lambda *arguments: tiny_sd_pipeline())
    monkeypatch.setattr(sized, "sdxl_pipeline", lambda *arguments: tiny_sdxl_pipeline())
    monkeypatch.setattr(UNet2DConditionModel, "compile_repeated_blocks", lambda self, **options: None)
    for module in (gpu, gpu_works):  # that all sixteen are made is told above
        monkeypatch.setattr(module, "SAMPLERS", {"ddim": "DDIMScheduler"})
        monkeypatch.setattr(module, "SEEDS", (0, 1))
    measured = gpu.measure
    monkeypatch.setattr(gpu, "measure", lambda *rest, **more: measured(*rest, **{**more, "size": (32, 32)}))
    compiled = gpu.compiled
    monkeypatch.setattr(gpu, "compiled", lambda pipe, **more: compiled(pipe, **{**more, "size": (32, 32)}))
    assert gpu.main(1, 2, tmp_path / "kept.jsonl") == 0
    assert "2.0 GiB" in capsys.readouterr().out
    kept = json.loads((tmp_path / "kept.jsonl").read_text(encoding="utf-8"))
    assert "a card" in kept["where"] and f"torch {torch.__version__.partition('+')[0]}" in kept["where"]
    assert [each["name"] for each in kept["models"]] == ["SD 1.5, 512²", "SDXL, 1024²"]
