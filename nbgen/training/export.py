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
from transformers import CLIPTextModel

from nbgen.training import autoencoder, captions, checkpoints, denoiser
from nbgen.training.card import model_card
from nbgen.training.pictures import BACKGROUNDS, World
from nbgen.training.tokenizer import make_tokenizer

EXAMPLES = (
    "a red apple on a blue background",
    "a cat face",
    "a dog face on a pink background",
    "a rocket on a black background",
    "a sunflower on a purple background",
    "an octopus on a yellow background",
    "a picture of a pizza",
    "a snowman, green background",
    "a drawing of a panda",
    "an emoji of a robot on an orange background",
    "a butterfly on white",
    "the castle on a grey background",
    "a birthday cake on a red background",
)


def load_autoencoder(path: Path) -> AutoencoderKL:
    """The autoencoder of a checkpoint, frozen."""
    model = AutoencoderKL(**autoencoder.CONFIG)
    tensors, _ = checkpoints.load(path)
    model.load_state_dict(checkpoints.under("model", tensors))
    return model.eval().requires_grad_(False)


def assemble(out: Path, world: World) -> StableDiffusionPipeline:
    """The stock pipeline from the checkpoints in `out`: the denoiser's running average, float32.

    Where no denoiser has been trained yet it is random, so that a folder of the right shape can be had early.
    """
    vae = load_autoencoder(out / "autoencoder.safetensors")
    tokenizer = make_tokenizer(captions.word_counts(world))
    config = denoiser.text_config(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id)
    torch.manual_seed(0)
    text_encoder, unet = CLIPTextModel(config), UNet2DConditionModel(**denoiser.UNET_CONFIG)
    trained = out / "denoiser.safetensors"
    if trained.exists():
        tensors, facts = checkpoints.load(trained)
        average = checkpoints.under("average", tensors)
        text_encoder.load_state_dict(checkpoints.under("text_encoder", average))
        unet.load_state_dict(checkpoints.under("unet", average))
        vae.register_to_config(scaling_factor=facts["scaling_factor"])
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=DPMSolverMultistepScheduler(**denoiser.NOISE_SCHEDULE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


SCHEDULER = {
    "_class_name": "DPMSolverMultistepScheduler",
    "_diffusers_version": "0.42.1",
    **denoiser.NOISE_SCHEDULE,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
}
"""scheduler_config.json. The last three are Stable Diffusion's own, for schedulers that know them."""


def vocabulary(world: World) -> dict[str, Any]:
    """What the model can be asked for, as JSON."""
    return {
        "objects": list(world.names),
        "backgrounds": {name: list(rgb) for name, rgb in BACKGROUNDS.items()},
        "words": captions.all_words(world),
        "wordings": [
            *captions.SUBJECTS,
            *(f"{captions.SUBJECTS[0]}{ground}" for ground in dict.fromkeys(captions.GROUNDS)),
        ],
        "examples": list(EXAMPLES),
    }


def export(out: Path, folder: Path, world: World) -> None:
    """Write the model to `folder` in half precision, replacing what was there in one move.

    The figures that `remember` kept go into the model card, unless training has gone on since.
    """
    pipeline = assemble(out, world)
    fresh, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    for module in (pipeline.vae, pipeline.text_encoder, pipeline.unet):
        module.half()
    pipeline.save_pretrained(fresh, safe_serialization=True)
    # Only what the model was trained with and what latents need: a scheduler of any class that is built from
    # this file keeps its own defaults for the rest.
    (fresh / "scheduler" / "scheduler_config.json").write_text(
        json.dumps(SCHEDULER, indent=2) + "\n", encoding="utf-8"
    )
    # The files are half precision to be small; whoever loads them computes in float32, a CPU's own.
    correct(fresh / "text_encoder" / "config.json", dtype="float32")
    for weights in fresh.rglob("*.safetensors"):
        weights.chmod(0o644)
    (fresh / "vocabulary.json").write_text(json.dumps(vocabulary(world), indent=1) + "\n", encoding="utf-8")
    (fresh / "README.md").write_text(
        model_card(world, training_facts(out), remembered(out)), encoding="utf-8"
    )
    if folder.exists():
        os.replace(folder, old)
    folder.parent.mkdir(parents=True, exist_ok=True)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)


def correct(path: Path, **values: Any) -> None:
    """Set values in a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | values, indent=2) + "\n", encoding="utf-8")


def training_facts(out: Path) -> dict[str, dict[str, Any]]:
    """Steps and seconds that each part has been trained for."""
    parts = {}
    for name in ("autoencoder", "denoiser"):
        path = out / f"{name}.safetensors"
        if path.exists():
            _, facts = checkpoints.load(path)
            parts[name] = {"steps": facts["step"], "minutes": round(facts["seconds"] / 60, 1)}
    return parts


def remember(out: Path, figures: dict[str, Any]) -> None:
    """Keep what `evaluate` found, and how long the model had been trained then."""
    out.mkdir(parents=True, exist_ok=True)
    kept = {"training": training_facts(out), "figures": figures}
    (out / "evaluation.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def remembered(out: Path) -> dict[str, Any] | None:
    """The figures that were kept, if they are those of the model as it is now."""
    path = out / "evaluation.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return kept["figures"] if kept.get("training") == training_facts(out) else None


def size_of(folder: Path) -> int:
    """Bytes in all files under `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
