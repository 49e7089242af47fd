"""What do words look like?  The text encoder learns it before any noise comes in: a caption's last sixteen tokens
each say what one sixteenth of the picture shows.

To read is far cheaper than to paint: a text encoder learns from 370 captions a second where the UNet learns from
40 pictures, and nothing hides the picture from it. So it learns first which words mean which shapes and where
they go, by plain regression, and paints blurred means. The UNet then begins with words that mean something (as
Stable Diffusion began with CLIP's, 2112.10752), does not change them, and learns to make pictures of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from nbgen.training import checkpoints
from nbgen.training.averaging import Average
from nbgen.training.composition import Composer
from nbgen.training.loop import autocast
from nbgen.training.muon import Together
from nbgen.training.naming import name_by_pictures
from nbgen.training.pictures import World
from nbgen.training.plurals import tie
from nbgen.training.scenes import KINDS, PLAIN, draw_scene
from nbgen.training.shards import Shards
from nbgen.training.sheets import contact_sheet, to_pixels, to_tensor
from nbgen.training.supply import Supply, encoder
from nbgen.training.synonyms import plural_words, read_synonyms
from nbgen.training.tokenizer import LENGTH, make_tokenizer, tokenize
from nbgen.training.wordings import Speaker

WIDTH = 320
"""Numbers per token that the text encoder hands to the UNet.

Most objects have a name of one word, so that its vector must hold the whole picture, 1,024 numbers. Of all that tells
objects apart, 192 numbers hold 94% at best (principal components of the latents), 320 hold 98%.
"""
INNER = 768
"""Width of the text encoder's feed-forward layers."""
LAYERS = 3
"""Of the text encoder."""
CELLS = 4
"""Parts that the picture is cut into along each side; the last CELLS² tokens say one each, row by row."""


def text_config(vocabulary: int, start: int, end: int, layers: int = LAYERS) -> CLIPTextConfig:
    """A small CLIP text encoder's configuration; padding is the end token, as the tokenizer pads."""
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=INNER,
        projection_dim=WIDTH,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        bos_token_id=start,
        eos_token_id=end,
        pad_token_id=end,
    )


def cut(latents: Tensor) -> Tensor:
    """Latents (n, 4, 16, 16) as cells (n, 16, 64), row by row.

    >>> cut(torch.zeros(2, 4, 16, 16)).shape
    torch.Size([2, 16, 64])
    """
    n, channels, height, width = latents.shape
    rows, columns = height // CELLS, width // CELLS
    cells = latents.view(n, channels, CELLS, rows, CELLS, columns).permute(0, 2, 4, 1, 3, 5)
    return cells.reshape(n, CELLS * CELLS, channels * rows * columns)


def put_together(cells: Tensor, channels: int = 4, side: int = 4) -> Tensor:
    """Cells as latents again: what `cut` took apart."""
    parts = cells.view(len(cells), CELLS, CELLS, channels, side, side).permute(0, 3, 1, 4, 2, 5)
    return parts.reshape(len(cells), channels, CELLS * side, CELLS * side)


class Readers(nn.Module):
    """What the regression reads tokens with, and is thrown away after: two linear maps.

    One reads a cell from each of the last tokens; one reads the whole picture from the pooled end token, which is
    what CLIP knows a caption by.
    """

    def __init__(self, width: int = WIDTH, cell: int = 64) -> None:
        super().__init__()
        self.cell = nn.Linear(width, cell)
        self.whole = nn.Linear(width, cell * CELLS**2)

    def forward(self, tokens: Tensor, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Cells (n, 16, 64), twice, of tokens (n, length, width) and pooled ones (n, width)."""
        return self.cell(tokens[:, -(CELLS**2) :]), self.whole(pooled).unflatten(1, (CELLS**2, -1))


class WordsLearner:
    """Trains the text encoder alone. A `nbgen.training.loop.Learner`.

    held: how many encoded scenes are held at once; synonyms: as `read_synonyms` gives them (None: read now)
    """

    name = "words"

    def __init__(
        self, world: World, autoencoder: AutoencoderKL, device: torch.device, *,
        batch: int = 512, seed: int = 0, held: int = 16_384,
        synonyms: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self.world, self.autoencoder, self.device = world, autoencoder.eval(), device
        self.batch, self.seed, self.peak = batch, seed, 1.5e-3
        self.shards = Shards.on(device)
        self.speaker = Speaker(world.names, read_synonyms(world.names) if synonyms is None else synonyms)
        encode = encoder(self.autoencoder, self.shards)
        self.supply = Supply(
            Composer(world), self.speaker, encode, batch=batch, seed=seed, capacity=held,
            start=4_096, fresh=24, expected=True,
        )  # fmt: skip
        self.scaling_factor = round(1 / self.supply.deviation(), 5)
        self.tokenizer = make_tokenizer(self.speaker.word_counts())
        first, last = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        self.text_encoder = CLIPTextModel(text_config(len(self.tokenizer), first, last)).to(device)
        embeddings = getattr(self.text_encoder, "text_model", self.text_encoder).embeddings
        name_by_pictures(
            embeddings.token_embedding.weight, embeddings.position_embedding.weight, self.tokenizer, self.speaker,
            torch.cat([encode(part) for part in to_tensor(world.references(PLAIN)).split(128)]),
        )  # fmt: skip
        tie(self.text_encoder, self.tokenizer, plural_words(world.names))
        if device.type == "cpu":
            self.text_encoder.set_attn_implementation("eager")
        self.readers = Readers().to(device)
        self.average = Average({"text_encoder": self.text_encoder, "readers": self.readers}, decay=0.99)
        named = [*self.text_encoder.named_parameters(), *self.readers.named_parameters("readers")]
        self.optimizer = Together(named, self.peak, weight_decay=0, each=self.shards.each)
        self.parameters = self.optimizer.parameters

    def step(self, number: int, rate: float) -> float:
        """One step of both optimisers on one batch."""
        latents, captions = self.supply.draw(number)
        batch = (tokenize(self.tokenizer, captions), cut(latents * self.scaling_factor))
        on_device = tuple(tensor.to(self.device) for tensor in batch)
        loss = self.shards.descend(self.optimizer, self.peak * rate, self.loss, on_device, self.parameters)
        self.average.update(number)
        return loss

    def loss(self, tokens: Tensor, cells: Tensor) -> Tensor:
        """Mean squared error of what is read from the last tokens, and half as much of the pooled one's."""
        with autocast(self.device):
            read = self.text_encoder(tokens)
            parts, whole = self.readers(read.last_hidden_state, read.pooler_output)
        return F.mse_loss(parts.float(), cells) + 0.5 * F.mse_loss(whole.float(), cells)

    def tensors(self) -> checkpoints.Tensors:
        """Weights, their running average, moments, and the encoded scenes."""
        return {
            **checkpoints.prefixed("text_encoder", self.text_encoder.state_dict()),
            **checkpoints.prefixed("readers", self.readers.state_dict()),
            **checkpoints.prefixed("average", self.average.tensors),
            **self.optimizer.tensors(),
            **checkpoints.prefixed("scenes", self.supply.tensors()),
        }

    def restore(self, tensors: checkpoints.Tensors) -> None:
        """Take up a checkpoint."""
        self.text_encoder.load_state_dict(checkpoints.under("text_encoder", tensors))
        self.readers.load_state_dict(checkpoints.under("readers", tensors))
        self.average.restore(checkpoints.under("average", tensors))
        self.optimizer.restore(tensors)
        self.supply.restore(checkpoints.under("scenes", tensors))

    def facts(self) -> dict[str, Any]:
        """The scale of the latents and the names of the objects."""
        return {"scaling_factor": self.scaling_factor, "objects": list(self.world.names)}

    @torch.no_grad()
    def sheet(self) -> Image.Image:
        """What some captions of every kind are read as, above what they say."""
        draw = np.random.default_rng(1)
        countable = self.speaker.countable()
        kinds = [kind for kind in KINDS for _ in range(6 if kind == "plain" else 4)]
        scenes = [draw_scene(kind, self.world.names, draw, countable or None) for kind in kinds]
        wanted = np.stack([self.supply.composer.drawn(scene, draw) for scene in scenes])
        with self.average.swapped_in():
            tokens = tokenize(self.tokenizer, [self.speaker.plainly(scene) for scene in scenes])
            read = self.text_encoder(tokens.to(self.device))
            cells, whole = self.readers(read.last_hidden_state, read.pooler_output)
        painted = [
            to_pixels(self.autoencoder.decode(put_together(some) / self.scaling_factor).sample)
            for some in (cells, whole)
        ]
        return contact_sheet(np.concatenate([*painted, wanted]), columns=len(scenes))


def load_readers(path: Path) -> Readers:
    """The readers of a checkpoint of `WordsLearner`, their running average."""
    readers = Readers()
    readers.load_state_dict(checkpoints.under("average.readers", checkpoints.load(path)[0]))
    return readers.requires_grad_(False)
