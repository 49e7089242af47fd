"""The studio's own parts, each a thin page script over plain state: the words, the stage, a strip of pictures.

They hold what the page shows and hand on what people press. What that means is the studio's business.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import anywidget
import traitlets
from PIL import Image

from ..picture import Picture
from ..pixels import png_bytes
from ..show.smaller import at_most
from .overlay import script, style

THUMB = 128
"""Pixels a side of a thumbnail at most; the page shows it at 92, sharp on fine screens."""
MOST_SHOWN = 768
"""Pixels a side of the large picture at most."""
FRAME_GAP = 0.25
"""Seconds between two frames of a preview at least: no more than four a second."""
UNSEEN = 2.0
"""Seconds after which a frame that the page never acknowledged is held for lost."""

Handler = Callable[[dict[str, Any]], None]


class Part(anywidget.AnyWidget):
    """Hands the page's messages to the studio, by their kind; what travels as bytes is in "buffers"."""

    _css = style("studio.css")

    def __init__(self, **state: Any) -> None:
        super().__init__(**state)
        self.handlers: dict[str, Handler] = {}
        self.on_msg(self._received)

    def _received(self, _: Any, content: Any, buffers: Any) -> None:
        handler = self.handlers.get(str(content.get("kind"))) if isinstance(content, dict) else None
        if handler is not None:
            handler({**content, "buffers": buffers})


class PromptBox(Part):
    """Prompt, negative prompt, Generate and Stop. Kinds of message: "generate", "typed" and "stop"."""

    _esm = script("prompt.js")

    prompt = traitlets.Unicode().tag(sync=True)
    negative = traitlets.Unicode().tag(sync=True)
    reads = traitlets.Bool(True).tag(sync=True)
    denies = traitlets.Bool(True).tag(sync=True)
    told = traitlets.Unicode().tag(sync=True)
    example = traitlets.Unicode().tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
    waiting = traitlets.Int(0).tag(sync=True)

    def write(self, prompt: str, negative: str) -> None:
        """Put these words into the page, whatever stands there."""
        self.prompt, self.negative = prompt, negative
        self.send({"kind": "words", "prompt": prompt, "negative": negative})


class Stage(Part):
    """The large picture at rest, frames of what is being made, and one line that says how far it is."""

    _esm = script("stage.js")

    picture = traitlets.Bytes().tag(sync=True)
    side = traitlets.Int(0).tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    empty = traitlets.Unicode().tag(sync=True)
    wide = traitlets.Bool(False).tag(sync=True)
    shown = traitlets.Int(0).tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
    state = traitlets.Dict({"fraction": None, "words": "", "error": ""}).tag(sync=True)

    def __init__(
        self, empty: str = "", wide: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(empty=empty, wide=wide)
        self._clock = clock
        self._visible: set[str] = set()
        self._number = 0
        self._waited_for = 0
        self._sent_at = -FRAME_GAP
        self._lock = threading.Lock()
        self.frames_sent = 0
        self.handlers |= {"seen": self._seen, "visible": self._looked_at}

    @property
    def visible(self) -> bool:
        """Whether some view of it is on a screen now."""
        return bool(self._visible)

    def show(self, picture: Picture | None) -> None:
        """The large picture; None clears the stage."""
        if picture is None:
            state: dict[str, Any] = {"picture": b"", "caption": "", "side": 0}
        else:
            image = picture.pixels()
            png = png_bytes(at_most(image, MOST_SHOWN))
            state = {"picture": png, "caption": caption_of(picture), "side": max(image.size)}
        with self.hold_sync():
            self.set_trait("picture", state["picture"])
            self.caption, self.side = state["caption"], state["side"]
            self.shown += 1

    def show_png(self, png: bytes, caption: str) -> None:
        """A picture that is a PNG already, an animated one too."""
        with self.hold_sync():
            self.set_trait("picture", png)
            self.caption, self.side = caption, MOST_SHOWN
            self.shown += 1

    def tell(self, words: str = "", *, fraction: float | None = None, error: str = "") -> None:
        """One line for the reader, and for screen readers; an error stands out and stays until the next."""
        state: dict[str, Any] = {"fraction": fraction, "words": words, "error": error}
        self.set_trait("state", state)

    def wants_frame(self) -> bool:
        """Whether a frame would be seen now: somebody looks, the last one arrived, and a quarter second passed."""
        with self._lock:
            since = self._clock() - self._sent_at
            arrived = self._waited_for == 0 or since >= UNSEEN
            return bool(self._visible) and arrived and since >= FRAME_GAP

    def frame(self, jpeg: bytes, caption: str) -> None:
        """Send a frame; call it only where one is wanted."""
        with self._lock:
            self._number += 1
            self._waited_for = self._number
            self._sent_at = self._clock()
            self.frames_sent += 1
            number = self._number
        self.send({"kind": "frame", "number": number, "caption": caption}, [jpeg])

    def rest(self) -> None:
        """Back from frames to the picture."""
        self.shown += 1

    def _seen(self, message: Mapping[str, Any]) -> None:
        with self._lock:
            if message.get("number") == self._waited_for:
                self._waited_for = 0

    def _looked_at(self, message: Mapping[str, Any]) -> None:
        view = str(message.get("view"))
        with self._lock:
            self._visible.add(view) if message.get("visible") else self._visible.discard(view)


class Strip(Part):
    """Thumbnails in a row, one of them chosen, and buttons for it. Kind of message: "action"."""

    _esm = script("elements.js", "copying.js", "strip.js")

    title = traitlets.Unicode("Pictures").tag(sync=True)
    empty = traitlets.Unicode().tag(sync=True)
    items: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    actions: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)

    def fill(self, pictures: Iterable[Picture], describe: Callable[[Picture], dict[str, Any]]) -> None:
        """Show these pictures; `describe` gives what the page copies and whether there is a star."""
        known = {item["key"]: item["thumb"] for item in self.items}
        self.items = [
            {
                "key": picture.key,
                "label": caption_of(picture),
                "thumb": known.get(picture.key) or thumbnail(picture),
                **describe(picture),
            }
            for picture in {picture.key: picture for picture in pictures}.values()
        ]

    def say(self, words: str) -> None:
        """One line beneath the pictures."""
        self.send({"kind": "said", "words": words})


def caption_of(picture: Picture) -> str:
    """What a picture is called in the panel: its words and its seed."""
    prompt = str(picture.recipe.prompt) if picture.recipe is not None and picture.recipe.prompt else ""
    label = picture.label()
    return " · ".join(part for part in (prompt, label) if part) or "a picture"


def thumbnail(picture: Picture) -> bytes:
    image = picture.image
    image.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
    return png_bytes(image)


def jpeg_bytes(image: Image.Image) -> bytes:
    """A small JPEG, for a glance."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
