"""Does .ci/run say what is missing, and skip nothing where CI=true? With stand-ins for the programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SHELL_TOOLS = ("bash", "dirname", "env")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="continuous integration runs on Debian")


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A clone with .ci/run alone, and a folder that is all of PATH: no root, a good Python, no make."""
    (tmp_path / "clone" / ".ci").mkdir(parents=True)
    shutil.copy(REPOSITORY / ".ci" / "run", tmp_path / "clone" / ".ci" / "run")
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in SHELL_TOOLS:
        path = shutil.which(tool)
        assert path is not None
        (programs / tool).symlink_to(path)
    write_program(programs / "id", "echo 1000")
    write_program(programs / "python3", "exit 0")
    return tmp_path


def write_program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


def run(system: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(system / "clone" / ".ci" / "run")],
        env={"PATH": str(system / "bin"), **environment},
        capture_output=True,
        text=True,
    )


def test_a_person_without_root_learns_what_is_missing_and_goes_on(system: Path) -> None:
    write_program(system / "bin" / "make", 'echo "make $* in $PWD with CI=${CI:-unset}"')
    result = run(system)
    assert "sudo apt-get install chromium" in result.stderr
    assert result.stdout.strip() == f"make test in {system / 'clone'} with CI=unset"
    assert result.returncode == 0


def test_nothing_is_skipped_where_ci_is_true(system: Path) -> None:
    write_program(system / "bin" / "make", "echo tested")
    result = run(system, CI="true")
    assert "Missing from the system: chromium" in result.stderr
    assert (result.returncode, result.stdout) == (1, "")


def test_without_make_nothing_can_be_tested(system: Path) -> None:
    result = run(system)
    assert "Missing from the system: make" in result.stderr
    assert result.returncode == 1


def test_root_installs_exactly_what_is_missing(system: Path) -> None:
    write_program(system / "bin" / "id", "echo 0")
    write_program(system / "bin" / "make", "echo tested")
    write_program(system / "bin" / "exiftool", "exit 0")
    write_program(
        system / "bin" / "apt-get",
        f'echo "$@" >> {system}/asked; cd {system}/bin; for p; do :; done; :> chromium',
    )
    run(system)
    asked = (system / "asked").read_text().splitlines()
    assert asked[0].startswith("update")
    assert asked[1].startswith("install") and " chromium" in asked[1]
    assert "make" not in asked[1].split() and "libimage-exiftool-perl" not in asked[1].split()


def test_a_failing_test_fails_the_run(system: Path) -> None:
    write_program(system / "bin" / "make", "exit 7")
    assert run(system).returncode == 7
