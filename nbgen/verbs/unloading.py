"""`unload`: a model's memory given back, at once or after it has been idle for a while."""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Any

from ..engine.memory import give_back
from ..errors import ModelError, brief
from ..jobs import Job, submit
from ..models.base import Model
from ..models.loading import forget, load, loaded
from ..models.residence import Residence
from ..quantities import as_seconds

_LEAST = 0.01
_MOST = threading.TIMEOUT_MAX
_timers: weakref.WeakKeyDictionary[Model, threading.Timer] = weakref.WeakKeyDictionary()


def unload(model: Any = None, *, after: str | float | None = None) -> int:
    """Give a model's memory back, and return how many bytes of weights went.

    model: a Model, or what `nbgen.load` was given for it; left out, every model that nbgen has loaded by name
    after: "10m", "30s", "2h" or seconds: only once nobody has used it for so long, again and again (0 is
        returned then); "never" takes that back

    The model can still be used: what needs its weights reads them again. Work under way is finished first. The
    weights of a pipeline that you handed over are yours: nbgen only lets go of its own side, and they go with your
    last reference. Raises ModelError for what is no model.
    """
    models = loaded() if model is None else [model if isinstance(model, Model) else _known(model)]
    idle = None if after is None else _seconds(after)
    total = 0
    for each in models:
        earlier = _timers.pop(each, None)
        if earlier is not None:
            earlier.cancel()
        if after is None:
            total += _let_go(each)
        elif idle is not None:
            _watch(each, idle)
    return total


def _known(model: Any) -> Model:
    """A model that is loaded already; only a pipeline is looked at anew."""
    if isinstance(model, (str, os.PathLike)):
        found = loaded(model)
        if not found:
            raise ModelError(
                f"{os.path.basename(os.fspath(model))!r:.80} is not loaded: there is nothing to give back."
            )
        return found[0]
    return load(model)


def _seconds(after: str | float) -> float | None:
    """The idle time in seconds; None for never."""
    if after == "never":
        return None
    seconds = as_seconds(after)
    if seconds is None or seconds > _MOST:
        raise ModelError(
            f'after must be a time such as "10m", "30s" or "2h", or "never", not {brief(after, 40)}.'
        )
    return max(_LEAST, seconds)


def _let_go(model: Model) -> int:
    """On the model's own thread, after the work that was asked for before."""
    gone: list[int] = []

    def work(_: Job) -> None:
        home = model.residence
        if isinstance(home, Residence) and home.here:
            gone.append(home.bytes)
            home.let_go()
        model.forget_what_it_read()
        give_back(model.device)

    submit(model, work).result()
    forget(model)
    return sum(gone)


def _watch(model: Model, idle: float) -> None:
    """A timer that lets go once the model has been idle for so long, and goes on watching."""
    seen = weakref.ref(model)

    def look() -> None:
        found = seen()
        if found is None:
            return
        left = idle - (time.monotonic() - found.used)
        if left <= 0:
            _let_go(found)
        _start(found, max(left, _LEAST) if left > 0 else idle, look)

    _start(model, idle, look)


def _start(model: Model, seconds: float, look: Any) -> None:
    timer = threading.Timer(seconds, look)
    timer.daemon = True
    _timers[model] = timer
    timer.start()
