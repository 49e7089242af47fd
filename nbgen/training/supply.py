"""Which latents and captions does each training step see?  Some of a long row of scenes that is always renewed.

Composed scenes cannot all be encoded beforehand. So some thousand are held, and every step gets a few new ones
in place of the oldest: each is seen about five times, worded anew each time. Everything is decided by the seed
and by numbers counted from the first step on.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from nbgen.training.composition import Composer
from nbgen.training.scenes import Scene, draw_scene, lay_out
from nbgen.training.shards import Shards
from nbgen.training.sheets import to_tensor
from nbgen.training.wordings import Speaker

AT_FIRST = {
    "plain": 0.82, "size": 0.03, "place": 0.03, "number": 0.03, "pair": 0.04, "mirrored": 0.01, "style": 0.04,
}  # fmt: skip
IN_THE_END = {
    "plain": 0.34, "size": 0.08, "place": 0.06, "number": 0.07, "pair": 0.14, "mirrored": 0.05, "style": 0.26,
}  # fmt: skip
"""Shares of the kinds of scenes: single objects first, since everything else is made of them."""
TURNED_AFTER = 12_000
"""Scenes after which the shares are those of the end; up to there they change evenly."""

EMPTY_CAPTIONS = 0.1
"""Share of captions that are "": what guidance pushes away from (Ho and Salimans, 2207.12598)."""

Encode = Callable[[Tensor], Tensor]
"""Pictures (n, 3, 64, 64) from -1 to 1 to unscaled latents (n, 4, 16, 16), both on the CPU."""


def encoder(autoencoder: AutoencoderKL, shards: Shards) -> Encode:
    """What turns pictures into latents for a `Supply`, all cores at once."""

    def of_piece(piece: Tensor) -> Tensor:
        with torch.no_grad():  # a thread's own setting
            return autoencoder.encode(piece.to(autoencoder.device)).latent_dist.mean.cpu()

    return lambda pictures: shards.map(of_piece, pictures)


def among(composer: Composer, speaker: Speaker) -> Mapping[str, list[int] | None]:
    """Which objects a kind of scene is drawn with, where not all fit it (None: all)."""
    return {"mirrored": composer.facing() or None, "number": speaker.countable() or None}


def shares_at(number: int) -> dict[str, float]:
    """Shares of the kinds for scene `number` of the row."""
    turned = min(1.0, number / TURNED_AFTER)
    return {kind: (1 - turned) * AT_FIRST[kind] + turned * IN_THE_END[kind] for kind in AT_FIRST}


class Supply:
    """Batches for the denoiser, from the newest `capacity` scenes of the row, held as float16 latents.

    start: scenes that are there before the first step; fresh: new ones each step;
    expected: whether what a scene leaves unsaid is as one would expect, and not drawn at random
    """

    def __init__(
        self, composer: Composer, speaker: Speaker, encode: Encode, *, batch: int, seed: int,
        capacity: int = 16_384, start: int = 2_048, fresh: int = 12, expected: bool = False,
    ) -> None:  # fmt: skip
        self.composer, self.speaker, self.encode = composer, speaker, encode
        self.batch, self.seed = batch, seed
        self.names = composer.world.names
        self.among = among(composer, speaker)
        self.capacity, self.start, self.fresh = capacity, min(start, capacity), fresh
        self.expected = expected
        self.latents = torch.zeros((capacity, 4, 16, 16), dtype=torch.float16)
        self.scenes: dict[int, Scene] = {}
        self.end = 0  # scenes from max(0, end - capacity) to end are there

    def draw(self, step: int) -> tuple[Tensor, list[str]]:
        """Unscaled latents (batch, 4, 16, 16) and captions of a step."""
        self.advance(step)
        draw = np.random.default_rng([self.seed, step])
        last = self.start + step * self.fresh
        numbers = draw.integers(max(0, last - self.capacity), last, size=self.batch)
        captions = [
            "" if draw.random() < EMPTY_CAPTIONS else self.speaker.say(self.scenes[int(number)], draw)
            for number in numbers
        ]
        return self.latents[numbers % self.capacity].float(), captions

    def advance(self, step: int, batch: int = 64) -> None:
        """Make sure of everything that step `step` draws from."""
        wanted = self.start + step * self.fresh
        begin = max(self.end, wanted - self.capacity)
        while begin < wanted:
            numbers = range(begin, min(wanted, begin + batch))
            made = [self.scene(number) for number in numbers]
            latents = self.encode(to_tensor(np.stack([picture for _, picture in made])))
            for number, (scene, _), latent in zip(numbers, made, latents, strict=True):
                self.latents[number % self.capacity] = latent.half()
                self.scenes[number] = scene
                self.scenes.pop(number - self.capacity, None)
            begin = numbers.stop
        self.end = max(self.end, wanted)

    def scene(self, number: int) -> tuple[Scene, np.ndarray]:
        """Scene `number` of the row, and its picture."""
        scene, draw = self._scene(number)
        return scene, self.composer.drawn(scene, None if self.expected else draw)

    def _scene(self, number: int) -> tuple[Scene, np.random.Generator]:
        draw = np.random.default_rng([self.seed, 1, number])
        shares = shares_at(number)
        kind = str(draw.choice(list(shares), p=list(shares.values())))
        return draw_scene(kind, self.names, draw, self.among.get(kind)), draw

    def deviation(self, count: int = 256) -> float:
        """The standard deviation of the row's first `count` latents: 1 / scaling_factor."""
        pictures = np.stack([self.scene(number)[1] for number in range(count)])
        return float(self.encode(to_tensor(pictures)).std())

    def row(self, scenes: int = 512, pictures: int = 16) -> int:
        """A number that says which row of scenes this is: another where shares, styles, boxes or objects are others.

        scenes: how many it is made of, so many that rare rules are among them, too; pictures: of so many of them
        """
        kind = 0
        for number in range(TURNED_AFTER, TURNED_AFTER + scenes):
            scene, draw = self._scene(number)
            kind = zlib.crc32(repr((scene, lay_out(scene, None if self.expected else draw))).encode(), kind)
        for number in range(TURNED_AFTER, TURNED_AFTER + pictures):
            kind = zlib.crc32(self.scene(number)[1].tobytes(), kind)
        return kind

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps, so that nothing has to be encoded again."""
        return {"latents": self.latents, "end": torch.tensor(self.end), "row": torch.tensor(self.row())}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up a checkpoint's scenes, if they are as many and of this row; otherwise they are encoded again."""
        same_row = "row" in tensors and int(tensors["row"]) == self.row()
        if same_row and tensors["latents"].shape == self.latents.shape:
            self.latents.copy_(tensors["latents"])
            self.end = int(tensors["end"])
            first = max(0, self.end - self.capacity)
            self.scenes = {number: self._scene(number)[0] for number in range(first, self.end)}
