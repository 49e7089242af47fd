"""Do `python -m nbgen lab`, `demo` and `doctor` do what they say, and say what went wrong?"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from nbgen.__main__ import main
from nbgen.cli import doctor, examination, lab, notebooks
from nbgen.cli.doctor import findings
from nbgen.cli.examination import Examination, Torch

GIB = 2**30

WELL = Examination(
    python=(3, 11, 7),
    system="Linux 6.1 x86_64",
    packages={name: "99.0" for name in examination.PACKAGES},
    torch=Torch(build="CPU", threads=2),
    nvidia_card=False,
    processors=2,
    quota=None,
    threads=2,
    memory_available=8 * GIB,
    memory_limit=None,
    store=Path("store"),
    store_files=3,
    store_bytes=4096,
    store_error="",
    disk_free=100 * GIB,
    weights=30 * 2**20,
)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package folder that holds a quickstart of two pictures, as an installed nbgen does."""
    folder = tmp_path / "site-packages" / "nbgen"
    (folder / "_notebooks" / "pictures").mkdir(parents=True)
    (folder / "_notebooks" / "pictures" / "note.txt").write_text("beside a notebook")
    (folder / "_notebooks" / ".hidden").write_text("")
    write_quickstart(folder, "display(Image.new('RGB', (8, 8), 'red'))", "Image.new('RGB', (9, 9), 'blue')")
    monkeypatch.setattr(notebooks, "PACKAGE", folder)
    return folder


def write_quickstart(package: Path, *cells: str) -> None:
    first = new_code_cell("import os\nfrom PIL import Image")
    notebook = new_notebook(cells=[new_markdown_cell("# Start $x$"), first, *map(new_code_cell, cells)])
    nbformat.write(notebook, package / "_notebooks" / notebooks.QUICKSTART)


@pytest.mark.parametrize(("word", "nearest"), [("docter", "'doctor'"), ("Lab", "'lab'"), ("dmeo", "'demo'")])
def test_an_unknown_command_names_the_nearest(
    word: str, nearest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word]) == 2
    assert f"did you mean {nearest}" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["lab", "--port=many"], ["doctor", "me"], ["--nonsense"]])
def test_what_is_not_understood_ends_with_2(arguments: list[str]) -> None:
    assert main(arguments) == 2


def test_help_names_every_command_and_needs_no_torch() -> None:
    code = "import sys; from nbgen.__main__ import main; main(['--help']); assert 'torch' not in sys.modules"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^    (\w+) ", said, re.MULTILINE) == ["lab", "demo", "doctor"]


def test_lab_copies_the_notebooks_and_keeps_a_persons_own(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[list[str]] = []
    monkeypatch.setattr(os, "name", "posix")
    monkeypatch.setattr(os, "execv", lambda program, line: lines.append(line))
    folder = tmp_path / "my lessons"
    folder.mkdir()
    (folder / notebooks.QUICKSTART).write_text("mine")

    main(["lab", str(folder), "--no-browser", "--port", "9999", "--", "--LabApp.token=x"])

    assert (folder / notebooks.QUICKSTART).read_text() == "mine"
    assert (folder / "pictures" / "note.txt").exists()
    assert not (folder / ".hidden").exists()
    assert lines[0][:4] == [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    assert lines[0][-3:] == ["--no-browser", "--port=9999", "--LabApp.token=x"]


def read_when_it_answers(address: str, seconds: float = 30) -> str:
    end = time.monotonic() + seconds
    while True:  # the address is printed a little before the server listens
        try:
            with urlopen(address, timeout=seconds) as page:
                return str(page.read().decode())
        except URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def test_lab_serves_the_quickstart_and_asks_no_site_for_news(installed: Path, tmp_path: Path) -> None:
    notebooks.copy_to(tmp_path / "lessons")
    environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    line = lab.command(tmp_path / "lessons", ["--no-browser", f"--port={port}"])
    with subprocess.Popen(
        line, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as server:
        try:
            assert server.stdout is not None
            said = ""
            while not (match := re.search(r"http://127\S+", said)):
                said += server.stdout.readline()
                assert server.poll() is None, said
            assert f"/lab/tree/{notebooks.QUICKSTART}?token=" in match[0]
            text = read_when_it_answers(match[0])
        finally:
            server.terminate()
            server.communicate(timeout=30)
    configuration = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    assert configuration["news"] == {"disabled": True}
    assert configuration["treePath"] == notebooks.QUICKSTART


def test_notebooks_that_cannot_be_copied(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["lab", str(tmp_path / "file" / "below")]) == 1
    assert "cannot be copied" in capsys.readouterr().err


def test_demo_leaves_a_page_and_every_picture(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "quickstart-07.png").write_text("of an earlier run")
    assert main(["demo", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "quickstart-01.png",
        "quickstart-02.png",
        "quickstart.html",
    ]
    with Image.open(folder / "quickstart-02.png") as second:
        assert second.size == (9, 9)
    page = (folder / "quickstart.html").read_text()
    assert page.count('src="data:image/png;base64,') == 2
    assert "<script" not in page and "cdnjs" not in page
    assert str(folder / "quickstart.html") in capsys.readouterr().out


def test_a_failing_demo_says_so_and_keeps_what_came_before(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_quickstart(installed, "print('so far')", "raise ValueError('no such thing')", "print('never')")
    assert main(["demo", str(tmp_path / "demo")]) == 1
    assert "ValueError: no such thing" in capsys.readouterr().err
    assert "so far" in (tmp_path / "demo" / "quickstart.html").read_text()


def test_demo_runs_in_an_empty_store_and_folder(installed: Path, tmp_path: Path) -> None:
    write_quickstart(
        installed,
        "assert not os.path.exists(os.environ['NBGEN_STORE'])",
        "assert os.listdir() == []",
        "assert os.environ['NBGEN_PROGRESS'] == 'none' and os.environ['HF_HUB_OFFLINE'] == '1'",
    )
    assert main(["demo", str(tmp_path / "demo")]) == 0


def test_nothing_is_wrong_with_a_machine_that_is_well() -> None:
    assert findings(WELL) == []


def test_the_doctor_on_this_machine(capsys: pytest.CaptureFixture[str], empty_store: Path) -> None:
    code = main(["doctor"])
    said = capsys.readouterr().out
    assert code == (0 if "Nothing is wrong." in said else 1)
    assert str(empty_store) in said
    assert not empty_store.exists(), "looking must leave nothing behind"
    for name in ("Python", "torch", "device", "memory", "threads", "diffusers", "pillow"):
        assert re.search(rf"^  {name} +\S", said, re.MULTILINE)


@pytest.mark.parametrize(
    ("changes", "problem", "remedy"),
    [
        ({"packages": {"scipy": None}}, "scipy is missing: the samplers LMS", "pip install scipy"),
        ({"packages": {"torchsde": None}}, "DPM++ SDE is unavailable", "pip install torchsde"),
        ({"packages": {"ipywidgets": None}}, "no controls", "pip install ipywidgets"),
        ({"packages": {"pillow": "12.2.9"}}, "known security holes", '"pillow>=12.3"'),
        ({"packages": {"diffusers": "0.42.0"}}, "known security holes", '"diffusers>=0.42.1"'),
        ({"packages": {"transformers": "4.57.1"}}, "known security holes", '"transformers>=5.3"'),
        ({"packages": {"torch": "2.9.1+cu128"}}, "known security holes", '"torch>=2.10"'),
        ({"python": (3, 10, 12)}, "older than 3.11", "Python 3.11"),
        ({"nvidia_card": True}, "built for CPUs only", "CUDA build"),
        ({"nvidia_card": True, "torch": Torch(build="CUDA 13.0")}, "finds no card", "driver"),
        (
            {"packages": {"torch": "2.13.0"}, "torch": Torch(error="libcudart missing")},
            "libcudart",
            "Install torch",
        ),
        ({"memory_available": GIB}, "1.0 GiB of memory are free", "Close other programs"),
        ({"memory_available": GIB, "memory_limit": 2 * GIB}, "1.0 GiB", "memory limit of 2.0 GiB"),
        ({"store_error": "Read-only file system"}, "Read-only file system", "NBGEN_STORE"),
        ({"weights": 0}, "weights of mini are missing", "again"),
        ({"disk_free": 1000}, "1000 bytes are free", "NBGEN_STORE"),
    ],
)
def test_what_is_wrong_comes_with_its_remedy(changes: dict[str, object], problem: str, remedy: str) -> None:
    (finding,) = findings(dataclasses.replace(WELL, **changes))
    assert problem in finding.problem
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    "packages", [{"torch": "2.13.0+cpu"}, {"pillow": "13.0.0"}, {"torch": "2.14.0a0+git1"}]
)
def test_newer_is_never_older(packages: dict[str, str]) -> None:
    assert findings(dataclasses.replace(WELL, packages=packages)) == []


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert examination.write_error(tmp_path / "file" / "store") == "Not a directory"
    assert examination.write_error(tmp_path / "new" / "store") == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_the_doctor_asks_for_what_the_package_asks_for() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    asked = dict(re.match(r"([\w-]+)>=([\d.]+)", line).groups() for line in project["dependencies"])  # type: ignore[union-attr]
    assert set(asked) == set(examination.PACKAGES) == set(doctor.WITHOUT)
    assert {name: least for name, (least, _) in doctor.LEAST.items()} == {
        name: asked[name] for name in doctor.LEAST
    }
