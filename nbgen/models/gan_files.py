"""How does mini-gan lie in its folder?  Weights as safetensors, settings and vocabulary as JSON, no pickle."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ..errors import DamagedFileError, MissingFileError, ModelError
from ..recipe import ModelRef
from .base import Model
from .catalogue import EMBEDDED, embedded_folder
from .fingerprint import of_file, of_folder, of_tensors
from .gan import Generator
from .gan_networks import Discriminator, StyleGenerator
from .gan_words import GanWords
from .styled_gan import StyledGenerator

INDEX = "gan.json"
"""The file that says that a folder holds a GAN, and how large its networks are."""
AUTOENCODER = "diffusion_pytorch_model.safetensors"
"""The weights of an autoencoder in its folder, as diffusers calls them."""


def gan_folder(place: str | os.PathLike[str]) -> Path | None:
    """The folder of a GAN that `read_gan` reads, by a shipped name or a path; None for anything else."""
    shipped = isinstance(place, str) and place in EMBEDDED
    try:
        folder = embedded_folder(str(place)) if shipped else Path(place)
        return folder if (folder / INDEX).is_file() else None
    except (OSError, ValueError):  # a name that no file system takes
        return None


def handed_over(module: Any, latent: Any, rows: int | None) -> Model:
    """The Model of a user's own generator. Raises ModelError for what is none."""
    if not isinstance(module, torch.nn.Module):
        raise ModelError(f"gan must be a torch.nn.Module, not {type(module).__name__}.")
    if isinstance(latent, bool) or not isinstance(latent, int) or latent < 1:
        raise ModelError(
            "a generator needs the length of its latent, as in nbgen.load(gan=module, latent=512)."
        )
    return Generator(module, latent, rows=rows)


def read_gan(folder: Path, name: str, device: torch.device, rows: int | None = None) -> StyledGenerator:
    """The GAN in a folder, in float32. Raises MissingFileError and DamagedFileError."""
    from diffusers import AutoencoderKL

    index = _json(folder / INDEX)
    listed = _json(folder / "vocabulary.json")
    try:
        generator = StyleGenerator(**index["generator"])
        discriminator = Discriminator(**index["discriminator"])
        words = GanWords(listed["objects"], listed["groups"], listed["backgrounds"])
        scale = float(index["scaling_factor"])
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(
            f"the settings of the GAN {name!r} are not complete: {str(error)[:80]}."
        ) from None
    for part, called in ((generator, "generator"), (discriminator, "discriminator")):
        path = folder / f"{called}.safetensors"
        if not path.is_file():
            raise MissingFileError(f"the GAN {name!r} has no {path.name}.")
        try:
            part.load_state_dict({key: tensor.float() for key, tensor in load_file(path).items()})
        except Exception as error:  # the reader raises its own kinds for a file that ends early
            raise DamagedFileError(
                f"{path.name} of the GAN {name!r} does not fit its settings: {str(error)[:120]}"
            ) from None
        part.to(device).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        part.requires_grad_(False)
    painter = _painter(folder, index, name)
    autoencoder: Any = AutoencoderKL.from_pretrained(painter, local_files_only=True)
    autoencoder = autoencoder.float().to(device).to(memory_format=torch.channels_last)
    autoencoder.eval().requires_grad_(False)
    return StyledGenerator(
        generator, autoencoder, words, discriminator=discriminator, name=name,
        ref=ModelRef(name, _fingerprint(folder, painter), "float32"), rows=rows, scaling_factor=scale,
    )  # fmt: skip


def of_encoder(weights: Path) -> str:
    """A checksum of an autoencoder's first half, which decides what latents mean; the second may learn on."""
    first = {
        name: t for name, t in load_file(weights).items() if name.startswith(("encoder.", "quant_conv."))
    }
    return of_tensors(sorted(first.items()))


def _fingerprint(folder: Path, painter: Path) -> str:
    """Of all that pictures depend on, an autoencoder elsewhere too."""
    own = of_folder(folder)
    if painter.parent == folder:
        return own
    return hashlib.sha256(f"{own} {of_file(painter / AUTOENCODER)}".encode()).hexdigest()[:32]


def _painter(folder: Path, index: dict[str, Any], name: str) -> Path:
    """The folder of the autoencoder: the GAN's own, or that of the model beside it, as long as it is the same one."""
    shared = index.get("autoencoder")
    if shared is None:
        return folder / "vae"
    try:
        beside, wanted = Path(shared["beside"]).name, shared["encoder"]
    except (KeyError, TypeError):
        raise DamagedFileError(
            f"the settings of the GAN {name!r} do not say whose autoencoder it has."
        ) from None
    place = folder.parent / beside / "vae"
    if not (place / AUTOENCODER).is_file():
        raise MissingFileError(
            f"the GAN {name!r} paints with the autoencoder of {beside!r}, whose folder is not beside its own."
        )
    if of_encoder(place / AUTOENCODER) != wanted:
        raise DamagedFileError(
            f"the GAN {name!r} was trained with another autoencoder than the one that {beside!r} has now."
        )
    return place


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFileError(f"a GAN's folder needs {path.name}, and this one has none.") from None
    except ValueError as error:
        raise DamagedFileError(f"{path.name} cannot be read: {str(error)[:80]}.") from None
    if not isinstance(found, dict):
        raise DamagedFileError(f"{path.name} must hold a JSON object.")
    return found
