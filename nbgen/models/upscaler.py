"""Pipelines that make a picture larger and draw its details anew, each by a number of times of its own."""

from __future__ import annotations

from typing import Any

from ..errors import RecipeError
from ..inputs import blob_of, is_picture, size_of
from ..recipe import Mix, Recipe
from .base import check_size
from .pipeline import PipelineModel
from .swapping import Samplers

UPSCALERS = ("StableDiffusionLatentUpscalePipeline", "StableDiffusionUpscalePipeline")
MOST_SIDE = 1024
"""The longest side, in pixels, of a picture that is made larger: four times that is what GPUs still decode."""


def runs(pipeline: str) -> type[PipelineModel]:
    """The kind of Model that runs a pipeline of this class as a whole."""
    return Upscaler if pipeline in UPSCALERS else PipelineModel


class Upscaler(PipelineModel):
    """A pipeline that takes a picture and gives one `times` as large on each side.

    Its recipes have `image`; their size is that of what is made, and follows from the image.
    """

    @property
    def times(self) -> int:  # type: ignore[override]
        # One doubles latents; the other makes a latent as large as the picture, which its autoencoder then enlarges.
        return 2 if self._doubles() else self._decoded_by()

    def size_multiple(self) -> int:
        """Pixels that each side of the small picture must be a multiple of."""
        halvings = 2 ** (len(self._pipe.unet.config.block_out_channels) - 1)
        return max(1, halvings * self._decoded_by() // 2) if self._doubles() else halvings

    def most_side(self) -> int:
        return MOST_SIDE * self.times

    def resolve(self, **fields: Any) -> Recipe:
        """As every model's; the picture becomes a hash, and gives the size."""
        image = fields.get("image")
        if image is None or isinstance(image, Mix):
            raise RecipeError(
                f"{self._class} makes one picture larger, and there is none: nbgen.upscale(picture, model=…) takes one."
            )
        image = blob_of("image", image) if is_picture(image) else image
        if fields.get("size") is None:
            multiple = self.size_multiple()
            own = (min(max(round(side / multiple), 1) * multiple, MOST_SIDE) for side in size_of(image))
            fields["size"] = tuple(side * self.times for side in own)
        return super().resolve(**{**fields, "image": image})

    def check(self, recipe: Recipe) -> Recipe:
        assert recipe.size is not None and isinstance(recipe.image, str)
        size_of(recipe.image)  # raises where it is gone
        multiple = self.size_multiple() * self.times
        check_size(recipe.size, multiple, multiple, self.most_side())
        return super().check(recipe)

    def notes(self, recipe: Recipe) -> tuple[str, ...]:
        assert recipe.size is not None and isinstance(recipe.image, str)
        own, used = size_of(recipe.image), tuple(side // self.times for side in recipe.size)
        fitted = f"The image of {own[0]}×{own[1]} pixels is fitted to {used[0]}×{used[1]}."
        return (*super().notes(recipe), *([fitted] if own != used else []))

    def _fields(self) -> frozenset[str]:
        return super()._fields() | {"image", "size"}

    def _choosable(self) -> Samplers:
        """The doubling one works in its own scheduler's sigmas; the other is a diffusion like many."""
        return Samplers("diffusion") if self._doubles() else super()._choosable()

    def _doubles(self) -> bool:
        return self._class == UPSCALERS[0]

    def _decoded_by(self) -> int:
        return int(2 ** (len(self._pipe.vae.config.block_out_channels) - 1))
