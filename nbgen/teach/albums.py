"""What is this picture nearest to?  An album of all that a GAN can be asked for by name, to hold pictures against."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import ModelError
from ..inputs import pixels_at
from ..models.gan_networks import everywhere
from ..models.loading import load
from ..models.styled_gan import StyledGenerator

FEW = 4
"""Candidates whose pixels are looked at."""


class Nearest(NamedTuple):
    """A thing of the album by its name, its background, and how far a picture is from it.

    distance: root mean square difference of the picture and the album's own, colours from 0 to 1
    """

    name: str
    background: str
    distance: float


def album(model: Any = "mini-gan") -> Album:
    """Everything that a style-based GAN can be asked for by name, on every background, drawn once.

    A GAN that was taught one picture for each name remembers them: its album is as near to the pictures it was taught
    with as it came. Any picture can be held against it, another model's too.

        album = nbgen.teach.album()
        album.nearest(nbgen.generate("", n=20, seed=0))

    Raises ModelError for a model without a vocabulary.
    """
    found = load(model)
    if not isinstance(found, StyledGenerator):
        raise ModelError(
            f"{found.ref.name!r} has no list of names: nbgen.teach.album takes a style-based GAN, as "
            'nbgen.load("mini-gan") is.'
        )
    return Album(found)


class Album:
    """What `nbgen.teach.album` returns. len(album): the pictures in it; names: of its objects."""

    def __init__(self, model: StyledGenerator) -> None:
        self.model = model
        self.names = model.words.objects
        self.backgrounds = tuple(model.words.backgrounds) or ("",)
        objects, grounds = len(self.names), len(self.backgrounds)
        numbers = torch.arange(objects * grounds)
        asked = torch.zeros(len(numbers), objects + len(model.words.backgrounds), dtype=torch.bool)
        asked[numbers, numbers // grounds] = True
        if model.words.backgrounds:
            asked[numbers, objects + numbers % grounds] = True
        self._latents = torch.cat([self._drawn(part.to(model.device)) for part in asked.split(64)])

    def __len__(self) -> int:
        return len(self._latents)

    def __repr__(self) -> str:
        return f"Album({len(self.names)} objects on {len(self.backgrounds)} backgrounds, of {self.model.ref.name!r})"

    @torch.no_grad()
    def _drawn(self, asked: Tensor) -> Tensor:
        """What is asked for, bool (n, objects + backgrounds), as latents (n, 4, h, w)."""
        z = torch.zeros(len(asked), self.model.latent, device=asked.device)
        return self.model.synthesis(everywhere(self.model.generator.mapping(z, asked)))

    def nearest(self, pictures: Any) -> list[Nearest]:
        """The nearest thing of the album for each picture (a Picture, PIL image, array or path, or several).

        The few nearest by their latents, and of those the nearest by its pixels.
        """
        single = isinstance(pictures, (str, np.ndarray)) or not isinstance(pictures, Iterable)
        many = [pictures] if single else list(pictures)
        found: list[Nearest] = []
        pixels = [pixels_at(picture, self.model.size) for picture in many]
        for start in range(0, len(pixels), 32):
            part = np.stack(pixels[start : start + 32])
            apart = torch.cdist(self.model.latents_of(part).flatten(1), self._latents.flatten(1))
            places = apart.topk(min(FEW, len(self)), largest=False).indices
            drawn = self.model.decode(self._latents[places.flatten()]).reshape(*places.shape, *part.shape[1:])
            far = np.sqrt(((part[:, None].astype(float) - drawn) ** 2).mean(axis=(2, 3, 4))) / 255
            for row, best in enumerate(far.argmin(axis=1)):
                name, ground = divmod(int(places[row, best]), len(self.backgrounds))
                found.append(Nearest(self.names[name], self.backgrounds[ground], float(far[row, best])))
        return found
