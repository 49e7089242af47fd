"""What does a grid take on a GPU, beside diffusers' own pipeline? Models of real size with random weights.

The stock pipeline is called cell by cell, and in the largest batches that it takes: the seeds of one sampler
together. Then: the memory of each; a picture without guidance against a guided one; compiling by region and the call
from which it pays; and memory that runs out on purpose.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from ..models.loading import load
from ..show.table import Table
from .gpu_works import (
    SAMPLERS,
    SEEDS,
    Compiled,
    Stock,
    compiled,
    out_of_memory,
    peak,
    recipes,
    run,
    unguided_share,
)
from .timing import in_turns, ratio

PACKAGES = ("nbgen", "torch", "diffusers", "transformers")


@dataclass(frozen=True)
class Sized:
    """One model in the benchmark. Seconds are medians; bytes are None where there is no GPU to ask."""

    name: str
    wanted: float
    grid: float
    cell_by_cell: float
    in_batches: float
    cell_by_cell_ratio: float
    in_batches_ratio: float
    difference: float
    grid_bytes: int | None
    stock_bytes: int | None
    unguided_share: float
    shrunk: int
    finished: int
    bytes_before: int
    bytes_after: int


def measure(name: str, pipe: Any, *, repeats: int, steps: int, size: tuple[int, int], wanted: float) -> Sized:
    """All figures of one model but the compiled ones. `pipe` is a diffusers pipeline that nbgen drives."""
    model, stock = load(pipe), Stock(pipe, steps, size)

    def grid() -> list[np.ndarray]:
        return run(model, recipes(model, steps, size))

    def cell_by_cell() -> list[np.ndarray]:
        return [stock.draw(sampler, [seed])[0] for sampler in SAMPLERS for seed in SEEDS]

    def in_batches() -> list[np.ndarray]:
        return [picture for sampler in SAMPLERS for picture in stock.draw(sampler, SEEDS)]

    # Warm all, and see that all did the same work.
    pairs = zip(grid(), cell_by_cell(), strict=True)
    difference = max(float(np.abs(one.astype(float) - other).mean()) for one, other in pairs)
    stock_bytes, grid_bytes = peak(in_batches), peak(grid)
    taken = in_turns({"cell by cell": cell_by_cell, "in batches": in_batches, "grid": grid}, repeats)
    shrunk, finished, before, after = out_of_memory(model, steps, size)
    return Sized(
        name=name, wanted=wanted, grid=median(taken["grid"]), cell_by_cell=median(taken["cell by cell"]),
        in_batches=median(taken["in batches"]), cell_by_cell_ratio=ratio(taken["cell by cell"], taken["grid"]),
        in_batches_ratio=ratio(taken["in batches"], taken["grid"]), difference=difference, grid_bytes=grid_bytes,
        stock_bytes=stock_bytes, unguided_share=unguided_share(model, steps, size, repeats), shrunk=shrunk,
        finished=finished, bytes_before=before, bytes_after=after,
    )  # fmt: skip


def table(found: Sequence[Sized], compilation: Compiled | None) -> Table:
    """One row a figure, and what is wanted."""
    rows: list[dict[str, Any]] = []
    for each in found:
        cells = len(SAMPLERS) * len(SEEDS)
        rows += [
            {
                "figure": f"{each.name}: {cells} cells, stock one by one",
                "nbgen": f"{each.grid:.2f} s", "stock": f"{each.cell_by_cell:.2f} s",
                "ratio": f"{each.cell_by_cell_ratio:.2f}×", "wanted": f"≥ {each.wanted}×",
            },
            {
                "figure": "  against its largest batches (of four)", "nbgen": f"{each.grid:.2f} s",
                "stock": f"{each.in_batches:.2f} s", "ratio": f"{each.in_batches_ratio:.2f}×", "wanted": "≥ 1×",
            },
            {
                "figure": "  most memory in use", "nbgen": _gib(each.grid_bytes), "stock": _gib(each.stock_bytes),
            },
            {"figure": "  largest mean difference, in 1/255", "nbgen": f"{each.difference:.2f}"},
            {
                "figure": "  denoiser unguided, of guided", "nbgen": f"{each.unguided_share:.0%}",
                "wanted": "≤ 55%",
            },
            {
                "figure": f"  finished with too little memory (out {each.shrunk}×)",
                "nbgen": f"{each.finished} of {cells}", "wanted": "all",
            },
            {
                "figure": "  memory in use afterwards, of that before",
                "nbgen": f"{each.bytes_after / each.bytes_before:.1%}", "wanted": "within 5%",
            },
        ]  # fmt: skip
    if compilation is not None:
        even = compilation.breaks_even
        rows += [
            {"figure": "compiled by region: grid of four, as it is", "nbgen": f"{compilation.plain:.2f} s"},
            {"figure": "  first compiled", "nbgen": f"{compilation.first:.2f} s"},
            {"figure": "  second compiled", "nbgen": f"{compilation.second:.2f} s"},
            {"figure": "  pays after grids", "nbgen": "never" if even is None else f"{even:.0f}"},
        ]
    return Table(rows)


def main(repeats: int, steps: int, keep: Path | None) -> int:
    """Measures on this machine's GPU, prints the table, and adds it to `keep`, one line of JSON a run."""
    if not torch.cuda.is_available():
        print(
            "This machine has no GPU that torch can use, so there is nothing to measure here. The same code runs at "
            "tiny size on a CPU in tests/test_bench_gpu.py."
        )
        return 1
    from . import sized

    device, half = torch.device("cuda"), torch.float16
    pipe = sized.sd15_pipeline(half, device)
    found = [measure("SD 1.5, 512²", pipe, repeats=repeats, steps=steps, size=(512, 512), wanted=1.5)]
    compilation = compiled(pipe, steps=steps, size=(512, 512))
    del pipe
    gc.collect()
    torch.cuda.empty_cache()
    pipe = sized.sdxl_pipeline(half, device)
    found.append(measure("SDXL, 1024²", pipe, repeats=repeats, steps=steps, size=(1024, 1024), wanted=1.1))
    where = told(device, repeats, steps)
    print(f"{table(found, compilation)}\n{where}")
    if keep is not None:
        line = {"where": where, "models": [vars(each) for each in found], "compiled": vars(compilation)}
        with open(keep, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return 0


def told(device: torch.device, repeats: int, steps: int) -> str:
    """Date, card and versions, without which a figure means nothing."""
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return (
        f"{date.today().isoformat()}; {card}; {versions}; half precision; {steps} steps; medians of {repeats}"
    )


def _version(package: str) -> str:
    if package == "nbgen":
        from .. import __version__

        return __version__
    return metadata.version(package)


def _gib(count: int | None) -> str:
    return "unknown" if count is None else f"{count / 2**30:.1f} GiB"
