"""How does what was trained become a model that anyone can load?  A folder as diffusers lays it out.

`StableDiffusionPipeline.from_pretrained(folder)` needs nothing of nbgen. Beside the weights lie
`vocabulary.json`, what the model can be asked for, and `README.md`, its model card.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from nbgen.training import autoencoder, checkpoints, denoiser, scenes, wordings, words
from nbgen.training.card import model_card
from nbgen.training.decoder import put_into
from nbgen.training.export_clip import export_clip, prefixed_tower
from nbgen.training.folders import correct, forget_origin, write_json
from nbgen.training.gallery import FAILURES, SHEET, SKETCHES
from nbgen.training.lending import HISTORY, Lender
from nbgen.training.pictures import BACKGROUNDS, World
from nbgen.training.plurals import tie
from nbgen.training.report import REPORT
from nbgen.training.synonyms import plural_words, read_synonyms
from nbgen.training.tokenizer import make_tokenizer
from nbgen.training.wordings import Speaker

EXAMPLES = (
    "a red apple on a blue background",
    "a cat face",
    "a dog next to a cat",
    "two red apples on a green background",
    "a rocket on a black background",
    "a small octopus on the left",
    "a neon guitar",
    "a star above a house",
    "a pencil sketch of a snail",
    "three balloons on a pink background",
    "a pixel art robot",
    "a watercolour of a sunflower",
    "a large birthday cake on a red background",
)


def load_autoencoder(path: Path) -> AutoencoderKL:
    """The autoencoder of a checkpoint, frozen."""
    model = AutoencoderKL(**autoencoder.CONFIG)
    tensors, _ = checkpoints.load(path)
    model.load_state_dict(checkpoints.under("model", tensors))
    return model.eval().requires_grad_(False)


def load_words(
    out: Path, world: World, start_from: Path | None = None
) -> tuple[CLIPTextModel, CLIPTokenizer]:
    """The text encoder that `words` trained in `out`, its running average, float32; and the tokenizer.

    Where none has been trained it is that of the model to start from, if it knows the same words, or else random, so
    that a folder of the right shape can be had early.
    """
    tokenizer = make_tokenizer(speaker_of(world).word_counts())
    config = words.text_config(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id)
    torch.manual_seed(0)
    text_encoder = CLIPTextModel(config)
    trained = out / "words.safetensors"
    lent = lender(out, world, start_from).text_encoder()
    if lent is not None:
        text_encoder = lent
    elif trained.exists():
        average = checkpoints.under("average", checkpoints.load(trained)[0])
        text_encoder.load_state_dict(
            untied(checkpoints.under("text_encoder", average), config, world, tokenizer)
        )
    return text_encoder.eval(), tokenizer


def untied(
    tensors: checkpoints.Tensors, config: CLIPTextConfig, world: World, tokenizer: CLIPTokenizer
) -> checkpoints.Tensors:
    """A text encoder's weights with tied plurals as those of an ordinary one."""
    tied = CLIPTextModel(config)
    plain = set(tied.state_dict())
    tie(tied, tokenizer, plural_words(world.names))
    tied.load_state_dict(tensors)
    table = getattr(tied, "text_model", tied).embeddings.token_embedding.table()
    found = {name: tensor for name, tensor in tied.state_dict().items() if name in plain}
    (name,) = (name for name in found if name.endswith("token_embedding.weight"))
    return {**found, name: table}


def assemble(
    out: Path, world: World, start_from: Path | None = None, *, decoder: bool = True
) -> StableDiffusionPipeline:
    """The stock pipeline from the checkpoints in `out`: the denoiser's running average, float32.

    start_from: the model that lends what has not been trained in `out`; decoder: whether what the decoder learned at
    the end is taken, too
    """
    vae = trained_autoencoder(out, start_from)
    text_encoder, tokenizer = load_words(out, world, start_from)
    torch.manual_seed(0)
    unet = UNet2DConditionModel(**denoiser.UNET_CONFIG)
    trained = out / "denoiser.safetensors"
    if trained.exists():
        tensors, facts = checkpoints.load(trained)
        unet.load_state_dict(checkpoints.under("average.unet", tensors))
        vae.register_to_config(scaling_factor=facts["scaling_factor"])
    elif (lent := lender(out, world, start_from).unet()) is not None:
        unet, scaling_factor = lent
        vae.register_to_config(scaling_factor=scaling_factor)
    if decoder and (out / "decoder.safetensors").exists():
        put_into(vae, checkpoints.load(out / "decoder.safetensors")[0])
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=DPMSolverMultistepScheduler(**denoiser.NOISE_SCHEDULE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def trained_autoencoder(out: Path, start_from: Path | None = None) -> AutoencoderKL:
    """The one trained in `out`, or else that of the model to start from, frozen, float32."""
    path = out / "autoencoder.safetensors"
    lent = None if path.exists() else Lender(start_from).autoencoder()
    return load_autoencoder(path) if lent is None else lent


def lender(out: Path, world: World, start_from: Path | None) -> Lender:
    """What the model to start from can lend to the training in `out`."""
    anew = (out / "words.safetensors").exists()
    return Lender(start_from, world.names, speaker_of(world).word_counts(), anew=anew)


EVALUATION = "evaluation.json"
"""What `evaluate` found, in the folder of a training."""
AT_ONCE = 3600.0
"""Seconds that an evaluation may take."""

SCHEDULER = {
    "_class_name": "DPMSolverMultistepScheduler",
    "_diffusers_version": "0.42.1",
    **denoiser.NOISE_SCHEDULE,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
}
"""scheduler_config.json. The last three are Stable Diffusion's own, for schedulers that know them."""


def speaker_of(world: World) -> Speaker:
    """Who says scenes of this world, with synonyms."""
    return Speaker(world.names, read_synonyms(world.names))


def vocabulary(world: World) -> dict[str, Any]:
    """What the model can be asked for, as JSON. "words" are all words that any caption can have."""
    speaker = speaker_of(world)
    synonyms = {keyword: [world.names[n] for n in things] for keyword, things in speaker.synonyms.items()}
    return {
        "objects": list(world.names),
        "backgrounds": {name: list(rgb) for name, rgb in BACKGROUNDS.items()},
        "words": sorted(speaker.word_counts()),
        "synonyms": synonyms,
        "wordings": wordings.every_wording(),
        "held out": f"one pair in {scenes.HELD_OUT_OF}, by nbgen.training.scenes.is_held_out",
        "examples": list(EXAMPLES),
    }


def export(out: Path, folder: Path, world: World, start_from: Path | None = None) -> None:
    """Write the model to `folder` in half precision, replacing what was there in one move.

    The figures that `remember` kept go into the model card with the sheets that were drawn then, unless training
    has gone on since; so does what a person has written into `remarks.md` in `out`.
    """
    pipeline = assemble(out, world, start_from)
    fresh, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    for module in (pipeline.vae, pipeline.text_encoder, pipeline.unet):
        module.half()
    pipeline.save_pretrained(fresh, safe_serialization=True)
    prefixed_tower(fresh / "text_encoder" / "model.safetensors")
    # Only what the model was trained with and what latents need: a scheduler of any class that is built from
    # this file keeps its own defaults for the rest.
    (fresh / "scheduler" / "scheduler_config.json").write_text(
        json.dumps(SCHEDULER, indent=2) + "\n", encoding="utf-8"
    )
    # The files are half precision to be small; whoever loads them computes in float32, a CPU's own.
    correct(fresh / "text_encoder" / "config.json", dtype="float32")
    lend = lender(out, world, start_from)
    if not export_clip(out, fresh):
        lend.lend_clip(fresh)
    for weights in fresh.rglob("*.safetensors"):
        weights.chmod(0o644)
    for settings in fresh.rglob("config.json"):
        forget_origin(settings)
    write_json(fresh / "vocabulary.json", vocabulary(world))
    history = {**lend.history(), **training_facts(out)}
    write_json(fresh / HISTORY, history)
    write_card(out, fresh, world, history)
    if folder.exists():
        os.replace(folder, old)
    folder.parent.mkdir(parents=True, exist_ok=True)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)


def write_card(out: Path, folder: Path, world: World, history: dict[str, dict[str, Any]]) -> None:
    """Put the model card into `folder`, and its pictures beside it; history: each part's steps and minutes."""
    figures, remarks = remembered(out), out / "remarks.md"
    drawn = {name.removeprefix("evaluation-"): out / "sheets" / name for name in (SHEET, FAILURES, SKETCHES)}
    drawn[REPORT] = out / REPORT
    pictures = [name for name, path in drawn.items() if figures and is_newer(path, out / EVALUATION)]
    for name in pictures:
        shutil.copyfile(drawn[name], folder / name)
    card = model_card(
        world, history, figures, pictures=pictures,
        remarks=remarks.read_text(encoding="utf-8") if remarks.exists() else "",
    )  # fmt: skip
    (folder / "README.md").write_text(card, encoding="utf-8")


def is_newer(path: Path, evaluation: Path) -> bool:
    """Whether a picture is of the model that was judged last; sheets are drawn moments before the figures are kept."""
    return path.exists() and path.stat().st_mtime > evaluation.stat().st_mtime - AT_ONCE


def training_facts(out: Path) -> dict[str, dict[str, Any]]:
    """Steps and seconds that each part has been trained for."""
    parts = {}
    for name in ("autoencoder", "words", "denoiser", "decoder", "clip", "sketch", "student"):
        path = out / f"{name}.safetensors"
        if path.exists():
            _, facts = checkpoints.load(path)
            parts[name] = {"steps": facts["step"], "minutes": round(facts["seconds"] / 60, 1)}
    return parts


def remember(out: Path, figures: dict[str, Any]) -> None:
    """Keep what `evaluate` found, and how long the model had been trained then."""
    out.mkdir(parents=True, exist_ok=True)
    kept = {"training": training_facts(out), "figures": figures}
    write_json(out / EVALUATION, kept)


def remembered(out: Path) -> dict[str, Any] | None:
    """The figures that were kept, if they are those of the model as it is now."""
    path = out / EVALUATION
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return kept["figures"] if kept.get("training") == training_facts(out) else None


def variant_of(folder: Path, part: str) -> Path:
    """Where a variant of the model in `folder` lies: beside it, "mini-sketch" beside "mini"."""
    return folder.with_name(f"{folder.name}-{part}")


def size_of(folder: Path) -> int:
    """Bytes in all files under `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
