"""What do `python -m nbgen.training autoencoder`, `denoiser`, … `all` do?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import torch

from nbgen.training import loop
from nbgen.training.autoencoder import AutoencoderLearner
from nbgen.training.card import VARIANTS
from nbgen.training.clip import ClipLearner
from nbgen.training.composition import Composer
from nbgen.training.decoder import DecoderLearner
from nbgen.training.denoiser import DenoiserLearner
from nbgen.training.evaluate import evaluate
from nbgen.training.export import (
    assemble,
    export,
    lender,
    load_words,
    remember,
    size_of,
    speaker_of,
    trained_autoencoder,
    variant_of,
)
from nbgen.training.objects import load_named, load_objects
from nbgen.training.painting import load_pipeline
from nbgen.training.report import REPORT, report, save
from nbgen.training.shards import Shards
from nbgen.training.supply import Supply, encoder
from nbgen.training.words import WordsLearner, load_readers

BUDGETS = {
    "autoencoder": "30m",
    "words": "30m",
    "denoiser": "3h",
    "decoder": "20m",
    "clip": "20m",
    "student": "40m",
    "sketch": "60m",
}
"""What a training takes where no budget is given."""
SHARES = {"autoencoder": 0.15, "words": 0.25, "denoiser": 0.5, "decoder": 0.05, "clip": 0.05}
"""How `all` divides its budget."""
EVERY = 150.0
"""Seconds between checkpoints: what a crash costs at most."""

Say = Callable[[str], None]


def make_mini(options: argparse.Namespace, device: torch.device, say: Say) -> None:
    """One part, or all of them one after the other."""
    # Exported twice: what is evaluated is the exported folder, and its model card has the figures.
    everything = [*SHARES, "export", "evaluate", "report", "export"]
    whole = loop.Budget.parse(options.budget) if options.budget and options.part == "all" else None
    for part in everything if options.part == "all" else [options.part]:
        if part in BUDGETS:
            budget = whole.part(SHARES[part]) if whole else loop.Budget.parse(options.budget or BUDGETS[part])
            learn(part, budget, options, device, say)
        elif part == "export":
            export(options.out, options.to, load_objects(), options.start_from)
            say(f"exported to {options.to}, {size_of(options.to) / 2**20:.1f} MiB")
        elif part == "report":
            save(report(options.out), options.out / REPORT)
            say(f"{options.out / REPORT}: the loss and what was painted on the way")
        else:
            sheets = options.out / "sheets"
            figures = evaluate(options.to, share=options.share, device=device, say=say, sheets=sheets)
            remember(options.out, figures)


def learn(
    part: str, budget: loop.Budget, options: argparse.Namespace, device: torch.device, say: Say
) -> None:
    """Train one part until its budget is spent, going on from its checkpoint where there is one."""
    learner = make_learner(part, options, device)
    usual = torch.get_num_threads()
    if device.type == "cpu":
        # The learner's own threads compute, one a core. A team of helpers beside them would take their cores.
        torch.set_num_threads(1)
    try:
        loop.train(learner, budget, options.out, resume=not options.fresh, every=EVERY, say=say)
    finally:
        torch.set_num_threads(usual)  # the next learner counts the cores by it
    if part in VARIANTS:
        learner.export(variant_of(options.to, part))  # type: ignore[attr-defined]


def make_learner(part: str, options: argparse.Namespace, device: torch.device) -> loop.Learner:
    """The learner of a part; without a checkpoint it begins with `--start-from`, where that is given."""
    world = load_objects()
    if part == "autoencoder":
        learner = AutoencoderLearner(world, device, seed=options.seed)
        if options.start_from:
            learner.start_from(options.start_from)
        return learner
    if part in VARIANTS:
        return make_variant(part, options, device)
    if part == "decoder":
        trained = (options.out / "denoiser.safetensors").exists()
        if not trained and not lender(options.out, world, options.start_from).knows_the_words:
            raise FileNotFoundError(
                "the decoder learns from what the UNet gives: train the denoiser first, or start from a model with one."
            )
        pipeline = assemble(options.out, world, options.start_from, decoder=False)
        return DecoderLearner(pipeline, Composer(world), speaker_of(world), device, seed=options.seed)
    if part == "clip":
        text_encoder, tokenizer = load_words(options.out, world, options.start_from)
        synonyms = speaker_of(world).synonyms
        return ClipLearner(world, text_encoder, tokenizer, device, seed=options.seed, synonyms=synonyms)
    autoencoder = trained_autoencoder(options.out, options.start_from).to(device)
    if part == "words":
        return WordsLearner(world, autoencoder, device, seed=options.seed)
    text_encoder, tokenizer = load_words(options.out, world, options.start_from)
    denoiser = DenoiserLearner(world, autoencoder, text_encoder, tokenizer, device, seed=options.seed)
    if options.start_from:
        denoiser.start_from(options.start_from)
    known, begun = (options.out / f"{name}.safetensors" for name in ("words", "denoiser"))
    if known.exists() and (options.fresh or not begun.exists()):
        denoiser.listen(load_readers(known))
    return denoiser


def make_variant(part: str, options: argparse.Namespace, device: torch.device) -> loop.Learner:
    """The learner of a variant of the model exported to `--to`."""
    # Here, since only these need peft and nbgen's verbs.
    from nbgen.training.sketch import SketchLearner
    from nbgen.training.student import StudentLearner

    pipeline = load_pipeline(options.to, device)
    world = load_named(json.loads((options.to / "vocabulary.json").read_text(encoding="utf-8"))["objects"])
    encode = encoder(pipeline.vae, Shards.on(device))
    supply = Supply(Composer(world), speaker_of(world), encode, batch=32, seed=options.seed, capacity=4_096)
    return (StudentLearner if part == "student" else SketchLearner)(
        pipeline, supply, device, seed=options.seed
    )
