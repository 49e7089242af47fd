"""Names on a hub, over real HTTP: what is fetched, each refusal with its remedy, and the cache once the hub is gone.

A process of its own asks a server on this machine, which HF_ENDPOINT names, through huggingface_hub as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nbgen.testing import tiny_sd_pipeline

from . import hub_server
from .test_places import WEIGHTS

ASKING = """
import contextlib, json, sys, urllib.error, urllib.request, nbgen
from nbgen.models import loading

def tell(called, name, **options):
    try:
        model = nbgen.load(name, **options)
        picture = nbgen.generate("a cat", model=model, seed=1, steps=1, store=False)[0]
        told = {"made": list(picture.size), "fingerprint": model.ref.fingerprint, "name": model.ref.name}
        del model, picture
        loading._kept.clear()
    except Exception as error:
        told = {"error": type(error).__name__, "said": str(error)}
    print(json.dumps({"case": called, **told}), flush=True)

for name in ("tiny", "gated-tiny", "nobody", "no-index", "wrong-hash", "cut", "pickles", "busy"):
    tell(name, f"somebody/{name}")
tell("with a token", "somebody/gated-tiny", token="good")
tell("old", "somebody/tiny", revision="old")
urllib.request.urlopen(sys.argv[1] + "/stop").read()
with contextlib.suppress(ConnectionError, urllib.error.URLError):  # until nobody answers any more
    while True:
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(sys.argv[1] + "/anybody")
tell("gone", "somebody/other")
tell("gone but cached", "somebody/tiny")
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Case → what the process told; "asked" → the paths that the server was asked for."""
    folder: Path = tmp_path_factory.mktemp("hub")
    tiny = folder / "tiny"
    tiny_sd_pipeline(7).save_pretrained(tiny)
    (tiny / "everything.safetensors").write_bytes(b"x" * 1000)
    (tiny / "run_me.py").write_text("raise SystemExit")
    (tiny / "unet/diffusion_pytorch_model.bin").write_bytes(b"a pickle")
    no_index = Path(shutil.copytree(tiny, folder / "no-index"))
    (no_index / "model_index.json").unlink()
    pickles = Path(shutil.copytree(tiny, folder / "pickles"))
    (pickles / WEIGHTS).unlink()
    names = ("tiny", "gated-tiny", "wrong-hash", "cut", "busy")
    models = {**dict.fromkeys(names, tiny), "no-index": no_index, "pickles": pickles}
    with hub_server.running({f"somebody/{name}": each for name, each in models.items()}) as hub:
        own = {
            "HF_ENDPOINT": hub.address,
            "HF_HOME": str(folder / "home"),
            "NBGEN_STORE": str(folder / "store"),
        }
        without = {
            name: value for name, value in os.environ.items() if name not in ("HF_HUB_OFFLINE", "HF_TOKEN")
        }
        done = subprocess.run(
            [sys.executable, "-c", ASKING, hub.address], env={**without, **own}, capture_output=True, text=True,
            timeout=300,
        )  # fmt: skip
        asked = list(hub.asked)
    assert done.returncode == 0, done.stderr[-3000:]
    cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {"asked": asked, "stderr": done.stderr, **{each.pop("case"): each for each in cases}}


def test_what_is_needed_is_fetched_and_drawn(told: dict[str, Any]) -> None:
    assert told["tiny"] == {"made": [32, 32], "fingerprint": hub_server.COMMIT, "name": "somebody/tiny"}
    of_tiny = [path for path in told["asked"] if path.startswith("somebody/tiny/")]
    assert any(path.endswith(WEIGHTS) for path in of_tiny)
    assert not any(path.endswith((".py", ".bin", "everything.safetensors")) for path in told["asked"])
    assert told["with a token"]["made"] == [32, 32]


@pytest.mark.parametrize(
    ("case", "error", "said"),
    [
        ("gated-tiny", "GatedModelError", "accept its licence at https://huggingface.co/somebody/gated-tiny"),
        ("nobody", "MissingFileError", "no model 'somebody/nobody' on the hub, or it is private"),
        ("old", "MissingFileError", "has no revision 'old'"),
        ("no-index", "MissingFileError", "has no model_index.json"),
        ("wrong-hash", "DamagedFileError", "has another hash than the hub promised: it was removed"),
        ("cut", "DamagedFileError", "is not what the hub promised"),
        ("pickles", "UnsafeModelError", "as a pickle only"),
        ("busy", "NetworkError", "cannot be reached"),
        ("gone", "NetworkError", "the hub cannot be reached"),
    ],
)
def test_what_a_hub_refuses_is_told_with_the_remedy(
    case: str, error: str, said: str, told: dict[str, Any]
) -> None:
    assert told[case]["error"] == error, told[case]
    assert said in told[case]["said"]
    assert "home" not in told[case]["said"]


def test_what_was_fetched_once_is_there_without_a_network(told: dict[str, Any]) -> None:
    assert told["gone but cached"] == told["tiny"]
