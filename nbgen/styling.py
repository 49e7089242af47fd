"""Style presets: templates that words are put into, before anything else is made of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import RecipeError, brief, did_you_mean
from .mix import Mix

_PLACE = "{prompt}"


@dataclass(frozen=True)
class Style:
    """A template: `prompt` holds the place of the words, `{prompt}`; `negative` is put behind the negative prompt."""

    name: str
    prompt: str
    negative: str = ""


_OWN = (
    Style(
        "photo", "photograph of {prompt}, natural light, sharp focus, 50 mm lens", "drawing, painting, render"
    ),
    Style(
        "cinematic",
        "film still of {prompt}, dramatic light, shallow depth of field, film grain",
        "flat light",
    ),
    Style("watercolour", "watercolour painting of {prompt}, soft washes, paper texture", "photo, render"),
    Style("oil", "oil painting of {prompt}, visible brush strokes, canvas texture", "photo, render"),
    Style("ink", "ink drawing of {prompt}, black lines on white paper, hatching", "colour, photo"),
    Style("pencil", "pencil sketch of {prompt}, fine lines, shading", "colour, photo"),
    Style(
        "flat", "flat vector illustration of {prompt}, simple shapes, few colours", "photo, shading, texture"
    ),
    Style("pixel", "pixel art of {prompt}, 16-bit, limited palette", "photo, blurry, smooth"),
    Style("clay", "{prompt} made of clay, stop motion, soft studio light", "photo, drawing"),
    Style("isometric", "isometric view of {prompt}, small diorama, clean edges", "perspective, photo"),
)
_styles: dict[str, Style] = {style.name: style for style in _OWN}
_lock = threading.Lock()


def list_styles() -> list[Style]:
    """The styles there are, those of `add_style` among them; print them to see what they put around your words.

    A style is words, so it does as much as the model understands of them: Stable Diffusion and its successors know
    these; mini knows six of its own ("a watercolour of a snail") and few other words of these (its notes say which).
    """
    with _lock:
        return list(_styles.values())


def add_style(name: str, prompt: str = _PLACE, negative: str = "") -> Style:
    """A style of your own, for this session: `nbgen.add_style("fog", "{prompt} in thick fog", "sun")`.

    prompt: the template, with {prompt} where the words go; negative: what is put behind the negative prompt
    A name that there is already is given the new meaning. Raises RecipeError, changing nothing.
    """
    for called, text in (("name", name), ("prompt", prompt), ("negative", negative)):
        if not isinstance(text, str):
            raise RecipeError(f"a style's {called} must be text, not {brief(text)}.")
    if not name.strip():
        raise RecipeError("a style needs a name.")
    if prompt.count(_PLACE) != 1:
        raise RecipeError(
            f"a style's prompt says once where the words go, as in '{_PLACE}, in thick fog', and {brief(prompt)} says "
            f"it {prompt.count(_PLACE)} times."
        )
    style = Style(name, prompt, negative)
    with _lock:
        _styles[name] = style
    return style


def styled(fields: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The fields with `style` put into prompt and negative prompt, and without `style`.

    known: the fields of the model; one without negative prompts gets the positive half. Raises RecipeError.
    """
    found = dict(fields)
    name = found.pop("style", None)
    if name is None:
        return found
    if not isinstance(name, (str, Style)):
        raise RecipeError(f"style must be the name of one, not {brief(name)}.")
    style = name if isinstance(name, Style) else _find(name)
    if found.get("prompt") is None:
        raise RecipeError(f"the style {style.name!r} is put around a prompt, and there is none: give one.")
    found["prompt"] = _filled(found["prompt"], style)
    if style.negative and "negative" in known:
        found["negative"] = _joined(found.get("negative"), style.negative)
    return found


def _find(name: str) -> Style:
    with _lock:
        if name not in _styles:
            raise RecipeError(f"there is no style {name!r:.60}: {did_you_mean(name, list(_styles))}")
        return _styles[name]


def _filled(prompt: Any, style: Style) -> Any:
    if isinstance(prompt, Mix):
        return Mix.of(*((weight, _filled(part, style)) for weight, part in prompt.parts))
    return style.prompt.replace(_PLACE, prompt) if isinstance(prompt, str) else prompt


def _joined(negative: Any, more: str) -> Any:
    if isinstance(negative, Mix):
        return Mix.of(*((weight, _joined(part, more)) for weight, part in negative.parts))
    return f"{negative}, {more}" if negative else more
