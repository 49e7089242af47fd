"""How strong should a LoRA be? Its weights against seeds, each cell labelled, as one figure.

    python examples/lora_strength_sweep.py ink.safetensors --prompt "a lighthouse, ink drawing"

The LoRA is a .safetensors file for the model, which is Stable Diffusion 1.5 here
(https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5, CreativeML OpenRAIL-M); its first run fetches
2.1 GB of weights, which the hub's cache keeps. With --model sdxl it has to be a LoRA for SDXL.

Memory: 1.07 billion weights in half precision are 2 GiB. The weights that the LoRA changes lie beside them once more,
merged: about 0.2 GiB where it changes the attention of the UNet, 0.5 GiB with all of its blocks of attention (SDXL: 6.5
GiB, and 1.8 or 4.1 GiB more). All eighteen pictures share their forwards by weight; nbgen reads how much memory is free
and puts fewer rows into one where less is left. On a CPU, in float32, it is all twice as much, and minutes a picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import nbgen

PROMPT = "a lighthouse on a cliff, evening light"


def draw(
    model: Any,
    lora: Path,
    folder: Path,
    prompt: str = PROMPT,
    size: tuple[int, int] | None = None,
    **fields: Any,
) -> nbgen.Grid:
    """Weights × seeds, without the LoRA first; the figure, an offline page and every picture go to the folder."""
    # All pictures of one weight are finished before the next begins: the model's weights change five times in all.
    weights = [{lora: weight} for weight in nbgen.spread(0.0, 1.0, n=6)]
    grid = nbgen.compare(prompt, seed=range(3), adapters=weights, size=size, model=model, **fields)
    folder.mkdir(parents=True, exist_ok=True)
    grid.save(folder / "grid.png")
    grid.save_html(folder / "grid.html")
    return grid


def main() -> None:
    parser = argparse.ArgumentParser(description="Weights of a LoRA × seeds, as one grid.")
    parser.add_argument("lora", type=Path, help="a .safetensors file")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("lora"), help="where to")
    parser.add_argument("--prompt", default=PROMPT)
    parser.add_argument("--model", default="sd15", help="a name of nbgen.list_models(), a folder or a file")
    parser.add_argument("--device", help="cuda, cpu …; the best there is when left out")
    arguments = parser.parse_args()
    if not arguments.lora.is_file():
        parser.error(f"there is no file {arguments.lora.name!r}: a LoRA is one .safetensors file.")
    try:
        model = nbgen.load(arguments.model, device=arguments.device)
    except nbgen.errors.ModelError as problem:  # says what is missing, and the remedy
        parser.exit(1, f"{problem}\n")
    grid = draw(model, arguments.lora, arguments.folder, arguments.prompt)
    print(f"{len(grid)} pictures in {arguments.folder}: grid.png, and grid.html to look around in")
    nbgen.unload(model)


if __name__ == "__main__":
    main()
