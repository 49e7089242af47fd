"""Input pictures of latent-diffusion models: what image, strength, mask and tile mean for a recipe, start and end."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import compress
from typing import Any

import numpy as np
from torch import Tensor

from ..engine.start import Start, first_step
from ..engine.windows import Windows
from ..errors import RecipeError
from ..inputs import (
    blob_of,
    fitting_size,
    is_picture,
    is_rectangle,
    opened,
    put_back,
    rectangle_mask,
    size_of,
    wanted_anew,
)  # fmt: skip
from ..recipe import Mix, Recipe
from .base import check_size
from .driven import FIELDS, DrivenModel
from .latents import OVERFLOWED, Posterior, decode, encode, posterior
from .safety import BLANKED, blanked
from .seamless import Group, going_round
from .starts import Filling, begin, pixels_of, seen
from .words import Encodings

STRENGTH = 0.6
"""How much of an image is made anew where nothing is said: its layout stays, its details do not."""
PICTURE_FIELDS = frozenset({"image", "strength", "mask", "feather", "windows"})
_WRAPPED = 8
"""Places of a latent that a seamless picture is encoded with beyond each edge, and that are cut off again."""


class PicturedModel(DrivenModel):
    """A latent-diffusion model with an autoencoder, which can start from pictures as well as from words.

    A family supplies `_pipe.vae` and, where it has one, a denoiser whose convolutions can go round.
    """

    fields = FIELDS | PICTURE_FIELDS
    _pipe: Any
    _scale: int

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._overflows: list[bool] = []
        self._overflowed: set[Recipe] = set()
        self._blanked: set[Recipe] = set()
        self._posteriors = Encodings()
        self.noises: dict[Any, Tensor] = {}
        super().__init__(*arguments, **options)

    # What a family supplies.

    def size_multiple(self) -> int:
        """Pixels that each side must be a multiple of."""
        raise NotImplementedError

    def most_side(self) -> int:
        """The longest side in pixels."""
        raise NotImplementedError

    def fills(self) -> Filling | None:
        """How a dedicated inpainting denoiser is given the hole and the picture around it; None for any other."""
        return None

    # What they share.

    def resolve(self, **fields: Any) -> Recipe:
        """As every model's; pictures become hashes, and size is left to the image where nothing is said."""
        if "image" in self.fields:
            fields = self._taken_in(fields)
        return super().resolve(**fields)

    def _taken_in(self, fields: dict[str, Any]) -> dict[str, Any]:
        image, mask = fields.get("image"), fields.get("mask")
        if image is None:
            self._check_alone(fields)
            return fields
        if is_picture(image) or is_rectangle(image):
            image = blob_of("image", image)
        own = size_of(image)
        if mask is not None:
            if is_rectangle(mask):
                mask = rectangle_mask(mask, own)
            elif is_picture(mask):
                mask = blob_of("mask", mask)
            self._check_mask(mask, own)
        size = fields.get("size")
        if size is None:
            size = fitting_size(own, self.defaults["size"], self.size_multiple(), self.most_side())
        return {**fields, "image": image, "mask": mask, "size": size}

    def _check_alone(self, fields: dict[str, Any]) -> None:
        for name in ("strength", "mask", "feather"):
            value = fields.get(name)
            if value is not None and (name == "mask" or value):  # a mask may be an array
                raise RecipeError(f"{name} is about an image, and there is none: give image=… too.")

    def _check_mask(self, mask: str, own: tuple[int, int]) -> None:
        found = opened(mask).size
        if found != own:
            raise RecipeError(
                f"the mask has {found[0]}×{found[1]} pixels and the image {own[0]}×{own[1]}: "
                "a mask has the size of its image, and is white where something new is made."
            )

    def check(self, recipe: Recipe) -> Recipe:
        assert recipe.size is not None
        check_size(recipe.size, self.size_multiple(), self.size_multiple(), self.most_side())
        changes: dict[str, Any] = {}
        if recipe.image is None:
            self._check_alone(vars(recipe))
        else:
            changes |= self._check_image(recipe)
        if recipe.windows is not None:
            changes["windows"] = self._checked_windows(recipe)
        if recipe.feather and recipe.mask is None:
            raise RecipeError("feather softens the edge of a mask, and there is none: give mask=… too.")
        return super().check(recipe.replace(**changes))

    def _checked_windows(self, recipe: Recipe) -> tuple[int, int] | None:
        assert recipe.size is not None and recipe.windows is not None
        check_size(recipe.windows, self.size_multiple(), self.size_multiple(), self.most_side(), "windows")
        if recipe.tile:
            raise RecipeError(
                "a seamless picture goes round as a whole and cannot be seen through windows: leave one of tile and "
                "windows out."
            )
        within = min(recipe.windows[0], recipe.size[0]), min(recipe.windows[1], recipe.size[1])
        return None if within == recipe.size else within

    def _check_image(self, recipe: Recipe) -> dict[str, Any]:
        assert recipe.image is not None and recipe.size is not None
        size_of(recipe.image)  # raises where it is gone
        if recipe.mask is not None:
            if isinstance(recipe.image, Mix):
                raise RecipeError(
                    "a mask needs one image to keep the rest of, and this is a mixture of images."
                )
            if not wanted_anew(recipe.mask, recipe.size).any():
                raise RecipeError(
                    "nothing white of the mask is left in the part of the image that is used: "
                    "choose a size of the image's shape."
                )
        if recipe.strength is None:
            return {"strength": 1.0 if recipe.mask is not None else STRENGTH}
        return {}

    def notes(self, recipe: Recipe) -> tuple[str, ...]:
        """How the image is fitted, and a strength that comes to no step at all."""
        found = []
        if recipe.image is not None and recipe.size is not None:
            own = size_of(recipe.image)
            if own != recipe.size:
                found.append(f"The image of {own[0]}×{own[1]} pixels is fitted to {_by(recipe.size)}.")
            if recipe.strength and first_step(recipe, self.kind) == recipe.steps:
                found.append(
                    f"Strength {recipe.strength:g} of {recipe.steps} steps is less than one step: "
                    "the image comes back as it was."
                )
        return (*super().notes(recipe), *found)

    def remarks(self, recipe: Recipe) -> tuple[str, ...]:
        return (OVERFLOWED,) if recipe in self._overflowed else ()

    def objection(self, recipe: Recipe) -> Exception | None:
        return RecipeError(BLANKED) if recipe in self._blanked else None

    def group(self, recipe: Recipe) -> Hashable:
        return Group(self.input_shape(recipe), recipe.tile)

    def input_shape(self, recipe: Recipe) -> tuple[int, ...]:
        seen = recipe if recipe.windows is None else recipe.replace(size=recipe.windows)
        channels, height, width = self.latent_shape(seen)
        return channels + self.channels_beside(), height, width

    def channels_beside(self) -> int:
        """Channels of what a dedicated inpainting denoiser is given beside a latent, the hole and what is around it."""
        fills = self.fills()
        if fills is None:
            return 0
        hole = 1 if fills is Filling.PLACES else self._scale**2
        return int(self._pipe.vae.config.latent_channels) + hole

    def windows(self, recipe: Recipe) -> Windows | None:
        if recipe.windows is None:
            return None
        (_, height, width), (_, *inner) = self.latent_shape(recipe), self.input_shape(recipe)
        return Windows((height, width), (inner[0], inner[1]))

    def start(self, recipe: Recipe) -> Start:
        def remembered(name: Hashable, pixels: Callable[[], np.ndarray]) -> Posterior:
            found = self._posteriors.get(
                (name, recipe.tile), lambda: self._posterior(pixels(), recipe.tile)._asdict()
            )
            return Posterior(**found)

        return begin(recipe, self.latent_shape(recipe), self._scale, remembered, self.fills())

    def latent_of(self, recipe: Recipe, picture: str) -> Tensor:
        """The latent, (1, channels, h, w) on the CPU, of an input picture at this recipe's size."""
        assert recipe.size is not None
        return self._posterior(pixels_of(picture, recipe.size)[None], False).mean

    def _posterior(self, pixels: np.ndarray, tile: bool) -> Posterior:
        if not tile:
            return posterior(self._pipe.vae, pixels)
        edge = _WRAPPED * self._scale
        wide = np.pad(pixels, ((0, 0), (edge, edge), (edge, edge), (0, 0)), mode="wrap")
        inner = slice(_WRAPPED, -_WRAPPED)
        return Posterior(*(each[..., inner, inner] for each in posterior(self._pipe.vae, wide)))

    def decode(self, latents: Tensor) -> np.ndarray:
        pixels, self._overflows = decode(self._pipe.vae, latents)
        return pixels

    def develop(self, recipes: Sequence[Recipe], latents: Tensor) -> np.ndarray:
        """As `decode`; what a mask keeps has the very pixels of the image. A safety checker is asked about each."""
        with going_round(self._pipe.vae, on=recipes[0].tile):
            made = self.decode(latents)
        self._overflowed = set(compress(recipes, self._overflows))
        for place, recipe in enumerate(recipes):
            if recipe.mask is not None:
                assert isinstance(recipe.image, str) and recipe.size is not None
                made[place] = put_back(made[place], pixels_of(recipe.image, recipe.size), seen(recipe))
        self._blanked = set(compress(recipes, blanked(self._pipe, made)))
        return made

    def encode_image(self, pixels: np.ndarray) -> Tensor:
        """Latents (n, channels, h, w) on the CPU, in the model's own scaling, of uint8 (n, height, width, 3).

        They are the means of the autoencoder's posterior, so the same picture gives the same latents.
        """
        return encode(self._pipe.vae, pixels)

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """The latents of the model's own autoencoder, which tell apart what the model itself tells apart."""
        return self.encode_image(pixels).flatten(1).numpy()


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
