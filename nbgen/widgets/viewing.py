"""How is a comparison looked at, and a walk played, in the cell? By the same front end as the offline page."""

from __future__ import annotations

from typing import Any

import traitlets
from PIL import Image

from ..errors import RecipeError
from ..picture import Picture
from ..show import animation
from ..show.viewer import packed, view_parts
from ..verbs.grid import Grid
from ..verbs.walk import Walk
from .overlay import Overlay, name_of, script, style

BUDGET = 8_000_000
"""Bytes of pictures that one panel holds in the page; beyond, they are compressed with loss, then reduced."""


class GridView(Overlay):
    """The comparison rearranged, zoomed, wiped, blinked and subtracted, as in the page of `grid.save_html`."""

    _esm = script(
        "elements.js",
        "arranging.js",
        "looking.js",
        "viewer.js",
        "copying.js",
        "keys.js",
        "over.js",
        "view.js",
    )
    _css = style("studio.css", "over.css", "viewer.css", "view.css")

    data = traitlets.Dict().tag(sync=True)
    kinds: traitlets.List[str] = traitlets.List().tag(sync=True)
    pictures: traitlets.List[bytes] = traitlets.List().tag(sync=True)

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        data, pictures = view_parts(**grid.viewed(), budget=BUDGET)
        super().__init__(
            data=data,
            kinds=[kind for kind, _ in pictures],
            pictures=[content for _, content in pictures],
            use=name_of(grid, "grid"),
        )

    def still(self) -> dict[str, Any]:
        return dict(self._grid._repr_mimebundle_())

    def named(self) -> None:
        self.use = name_of(self._grid, "grid")

    def __repr__(self) -> str:
        return f"GridView of {self._grid!r}"


class Player(Overlay):
    """A walk that plays, alone or beside another. `frame` is where it was stopped, `picture` what stands there."""

    _esm = script("elements.js", "copying.js", "keys.js", "over.js", "player.js")
    _css = style("studio.css", "over.css", "player.css")

    walks: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    size = traitlets.Tuple(traitlets.Int(), traitlets.Int()).tag(sync=True)
    frame = traitlets.Int(0).tag(sync=True, echo_update=False)
    fps = traitlets.Float(12.0).tag(sync=True, echo_update=False)
    boomerang = traitlets.Bool(False).tag(sync=True, echo_update=False)

    def __init__(self, walk: Walk, beside: Walk | None = None) -> None:
        if beside is not None and not isinstance(beside, Walk):
            raise RecipeError(f"beside a walk plays another walk, not {type(beside).__name__}.")
        self._walks = [walk] if beside is None else [walk, beside]
        super().__init__(walks=self._packed(), size=walk.size, fps=min(60.0, max(1.0, walk.fps)))
        self.on_msg(self._received)

    @property
    def picture(self) -> Picture:
        """The frame at which the player was stopped."""
        return self._walks[0][self.frame]

    @traitlets.validate("frame")
    def _check_frame(self, proposal: Any) -> int:
        return min(max(0, int(proposal["value"])), len(self._walks[0]) - 1)

    def _received(self, _: Any, content: Any, buffers: Any) -> None:
        if content.get("kind") == "state":
            self.set_state({name: content["state"][name] for name in ("frame", "fps", "boomerang")})

    def still(self) -> dict[str, Any]:
        first = self._walks[0]
        bundle = dict(first._repr_mimebundle_())
        if len(self._walks) == 1:
            return bundle
        frames = [lambda place=place: self._side_by_side(place) for place in range(len(first))]
        return {**bundle, "image/png": animation.shown_png(frames, first.fps), "text/plain": repr(self)}

    def named(self) -> None:
        names = [
            name_of(walk, default) for walk, default in zip(self._walks, ("walk", "other"), strict=False)
        ]
        self.walks = [{**sent, "name": name} for sent, name in zip(self.walks, names, strict=True)]

    def _packed(self) -> list[dict[str, Any]]:
        found = []
        for walk, name in zip(self._walks, ("walk", "other"), strict=False):
            frames = packed([picture.pixels for picture in walk], BUDGET // len(self._walks))
            labels = [picture.label("prompt") if picture.recipe is not None else "" for picture in walk]
            several = len(set(labels)) > 1
            found.append(
                {
                    "name": name,
                    "kind": frames[0][0],
                    "frames": [content for _, content in frames],
                    "labels": labels if several else [],
                }
            )
        return found

    def _side_by_side(self, place: int) -> Image.Image:
        """A frame of the one walk and, as far along, of the other."""
        first, other = self._walks
        own = first[place].pixels()
        beside = other[round(place / max(1, len(first) - 1) * (len(other) - 1))].pixels()
        gap = max(4, own.width // 16)
        both = Image.new("RGB", (2 * own.width + gap, own.height), "white")
        both.paste(own, (0, 0))
        both.paste(beside.resize(own.size, Image.Resampling.LANCZOS), (own.width + gap, 0))
        return both

    def __repr__(self) -> str:
        return f"Player({', '.join(map(repr, self._walks))})"
