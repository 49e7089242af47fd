"""How does a laboratory live in the cell? Requests come in, frames go out one at a time, a still picture stays.

What a notebook keeps of a laboratory is an ordinary picture, filled in again whenever the laboratory comes to rest;
the live panel is laid over it (see `widgets/overlay.py`).

A `Laboratory` says what it can do; this file is right with and without subshells: callbacks only enqueue, one
thread works, and it ends when there is nothing to do.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from ..errors import NbgenError
from ..widgets.cells import front_end
from ..widgets.overlay import Overlay, script, style
from .pages import STATIC, packed, png

REST = 1.2
"""Seconds without a change after which the still picture in the notebook is filled in again."""

MOST_WAITING = 40
"""Requests that may wait; more is a cat on the keyboard."""

_log = logging.getLogger(__name__)


class Laboratory:
    """What every laboratory shares: a lock, a panel in the cell, and the face that lessons script.

    A laboratory supplies `do`, `frame`, `advance`, `figure` and `state`; it validates before it changes anything,
    so that an error leaves the last good state. Whoever changes it from Python calls `changed()` afterwards.
    """

    script: str
    """File in `static/` that builds the page's part."""
    title: str

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.playing = False
        self.problem = ""
        self._panel: Panel | None = None

    # What a laboratory supplies.

    def do(self, name: str, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """A request from the page. Raises NbgenError where it cannot be."""
        raise NotImplementedError

    def frame(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What the page draws: words and numbers, and arrays (float32, int32 or uint8)."""
        raise NotImplementedError

    def pending(self) -> bool:
        """Whether there is work that may wait until everything else is done and shown."""
        return False

    def catch_up(self) -> None:
        """Do that work."""

    def advance(self) -> None:
        """One beat of playing; sets `playing` to False at the end."""
        raise NotImplementedError

    def figure(self) -> Any:
        """The state as a matplotlib Figure."""
        raise NotImplementedError

    # What they share.

    def changed(self) -> None:
        """Show the new state in the panel, where there is one."""
        if self._panel is not None:
            self._panel.poke(dirty=True)

    def close(self) -> None:
        """Take the panel out of the page. The still picture stays."""
        if self._panel is not None:
            self._panel.close()
            self._panel = None

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if front_end() is None:
            display(self.still(), raw=True)
            return
        self.close()
        self._panel = Panel(self)
        self._panel._ipython_display_()

    def still(self) -> dict[str, Any]:
        """What the notebook keeps: a MIME bundle."""
        return {"image/png": png(self.figure()), "text/plain": repr(self)}


class Panel(Overlay):
    """The live part. `sent` counts frames, for those who measure."""

    _css = style("over.css", "live.css", folder=STATIC)

    title = traitlets.Unicode().tag(sync=True)

    def __init__(self, laboratory: Laboratory) -> None:
        self.sent = 0
        self._laboratory = laboratory
        self._condition = threading.Condition()
        self._requests: OrderedDict[str, tuple[Mapping[str, Any], Sequence[Any]]] = OrderedDict()
        self._thread: threading.Thread | None = None
        self._visible: set[str] = set()
        self._awaited = 0
        self._dirty = True
        self._stale_since: float | None = None
        self._closed = False
        super().__init__(
            _esm=script("over.js", "plane.js", "chart.js", "live.js", laboratory.script, folder=STATIC),
            title=laboratory.title,
        )
        self.on_msg(self._received)

    def still(self) -> dict[str, Any]:
        return self._laboratory.still()

    def poke(self, *, dirty: bool = False) -> None:
        """There may be something to do."""
        with self._condition:
            if dirty:
                self._dirty = True
                self._stale_since = time.monotonic()
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._serve, name="nbgen-laboratory", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        super().close()

    def _received(self, _: Any, content: Any, buffers: Any) -> None:
        """Called on whichever thread the kernel answers widgets with: notes it down and returns."""
        if not isinstance(content, dict):
            return
        kind, view = content.get("kind"), str(content.get("from"))
        with self._condition:
            if kind == "drawn":
                if content.get("number") == self._awaited:
                    self._awaited = 0
            elif kind == "visible":
                if content.get("visible"):
                    # A new view, or one that was hidden: what was awaited is lost.
                    if view not in self._visible:
                        self._visible.add(view)
                        self._awaited, self._dirty = 0, True
                else:
                    self._visible.discard(view)
            elif kind == "do":
                self._enqueue(content, buffers or ())
            else:
                return
        self.poke()

    def _enqueue(self, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        # Of a slider only the latest value counts; of a button every press.
        slot = content.get("slot")
        name = f"slot {slot}" if slot else uuid.uuid4().hex
        self._requests.pop(name, None)
        if len(self._requests) < MOST_WAITING:
            self._requests[name] = (content, buffers)

    def _serve(self) -> None:
        while True:
            with self._condition:
                while not self._something_to_do():
                    rest = self._seconds_to_rest()
                    if rest is None or self._closed:
                        self._thread = None
                        return
                    self._condition.wait(rest)
                    if self._seconds_to_rest() == 0:
                        break
                request = self._requests.popitem(last=False)[1] if self._requests else None
            self._one(request)

    def _something_to_do(self) -> bool:
        if self._closed:
            return False
        wanted = bool(self._visible) and not self._awaited
        if self._requests or (wanted and (self._dirty or self._laboratory.playing)):
            return True
        return bool(self._visible) and not self._laboratory.playing and self._laboratory.pending()

    def _seconds_to_rest(self) -> float | None:
        """Seconds until the still picture is due, 0 when it is; None where nothing changed since the last one."""
        if self._handle is None or self._stale_since is None or self._laboratory.playing:
            return None
        return max(0.0, self._stale_since + REST - time.monotonic())

    def _one(self, request: tuple[Mapping[str, Any], Sequence[Any]] | None) -> None:
        laboratory = self._laboratory
        with laboratory.lock:
            try:
                if request is not None:
                    laboratory.problem = ""
                    laboratory.do(str(request[0].get("name")), request[0], request[1])
                    self._note_change()
                elif self._seconds_to_rest() == 0 and not self._dirty_and_seen():
                    self._fill_in()
                    return
                elif laboratory.playing and not self._dirty:
                    laboratory.advance()
                    self._note_change()
                elif not self._dirty_and_seen() and laboratory.pending():
                    laboratory.catch_up()
                    self._note_change()
            except NbgenError as error:
                self._complain(str(error))
            except Exception as error:  # nothing is swallowed: the panel shows it, and the log has all of it
                self._complain(f"{type(error).__name__}: {error}")
                _log.exception("a laboratory failed in a way nobody foresaw")
        self._send_frame()

    def _dirty_and_seen(self) -> bool:
        return self._dirty and bool(self._visible) and not self._awaited

    def _note_change(self) -> None:
        with self._condition:
            self._dirty = True
            self._stale_since = time.monotonic()

    def _complain(self, words: str) -> None:
        self._laboratory.playing = False
        self._laboratory.problem = words
        self._note_change()

    def _send_frame(self) -> None:
        """The next frame goes out only where somebody looks and the last one was drawn."""
        with self._condition:
            if not self._dirty_and_seen() or self._requests:
                return
            self._dirty = False
            self.sent += 1
            number = self._awaited = self.sent
        laboratory = self._laboratory
        with laboratory.lock:
            try:
                state, arrays = laboratory.frame()
            except Exception as error:
                state, arrays = {}, {}
                laboratory.problem = f"{type(error).__name__}: {error}"
                laboratory.playing = False
                _log.exception("a laboratory could not show its state")
            state |= {"problem": laboratory.problem, "playing": laboratory.playing}
        described, buffers = packed(arrays)
        self.send({"kind": "frame", "number": number, "state": state, "arrays": described}, buffers)

    def _fill_in(self) -> None:
        with self._condition:
            self._stale_since = None
        self.refresh()
