"""Where is a picture to change, and what does a sketch look like? Painted in the cell, plain images in the next one."""

from __future__ import annotations

import base64
import binascii
import io
import threading
from typing import Any

import numpy as np
import traitlets
from PIL import Image

from .. import unshown
from ..errors import PictureFileError, RecipeError
from ..picture import as_image
from ..pixels import enlarged, png_bytes
from ..show.smaller import at_most
from ..values import as_size
from .overlay import Overlay, name_of, script, style

LARGEST = 4096
"""Pixels a side of a sheet: a browser paints on no larger one without stuttering."""
TINT = (255, 0, 190)
"""What lies over the painted part of a picture."""
_PATIENCE = 1.0
"""Seconds to wait for a stroke that has begun and has not arrived."""
SHEET = "…"
"""What stands for the sheet in the call that the page completes."""
_DATA = "data:image/png;base64,"


def mask(picture: Any, *, start: Any = None) -> Mask:
    """A panel to paint the part of a picture that is to change.

    picture: a Picture, PIL image, array, or a file's path
    start: what is painted at first (white, of the picture's own size), as any of these, or as the text that
        "Copy as code" gives; left out, nothing is

    The mask is separate from its picture and of its size, white where painted. Every verb takes it from the next
    cell on; `mask.image` is the PIL image. Raises PictureFileError and RecipeError.

        m = nbgen.mask(picture)
        m
        nbgen.generate("a red hat", image=picture, mask=m)     # the next cell
    """
    if picture is None:
        raise RecipeError("a mask needs a picture: nbgen.mask(picture).")
    return Mask(picture, start)


def sketch(picture: Any = None, *, size: tuple[int, int] | None = None, start: Any = None) -> Sketch:
    """A pad to draw on in colours, white at first.

    picture: what is drawn over (a Picture, PIL image, array, or a file's path); left out, white paper
    size: (width, height) of the paper in pixels; left out, 512 × 512, or the picture's own
    start: what is drawn at first, as `picture`, or as the text that "Copy as code" gives

    Every verb takes it as a picture from the next cell on; `sketch.image` is the PIL image. Raises
    PictureFileError and RecipeError.

        s = nbgen.sketch()
        s
        nbgen.generate("a red house", image=s, strength=0.7)   # the next cell
    """
    if picture is not None and size is not None:
        raise RecipeError("give a picture or a size: a sketch over a picture has the picture's size.")
    width, height = as_size("size", (512, 512) if size is None else size)
    _check_size(width, height)
    return Sketch(picture, start, (width, height))


class Pad(Overlay):
    """What mask and sketch share: a sheet that is painted in the page, and is a plain image here."""

    _esm = script("elements.js", "copying.js", "keys.js", "over.js", "raster.js", "turns.js", "pad.js")
    _css = style("studio.css", "over.css", "pad.css")

    masking = traitlets.Bool().tag(sync=True)
    width = traitlets.Int().tag(sync=True)
    height = traitlets.Int().tag(sync=True)
    beneath = traitlets.Bytes().tag(sync=True, echo_update=False)
    sheet = traitlets.Bytes().tag(sync=True, echo_update=False, from_json=lambda sent, _: bytes(sent))
    call = traitlets.Unicode().tag(sync=True)

    verb: str
    mode: str

    def __init__(self, picture: Any, start: Any, size: tuple[int, int] = (0, 0)) -> None:
        self._given = picture
        self._names = "picture", self.verb[0]
        self._picture = Image.new("RGB", size, "white") if picture is None else as_image(picture)
        _check_size(*self._picture.size)
        self._arrived = threading.Condition()
        self._under_way: set[str] = set()
        sheet = self._blank() if start is None else self._as_sheet(start)
        super().__init__(
            masking=self.mode == "L",
            width=self._picture.width,
            height=self._picture.height,
            beneath=png_bytes(self._picture),
            sheet=png_bytes(sheet),
        )
        self._describe()
        self.observe(lambda _: self.refresh(), "sheet")
        self.on_msg(self._received)

    @property
    def image(self) -> Image.Image:
        """The sheet as a PIL image of the picture's own size; the caller's own to change."""
        with self._arrived:
            # On another thread than the one that hears from the page, a stroke may be on its way.
            if not self._arrived.wait_for(lambda: not self._under_way, _PATIENCE):
                self._under_way.clear()  # its page went away, or this is the very thread that hears from it
        return self._decoded(self.sheet)

    @image.setter
    def image(self, image: Any) -> None:
        self.sheet = png_bytes(self._as_sheet(image))

    @property
    def picture(self) -> Image.Image:
        """What is painted over, as a PIL image; the caller's own to change."""
        return self._picture.copy()

    @property
    def code(self) -> str:
        """The call that gives this very sheet, painted parts and all."""
        text = _DATA + base64.b64encode(_packed(self.image)).decode("ascii")
        return self.call.replace(SHEET, f'"{text}"')

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, the picture's own."""
        return self.width, self.height

    def clear(self) -> None:
        """The sheet as it was before anything was painted."""
        self.sheet = png_bytes(self._blank())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.image, dtype=dtype)

    def named(self) -> None:
        own = name_of(self, self.verb[0])
        self._names = name_of(self._given, f"{own}.picture"), own
        self._describe()

    def still(self) -> dict[str, Any]:
        unshown.shown(self._given)
        shown = at_most(self._for_the_notebook(), 512)
        return {"image/png": png_bytes(enlarged(shown, 320)), "text/plain": repr(self)}

    def _blank(self) -> Image.Image:
        raise NotImplementedError

    def _for_the_notebook(self) -> Image.Image:
        raise NotImplementedError

    def _use(self) -> str:
        raise NotImplementedError

    def _argument(self) -> str:
        raise NotImplementedError

    def _as_sheet(self, start: Any) -> Image.Image:
        """Any image as a sheet. Raises RecipeError where it has another size than the picture."""
        image = as_image(_from_text(start) if isinstance(start, str) and start.startswith(_DATA) else start)
        if image.size != self._picture.size:
            own, other = (f"{width}×{height}" for width, height in (self._picture.size, image.size))
            raise RecipeError(f"a {self.verb} has its picture's own size, {own}, and this image has {other}.")
        return image.convert(self.mode)

    def _decoded(self, content: bytes) -> Image.Image:
        """What the page sent is a picture of the right size, or it is refused."""
        image = Image.open(io.BytesIO(content), formats=["PNG"])
        return image.convert("RGB").convert(self.mode)

    @traitlets.validate("sheet")
    def _check_sheet(self, proposal: Any) -> bytes:
        content: bytes = proposal["value"]
        try:
            fits = self._decoded(content).size == self._picture.size
        except (OSError, ValueError, SyntaxError) as error:
            raise traitlets.TraitError(f"a sheet is a PNG: {error}") from None
        if not fits:
            raise traitlets.TraitError("a sheet has its picture's own size.")
        return content

    def _received(self, _: Any, content: Any, buffers: Any) -> None:
        """A stroke begins in the page, or the sheet as it is after one; on whichever thread answers widgets."""
        kind, view = content.get("kind"), str(content.get("view"))
        with self._arrived:
            if kind == "begun":
                self._under_way.add(view)
            elif kind == "sheet" and buffers:
                try:
                    # As if the page had changed the state: nothing is sent back, which would undo the next stroke.
                    self.set_state({"sheet": buffers[0]})
                finally:
                    self._under_way.discard(view)
                    self._arrived.notify_all()

    def _describe(self) -> None:
        """The code beside the panel: how the result is used, and, but for the sheet itself, the call that gives it."""
        self.use = self._use()
        self.call = f"{self._names[1]} = nbgen.{self.verb}({self._argument()}, start={SHEET})"


class Mask(Pad):
    """What is painted over a picture. `image` is white where painted ("L"); `np.asarray` gives 0 and 255."""

    verb = "mask"
    mode = "L"

    @property
    def share(self) -> float:
        """How much of the picture is painted, from 0 to 1."""
        return float((np.asarray(self) > 127).mean())

    def _blank(self) -> Image.Image:
        return Image.new("L", self._picture.size, 0)

    def _as_sheet(self, start: Any) -> Image.Image:
        # Photographs of masks and soft edges: half and above is painted.
        return super()._as_sheet(start).point(lambda value: 255 if value > 127 else 0)

    def _for_the_notebook(self) -> Image.Image:
        tinted = Image.blend(self._picture, Image.new("RGB", self._picture.size, TINT), 0.6)
        return Image.composite(tinted, self._picture, self._decoded(self.sheet))

    def _use(self) -> str:
        return f'nbgen.generate("…", image={self._names[0]}, mask={self._names[1]})'

    def _argument(self) -> str:
        return self._names[0]

    def __repr__(self) -> str:
        painted = float((np.asarray(self._decoded(self.sheet)) > 127).mean())
        return f"Mask({self.width}×{self.height}, {painted:.0%} painted)"


class Sketch(Pad):
    """What was drawn. `image` is an RGB image; `np.asarray` gives uint8 (height, width, 3)."""

    verb = "sketch"
    mode = "RGB"

    def _blank(self) -> Image.Image:
        return self._picture.copy()

    def _for_the_notebook(self) -> Image.Image:
        return self._decoded(self.sheet)

    def _use(self) -> str:
        return f'nbgen.generate("…", image={self._names[1]}, strength=0.7)'

    def _argument(self) -> str:
        return f"size=({self.width}, {self.height})" if self._given is None else self._names[0]

    def __repr__(self) -> str:
        return f"Sketch({self.width}×{self.height})"


def _check_size(width: int, height: int) -> None:
    if max(width, height) > LARGEST:
        raise RecipeError(f"a sheet has at most {LARGEST} pixels a side, and this one {width}×{height}.")


def _from_text(text: str) -> bytes:
    try:
        return base64.b64decode(text.removeprefix(_DATA), validate=True)
    except binascii.Error:
        raise PictureFileError('this text is cut short: "Copy as code" gives it whole.') from None


def _packed(image: Image.Image) -> bytes:
    """As small a PNG as may be: a mask has one bit a pixel, a sketch few colours."""
    buffer = io.BytesIO()
    (image.convert("1", dither=Image.Dither.NONE) if image.mode == "L" else image).save(
        buffer, "PNG", optimize=True
    )
    return buffer.getvalue()
