"""Input pictures and masks: anything that stands for one becomes a blob, and fits the picture that is made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

from .errors import PictureFileError, RecipeError, brief
from .mix import Mix
from .picture import Picture, as_image
from .shelf import is_key
from .storage import default_store
from .values import as_number

MOST_PIXELS = 178_956_970
"""Pixels of an input picture, as of a file: what Pillow opens without taking it for a bomb."""
NEW_FROM = 128
"""A mask's lightness, 0 to 255, from which something new is made; as in diffusers' pipelines."""


def is_picture(value: Any) -> bool:
    """Whether a value of `image=` or `mask=` is a picture itself, and not a hash, a mixture or a rectangle."""
    return not (value is None or isinstance(value, Mix) or is_hash(value) or is_rectangle(value))


def is_hash(value: Any) -> bool:
    return isinstance(value, str) and is_key(value)


def is_rectangle(value: Any) -> bool:
    """(left, top, right, bottom): four numbers."""
    return (
        isinstance(value, (tuple, list)) and len(value) == 4 and all(hasattr(side, "__float__") for side in value)
    )  # fmt: skip


def blob_of(name: str, value: Any) -> str:
    """The content hash of a picture, PIL image, array or path, held by the store. PictureFileError, RecipeError."""
    image = _read(name, value)
    if name == "mask":
        image = _two_valued(image)
    return default_store().hold_blob(image)


def pixels_at(value: Any, size: tuple[int, int], name: str = "picture") -> np.ndarray:
    """What stands for a picture as RGB at a size, uint8 (height, width, 3). Raises PictureFileError, RecipeError."""
    return np.asarray(fitted(_read(name, value), size).convert("RGB"))


def _read(name: str, value: Any) -> Image.Image:
    if isinstance(value, (list, set, Mapping)) and not is_rectangle(value):
        raise RecipeError(f"{name} takes one picture here; nbgen.compare({name}=[…]) takes a list of them.")
    if value is None or isinstance(value, (bool, int, float)) or callable(value) or type(value) is object:
        raise RecipeError(f"{name} takes a picture, a PIL image, an array or a path, not {brief(value)}.")
    _check_count(name, value)
    return as_image(value)


def control_blobs(value: Any) -> dict[str, tuple[str, float]]:
    """{name: picture} or {name: (picture, weight)} as {name: (hash, weight)}, weight 1 where none is said.

    Raises RecipeError, and PictureFileError for what stands for no picture.
    """
    pairs = value.items() if isinstance(value, Mapping) else value
    if not isinstance(value, (Mapping, tuple)) or not all(
        isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
    ):
        raise RecipeError(
            f'control takes names and pictures, as in control={{"canny": picture}}, not {brief(value)}.'
        )
    found = {}
    for name, part in pairs:
        called = f"control[{name!r}]"
        picture, weight = part if isinstance(part, (tuple, list)) and len(part) == 2 else (part, 1.0)
        if picture is None:
            raise RecipeError(f"{called} has no picture: give one, as in control={{{name!r}: picture}}.")
        found[name] = _hash_of(called, picture), as_number(f"the weight of {called}", weight)
    return found


ALONE = ""
"""The name under which an image prompt stands that is for a model's only IP-Adapter."""


def prompt_pictures(value: Any) -> dict[str, tuple[Any, float]]:
    """Image prompts as {name: (hash, weight)}, weight 1 where none is said; a picture without a name is `ALONE`.

    value: a picture, a Mix of pictures, (picture, weight), or {name: one of these}; a mixture becomes pairs of
        (weight, hash). Raises RecipeError, and PictureFileError for what stands for no picture.
    """
    if isinstance(value, Mapping):
        named = list(value.items())
    elif isinstance(value, tuple) and all(isinstance(each, tuple) and len(each) == 2 for each in value):
        named = list(value)  # as a recipe holds them
    else:
        named = [(ALONE, value)]
    found = {}
    for name, part in named:
        if not isinstance(name, str):
            raise RecipeError(f"image_prompt goes by the names of IP-Adapters, not {brief(name)}.")
        called = f"image_prompt[{name!r}]" if name else "image_prompt"
        picture, weight = part if isinstance(part, (tuple, list)) and len(part) == 2 else (part, 1.0)
        if picture is None:
            raise RecipeError(f"{called} has no picture: give one.")
        if isinstance(picture, Mix):
            picture = picture.parts
        if isinstance(picture, tuple):
            if not all(isinstance(each, tuple) and len(each) == 2 for each in picture):
                raise RecipeError(
                    f"{called} takes a picture, or (picture, weight); several are a mixture, as in "
                    "nbgen.Mix.of((0.5, hash), (0.5, hash))."
                )
            picture = tuple((share, _hash_of(called, each)) for share, each in picture)
        else:
            picture = _hash_of(called, picture)
        found[name] = picture, as_number(f"the weight of {called}", weight)
    return found


def _hash_of(called: str, picture: Any) -> str:
    return picture if is_hash(picture) else blob_of(called, picture)


def opened(digest: str) -> Image.Image:
    """The input picture with this hash, not to be drawn in. Raises PictureFileError where it is gone."""
    return _opened(digest, str(default_store().folder))


@lru_cache(maxsize=8)
def _opened(digest: str, store: str) -> Image.Image:
    return default_store().get_blob(digest)


def size_of(image: str | Mix) -> tuple[int, int]:
    """(width, height) of an input picture; of a mixture, that of its heaviest part."""
    heaviest = max(image.parts)[1] if isinstance(image, Mix) else image
    return opened(str(heaviest)).size


def rectangle_mask(sides: Sequence[Any], size: tuple[int, int]) -> str:
    """The hash of a mask of `size` with a rectangle (left, top, right, bottom) in which something new is made."""
    whole = [int(side) for side in sides if float(side) == int(side)]
    left, top, right, bottom = (*whole, 0, 0, 0, 0)[:4]
    if len(whole) < 4 or not (0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]):
        raise RecipeError(
            "mask=(left, top, right, bottom) is a rectangle in the image, whole pixels with 0 <= left < right <= "
            f"{size[0]} and 0 <= top < bottom <= {size[1]}, not {brief(tuple(sides))}."
        )
    drawn = np.zeros((size[1], size[0]), bool)
    drawn[top:bottom, left:right] = True
    return blob_of("mask", drawn)


def fitting_size(own: tuple[int, int], usual: tuple[int, int], multiple: int, most: int) -> tuple[int, int]:
    """What a model makes of an image of its `own` size, of about the same shape.

    An image of half to twice as many pixels as the model's `usual` size keeps its own, others are brought to the
    usual number of pixels; then each side is rounded to a multiple.
    """
    ratio = own[0] * own[1] / (usual[0] * usual[1])
    factor = 1.0 if 0.5 <= ratio <= 2 else math.sqrt(1 / ratio)
    factor = min(factor, most / max(own))
    width, height = (
        min(max(round(side * factor / multiple), 1) * multiple, most // multiple * multiple) for side in own
    )
    return width, height


def fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image at `size`: its middle, as large as fits, resampled where that is needed."""
    return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def wanted_anew(mask: str, size: tuple[int, int]) -> np.ndarray:
    """Where something new is made, bool (height, width): every pixel that a white one of the mask touches."""
    white = opened(mask).convert("L")
    if white.size != size:
        white = ImageOps.fit(white, size, Image.Resampling.BOX)
    return np.greater(np.asarray(white), 0)


def softened(wanted: np.ndarray, feather: int) -> np.ndarray:
    """How much of the new picture is seen, 0 to 1: all of it where wanted, and less and less over `feather` pixels."""
    if not feather:
        return wanted.astype(np.float32)
    far = ndimage.distance_transform_edt(~wanted)
    return np.clip(1 - far / (feather + 1), 0, 1).astype(np.float32)


def hole_of(seen: np.ndarray, scale: int) -> np.ndarray:
    """The places of a latent, bool (h, w), that have to be made anew: those of which any pixel is seen."""
    height, width = seen.shape
    cells = (seen > 0).reshape(height // scale, scale, width // scale, scale)
    return np.asarray(cells.any(axis=(1, 3)))


def put_back(made: np.ndarray, image: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The made picture where it is seen, and the image's very own pixels elsewhere; uint8 (height, width, 3)."""
    share = seen[:, :, None]
    return (share * made + (1 - share) * image).round().astype(np.uint8)


def _two_valued(image: Image.Image) -> Image.Image:
    """Black and white, so that masks that mean the same are the same."""
    values = np.asarray(image.convert("L")) >= NEW_FROM
    if not values.any():
        raise RecipeError(
            "this mask is all black, so nothing would be made anew: white marks what is to change."
        )
    return Image.fromarray(values.astype(np.uint8) * np.uint8(255)).convert("RGB")


def _check_count(name: str, value: Any) -> None:
    """Raises before anything is converted; files are checked as they are opened."""
    if isinstance(value, (Picture, Image.Image)):
        sides = tuple(value.size)
    else:
        sides = tuple(getattr(value, "shape", ()))[:2]
    if len(sides) == 2 and math.prod(sides) > MOST_PIXELS:
        raise PictureFileError(
            f"{name} has {math.prod(sides):,} pixels, and at most {MOST_PIXELS:,} are taken: make it smaller first."
        )
