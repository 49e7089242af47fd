"""A finished comparison: pictures at the crossings of axes, arranged, shown, saved and measured."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import unshown
from ..arranging import Arrangement, arrange, pages_of
from ..errors import PictureFileError, RecipeError
from ..files import as_path, write_file
from ..layout import Layout
from ..metadata import check_level
from ..picture import Picture, Pictures
from ..show.figure_files import ShownFigure, figure_bytes
from ..show.geometry import Tile
from ..show.grid_figure import ColourBar, grid_figure
from ..show.measures import HEAT
from ..show.table import Table
from ..show.viewer import html_page, view_data
from ..values import as_flag
from . import measuring
from .grid_files import figure_metadata, table_of, viewer_arguments
from .reporting import report


@dataclass(frozen=True, eq=False, repr=False)
class Grid:
    """Pictures by where they stand along each axis. Shows itself as one labelled PNG; iterates in reading order.

    `pictures_at` holds the finished pictures and `reasons` why others are missing, both by cell number. Cells
    that failed keep their place. `measured` are columns that `measure` has added. Nothing here runs a model,
    `measure(timing=True)` apart.
    """

    layout: Layout
    pictures_at: Mapping[int, Picture]
    reasons: Mapping[int, str] = field(default_factory=dict)
    title: str = "a comparison"
    notes: tuple[str, ...] = ()
    arrangement: Arrangement | None = None
    measured: dict[str, Mapping[int, Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pictures_at)

    def __iter__(self) -> Iterator[Picture]:
        return (self.pictures_at[number] for number in sorted(self.pictures_at))

    def __getitem__(self, place: int | slice) -> Picture | Pictures:
        """Finished pictures by their place in reading order; `at` finds them by values."""
        return self.pictures[place]

    @property
    def pictures(self) -> Pictures:
        """The finished pictures in reading order."""
        return Pictures(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis, in the order written."""
        return self.layout.shape

    @property
    def failures(self) -> dict[str, str]:
        """The place of each cell that has no picture, in words, and why."""
        return {
            self.layout.describe(cell.index): self.reasons.get(number, "not made")
            for number, cell in enumerate(self.layout.cells)
            if number not in self.pictures_at
        }

    def at(self, **values: Any) -> Picture:
        """The picture at these values: `grid.at(sampler="ddim", seed=0)`.

        Axes are named by title or field; one with a single position may be left out. Raises RecipeError where
        no such cell is in the grid, or its picture could not be made.
        """
        number = self.layout.at(**values)
        if number not in self.pictures_at:
            where = self.layout.describe(self.layout.cells[number].index)
            raise RecipeError(
                f"there is no picture at {where}: {self.reasons.get(number, 'it was not made')}"
            )
        return self.pictures_at[number]

    def arrange(
        self,
        *,
        rows: str | None = None,
        columns: str | None = None,
        inside: str | None = None,
        pages: Sequence[str] | str | None = (),
        drop: Mapping[str, Any] | None = None,
        hide: Mapping[str, Any] | None = None,
    ) -> Grid:
        """The same pictures with other axes as rows and columns; nothing is made again.

        `inside` puts an axis into the cells; `drop={"seed": 0}` shows one value of an axis only;
        `hide={"seed": [1, 2]}` leaves values out. Axes that are not named keep their order.
        """
        chosen = arrange(
            self.layout,
            rows=rows,
            columns=columns,
            inside=inside,
            pages=pages,
            drop={} if drop is None else drop,
            hide={} if hide is None else hide,
        )
        return replace(self, arrangement=chosen)

    def figure(self, *, theme: str = "light") -> ShownFigure:
        """A matplotlib Figure with axis titles and labels; `theme` is "light", "dark" or "notebook"."""
        references = {self.layout.reference_of(number) for number in range(len(self.layout.cells))}
        tiles = [
            replace(self._tile(number), marked=number in references)
            for number in range(len(self.layout.cells))
        ]
        return grid_figure(self._pages(), tiles, theme=theme, notes=self.notes)

    def difference(self, reference: Any = None, *, theme: str = "light") -> ShownFigure:
        """Heat maps of each picture's difference from its reference, all on one scale, with a colour bar.

        `reference` is a value of an axis (`grid.difference("heun")`) or a cell (`dict(sampler="heun", seed=0)`);
        left out, it is that of the comparison. The reference pictures themselves are shown, outlined.
        """
        against = measuring.references(self.layout, reference)
        maps, top = measuring.heat_maps(against, self.pictures_at)
        tiles = []
        for number in range(len(self.layout.cells)):
            tile = self._tile(number)
            if against[number] == number:
                tile = replace(tile, marked=True)
            elif number in maps:
                tile = replace(tile, image=maps[number])
            elif tile.image is not None:
                other = against[number]
                sized = other is not None and other in self.pictures_at
                tile = Tile(
                    None, tile.size, "not of its reference's size" if sized else "nothing to measure against"
                )
            tiles.append(tile)
        bar = ColourBar(
            "Difference from the outlined reference (root mean square over the channels)", top, HEAT
        )
        return grid_figure(self._pages(), tiles, theme=theme, notes=self.notes, bar=bar)

    def measure(self, reference: Any = None, *, timing: bool = False, repeats: int = 3) -> Table:
        """A row for each cell: its values, denoiser calls, and its distance from the reference where there is one.

        Adds RMSE (on pixels from 0 to 1), PSNR (dB) and SSIM, where a picture has its reference's size. `timing=True`
        makes one picture of each distinct setting anew, alone, warmed and `repeats` times, and adds the median
        seconds. Seconds that were shared with a batch are never a measure. Where the model has an eye for words (a
        pipeline with a `clip_model`), the column "agreement" is the cosine between picture and prompt. `table()` has
        the same columns from then on.
        """
        if reference is not None or self.layout.reference:
            against = measuring.references(self.layout, reference)
            self.measured.update(measuring.distances(against, self.pictures_at))
        told = measuring.agreements(self.pictures_at)
        if told:
            self.measured["agreement"] = told
        if as_flag("timing", timing):
            self.measured["seconds alone"] = measuring.seconds_alone(self.layout, self.pictures_at, repeats)
        return table_of(self.layout, self.pictures_at, self.reasons, self.measured)

    def paired(
        self, baseline: Any, *, measure: str = "rmse", over: str = "seed", reference: Any = None
    ) -> Table:
        """How each setting's distance from the reference differs from the baseline's, paired over seeds.

        `baseline` is a value of the axis that is compared. Each row has the mean difference, the ends of its
        95% bootstrap interval, and n. With one seed there is no interval. A sentence under "verdict" names the
        setting that is clearly closest to the reference, if one is.
        """
        against = measuring.references(self.layout, reference)
        columns = measuring.distances(against, self.pictures_at)
        if measure not in columns:
            raise RecipeError(f"measure must be {' or '.join(columns)}, not {measure!r:.40}.")
        return measuring.paired_table(self.layout, against, columns[measure], measure, baseline, over)

    def table(self) -> Any:
        """A row for each cell: its values, denoiser calls, what was measured. A DataFrame where pandas is installed."""
        rows = table_of(self.layout, self.pictures_at, self.reasons, self.measured)
        try:
            import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError:
            return rows
        return pandas.DataFrame(list(rows))

    def save(self, path: str | os.PathLike[str], metadata: str = "recipe", *, theme: str = "light") -> Path:
        """Write the figure as .png, .webp or .pdf and return the path.

        It carries the axes and every recipe unless `metadata="none"`: a text chunk `nbgen-grid` in a PNG, XMP in a
        WebP, the subject of a PDF. Raises PictureFileError.
        """
        target = as_path(path)
        said = figure_metadata(self.layout, self.pictures_at, check_level(metadata))
        return write_file(target, figure_bytes(self.figure(theme=theme), target.suffix, **said))

    def save_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one HTML file that works offline: rearrange, zoom, recipes, wipe, blink and difference.

        Every picture is in it once, at its original size, without loss while all fit into 48 MB.
        """
        target = as_path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise PictureFileError(f"the name of a page ends in .html, and {target.name!r} does not.")
        return write_file(target, html_page(view_data(**self.viewed())).encode("utf-8"))

    def view(self) -> Any:
        """The same as a panel in the cell: rearrange, zoom, recipes, wipe, blink and difference.

        The notebook keeps the figure. Many or large pictures are compressed for it; `save_html` has the originals.
        """
        from ..widgets.viewing import GridView

        return GridView(self)

    def viewed(self) -> dict[str, Any]:
        """What the page and the panel show, as `show.viewer` takes it."""
        return viewer_arguments(
            self.layout, self.pictures_at, self.reasons, self.title, self.notes, self.arrangement
        )

    def report(self, kind: str = "markdown") -> str:
        """A methods paragraph and a table of settings for a paper: "markdown" or "latex".

        It names versions, weights, denoiser calls, first and last sigma, and seeds.
        """
        return report(self.layout, self.pictures_at, kind)

    def _pages(self) -> list[Any]:
        return pages_of(self.layout, self.arrangement)

    def _tile(self, number: int) -> Tile:
        picture = self.pictures_at.get(number)
        if picture is None:
            return Tile(None, reason=self.reasons.get(number, ""))
        return Tile(picture.pixels, picture.size)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        unshown.shown(self)
        return {"image/png": figure_bytes(self.figure(theme="notebook"), ".png"), "text/plain": repr(self)}

    def __repr__(self) -> str:
        titles = " × ".join(each.title for each in self.layout.axes)
        lengths = " × ".join(str(len(each)) for each in self.layout.axes)
        missing = len(self.layout.cells) - len(self)
        pictures = (
            f"{len(self)} picture{'' if len(self) == 1 else 's'}{f', {missing} missing' if missing else ''}"
        )
        return f"Grid({titles}: {lengths}, {pictures})" if titles else f"Grid({pictures})"
