"""One call of somebody else's pipeline: watched, stoppable, and leaving the pipeline as it was.

Nothing of the caller's is used up: schedulers are lent as copies, the progress bar, attention processors and
offload hooks are put back whatever happens. `pipe._interrupt` is not how a call is stopped: it skips the steps
that are left and still decodes. The step callback raises instead.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import RecipeError


class Stopped(Exception):
    """The observer said stop in the middle of a call."""


class NotTogether(Exception):
    """The pipeline's pictures depend on each other within one call, or it cannot take several at once."""


class Watch:
    """Is told each step of a call; tells it on, and raises Stopped where the observer says stop.

    step: called with the number of steps so far, from 1, and the latents (None where the pipeline shows none)
    """

    def __init__(self, step: Callable[[int, Tensor | None], None], stopping: Callable[[], bool]) -> None:
        self._step = step
        self._stopping = stopping
        self.steps = 0
        self.through_bar = True

    def silent(self) -> Watch:
        """One that stops as this one does, and tells nobody."""
        return Watch(lambda number, latents: None, self._stopping)

    def check(self) -> None:
        if self._stopping():
            raise Stopped

    def tell(self, latents: Tensor | None = None) -> None:
        self.steps += 1
        self._step(self.steps, latents)
        self.check()

    def arguments(self, takes: Callable[[str], bool]) -> dict[str, Any]:
        """The callbacks as the pipeline takes them; the progress bar counts where there are none."""

        def on_step_end(pipe: Any, step: int, timestep: Any, tensors: Mapping[str, Any]) -> dict[str, Any]:
            self.tell(tensors.get("latents"))
            return {}

        def callback(step: int, timestep: Any, latents: Any) -> None:
            self.tell(latents)

        found: dict[str, Any] = {
            name: on_step_end
            for name in ("callback_on_step_end", "prior_callback_on_step_end")
            if takes(name)
        }
        if not found and takes("callback"):
            found = {"callback": callback, "callback_steps": 1}
        self.through_bar = not found
        return found


class _Bar:
    """What a pipeline draws its progress with, as far as pipelines use it: it counts, and draws nothing."""

    def __init__(self, watch: Watch, iterable: Any = None, total: Any = None) -> None:
        self._watch = watch
        self._iterable = iterable
        self.total = total
        self.n = 0

    def __iter__(self) -> Iterator[Any]:
        for each in self._iterable:
            self._watch.check()
            yield each
            self.update()

    def __enter__(self) -> _Bar:
        self._watch.check()
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def update(self, steps: int = 1) -> None:
        self.n += steps
        if self._watch.through_bar:
            self._watch.tell()

    def close(self) -> None:
        """Nothing was drawn."""

    set_description = set_description_str = set_postfix = set_postfix_str = refresh = write = (
        lambda self, *arguments, **options: None
    )


@contextlib.contextmanager
def lent(pipe: Any, schedulers: Mapping[str, Any], watch: Watch) -> Iterator[None]:
    """Inside, the pipeline runs with copies of its schedulers (or those given), and its bars report to `watch`.

    Attributes are set past `DiffusionPipeline.__setattr__`, which would write them into the configuration.
    """
    kept: list[tuple[dict[str, Any], dict[str, Any]]] = []
    processors: list[tuple[Any, dict[str, Any]]] = [
        (part, dict(part.attn_processors))  # type: ignore[arg-type]
        for part in parts_of(pipe).values()
        if isinstance(part, torch.nn.Module) and hasattr(part, "set_attn_processor")
    ]
    try:
        for each in whole(pipe):
            own = {name: part for name, part in vars(each).items() if hasattr(part, "set_timesteps")}
            held = dict(own)
            if "progress_bar" in vars(each):
                held["progress_bar"] = vars(each)["progress_bar"]
            kept.append((vars(each), held))
            for name, scheduler in own.items():
                vars(each)[name] = schedulers.get(name) or copy.deepcopy(scheduler)
            vars(each)["progress_bar"] = lambda iterable=None, total=None: _Bar(watch, iterable, total)
        yield
    except BaseException:
        with contextlib.suppress(Exception):
            pipe.maybe_free_model_hooks()  # pipelines do so only at a normal end
        raise
    finally:
        for attributes, held in kept:
            attributes.pop("progress_bar", None)
            attributes.update(held)
        for part, before in processors:
            if any(before.get(name) is not now for name, now in part.attn_processors.items()):
                part.set_attn_processor(before)


def whole(pipe: Any) -> list[Any]:
    """The pipeline, and those that a combined pipeline is made of."""
    from diffusers import DiffusionPipeline

    return [pipe, *(part for part in vars(pipe).values() if isinstance(part, DiffusionPipeline))]


def parts_of(pipe: Any) -> dict[str, Any]:
    """The pipeline's parts by name, those that it lacks left out: what it registered, and modules that it just has."""
    registered = getattr(pipe, "config", {})  # one that registers nothing has none
    return {
        name: part
        for name, part in vars(pipe).items()
        if part is not None and (name in registered or isinstance(part, torch.nn.Module))
    }


@contextlib.contextmanager
def random_numbers(seed: int, device: torch.device, generators: list[torch.Generator]) -> Iterator[Drawn]:
    """Inside, the global generators start at `seed`; afterwards they are as before, and it is known who drew."""
    on_gpu = device.type == "cuda"
    drawn = Drawn()
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.manual_seed(seed)
        began = [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if on_gpu else [])]
        first = [generator.get_state() for generator in generators]
        yield drawn
        ended = [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if on_gpu else [])]
        drawn.globally = any(not torch.equal(one, other) for one, other in zip(began, ended, strict=True))
        used = [
            not torch.equal(state, generator.get_state())
            for state, generator in zip(first, generators, strict=True)
        ]
        drawn.unevenly = any(used) and not all(used)


class Drawn:
    """Whether a call drew from the global generators, and whether it passed over some of those it was given."""

    globally = False
    unevenly = False


def pictures_of(result: Any, count: int, pipeline: str) -> tuple[list[np.ndarray], list[bool]]:
    """uint8 (height, width, 3) each, and whether a safety checker blanked it. Raises RecipeError for no pictures."""
    images = getattr(result, "images", None)
    if images is None:
        raise RecipeError(f"{pipeline} returns {type(result).__name__}, in which there are no pictures.")
    if len(images) != count:
        raise NotTogether(f"{pipeline} made {len(images)} pictures where {count} were asked for.")
    flags = getattr(result, "nsfw_content_detected", None)
    flagged = [bool(flag) for flag in flags] if isinstance(flags, (list, tuple)) else [False] * count
    return [_pixels(image, pipeline) for image in images], flagged


def _pixels(image: Any, pipeline: str) -> np.ndarray:
    if isinstance(image, list) and len(image) == 1:
        image = image[0]
    if isinstance(image, Image.Image):
        return np.asarray(image.convert("RGB"))
    raise RecipeError(f"{pipeline} made a {type(image).__name__} where a picture was asked for.")
