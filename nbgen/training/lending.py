"""What can a finished model lend to a training that has no checkpoint of it?  All that knows the same words.

Checkpoints are large and stay where the training ran; the exported folder travels. So whoever has only that can
still teach the decoder, the CLIP or a variant more, and export the whole again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

HISTORY = "training.json"
"""Steps and minutes of each part, in the exported folder."""


class Lender:
    """A finished model, in `folder` (None: there is none), beside a world with those names and caption words.

    anew: whether the training has words of its own; then nothing of the model's that reads words is of use
    """

    def __init__(
        self,
        folder: Path | None,
        names: Collection[str] = (),
        words: Collection[str] = (),
        *,
        anew: bool = False,
    ) -> None:
        self.folder = folder
        self.knows_the_words = False
        """Whether its text encoder and UNet mean the same by every token; an earlier, smaller mini's do not."""
        if not anew and folder is not None and (folder / "vocabulary.json").exists():
            known = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
            self.knows_the_words = known["objects"] == list(names) and known["words"] == sorted(words)

    def autoencoder(self) -> AutoencoderKL | None:
        """Its autoencoder, frozen, float32: whatever it can draw, latents are latents."""
        if self.folder is None:
            return None
        given = AutoencoderKL.from_pretrained(self.folder, subfolder="vae").float()
        return given.eval().requires_grad_(False)

    def text_encoder(self) -> CLIPTextModel | None:
        """Its text encoder, float32."""
        if self.folder is None or not self.knows_the_words:
            return None
        return CLIPTextModel.from_pretrained(self.folder, subfolder="text_encoder").float().eval()

    def unet(self) -> tuple[UNet2DConditionModel, float] | None:
        """Its UNet, float32, and the scaling factor of the latents it learned on."""
        if self.folder is None or not self.knows_the_words:
            return None
        config = AutoencoderKL.load_config(self.folder, subfolder="vae")
        unet = UNet2DConditionModel.from_pretrained(self.folder, subfolder="unet").float()
        return unet.eval(), config["scaling_factor"]

    def lend_clip(self, folder: Path) -> None:
        """Copy its CLIP, if it has one, into the exported `folder`, whose text encoder is its own."""
        if self.folder is not None and self.knows_the_words and (self.folder / "clip").exists():
            shutil.copytree(self.folder / "clip", folder / "clip")

    def history(self) -> dict[str, dict[str, Any]]:
        """How long each of its parts has learned, if it says so and any of them can be lent."""
        path = self.folder / HISTORY if self.folder and self.knows_the_words else None
        return json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}
