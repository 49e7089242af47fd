"""What is in a picture?  The scene that explains its pixels best, of all that could be drawn.

Every picture of this world can be drawn exactly, so no other model has to judge: each object at each size and
place is laid over the picture, and what leaves the smallest squared error is what it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nbgen.training.composition import Composer
from nbgen.training.pictures import BACKGROUNDS
from nbgen.training.scenes import FULL, GRID, HALF, MEDIUM, Box, Scene


@dataclass(frozen=True)
class Seen:
    """What a picture shows: object numbers with their boxes, and the root mean square error, 0 to 255, left over."""

    found: tuple[tuple[int, Box], ...]
    error: float

    @property
    def things(self) -> tuple[int, ...]:
        """The objects' numbers."""
        return tuple(thing for thing, _ in self.found)

    @property
    def size(self) -> str | None:
        """ "large" where one object fills the picture, "small" where it fills half of each side."""
        side = self.found[0][1][2]
        return {FULL: "large", HALF: "small"}.get(side) if len(self.found) == 1 else None

    @property
    def place(self) -> str | None:
        """To which side of the picture's middle one object is farthest; None in the middle."""
        left, top, side = self.found[0][1]
        across, down = left + side / 2 - FULL / 2, top + side / 2 - FULL / 2
        if len(self.found) > 1 or max(abs(across), abs(down)) < GRID:
            return None
        if abs(across) >= abs(down):
            return "left" if across < 0 else "right"
        return "top" if down < 0 else "bottom"


def boxes_of(side: int) -> list[Box]:
    """Every box of a size that stands on the grid."""
    steps = range(0, FULL - side + 1, GRID)
    return [(left, top, side) for top in steps for left in steps]


def background_of(picture: np.ndarray) -> str:
    """The named colour that most pixels of the picture's rim are nearest to."""
    rim = np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]]).astype(np.float32)
    colours = np.array(list(BACKGROUNDS.values()), np.float32)
    votes = ((rim[:, None] - colours) ** 2).sum(axis=-1).argmin(axis=1)
    return list(BACKGROUNDS)[np.bincount(votes, minlength=len(colours)).argmax()]


class Judge:
    """Looks for a world's objects in pictures, uint8 (64, 64, 3), on a background that is known."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        # All objects on every background: a gigabyte for 1,250, and as many seconds as they are drawn anew.
        self._objects = lru_cache(maxsize=len(BACKGROUNDS))(self._drawn)

    def one(self, picture: np.ndarray, background: str) -> Seen:
        """The one object that is most likely there, at any size and place."""
        return self._best(picture, background, [self._ones])

    def several(self, picture: np.ndarray, background: str) -> Seen:
        """One, two or three of an object."""
        return self._best(picture, background, [self._ones, self._twos, self._threes])

    def pair(self, picture: np.ndarray, background: str, *, above: bool) -> Seen:
        """Two objects beside each other, from the left, or above each other, from the top."""
        gains, total = self._gains(picture, background)
        boxes = boxes_of(HALF)
        found: list[tuple[int, Box]] = []
        gained = 0.0
        for edge in (0, FULL - HALF):
            here = [n for n, box in enumerate(boxes) if box[1 if above else 0] == edge]
            best = int(gains[HALF][here].argmax())
            place, thing = divmod(best, gains[HALF].shape[1])
            found.append((thing, boxes[here[place]]))
            gained += float(gains[HALF][here[place], thing])
        return Seen(tuple(found), self._left_over(total - gained))

    def _best(self, picture: np.ndarray, background: str, ways: list) -> Seen:
        gains, total = self._gains(picture, background)
        gained, found = max((way(gains) for way in ways), key=lambda answer: answer[0])
        return Seen(found, self._left_over(total - gained))

    @staticmethod
    def _left_over(squares: float) -> float:
        return float(np.sqrt(max(squares, 0.0) / (FULL * FULL * 3)))

    def _gains(self, picture: np.ndarray, background: str) -> tuple[dict[int, np.ndarray], float]:
        """How much smaller the squared error gets where each object is laid into each box: (boxes, objects).

        By the size of the boxes; and the error of the bare background.
        """
        pixels = picture.astype(np.float32) - np.array(BACKGROUNDS[background], np.float32)
        gains = {}
        for side, (objects, squares) in self._objects(background).items():
            crops = np.stack(
                [pixels[top : top + side, left : left + side].ravel() for left, top, _ in boxes_of(side)]
            )
            # |c|² - |c - o|² = 2 c·o - |o|², all colours counted from the background's
            gains[side] = 2 * crops @ objects.T - squares
        return gains, float((pixels**2).sum())

    def _drawn(self, background: str) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Every object at each size, less the background's colour: (objects, side² · 3), and their squares."""
        ground = np.array(BACKGROUNDS[background], np.float32)
        drawn = {}
        for side in (FULL, MEDIUM, HALF):
            glyphs = self.composer.sprites[side].astype(np.float32)
            objects = (glyphs[..., :3] - ground * (glyphs[..., 3:] / 255)).reshape(len(glyphs), -1)
            drawn[side] = (objects, (objects**2).sum(axis=1))
        return drawn

    @staticmethod
    def _ones(gains: dict[int, np.ndarray]) -> tuple[float, tuple[tuple[int, Box], ...]]:
        best: tuple[float, tuple[tuple[int, Box], ...]] = (-np.inf, ())
        for side, gain in gains.items():
            place, thing = np.unravel_index(gain.argmax(), gain.shape)
            if gain[place, thing] > best[0]:
                best = float(gain[place, thing]), ((int(thing), boxes_of(side)[int(place)]),)
        return best

    @staticmethod
    def _twos(gains: dict[int, np.ndarray]) -> tuple[float, tuple[tuple[int, Box], ...]]:
        far = FULL - HALF
        return _together(gains[HALF], [[(0, top), (far, top)] for top in range(0, far + 1, GRID)])

    @staticmethod
    def _threes(gains: dict[int, np.ndarray]) -> tuple[float, tuple[tuple[int, Box], ...]]:
        far, middle = FULL - HALF, HALF // 2
        return _together(gains[HALF], [[(middle, one), (0, far - one), (far, far - one)] for one in (0, far)])


def _together(
    gain: np.ndarray, layouts: list[list[tuple[int, int]]]
) -> tuple[float, tuple[tuple[int, Box], ...]]:
    """The best object, the same in each corner of a layout, and the best layout."""
    number = {box[:2]: n for n, box in enumerate(boxes_of(HALF))}
    gained = np.stack([gain[[number[corner] for corner in layout]].sum(axis=0) for layout in layouts])
    which, thing = np.unravel_index(gained.argmax(), gained.shape)
    boxes = [(left, top, HALF) for left, top in layouts[int(which)]]
    return float(gained[which, thing]), tuple((int(thing), box) for box in boxes)


def shows(scene: Scene, picture: np.ndarray, judge: Judge) -> dict[str, bool]:
    """Which of the things that a scene says are so in the picture: "background", "object", "size" …"""
    told = {"background": background_of(picture) == scene.background}
    if scene.relation:
        above = scene.relation in ("above", "below")
        seen = judge.pair(picture, scene.background, above=above).things
        wanted = scene.things[:: -1 if scene.relation in ("right of", "below") else 1]
        told["first"], told["second"] = seen[0] == wanted[0], seen[1] == wanted[1]
        told["pair"] = told["first"] and told["second"]
        return told
    if scene.count > 1:
        several = judge.several(picture, scene.background)
        told["number"] = len(several.found) == scene.count
        told["object"] = several.things[0] == scene.things[0]
        return told
    one = judge.one(picture, scene.background)
    told["object"] = one.things[0] == scene.things[0]
    if scene.size:
        told["size"] = one.size == scene.size
    if scene.place:
        told["place"] = one.place == scene.place
    return told
