"""What do `python -m nbgen.training gan`, `export gan` and `evaluate gan` do?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from nbgen.models.catalogue import embedded_folder
from nbgen.models.fingerprint import of_folder
from nbgen.training import checkpoints, loop
from nbgen.training.denoiser import encode_world
from nbgen.training.export import size_of
from nbgen.training.gan import GanLearner
from nbgen.training.gan_evaluate import evaluate_gan
from nbgen.training.gan_export import export_gan, remember_gan
from nbgen.training.objects import load_named
from nbgen.training.pictures import World

MINI = embedded_folder("mini") / "vae"
"""The autoencoder in whose latent space mini-gan lives."""


def world_of_gan() -> World:
    """The objects of the mini-gan that ships: some hundreds of mini's, every one at home in a group."""
    known = json.loads((embedded_folder("mini-gan") / "vocabulary.json").read_text(encoding="utf-8"))
    return load_named(known["objects"])


def make_gan(
    options: argparse.Namespace, world: World, device: torch.device, say: Callable[[str], None]
) -> None:
    """Train, export or evaluate, as the command line says."""
    if options.part == "gan":
        autoencoder = AutoencoderKL.from_pretrained(MINI).float().to(device).requires_grad_(False)
        latents = latents_of_world(autoencoder, world, options.out / "latents.safetensors")
        learner = GanLearner(world, autoencoder, device, seed=options.seed, latents=latents)
        budget = loop.Budget.parse(options.budget or "90m")
        loop.train(learner, budget, options.out, resume=not options.fresh, sheet_every=300, say=say)
    elif options.part == "export":
        export_gan(options.out, options.to, MINI)
        say(f"exported, {size_of(options.to) / 2**20:.1f} MiB")
    else:
        figures = evaluate_gan(options.to, world, device, say, options.out)
        if (options.out / "gan.safetensors").exists():
            remember_gan(options.out, figures)


def latents_of_world(autoencoder: AutoencoderKL, world: World, kept: Path) -> torch.Tensor:
    """What `encode_world` gives, kept in a file for as long as autoencoder and world are the same."""
    facts = {"autoencoder": of_folder(MINI), "objects": list(world.names)}
    if kept.exists():
        tensors, known = checkpoints.load(kept)
        if known == facts:
            return tensors["latents"]
    latents = encode_world(autoencoder, world)
    checkpoints.save(kept, {"latents": latents}, facts)
    return latents
