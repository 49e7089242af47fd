"""Progress beside the running cell of a JupyterLab notebook: how is it shown without ever being an output?

What a cell displays stays in the notebook file: JupyterLab keeps the output of a widget that was closed, empty
but there, and "widget model not found" greets the next reader. So this widget is never displayed. Its model
alone is opened; the page's script finds the cell by the id that the front end sent along with the code, and
hangs a strip beneath it. Where there is no such id or no such page (VS Code, Colab, nbconvert), nothing shows.

Its Stop button interrupts the kernel, as the notebook's own does. A widget message would not do: ipykernel 7.4
hands it to the shell that last wrote to the widget, which is the one that is busy with the cell.
"""

from __future__ import annotations

import io
from typing import Any

import anywidget
import numpy as np
import traitlets
from PIL import Image

from ..jobs import Job
from ..picture import Picture
from .cells import running_id
from .overlay import script, style

SHOWN = 16
"""Finished pictures, the latest ones, and glimpses of those under way, that are sent at a time."""

_SIDE = 96
"""Pixels a side of what is sent of each; the page shows it at half that, so that it is sharp on fine screens."""

MOST_CELLS = 400
"""Cells of a comparison that are drawn as a grid while it fills; a larger one shows its latest pictures."""


class CellProgress(anywidget.AnyWidget):
    """A bar, the calls done, the pictures finished, the time left, and a button that interrupts."""

    _esm = script("progress.js")
    _css = style("progress.css")

    cell = traitlets.Unicode().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    pictures: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)

    def __init__(self, job: Job, cell: str) -> None:
        self._job = job
        self._seen: set[int] = set()
        super().__init__(cell=cell, state=state_of(job))
        self.update()

    def update(self) -> None:
        """Send what has changed; called from the main thread only."""
        self.state = state_of(self._job)
        glimpses, finished = self._job.glimpses, self._job.finished
        new = [place for place in finished if place not in self._seen and self._job.total > 1]
        if not new and not glimpses:
            return
        self._seen.update(new)
        latest = [{"place": place, "jpeg": small(finished[place])} for place in new[-SHOWN:]]
        kept = [sent for sent in self.pictures if "jpeg" in sent]
        under_way = [
            {"place": place, "png": _png(glimpses[place]), "stamp": self._job.calls[0]}
            for place in list(glimpses)[:SHOWN]
            if place not in finished
        ]
        self.pictures = [*[*kept, *latest][-SHOWN:], *under_way]


def beside_cell(job: Job, shell: Any) -> CellProgress | None:
    """The job's progress beside the cell that `shell` runs, or None where the front end does not name its cells."""
    cell = running_id(shell.kernel)
    return CellProgress(job, cell) if cell else None


def small(picture: Picture) -> bytes:
    """The picture as a small JPEG, for a glance."""
    image = picture.image
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _png(colours: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, "PNG")
    return buffer.getvalue()


def state_of(job: Job) -> dict[str, Any]:
    """What the page draws: a fraction from 0 to 1 (None before the first call) and words."""
    done, total = job.calls
    words = [
        job.so_far if job.total else "",
        f"{done} of {total} calls" if total else "preparing",
        job.time_left,
    ]
    if job.stopping():
        words = [job.so_far, "stopping"]
    return {
        "fraction": min(1.0, done / total) if total else None,
        "words": [part for part in words if part],
        "stopping": job.stopping(),
        "columns": job.columns if job.total <= MOST_CELLS else 0,
        "total": job.total,
    }
