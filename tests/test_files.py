"""Where does nbgen keep files on each system, and does a file reach the disk whole or not at all?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nbgen import files
from nbgen.files import default_folder, write_atomically


def test_the_store_lies_where_nbgen_store_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    monkeypatch.setenv("NBGEN_STORE", "~/pictures")
    assert default_folder() == Path("/somebody/pictures")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "/somebody/.local/share/nbgen"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/nbgen"),
        ("darwin", {}, "/somebody/Library/Application Support/nbgen"),
        ("win32", {}, "/somebody/AppData/Local/nbgen"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/nbgen"),
    ],
)
def test_the_users_data_folder(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NBGEN_STORE", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/somebody", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(files.sys, "platform", platform)
    assert default_folder() == Path(expected)


def test_a_user_without_a_home_has_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("NBGEN_STORE")
    monkeypatch.setattr(files.Path, "home", homeless)
    with pytest.raises(OSError):
        default_folder().mkdir(parents=True)


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    write_atomically(tmp_path / "a", b"old")
    monkeypatch.setattr(files.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_the_time_that_a_file_bears(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"", modified_ns=1_700_000_000_123_456_789)
    # Some file systems count in steps of 100 ns.
    assert abs(os.stat(tmp_path / "a").st_mtime_ns - 1_700_000_000_123_456_789) < 100
