"""How does a trained GAN become a folder that `nbgen.load` reads?  Weights in half precision, and a decoder."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL
from safetensors.torch import save_file

from nbgen.models.gan_files import AUTOENCODER, INDEX, of_encoder
from nbgen.training import checkpoints
from nbgen.training.folders import write_json
from nbgen.training.gan_card import gan_card
from nbgen.training.gan_words import with_larger
from nbgen.training.pictures import BACKGROUNDS


def export_gan(out: Path, folder: Path, vae: Path) -> None:
    """Write the checkpoint in `out` to `folder`, replacing what was there in one move.

    The generator is its running average. `vae` is the autoencoder it was trained with. Where that lies in a model's
    folder beside this one, only its encoder is named, and copied otherwise. The figures that `remember_gan` kept go
    into the model card, unless training has gone on since.
    """
    tensors, facts = checkpoints.load(out / "gan.safetensors")
    fresh, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    average = checkpoints.under("generator", checkpoints.under("average", tensors))
    parts = {"generator": average, "discriminator": checkpoints.under("discriminator", tensors)}
    for name, part in parts.items():
        half = {key: tensor.half().contiguous() for key, tensor in part.items()}
        save_file(half, fresh / f"{name}.safetensors")
    index = {name: facts[name] for name in ("generator", "discriminator", "scaling_factor")}
    if vae.resolve().parent.parent == folder.resolve().parent:
        index["autoencoder"] = {"beside": vae.parent.name, "encoder": of_encoder(vae / AUTOENCODER)}
    else:
        copy_autoencoder(vae, fresh / "vae")
    for weights in fresh.rglob("*.safetensors"):
        weights.chmod(0o644)
    write_json(fresh / INDEX, index)
    groups = with_larger(facts["groups"])
    words = {"objects": facts["objects"], "groups": groups, "backgrounds": BACKGROUNDS}
    write_json(fresh / "vocabulary.json", words)
    (fresh / "README.md").write_text(gan_card(facts, remembered_gan(out)), encoding="utf-8")
    if (out / "sheet.png").exists():
        shutil.copyfile(out / "sheet.png", fresh / "sheet.png")
    if folder.exists():
        os.replace(folder, old)
    folder.parent.mkdir(parents=True, exist_ok=True)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)


def copy_autoencoder(source: Path, folder: Path) -> None:
    """Write it in half precision, without a word of where it came from."""
    decoder: Any = AutoencoderKL.from_pretrained(source)
    decoder.half().save_pretrained(folder, safe_serialization=True)
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    settings.pop("_name_or_path", None)
    write_json(folder / "config.json", settings)


def remember_gan(out: Path, figures: dict[str, Any]) -> None:
    """Keep what `evaluate gan` found, and how long the model had been trained then."""
    _, facts = checkpoints.load(out / "gan.safetensors")
    write_json(out / "evaluation.json", {"step": facts["step"], "figures": figures})


def remembered_gan(out: Path) -> dict[str, Any] | None:
    """The figures that were kept, if they are those of the model as it is now."""
    path = out / "evaluation.json"
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    _, facts = checkpoints.load(out / "gan.safetensors")
    return kept["figures"] if kept["step"] == facts["step"] else None
