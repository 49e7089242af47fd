"""A picture as a stop of a walk where it brings no recipe: its noise is found by running the sampling backwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ..errors import RecipeError
from ..inputs import blob_of, fitted, fitting_size, opened, size_of
from ..models.base import Model
from ..picture import Picture
from ..recipe import Recipe
from ..show.walking import root_mean_square


def is_bare_picture(stop: Any) -> bool:
    """Whether a stop is pixels: a picture without recipe, a PIL image, an array, a Path."""
    if isinstance(stop, Picture):
        return stop.recipe is None
    return bool(getattr(stop, "shape", ())) or isinstance(stop, Image.Image) or hasattr(stop, "__fspath__")


def inverted_stop(stop: Any, number: int, model: Model, prompt: Any) -> dict[str, Any]:
    """The fields that a picture sets as stop `number`, counted from 1: its noise, and that nothing guides it away.

    Its prompt is the walk's own, or empty. Raises RecipeError for a model that nobody can run backwards, and
    PictureFileError for what is no picture.
    """
    if "inverted" not in model.fields:
        raise RecipeError(
            f"stop {number} is a picture without a recipe. To start from its pixels, the sampling would have to be run "
            f"backwards (DDIM inversion), which the model {model.ref.name!r} does not allow. A picture that nbgen "
            "made, also one read back from its file by nbgen.read, carries its recipe and can be a stop."
        )
    words = "" if prompt is None else prompt
    if not isinstance(words, str):
        raise RecipeError("between pictures, prompt is one text for all frames, and not a Mix.")
    picture = blob_of(f"stop {number}", stop)
    return {"inverted": {picture: (1.0, words)}, "prompt": words, "guidance": 1.0}


def beside_pictures(stops: Sequence[Mapping[str, Any]], model: Model) -> dict[str, Any]:
    """What the stops of a walk leave open where a picture's pixels are among them: about its shape, and no words."""
    for each in stops:
        for picture in each.get("inverted", ()):
            multiple, most = model.size_multiple(), model.most_side()  # type: ignore[attr-defined]
            return {
                "prompt": "",
                "size": fitting_size(size_of(picture), model.defaults["size"], multiple, most),
            }
    return {}


def reconstructions(stops: Sequence[Recipe], frames: Sequence[Picture]) -> tuple[str, ...]:
    """A sentence for each stop that is a picture's noise: how near the picture its frame comes, from 0 to 1."""
    made = {frame.recipe: frame for frame in frames}
    said = []
    for number, stop in enumerate(stops, 1):
        if stop not in made or [weight for _, (weight, _) in stop.inverted] != [1.0]:
            continue
        assert stop.size is not None
        wanted = np.asarray(fitted(opened(stop.inverted[0][0]), stop.size))
        (error,) = root_mean_square([wanted], [np.asarray(made[stop])])
        said.append(f"stop {number} comes back from its noise with an error of {error:.3f}")
    return tuple(said)
