"""Which words fit a picture?  Mini's own CLIP (Radford et al., 2103.00020): an image tower beside its text tower.

The text tower is the one that the UNet listens to, and stays as it is: what the UNet can tell apart by its words
is what a picture can be asked for. Only the image tower and both projections learn (Zhai et al., 2111.07991,
with the roles of words and pictures exchanged).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import CLIPConfig, CLIPModel, CLIPTextModel, CLIPTokenizer

from nbgen.training import checkpoints
from nbgen.training.composition import Composer
from nbgen.training.loop import autocast
from nbgen.training.pictures import SIZE, World
from nbgen.training.scenes import KINDS, draw_scene
from nbgen.training.shards import Shards
from nbgen.training.sheets import contact_sheet
from nbgen.training.supply import among
from nbgen.training.tokenizer import tokenize
from nbgen.training.wordings import Speaker

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained on: what every CLIP image processor expects, so ours does too."""

IMAGE_TOWER: dict[str, Any] = {
    "image_size": SIZE,
    "patch_size": 8,
    "hidden_size": 128,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
}
TOGETHER = 128
"""Numbers in what both towers are projected to."""


def make_clip(text_encoder: CLIPTextModel) -> CLIPModel:
    """A CLIP whose text tower has the weights of `text_encoder`, frozen, and whose rest is new."""
    text = {**text_encoder.config.to_dict(), "projection_dim": TOGETHER}
    vision = {**IMAGE_TOWER, "projection_dim": TOGETHER}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=TOGETHER))
    # The tower is the same in both classes, whatever the prefix of its names.
    given = {name.removeprefix("text_model."): t for name, t in text_encoder.state_dict().items()}
    model.text_model.load_state_dict(given)
    model.text_model.requires_grad_(False)
    return model


def as_seen(pictures: np.ndarray) -> torch.Tensor:
    """uint8 (n, 64, 64, 3) to what the image tower takes, float32 (n, 3, 64, 64)."""
    pixels = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255
    return (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


class ClipLearner:
    """Trains the image tower on all kinds of scenes. A `nbgen.training.loop.Learner`."""

    name = "clip"

    def __init__(
        self, world: World, text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer, device: torch.device, *,
        batch: int = 128, seed: int = 0, synonyms: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self.world, self.device, self.batch, self.seed, self.peak = world, device, batch, seed, 1e-3
        self.composer, self.speaker = Composer(world), Speaker(world.names, synonyms or {})
        self.among = among(self.composer, self.speaker)
        self.tokenizer = tokenizer
        self.model = make_clip(text_encoder).to(device)
        if device.type == "cpu":
            self.model.set_attn_implementation("eager")
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.shards = Shards(1)  # whole: every picture of the batch is to be told from every other
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=self.peak, betas=(0.9, 0.98), weight_decay=0.05
        )

    def draw(self, number: int) -> tuple[np.ndarray, list[str]]:
        """Pictures, uint8 (batch, 64, 64, 3), and captions of step `number`: the same for the same seed."""
        draw = np.random.default_rng([self.seed, 2, number])
        scenes = []
        for _ in range(self.batch):
            kind = "plain" if draw.random() < 0.4 else str(draw.choice(KINDS))
            scenes.append(draw_scene(kind, self.world.names, draw, self.among.get(kind)))
        pictures = np.stack([self.composer.drawn(scene, draw) for scene in scenes])
        return pictures, [self.speaker.say(scene, draw) for scene in scenes]

    def step(self, number: int, rate: float) -> float:
        """One step of AdamW on one batch."""
        pictures, captions = self.draw(number)
        batch = (as_seen(pictures).to(self.device), tokenize(self.tokenizer, captions).to(self.device))
        loss = self.shards.descend(self.optimizer, self.peak * rate, self.loss, batch, self.parameters)
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=float(np.log(100)))
        return loss

    def loss(self, pictures: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of finding each picture's caption, and each caption's picture, in the batch."""
        with autocast(self.device):
            seen = self.model.visual_projection(self.model.vision_model(pixel_values=pictures).pooler_output)
            with torch.no_grad():
                read = self.model.text_model(input_ids=tokens).pooler_output
            words = self.model.text_projection(read)
        alike = F.normalize(words.float(), dim=-1) @ F.normalize(seen.float(), dim=-1).T
        logits = alike * self.model.logit_scale.exp()
        own = torch.arange(len(tokens), device=logits.device)
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2

    def tensors(self) -> checkpoints.Tensors:
        """Weights and moments."""
        moments = checkpoints.optimizer_tensors(self.optimizer)
        return {
            **checkpoints.prefixed("model", self.model.state_dict()),
            **checkpoints.prefixed("moments", moments),
        }

    def restore(self, tensors: checkpoints.Tensors) -> None:
        """Take up a checkpoint; the text tower stays the one given, in case the UNet has gone on since."""
        kept = checkpoints.under("model", tensors)
        own = {name: tensor for name, tensor in kept.items() if not name.startswith("text_model.")}
        self.model.load_state_dict(own, strict=False)
        checkpoints.restore_optimizer(self.optimizer, checkpoints.under("moments", tensors))

    def facts(self) -> dict[str, Any]:
        """The names of the objects."""
        return {"objects": list(self.world.names)}

    def sheet(self) -> Image.Image:
        """Pictures of one step above those that their captions are taken for."""
        pictures, captions = self.draw(10**9)
        seen = embed_pictures(self.model, pictures)
        words = embed_words(self.model, self.tokenizer, captions)
        found = (words @ seen.T).argmax(dim=1).numpy()
        shown = min(20, len(pictures))
        return contact_sheet(np.concatenate([pictures[:shown], pictures[found[:shown]]]), columns=shown)


@torch.no_grad()
def embed_pictures(model: CLIPModel, pictures: np.ndarray, batch: int = 64) -> torch.Tensor:
    """Unit vectors (n, 128) of pictures, uint8 (n, 64, 64, 3)."""
    parts = [
        model.visual_projection(model.vision_model(pixel_values=part.to(model.device)).pooler_output)
        for part in as_seen(pictures).split(batch)
    ]
    return F.normalize(torch.cat(parts).float().cpu(), dim=-1)


@torch.no_grad()
def embed_words(
    model: CLIPModel, tokenizer: CLIPTokenizer, texts: Sequence[str], batch: int = 256
) -> torch.Tensor:
    """Unit vectors (n, 128) of texts."""
    parts = [
        model.text_projection(model.text_model(input_ids=tokens.to(model.device)).pooler_output)
        for tokens in tokenize(tokenizer, texts).split(batch)
    ]
    return F.normalize(torch.cat(parts).float().cpu(), dim=-1)
