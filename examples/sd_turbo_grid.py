"""Four prompts × four seeds with SD-Turbo on a GPU, as one sheet: a real model in nbgen's verbs.

    python examples/sd_turbo_grid.py              # on a GPU; on a CPU it takes minutes

SD-Turbo (https://huggingface.co/stabilityai/sd-turbo, its own licence) is a Stable Diffusion 2.1 distilled to a
few steps. Its first run fetches 2.6 GB of weights, which the hub's cache keeps.

Memory: 1.29 billion weights in half precision are 2.4 GiB. All sixteen pictures of 512×512 share their
forwards; nbgen reads how much memory is free and puts fewer rows into one where less is left.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import nbgen

PROMPTS = [
    "a lighthouse in a storm, oil painting",
    "a lighthouse in a storm, woodcut",
    "a tea pot shaped like a snail, studio photograph",
    "a library inside a whale, watercolour",
]


def draw(model: Any, folder: Path, size: tuple[int, int] = (512, 512)) -> nbgen.Pictures:
    """All prompts with all seeds; the sheet and every picture, each with its recipe, are saved to the folder."""
    # Guidance 1 is off: SD-Turbo was distilled without it, and asks the denoiser once a step.
    pictures = nbgen.generate(
        PROMPTS,
        n=4,
        seed=0,
        model=model,
        sampler="euler",
        steps=2,
        guidance=1,
        size=size,
        schedule="trailing",
    )
    pictures.save(folder)
    pictures.sheet(columns=4).save(folder / "sheet.png")
    return pictures


def main() -> None:
    parser = argparse.ArgumentParser(description="Four prompts × four seeds with SD-Turbo, as one sheet.")
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("sd-turbo"), help="where to (default: sd-turbo)"
    )
    parser.add_argument("--device", help="cuda, cpu …; the best there is when left out")
    arguments = parser.parse_args()
    try:
        model = nbgen.load("sd-turbo", device=arguments.device)
    except nbgen.errors.ModelError as problem:  # says what is missing, and the remedy
        parser.exit(1, f"{problem}\n")
    pictures = draw(model, arguments.folder)
    print(f"{len(pictures)} pictures in {arguments.folder}, all on sheet.png")
    if model.device.type == "cuda":
        import torch

        print(f"Most GPU memory in use: {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
    nbgen.unload(model)


if __name__ == "__main__":
    main()
