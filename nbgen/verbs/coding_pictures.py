"""Input pictures as diffusers code: which pipeline takes them, what is handed over, what follows the call."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..engine.start import first_step
from ..errors import RecipeError
from ..recipe import Mix, Recipe
from .dialects import Dialect

_SEAMLESS = [
    "",
    "for part in ({parts}):",
    "    for layer in part.modules():",
    "        if isinstance(layer, torch.nn.Conv2d):",
    '            layer.padding_mode = "circular"',
]


@dataclass(frozen=True)
class Pictured:
    """What the input pictures of a recipe add to its code; `sized`: whether the pipeline is told the size."""

    pipeline: str
    imports: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    sized: bool = True
    after: list[str] = field(default_factory=list)


def pictured(recipe: Recipe, dialect: Dialect) -> Pictured:
    """The code for image, strength, mask, feather and tile. RecipeError where no stock pipeline does the same."""
    _refuse(recipe, dialect)
    by_pixel = dialect.pipeline == "FluxFillPipeline"  # it is given the hole as it is
    parts = "pipe.unet, pipe.controlnet, pipe.vae" if recipe.control else "pipe.unet, pipe.vae"
    seamless = [line.format(parts=parts) for line in _SEAMLESS] if recipe.tile else []
    if not isinstance(recipe.image, str):
        return Pictured(dialect.pipeline, before=[*seamless])
    assert recipe.size is not None
    width, height = recipe.size
    imports = ["from PIL import Image, ImageOps"]
    before = [
        "",
        f"start = Image.open(...).convert('RGB')  # the input picture {recipe.image[:8]}…".replace("'", '"'),
        f"start = ImageOps.fit(start, ({width}, {height}), Image.Resampling.LANCZOS)",
    ]
    arguments = ["image=start", f"strength={recipe.strength!r}"]
    if recipe.mask is None:
        # The pipelines of flow matching would go by a size of their own.
        return Pictured(
            dialect.pipeline.replace("Pipeline", "Img2ImgPipeline"), imports, before, arguments,
            sized=dialect.kind == "flow",
        )  # fmt: skip
    far = "scipy.ndimage.distance_transform_edt(~white)"
    hole = [
        "side = pipe.vae_scale_factor  # pixels that a place of the latent stands for, made anew as a whole",
        f"hole = (seen > 0).reshape({height} // side, side, {width} // side, side).any((1, 3))",
        "hole = Image.fromarray(hole.repeat(side, 0).repeat(side, 1))",
    ]
    before += [
        f'mask = Image.open(...).convert("L")  # the mask {recipe.mask[:8]}…',
        f"white = np.asarray(ImageOps.fit(mask, ({width}, {height}), Image.Resampling.BOX)) > 0",
        f"seen = np.clip(1 - {far} / {recipe.feather + 1}, 0, 1)" if recipe.feather else "seen = white * 1.0",
        *(["hole = Image.fromarray(seen > 0)"] if by_pixel else hole),
        "",
    ]
    after = [
        "",
        "seen = seen.astype(np.float32)[:, :, None]  # the rest keeps its very pixels",
        "pixels = (seen * np.asarray(image) + (1 - seen) * np.asarray(start)).round()",
        "image = Image.fromarray(pixels.astype(np.uint8))",
    ]
    imports = ["import numpy as np", *(["import scipy.ndimage"] if recipe.feather else []), *imports]
    name = dialect.pipeline if by_pixel else dialect.pipeline.replace("Pipeline", "InpaintPipeline")
    return Pictured(name, imports, before, [*arguments, "mask_image=hole"], after=after)


def _refuse(recipe: Recipe, dialect: Dialect) -> None:
    if recipe.windows is not None:
        raise RecipeError("diffusers' pipelines know no windows: this recipe is nbgen's alone.")
    if dialect.pipeline == "FluxFillPipeline" and recipe.mask is None:
        raise RecipeError(
            "diffusers' FluxFillPipeline fills the hole in an image: without a mask this recipe is nbgen's alone."
        )
    if recipe.image is None:
        return
    if isinstance(recipe.image, Mix):
        raise RecipeError("diffusers' pipelines mix no images: this recipe is nbgen's alone.")
    if isinstance(recipe.seed, Mix):
        raise RecipeError("diffusers' pipelines take no noise beside an image: this recipe is nbgen's alone.")
    if recipe.tile:
        raise RecipeError(
            "diffusers' pipelines encode no image as a seamless one: this recipe is nbgen's alone."
        )
    if recipe.guidance_rescale and dialect.pipeline == "StableDiffusionPipeline":
        raise RecipeError(
            "diffusers' pipelines for images have no guidance_rescale: this recipe is nbgen's alone."
        )
    if first_step(recipe, dialect.kind) == recipe.steps:
        raise RecipeError("diffusers' pipelines make at least one step: this recipe is nbgen's alone.")
