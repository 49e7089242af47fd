"""Which distributions do the laboratories know? Each is a Gaussian mixture, so that everything about it is exact.

    moons = distribution("two moons")
    points, part = moons.sample(2000, seed=0)       # (2000, 2) float32, and the Gaussian each came from
    moons.mixture.score(points, alpha=0.8, sigma=0.6)

Presets are functions of plain torch whose source the laboratories copy into the code that students take away.
"""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..analytic import Mixture
from ..errors import NbgenError, brief, did_you_mean

EXTENT = 2.5
"""The laboratories show the square from -2.5 to 2.5 in both directions: the data lie within ±1.5, noise within ±3."""

MOST_DRAWN = 300
"""Points of a drawing that are kept; a longer line is thinned evenly."""


class DistributionError(NbgenError, ValueError):
    """A distribution that is unknown, or a drawing that is none."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """A named mixture. `source` is plain torch that makes `means`, (k, 2), and `spread`, as the mixture has them.

    classes: the names of its two halves, the first and the second half of its Gaussians
    modes: how many clusters a person sees, each a run of equally many Gaussians; 0 where there are no clusters
    """

    name: str
    mixture: Mixture
    source: str
    classes: tuple[str, str] = ("first half", "second half")
    modes: int = 0

    def sample(self, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """`count` points, (count, 2) float32, and which Gaussian each came from, (count,) int64; equal by seed."""
        return self.mixture.sample(count, torch.Generator().manual_seed(seed))

    def members(self, which: str) -> Tensor:
        """Which Gaussians belong to a class, boolean (k,)."""
        if which not in self.classes:
            raise DistributionError(
                f"{self.name!r} has the classes {self.classes[0]!r} and {self.classes[1]!r}, not {brief(which)}."
            )
        count = len(self.mixture.means)
        first = torch.arange(count) < count // 2
        return first if which == self.classes[0] else ~first

    def half(self, which: str) -> Mixture:
        """The mixture of one class."""
        return self.mixture.part(self.members(which))

    def mode_of(self, points: Tensor) -> Tensor:
        """Which cluster each point, (n, 2), is nearest to, (n,); clusters are numbered as in `mixture.means`."""
        nearest = torch.cdist(points.double(), self.mixture.means).argmin(1)
        return nearest * max(self.modes, 1) // len(self.mixture.means)


@lru_cache(maxsize=8)
def grid(cells: int) -> Tensor:
    """The middles of cells × cells cells that fill the square, (cells², 2) float64, row by row from the bottom."""
    middles = (torch.arange(cells, dtype=torch.float64) + 0.5) * (2 * EXTENT / cells) - EXTENT
    return torch.stack([middles.repeat(cells), middles.repeat_interleave(cells)], 1)


def two_moons() -> tuple[Tensor, float]:
    angle = torch.linspace(0, torch.pi, 16, dtype=torch.float64)
    upper = torch.stack([angle.cos() - 0.5, angle.sin() - 0.25], 1)
    lower = torch.stack([0.5 - angle.cos(), 0.25 - angle.sin()], 1)
    return torch.cat([upper, lower]) * 0.9, 0.09


def ring_of_eight() -> tuple[Tensor, float]:
    angle = torch.arange(8, dtype=torch.float64) * (torch.pi / 4)
    return torch.stack([angle.cos(), angle.sin()], 1), 0.15


def spiral() -> tuple[Tensor, float]:
    turn = torch.linspace(0.03, 1, 48, dtype=torch.float64).sqrt() * (3.5 * torch.pi)
    return torch.stack([turn.cos(), turn.sin()], 1) * (turn / 8)[:, None], 0.06


def checkerboard() -> tuple[Tensor, float]:
    inside = (torch.arange(4, dtype=torch.float64) - 1.5) * 0.19
    corners = [(x, y) for y in range(4) for x in range(4) if (x + y) % 2 == 0]
    means = [[(x - 1.5) * 0.76 + a, (y - 1.5) * 0.76 + b] for x, y in corners for a in inside for b in inside]
    return torch.tensor(means, dtype=torch.float64), 0.08


PRESETS: dict[str, tuple[Callable[[], tuple[Tensor, float]], tuple[str, str], int]] = {
    "two moons": (two_moons, ("upper moon", "lower moon"), 2),
    "ring of eight": (ring_of_eight, ("upper half", "lower half"), 8),
    "spiral": (spiral, ("inner turns", "outer turns"), 0),
    "checkerboard": (checkerboard, ("lower half", "upper half"), 8),
}
"""Name → what makes its means and spread, its two classes, how many clusters a person sees."""

NAMES = (*PRESETS, "letter A")
"""What a menu offers. "letter" followed by any other capital or small letter or digit is known as well."""


def offered(chosen: Distribution) -> list[str]:
    """A menu in which the chosen distribution stands, whatever it is."""
    return [*NAMES] if chosen.name in NAMES else [*NAMES, chosen.name]


def distribution(name: Any) -> Distribution:
    """The distribution of a name, a list of drawn points, or a Distribution as it is. Raises DistributionError.

    >>> distribution("ring of eight").mixture.means.shape
    torch.Size([8, 2])
    """
    if isinstance(name, Distribution):
        return name
    if not isinstance(name, str):
        return drawn(name)
    if name in PRESETS:
        make, classes, modes = PRESETS[name]
        means, spread = make()
        body = textwrap.dedent("".join(inspect.getsource(make).splitlines(keepends=True)[1:]))
        source = body.replace("return ", "means, spread = ")
        return Distribution(name, Mixture.even(means, spread), source, classes, modes)
    words = name.split()
    if len(words) == 2 and words[0] == "letter" and len(words[1]) == 1 and words[1].isalnum():
        return letter(words[1])
    raise DistributionError(f"there is no distribution {brief(name)}: {did_you_mean(name, NAMES)}")


def letter(character: str, spread: float = 0.06) -> Distribution:
    """The inside of a letter of matplotlib's own font, as Gaussians on a grid. Raises DistributionError."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path
    from matplotlib.textpath import TextPath

    outline = TextPath((0, 0), character, size=1, prop=FontProperties(family="DejaVu Sans"))
    corners = outline.vertices
    if len(corners) == 0:
        raise DistributionError(f"{character!r} cannot be drawn: choose a letter or a digit.")
    middle = (corners.min(0) + corners.max(0)) / 2
    scale = 2.6 / max(np.ptp(corners, 0))
    steps = np.arange(-1.3, 1.3001, 2 * spread)
    grid = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    # Even-odd, since a hole is an outline within the outline.
    crossed = sum(
        Path(polygon).contains_points(grid / scale + middle).astype(int) for polygon in outline.to_polygons()
    )
    means = grid[np.asarray(crossed) % 2 == 1].round(2)
    order = np.argsort(means[:, 0], kind="stable")  # the classes are the left and the right half
    return _listed(f"letter {character}", means[order], spread, ("left half", "right half"))


def drawn(points: Any, spread: float = 0.08) -> Distribution:
    """A Gaussian around each drawn point, (k, 2). Needs two different points at least, within ±10.

    Raises DistributionError.
    """
    try:
        given = np.asarray(points, dtype=float)
    except (TypeError, ValueError):
        raise DistributionError(f"a drawing is a list of points (x, y), not {brief(points)}.") from None
    if given.ndim != 2 or given.shape[1] != 2:
        raise DistributionError(f"a drawing is a list of points (x, y), not an array of shape {given.shape}.")
    if not np.isfinite(given).all() or np.abs(given).max(initial=0) > 10:
        raise DistributionError("every point of a drawing must lie between -10 and 10.")
    if len(np.unique(given.round(2), axis=0)) < 2:
        raise DistributionError("one point makes no distribution: draw two different points at least.")
    if not (isinstance(spread, (int, float)) and 0.01 <= spread <= 2 and math.isfinite(spread)):
        raise DistributionError(f"spread must be from 0.01 to 2, not {brief(spread)}.")
    if len(given) > MOST_DRAWN:
        given = given[np.linspace(0, len(given) - 1, MOST_DRAWN).round().astype(int)]
    return _listed("drawn", given.round(2), spread, ("drawn first", "drawn last"))


def _listed(name: str, means: np.ndarray, spread: float, classes: tuple[str, str]) -> Distribution:
    """A mixture whose means have no formula; its source lists them."""
    numbers = ", ".join(_pairs(means + 0.0))  # + 0.0 makes -0.0 plain
    listed = textwrap.fill(numbers, 108, initial_indent="    ", subsequent_indent="    ")
    source = f"means = torch.tensor([\n{listed}\n], dtype=torch.float64)\nspread = {spread:g}\n"
    return Distribution(
        name, Mixture.even(torch.from_numpy(means.copy()), float(f"{spread:g}")), source, classes
    )


def _pairs(means: np.ndarray) -> Sequence[str]:
    return [f"({x:g},{y:g})" for x, y in means]
