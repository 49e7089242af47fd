"""Names on a hub: what is fetched, what is not, and each refusal with its remedy."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import errors as hub_errors

import nbgen
from nbgen import errors
from nbgen.models.fingerprint import of_file

from .test_places import WEIGHTS, nothing_loaded, picture, saved

__all__ = ["nothing_loaded", "saved"]  # fixtures


def refused(kind: type[Exception], status: int = 404) -> Exception:
    answer = httpx.Response(status, request=httpx.Request("GET", "http://127.0.0.1/x"))
    try:
        return kind("no", response=answer)  # type: ignore[call-arg]
    except TypeError:
        return kind("no")


@pytest.mark.parametrize(
    ("raised", "error", "said"),
    [
        (refused(hub_errors.GatedRepoError, 403), errors.GatedModelError, "accept its licence at https://"),
        (refused(hub_errors.RepositoryNotFoundError, 401), errors.MissingFileError, "or it is private"),
        (refused(hub_errors.RevisionNotFoundError), errors.MissingFileError, "has no revision 'old'"),
        (refused(hub_errors.RemoteEntryNotFoundError), errors.MissingFileError, "no model_index.json"),
        (hub_errors.LocalEntryNotFoundError("no"), errors.NetworkError, "HF_HUB_OFFLINE is set"),
        (hub_errors.OfflineModeIsEnabled("no"), errors.NetworkError, "give the folder of a copy"),
        (refused(hub_errors.HfHubHTTPError, 503), errors.NetworkError, "Try again later"),
        (hub_errors.HfHubHTTPError.__bases__[0]("no route"), errors.NetworkError, "cannot be reached"),
        (ConnectionResetError("reset"), errors.NetworkError, "cannot be reached"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_what_a_hub_refuses_is_told_with_the_remedy(
    raised: Exception, error: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*arguments: Any, **options: Any) -> str:
        raise raised

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(error, match=said):
        nbgen.load("somebody/something", revision="old")


def test_offline_and_not_there_needs_no_fake() -> None:
    with pytest.raises(errors.NetworkError, match="HF_HUB_OFFLINE is set"):
        nbgen.load("somebody/something")
    with pytest.raises(errors.NetworkError, match="stabilityai/sdxl-turbo"):
        nbgen.load("sdxl-turbo")


class FakeHub:
    """A hub with one model, whose files are those of a folder; it keeps a cache as the real one does."""

    commit = "0123456789abcdef0123456789abcdef01234567"

    def __init__(self, folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.snapshot = cache / "models--somebody--tiny" / "snapshots" / self.commit
        self.asked: list[list[str]] = []
        self.wrong: dict[str, str] = {}
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", self.download)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", self.snapshot_of)
        monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", self.cached)
        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", self.info)

    def download(self, name: str, path: str, **options: Any) -> str:
        self._copy(path)
        return str(self.snapshot / path)

    def cached(self, name: str, path: str, **options: Any) -> str | None:
        return str(self.snapshot / path) if (self.snapshot / path).exists() else None

    def snapshot_of(self, name: str, *, allow_patterns: list[str], tqdm_class: Any, **options: Any) -> str:
        self.asked.append(allow_patterns)
        names = [
            path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()
        ]
        with tqdm_class(unit="B", total=0, desc="") as bar:
            for path in huggingface_hub.utils.filter_repo_objects(names, allow_patterns=allow_patterns):
                self._copy(path)
                bar.update((self.folder / path).stat().st_size)
        return str(self.snapshot)

    def info(self, api: Any, *arguments: Any, **options: Any) -> Any:
        def told(path: Path) -> Any:
            name = path.relative_to(self.folder).as_posix()
            digest = self.wrong.get(name) or of_file(path)
            return SimpleNamespace(
                rfilename=name, size=path.stat().st_size, lfs=SimpleNamespace(sha256=digest)
            )

        return SimpleNamespace(siblings=[told(path) for path in self.folder.rglob("*") if path.is_file()])

    def _copy(self, path: str) -> None:
        (self.snapshot / path).parent.mkdir(parents=True, exist_ok=True)
        if not (self.snapshot / path).exists():
            shutil.copy(self.folder / path, self.snapshot / path)


@pytest.fixture
def fake_hub(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    folder = Path(shutil.copytree(saved, tmp_path / "there"))
    (folder / "everything.safetensors").write_bytes(b"x" * 1000)
    (folder / "run_me.py").write_text("raise SystemExit")
    (folder / "unet/diffusion_pytorch_model.bin").write_bytes(b"a pickle")
    return FakeHub(folder, tmp_path / "cache", monkeypatch)


def test_a_name_on_a_hub_fetches_what_is_needed_once(
    fake_hub: FakeHub, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = nbgen.load("somebody/tiny")
    assert model.ref.name == "somebody/tiny"
    assert model.ref.fingerprint == FakeHub.commit
    assert "fetching 3 files of weights" in capsys.readouterr().out
    there = {path.relative_to(fake_hub.snapshot).as_posix() for path in fake_hub.snapshot.rglob("*.*")}
    assert WEIGHTS in there
    assert not {"everything.safetensors", "run_me.py", "unet/diffusion_pytorch_model.bin"} & there
    assert np.array_equal(picture(model), picture(nbgen.load(saved)))
    assert nbgen.load("somebody/tiny") is model
    assert len(fake_hub.asked) == 1


def test_a_wrong_hash_is_an_error_and_the_file_is_fetched_anew(fake_hub: FakeHub) -> None:
    fake_hub.wrong[WEIGHTS] = "0" * 64
    with pytest.raises(errors.DamagedFileError, match="another hash than the hub promised"):
        nbgen.load("somebody/tiny")
    assert not (fake_hub.snapshot / WEIGHTS).exists()
    fake_hub.wrong.clear()
    assert nbgen.load("somebody/tiny").ref.fingerprint == FakeHub.commit


def test_a_hub_with_pickles_only_is_refused(fake_hub: FakeHub) -> None:
    (fake_hub.folder / WEIGHTS).unlink()
    with pytest.raises(errors.UnsafeModelError, match="as a pickle only"):
        nbgen.load("somebody/tiny")


def test_a_variant_that_is_not_there_is_said_before_anything_is_fetched(fake_hub: FakeHub) -> None:
    with pytest.raises(errors.MissingFileError, match=r"somebody/tiny has no weights called 'fp16'"):
        nbgen.load("somebody/tiny", variant="fp16")
    assert not list(fake_hub.snapshot.rglob("*.safetensors"))
