"""SDXL Turbo on a GPU: one prompt, steps against samplers, each cell labelled, as one figure.

    python examples/sdxl_turbo_grid.py            # needs a GPU; --device cpu works, in many minutes

SDXL Turbo (https://huggingface.co/stabilityai/sdxl-turbo, its own licence) is SDXL distilled to a few steps at
512×512. Its first run fetches 6.9 GB of weights, which the hub's cache keeps.

Memory: 3.5 billion weights in half precision are 6.5 GiB, and the sixteen pictures of a batch want about 4 GiB more;
nbgen reads how much is free and puts fewer rows into a forward where less is left. With --memory low the parts take
turns on the GPU: about 6 GiB are enough then.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import nbgen

PROMPT = "a lighthouse in a storm, oil painting"


def draw(model: Any, folder: Path, size: tuple[int, int] = (512, 512)) -> nbgen.Grid:
    """Samplers × steps × seeds in one batch; the figure, an offline page and every picture go to the folder."""
    # Guidance 1 is off: Turbo was distilled without it, and asks the denoiser once a step.
    grid = nbgen.compare(
        PROMPT, sampler=["euler", "euler_a"], steps=[1, 2, 4], seed=range(4), guidance=1, schedule="trailing",
        size=size, model=model,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    grid.save(folder / "grid.png")
    grid.save_html(folder / "grid.html")
    return grid


def main() -> None:
    parser = argparse.ArgumentParser(description="Samplers × steps × seeds with SDXL Turbo, as one grid.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("sdxl-turbo"), help="where to")
    parser.add_argument("--device", help="cuda, cpu …; the best there is when left out")
    parser.add_argument("--memory", choices=["low"], help="low: parts take turns on the GPU")
    arguments = parser.parse_args()
    try:
        model = nbgen.load("sdxl-turbo", device=arguments.device, memory=arguments.memory)
    except nbgen.errors.ModelError as problem:  # says what is missing, and the remedy
        parser.exit(1, f"{problem}\n")
    grid = draw(model, arguments.folder)
    print(f"{len(grid)} pictures in {arguments.folder}: grid.png, and grid.html to look around in")
    nbgen.unload(model)


if __name__ == "__main__":
    main()
