"""Do the README's lines and the scripts in examples/ still run? With mini, and with a tiny model for the large ones."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import nbgen
from nbgen.testing import tiny_flux_pipeline, tiny_lora, tiny_sd_pipeline, tiny_sdxl_pipeline

REPOSITORY = Path(__file__).parents[1]


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "examples" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sd_turbo_grid(tmp_path: Path) -> None:
    pictures = script("sd_turbo_grid").draw(tiny_sd_pipeline(), tmp_path / "sheet", size=(32, 32))
    assert len(pictures) == 16
    assert {(picture.recipe.steps, picture.recipe.guidance) for picture in pictures} == {(2, 1.0)}
    assert len(list((tmp_path / "sheet").glob("*.png"))) == 17
    with Image.open(tmp_path / "sheet" / "sheet.png") as sheet:
        assert sheet.width > 4 * 32


def test_sdxl_turbo_grid(tmp_path: Path) -> None:
    grid = script("sdxl_turbo_grid").draw(nbgen.load(tiny_sdxl_pipeline()), tmp_path / "grid", size=(32, 32))
    assert len(grid) == 2 * 3 * 4
    assert {picture.recipe.guidance for picture in grid} == {1.0}
    assert {path.name for path in (tmp_path / "grid").iterdir()} >= {"grid.png", "grid.html"}


def test_flux_grid(tmp_path: Path) -> None:
    model = nbgen.load(tiny_flux_pipeline(guidance_embeds=False))
    pictures = script("flux_grid").draw(model, tmp_path / "sheet", size=(32, 32))
    assert len(pictures) == 16
    assert {picture.cost.calls for picture in pictures} == {4}
    assert len(list((tmp_path / "sheet").glob("*.png"))) == 17


def test_lora_strength_sweep(tmp_path: Path) -> None:
    pipe = tiny_sd_pipeline()
    lora = tiny_lora(pipe, tmp_path / "ink.safetensors")
    grid = script("lora_strength_sweep").draw(
        nbgen.load(pipe), lora, tmp_path / "grid", size=(32, 32), steps=2
    )
    assert len(grid) == 3 * 6
    assert {dict(each.recipe.adapters).get("ink", ("", 0))[1] for each in grid} == {0, 0.2, 0.4, 0.6, 0.8, 1}
    assert "ink=0.2" in grid.report() and str(tmp_path) not in grid.report()
    assert {path.name for path in (tmp_path / "grid").iterdir()} >= {"grid.png", "grid.html"}


@pytest.mark.parametrize("name", ["sd_turbo_grid", "sdxl_turbo_grid", "flux_grid", "lora_strength_sweep"])
def test_without_the_weights_a_script_says_what_is_missing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lora = tiny_lora(tiny_sd_pipeline(), tmp_path / "ink.safetensors")
    monkeypatch.setattr("sys.argv", [name, *([str(lora)] if name.startswith("lora") else []), str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        script(name).main()
    assert ended.value.code == 1
    assert "load it once where there is a network" in capsys.readouterr().err
    if name.startswith("lora"):
        monkeypatch.setattr("sys.argv", [name, "nowhere.safetensors"])
        with pytest.raises(SystemExit):
            script(name).main()
        assert "there is no file 'nowhere.safetensors'" in capsys.readouterr().err


def test_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    lines = re.search(r"## Five lines\s+```python\n(.*?)```", text, re.DOTALL)
    assert lines is not None
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(lines[1], names)
    assert len(names["pictures"]) == 4
    assert nbgen.read(tmp_path / "apple.png").recipe.prompt == "a red apple on a blue background"


def test_what_the_readme_points_to_exists() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (REPOSITORY / target).exists(), f"{name} points to {target}, which does not exist."
