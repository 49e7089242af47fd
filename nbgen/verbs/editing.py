"""`outpaint`, `upscale` and `blend`: from pictures to pictures, by the same model and with recipes of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import session
from ..errors import PictureFileError, RecipeError, brief
from ..inputs import blob_of, fitted, opened
from ..models.base import Model
from ..models.upscaler import Upscaler
from ..names import refuse_unknown
from ..picture import Picture
from ..recipe import Mix, Recipe
from ..styling import styled
from ..values import as_whole
from .making import model_of
from .running import start
from .stops import arc, mixed
from .waiting import deliver
from .watching import say
from .wishes import Wishes

FEATHER = 4
"""Pixels over which what is painted anew passes into a picture where nothing is said."""
REFINED = 0.3
"""Strength with which an enlarged picture is refined where nothing is said: details, and no new layout."""
BLENDED = 0.7
"""Strength with which two pictures become one where nothing is said."""
_KEPT = (
    "prompt", "negative", "seed", "sampler", "schedule", "steps", "guidance", "guidance_interval", "guidance_rescale",
    "options",
)  # fmt: skip
"""What a picture's own recipe says of the pictures that are made of it, for any model."""
SEEN = 0.6
"""The weight with which a model's IP-Adapter, where it has one, looks at both."""
TIMES = 2
"""How many times larger an upscaled picture is where nothing is said."""
MOST_TIMES = 8
"""How many times larger an upscaled picture can be."""
ROOMY = 2.0
"""How many times the pixels of a model's usual size it still makes well in one piece."""


def outpaint(
    picture: Any,
    prompt: str | Mix | None = None,
    *,
    left: int = 0,
    right: int = 0,
    top: int = 0,
    bottom: int = 0,
    model: Any = None,
    wait: bool = True,
    fresh: bool = False,
    store: bool = True,
    exact: bool = False,
    **fields: Any,
) -> Any:
    """The picture with more of the scene around it: `left`, `right`, `top` and `bottom` pixels on each side.

    picture: a Picture, PIL image, array or path; prompt: what the whole shows, the picture's own where it has one
    fields: as in `generate`; strength is 1 when left out, feather a few pixels, seed the picture's own or 0
    wait, fresh, store, exact: as in `generate`

    What was there keeps its very pixels but for the feather's breadth. The sides of the whole must be sizes that the
    model makes; RecipeError names the nearest. Returns a Picture whose recipe makes it again.

        wide = nbgen.outpaint(picture, left=32, right=32)
    """
    wishes = Wishes(wait, fresh, store, exact)
    sides = {"left": left, "right": right, "top": top, "bottom": bottom}
    sides = {name: as_whole(name, value) for name, value in sides.items()}
    if min(sides.values()) < 0 or not any(sides.values()):
        raise RecipeError(
            "outpaint adds left=, right=, top= or bottom= pixels: at least one above 0, none below."
        )
    chosen, base = _base(picture, prompt, model, fields, {"image", "mask"})
    pixels = np.asarray(opened(blob_of("picture", picture)))
    around = (sides["top"], sides["bottom"]), (sides["left"], sides["right"])
    height, width = (side + sum(more) for side, more in zip(pixels.shape, around, strict=False))
    most = chosen.most_side()  # type: ignore[attr-defined]
    if max(width, height) > most:
        raise RecipeError(
            f"the whole would have {width:,}×{height:,} pixels, and this model makes sides of at most {most:,}: "
            "add less."
        )
    feather = as_whole("feather", fields.pop("feather", FEATHER))
    # The seam is made anew too, so that both sides of it are drawn by one hand.
    kept = np.zeros((height, width), bool)
    inner = [
        slice(before + feather * (before > 0), side - after - feather * (after > 0))
        for side, (before, after) in zip((height, width), around, strict=True)
    ]
    kept[inner[0], inner[1]] = True
    if not kept.any():
        raise RecipeError(
            f"feather={feather} leaves nothing of a picture of {pixels.shape[1]}×{pixels.shape[0]}."
        )
    canvas = np.pad(pixels, (*around, (0, 0)), mode="edge")
    given = {
        "strength": 1.0,
        "size": (width, height),
        **fields,
        "image": canvas,
        "mask": ~kept,
        "feather": feather,
    }
    return _make(chosen, {**base, **given}, wishes)


def upscale(
    picture: Any,
    times: float | None = None,
    prompt: str | Mix | None = None,
    *,
    model: Any = None,
    wait: bool = True,
    fresh: bool = False,
    store: bool = True,
    exact: bool = False,
    **fields: Any,
) -> Any:
    """The picture `times` as large on each side, its details drawn anew by the same model, or by an upscaler.

    picture: a Picture, PIL image, array or path; times: above 1 and at most 8, 2 when left out
    model: the picture's own when left out. One that was made to enlarge (a diffusers StableDiffusionUpscalePipeline or
        StableDiffusionLatentUpscalePipeline) does it in its own way, and as many times as it was made for
    prompt: what it shows; left out, the picture's own words, or none where windows show the denoiser parts
    fields: as in `generate`; strength is 0.3 when left out: more invents more. Where the whole is larger than what the
        model makes well, the denoiser sees it through overlapping windows; windows=(width, height) says their size
    wait, fresh, store, exact: as in `generate`

    The size is the nearest that the model makes. Returns a Picture whose recipe makes it again.

        large = nbgen.upscale(picture, 2)
    """
    wishes = Wishes(wait, fresh, store, exact)
    if times is not None and (
        isinstance(times, bool) or not isinstance(times, (int, float)) or not 1 < times <= MOST_TIMES
    ):
        raise RecipeError(f"times must be above 1 and at most {MOST_TIMES}, not {brief(times)}.")
    chosen, base = _base(picture, prompt, model, fields, {"image", "mask", "size"})
    image = blob_of("picture", picture)
    if isinstance(chosen, Upscaler):
        if times not in (None, chosen.times):
            raise RecipeError(
                f"{chosen.ref.name} makes pictures {chosen.times} times as large, not {times:g} times: leave times out."
            )
        words: dict[str, Any] = {name: base[name] for name in ("prompt", "negative", "seed") if name in base}
        return _make(chosen, {"prompt": "", **words, **fields, "image": image}, wishes)
    times = times or TIMES
    multiple, most = chosen.size_multiple(), chosen.most_side()  # type: ignore[attr-defined]
    own = opened(image).size
    size = tuple(max(multiple, round(side * times / multiple) * multiple) for side in own)
    if max(size) > most:
        raise RecipeError(
            f"{times:g} times {own[0]}×{own[1]} is {size[0]}×{size[1]}, and this model makes sides of at most {most} "
            f"pixels: times={math.floor(10 * most / max(own)) / 10:g} fits."
        )
    usual = chosen.defaults["size"]
    windows = usual if math.prod(size) > ROOMY * math.prod(usual) else None
    if windows and fields.get("control") and "windows" not in fields:
        raise RecipeError(
            f"at {size[0]}×{size[1]} the model draws through windows, and a ControlNet sees a picture whole: leave "
            "control out, or say windows=None, which draws the whole at once and takes more memory."
        )
    # Enlarged first: what the model is given has the size of what it makes.
    given = {"strength": REFINED, "windows": windows, **fields, "image": _enlarged(image, size), "size": size}
    if given["windows"] is not None and prompt is None:
        base["prompt"] = ""  # each window would draw all that the words say
        base.pop("mixing", None)
    return _make(chosen, {**base, **given}, wishes)


def blend(
    one: Any,
    other: Any,
    part: float = 0.5,
    prompt: str | Mix | None = None,
    *,
    model: Any = None,
    wait: bool = True,
    fresh: bool = False,
    store: bool = True,
    exact: bool = False,
    **fields: Any,
) -> Any:
    """One picture of two: their latents mixed, noised, and drawn anew under the mixture of their prompts.

    one, other: Pictures, PIL images, arrays or paths; part: how much of the other, 0 to 1
    prompt: what the blend shows; left out, both pictures' own prompts by weight, where both have one
    fields: as in `generate`; strength is 0.7 when left out: less keeps more of both, like a double exposure. Where the
        model has an IP-Adapter, it looks at both as they are mixed, unless image_prompt={} says that it should not
    wait, fresh, store, exact: as in `generate`

    Returns a Picture whose recipe makes it again.

        nbgen.blend(cat, dog, 0.5)
    """
    wishes = Wishes(wait, fresh, store, exact)
    if isinstance(part, bool) or not isinstance(part, (int, float)) or not 0 <= part <= 1:
        raise RecipeError(f"part is how much of the other picture there is, from 0 to 1, not {brief(part)}.")
    chosen, base = _base(one, prompt, model, fields, {"image", "mask"})
    theirs = other.recipe if isinstance(other, Picture) else None
    if prompt is None and theirs is not None and "prompt" in base:
        base["prompt"] = mixed((1 - part, base["prompt"]), (part, theirs.prompt or ""))
        if "seed" not in fields and theirs.seed != base.get("seed", 0) and 0 < part < 1:
            base["seed"] = arc(base.get("seed", 0), theirs.seed, float(part))
    image = mixed((1 - part, blob_of("one", one)), (part, blob_of("other", other)))
    seen = {name: (image, SEEN) for name in getattr(chosen, "prompt_names", ())[:1]}
    given = {"strength": BLENDED, "image_prompt": seen or None, **fields, "image": image}
    return _make(chosen, {**base, **given}, wishes)


def _base(
    picture: Any, prompt: Any, model: Any, fields: dict[str, Any], own: set[str]
) -> tuple[Model, dict[str, Any]]:
    """The model, and what the picture's recipe says of prompt, sampling and seed."""
    if isinstance(picture, Recipe):
        raise PictureFileError("this verb works on pixels: give a picture, not its recipe.")
    recipe = picture.recipe if isinstance(picture, Picture) else None
    chosen = model_of(recipe, model)
    if "image" not in chosen.fields:
        raise RecipeError(f"the model {chosen.ref.name!r} draws from words alone: it has no field 'image'.")
    refuse_unknown(fields, chosen.fields - own | {"style"})
    base: dict[str, Any] = {"seed": 0, **session.default_fields(chosen.fields - own)}
    if recipe is not None:
        kept = [*_KEPT]
        if prompt is None:
            kept += ["words", "mixing"]  # how its own words are read
        if recipe.model is not None and recipe.model.fingerprint == chosen.ref.fingerprint:
            kept += ["distilled_guidance", "adapters", "image_prompt"]
        found = {name: getattr(recipe, name) for name in kept if name in chosen.fields}
        base |= {name: value for name, value in found.items() if value not in (None, ())}
        if fields.get("sampler") not in (None, recipe.sampler):
            base = {name: value for name, value in base.items() if name not in ("schedule", "options")}
    if prompt is not None:
        base["prompt"] = prompt
    return chosen, base


def _enlarged(digest: str, size: tuple[int, ...]) -> str:
    return blob_of("picture", fitted(opened(digest), (size[0], size[1])))


def _make(model: Model, fields: dict[str, Any], wishes: Wishes) -> Any:
    given = {name: value for name, value in fields.items() if value is not None}
    recipe = model.resolve(**styled(given, model.fields))
    for note in model.notes(recipe):
        say(note)
    job = start(model, [recipe], wishes, whole=True, make_result=lambda job: job.pictures[0])
    return deliver(job) if wishes.wait else job
