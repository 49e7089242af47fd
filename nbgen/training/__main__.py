"""How is mini made?  `python -m nbgen.training all`, or step by step.

    python -m nbgen.training autoencoder --budget 30m     pictures to latents and back
    python -m nbgen.training words --budget 30m           what words look like
    python -m nbgen.training denoiser --budget 3h         noise and words to latents
    python -m nbgen.training decoder --budget 20m         latents that are not quite right, made crisp
    python -m nbgen.training clip --budget 20m            which words fit a picture
    python -m nbgen.training export                       the folder that diffusers loads
    python -m nbgen.training evaluate                     does it paint what it is asked for?
    python -m nbgen.training report                       a picture of how the training went
    python -m nbgen.training student, … sketch            variants of what was exported: four steps, outlines
    python -m nbgen.training gan --budget 90m             mini-gan, in the latent space of the exported mini
    python -m nbgen.training export gan                   the folder that nbgen.load("mini-gan") reads
    python -m nbgen.training evaluate gan                 its diversity, its answers, its truncation and mixing

Trainings go on from the checkpoint in `--out` (`--fresh` starts over), draw sample sheets there as they go,
and sleep while a file named PAUSE lies in that folder or beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# Before torch: its threads otherwise spin while they wait for each other, and on a machine that does anything
# else besides, spinning made a training ten times slower (measured: 4 instead of 43 pictures/s).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from nbgen.models.catalogue import embedded_folder
from nbgen.training import loop
from nbgen.training.gan_commands import make_gan, world_of_gan
from nbgen.training.mini_commands import BUDGETS, make_mini


def read_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m nbgen.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", choices=[*BUDGETS, "export", "evaluate", "report", "all", "gan"])
    parser.add_argument("model", nargs="?", choices=["mini", "gan"], help="whose: mini (default) or gan")
    parser.add_argument("--budget", help="90m, 1.5h or 2000steps (30m, 3h; gan 90m)")
    parser.add_argument("--out", type=Path, help="checkpoints and sheets (runs/mini, runs/gan)")
    parser.add_argument("--to", type=Path, help="the exported folder (OUT/model)")
    parser.add_argument(
        "--start-from", type=Path, metavar="FOLDER", help="begin with what the model in this folder knows"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--share", type=float, default=1.0, help="of evaluate's prompts (1; 0.05 is a glance)"
    )
    parser.add_argument("--fresh", action="store_true", help="start over instead of resuming")
    options = parser.parse_args(arguments)
    gan = "gan" in (options.part, options.model)
    options.model = "gan" if gan else "mini"
    options.out = options.out or Path("runs") / options.model
    # A training never replaces what the package ships unless it is told to.
    options.to = options.to or (embedded_folder("mini-gan") if gan else options.out / "model")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says."""
    options = read_arguments(arguments)
    device = loop.pick_device(options.device)
    if options.model == "gan":
        return make_gan(options, world_of_gan(), device, tell)
    make_mini(options, device, tell)


def tell(line: str) -> None:
    """Print at once, also into a log file."""
    print(line, file=sys.stdout, flush=True)


if __name__ == "__main__":
    main()
