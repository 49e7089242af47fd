"""Does real memory come back: what the system counts for a process with models of real weight, before and after?

A process of its own, since what other tests have touched would be counted too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = '''
import gc, json, sys, warnings
from pathlib import Path
import diffusers, numpy as np, psutil, torch
import nbgen
from nbgen.testing import tiny_sd_pipeline
from nbgen.testing.encoders import hushed

folder, process = Path(sys.argv[1]), psutil.Process()

def written(name, width, seed):
    """A Stable Diffusion whose UNet has real weight; its words and pictures are tiny."""
    pipe = tiny_sd_pipeline(seed)
    torch.manual_seed(seed)
    pipe.unet = diffusers.UNet2DConditionModel(
        sample_size=8, layers_per_block=1, block_out_channels=(width, 2 * width), norm_num_groups=32,
        cross_attention_dim=16, attention_head_dim=8, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    ).eval()
    pipe.save_pretrained(folder / name)
    return folder / name

def megabytes():
    gc.collect()
    return process.memory_info().rss / 1e6

def drawn(model, n=1, **fields):
    return nbgen.generate("a cat", model=model, seed=1, steps=2, store=False, n=n, size=(32, 32), **fields)

told = {}
small = [written(f"small{seed}", 128, seed) for seed in range(3)]
drawn(nbgen.load(small[0]))  # libraries and threads are there from here on
nbgen.unload()
large = written("large", 256, 9)
gc.collect()
before = megabytes()
model = nbgen.load(large)
first = drawn(model)[0]
there = megabytes()
freed = nbgen.unload(model) / 1e6
told["unloading"] = {"before": before, "there": there, "freed": freed, "after": megabytes()}
assert np.array_equal(drawn(model)[0], first)

forward, most = model.forward, 2
def too_much(group, latents, *arguments):
    if len(latents) > most:
        raise RuntimeError("CUDA out of memory: forced")
    return forward(group, latents, *arguments)
def compared():
    return nbgen.compare("a cat", seed=range(6), guidance=[1, 3], steps=2, size=(32, 32), model=model, store=False)
grid = compared()  # what libraries keep of each new shape is there from here on, and no matter of running out
before, model.forward = megabytes(), too_much
grid = compared()
told["out of memory"] = {"finished": len(grid), "before": before, "after": megabytes()}
del model, grid, too_much, forward
nbgen.unload()

counts = []
for number in range(20):
    drawn(nbgen.load(small[number % 3]))
    counts.append(megabytes())
told["changing"] = {"counts": counts, "one": sum(each.stat().st_size for each in small[0].rglob("*")) / 1e6}
print(json.dumps(told))
'''


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("memory")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(folder)], capture_output=True, text=True, timeout=500,
        env={**os.environ, "NBGEN_STORE": str(folder / "store")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_unloading_gives_a_models_memory_back(told: dict[str, Any]) -> None:
    found = told["unloading"]
    assert found["freed"] > 200
    assert found["there"] - found["before"] > 0.9 * found["freed"]
    assert found["after"] - found["before"] < 0.15 * found["freed"], found


def test_memory_that_ran_out_comes_back(told: dict[str, Any]) -> None:
    found = told["out of memory"]
    assert found["finished"] == 12
    assert found["after"] <= 1.05 * found["before"], found


def test_changing_the_model_twenty_times_does_not_grow(told: dict[str, Any]) -> None:
    """Two models are kept by name; from then on nothing is added, to within half of one."""
    counts, one = told["changing"]["counts"], told["changing"]["one"]
    assert one > 25
    assert max(counts[10:]) - max(counts[4:10]) < 0.5 * one, counts
