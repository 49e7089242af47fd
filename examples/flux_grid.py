"""FLUX.1 schnell on a GPU: four prompts × four seeds in four steps, as one sheet.

    python examples/flux_grid.py                  # needs a GPU

FLUX.1 schnell (https://huggingface.co/black-forest-labs/FLUX.1-schnell, Apache 2.0; its page may ask you to log in)
has 12 billion numbers in its transformer and 5 billion in its text encoders. Its first run fetches 34 GB of weights.

Memory: 34 GB in bfloat16, which is 31 GiB, and 2 to 6 GiB for a batch at 1024×1024. On a GPU with less, nbgen lets the
parts take turns by itself, as --memory low does: the transformer's 22 GiB have to fit then.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import nbgen

PROMPTS = [
    "a lighthouse in a storm, oil painting",
    'a shop window with the words "open late" in red neon',
    "a tea pot shaped like a snail, studio photograph",
    "a map of an island that does not exist, drawn in ink",
]


def draw(model: Any, folder: Path, size: tuple[int, int] = (1024, 1024)) -> nbgen.Pictures:
    """All prompts with all seeds; the sheet and every picture, each with its recipe, are saved to the folder."""
    # Schnell knows no guidance, neither as an input nor by two rows: four calls make a picture.
    pictures = nbgen.generate(PROMPTS, n=4, seed=0, steps=4, guidance=1, size=size, model=model)
    pictures.save(folder)
    pictures.sheet(columns=4).save(folder / "sheet.png")
    return pictures


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Four prompts × four seeds with FLUX.1 schnell, as one sheet."
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("flux"), help="where to (default: flux)")
    parser.add_argument("--memory", choices=["low"], help="low: parts take turns on the GPU")
    arguments = parser.parse_args()
    try:
        model = nbgen.load("flux-schnell", memory=arguments.memory)
    except nbgen.errors.ModelError as problem:  # says what is missing, and the remedy
        parser.exit(1, f"{problem}\n")
    pictures = draw(model, arguments.folder)
    print(f"{len(pictures)} pictures in {arguments.folder}, all on sheet.png")
    nbgen.unload(model)


if __name__ == "__main__":
    main()
