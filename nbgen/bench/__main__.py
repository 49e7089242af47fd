"""`python -m nbgen.bench`: the figures that nbgen holds itself to, as one table."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..show.table import Table


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m nbgen.bench",
        description="Measure nbgen beside diffusers' own pipeline, in turns, on an empty store.",
    )
    parser.add_argument(
        "what", nargs="?", choices=["batches", "browser", "gpu", "games"],
        help="batches: only how near a mixed batch comes to each picture alone, in float32 and bfloat16; browser: "
        "only time the panels in a real JupyterLab; gpu: only models of real size on a GPU; games: only the presets "
        "of the GAN game, over ten seeds",
    )  # fmt: skip
    parser.add_argument("--keep", type=Path, help="with gpu: a file that each run adds a line of JSON to")
    parser.add_argument("--only", action="append", default=[], help="with browser: a line by name")
    parser.add_argument("--repeats", type=int, default=3, help="how often each is measured (default: 3)")
    parser.add_argument("--steps", type=int, default=20, help="steps of each picture (default: 20)")
    parser.add_argument("--no-quickstart", action="store_true", help="leave the quickstart's memory out")
    parser.add_argument("--no-grid", action="store_true", help="leave the comparison of 72 cells out")
    parser.add_argument("--no-walk", action="store_true", help="leave the walk of 24 frames out")
    parser.add_argument(
        "--paces", action="store_true", help="only compare paces of walks over ten pairs of prompts"
    )
    options = parser.parse_args()
    if options.repeats < 1 or options.steps < 1:
        parser.error("--repeats and --steps must be at least 1.")
    with tempfile.TemporaryDirectory(prefix="nbgen-bench-", ignore_cleanup_errors=True) as store:
        os.environ.update(NBGEN_STORE=store, NBGEN_PROGRESS="none", HF_HUB_OFFLINE="1")
        if options.what == "browser":
            from . import browser

            try:
                print(browser.table(options.only))
            except browser.BrowserError as error:
                parser.error(str(error))
            return 0
        if options.what == "batches":
            from . import batches

            print(batches.table([batches.measure(family) for family in batches.FAMILIES]))
            return 0
        if options.what == "games":
            from . import games

            print(games.table())
            return 0
        if options.what == "gpu":
            from . import gpu

            return gpu.main(options.repeats, options.steps, options.keep)
        if options.paces:
            from .walks import near_fades, pace_table

            found = pace_table()
            print(f"{found}\n\n{near_fades(found)}")
            return 0
        print(table(options.repeats, options.steps, quickstart=not options.no_quickstart))
        if not options.no_grid:
            print(f"\n{grid_table(options.repeats)}")
        if not options.no_walk:
            print(f"\n{walk_table(options.repeats)}")
    return 0


def table(repeats: int, steps: int, *, quickstart: bool = True) -> Table:
    """One row a figure: what nbgen takes, what the stock pipeline takes, the ratio, and what is wanted."""
    from . import drawing, starting

    drawn = drawing.measure(repeats, steps)
    rows: list[dict[str, Any]] = [
        {
            "figure": f"one picture, {steps} guided steps",
            "nbgen": f"{drawn.alone:.2f} s",
            "stock": f"{drawn.stock_alone:.2f} s",
            "ratio": f"{drawn.alone_ratio:.2f}×",
            "wanted": "≤ 1.5 s",
        },
        {
            "figure": "16 mixed pictures, 8 samplers × 2 seeds",
            "nbgen": f"{drawn.mixed:.2f} s",
            "stock": f"{drawn.stock_mixed:.2f} s",
            "ratio": f"{drawn.mixed_ratio:.2f}×",
            "wanted": "≥ 2.2×",
        },
        {
            "figure": "  of which inside the denoiser's forward",
            "nbgen": f"{drawn.forward_share:.0%}",
            "wanted": "≥ 90%",
        },
        {
            "figure": "  largest difference of a pixel, in 1/255",
            "nbgen": str(drawn.difference),
            "wanted": "≤ 1",
        },
        {
            "figure": "cold Python to the first picture",
            "nbgen": f"{starting.first_picture_seconds(repeats):.1f} s",
            "wanted": "≤ 15 s",
        },
        {
            "figure": "import nbgen",
            "nbgen": f"{starting.import_seconds(repeats):.3f} s",
            "wanted": "≤ 0.5 s",
        },
    ]
    peak = starting.quickstart_bytes() if quickstart else None
    if peak is not None:
        rows.append(
            {
                "figure": "resident memory of the quickstart",
                "nbgen": f"{peak / 2**30:.2f} GiB",
                "wanted": "≤ 1.5 GiB",
            }
        )
    rows.append({"figure": f"threads: {drawn.threads}; medians of {repeats}"})
    return Table(rows)


def grid_table(repeats: int) -> Table:
    """The figures of a comparison of 72 cells."""
    import contextlib
    import io

    import diffusers

    from ..models.catalogue import embedded_folder
    from ..models.loading import load
    from . import grids

    pipe = diffusers.StableDiffusionPipeline.from_pretrained(embedded_folder("mini"))
    with contextlib.redirect_stdout(io.StringIO()):  # the line for each sampler would stand above the table
        found = grids.measure(repeats, load("mini"), pipe)
    return grids.table(found, {cells: grids.peak_bytes(cells) for cells in (72, 1000)})


def walk_table(repeats: int) -> Table:
    """The figures of a walk."""
    import diffusers

    from ..models.catalogue import embedded_folder
    from ..models.loading import load
    from . import walks

    pipe = diffusers.StableDiffusionPipeline.from_pretrained(embedded_folder("mini"))
    found = walks.measure(repeats, load("mini"), pipe)
    return walks.table(found, {frames: walks.peak_bytes(frames) for frames in (24, 480)})


if __name__ == "__main__":
    sys.exit(main())
