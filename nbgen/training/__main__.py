"""How is mini made?  `python -m nbgen.training all`, or step by step.

    python -m nbgen.training autoencoder --budget 33m     pictures to latents and back
    python -m nbgen.training denoiser --budget 90m        noise and words to latents
    python -m nbgen.training export                       the folder that diffusers loads
    python -m nbgen.training evaluate                     does it paint what it is asked for?
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

from nbgen.training import loop
from nbgen.training.autoencoder import AutoencoderLearner
from nbgen.training.denoiser import DenoiserLearner
from nbgen.training.evaluate import evaluate
from nbgen.training.export import export, load_autoencoder, remember, size_of
from nbgen.training.gan_commands import make_gan
from nbgen.training.pictures import load_world

ASSETS = Path(__file__).parent.parent / "assets" / "mini"
BUDGETS = {"autoencoder": "33m", "denoiser": "90m"}


def read_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m nbgen.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", choices=["autoencoder", "denoiser", "export", "evaluate", "all", "gan"])
    parser.add_argument("model", nargs="?", choices=["mini", "gan"], help="whose: mini (default) or gan")
    parser.add_argument("--budget", help="for one training: 90m, 1.5h or 2000steps (33m, 90m, 90m)")
    parser.add_argument("--out", type=Path, help="checkpoints and sheets (runs/mini, runs/gan)")
    parser.add_argument("--to", type=Path, help="the exported folder (the package's own)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true", help="start over instead of resuming")
    options = parser.parse_args(arguments)
    gan = "gan" in (options.part, options.model)
    options.model = "gan" if gan else "mini"
    options.out = options.out or Path("runs") / options.model
    options.to = options.to or (ASSETS.with_name("mini-gan") if gan else ASSETS)
    return options


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says."""
    options = read_arguments(arguments)
    device = loop.pick_device(options.device)
    world = load_world()
    if options.model == "gan":
        return make_gan(options, world, device, tell)
    # Exported twice: what is evaluated is the exported folder, and its model card has the figures.
    everything = ["autoencoder", "denoiser", "export", "evaluate", "export"]
    for part in everything if options.part == "all" else [options.part]:
        if part in BUDGETS:
            learner: loop.Learner
            if part == "autoencoder":
                learner = AutoencoderLearner(world, device, seed=options.seed)
            else:
                trained = load_autoencoder(options.out / "autoencoder.safetensors").to(device)
                learner = DenoiserLearner(world, trained, device, seed=options.seed)
            budget = loop.Budget.parse(options.budget or BUDGETS[part])
            loop.train(learner, budget, options.out, resume=not options.fresh, say=tell)
        elif part == "export":
            export(options.out, options.to, world)
            tell(f"exported, {size_of(options.to) / 2**20:.1f} MiB")
        else:
            figures = evaluate(options.to, world, device=device, say=tell, sheets=options.out / "sheets")
            remember(options.out, figures)


def tell(line: str) -> None:
    """Print at once, also into a log file."""
    print(line, file=sys.stdout, flush=True)


if __name__ == "__main__":
    main()
