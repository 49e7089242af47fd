"""The progress widget: what it sends, and where it declines to appear."""

from __future__ import annotations

import gc
import io
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nbgen.jobs import Job
from nbgen.picture import Picture
from nbgen.widgets.progress import CellProgress, beside_cell, state_of


class Recording(CellProgress):
    """Keeps what would go to the page."""

    def __init__(self, *arguments: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        super().__init__(*arguments)

    def _send(self, msg: dict[str, Any], buffers: Any = None) -> None:
        self.sent.append(msg["state"])


def picture() -> Picture:
    return Picture(np.zeros((100, 200, 3), np.uint8))


def shell(**metadata: Any) -> Any:
    return SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda: {"metadata": metadata}))


def test_states_are_fractions_and_words() -> None:
    now, grid = [0.0], {"columns": 0, "total": 4}
    job = Job(4, clock=lambda: now[0])
    assert (
        state_of(job)
        == {"fraction": None, "words": ["0 of 4 pictures", "preparing"], "stopping": False} | grid
    )
    job.tick(0, 40)
    now[0] = 10.0
    job.tick(10, 40)
    job.picture(0, picture())
    assert (
        state_of(job)
        == {
            "fraction": 0.25,
            "words": ["1 of 4 pictures", "10 of 40 calls", "30 s left"],
            "stopping": False,
        }
        | grid
    )
    job.stop()
    assert state_of(job)["words"] == ["1 of 4 pictures", "stopping"]


def test_only_what_changed_is_sent() -> None:
    job = Job(2)
    widget = Recording(job, "cell-7")
    widget.sent.clear()  # what opened it
    widget.update()
    assert widget.sent == []
    job.tick(1, 2)
    widget.update()
    assert [sorted(state) for state in widget.sent] == [["state"]]
    assert widget.sent[0]["state"]["fraction"] == 0.5
    widget.close()


def test_a_job_goes_with_its_progress() -> None:
    job = Job(2)
    CellProgress(job, "cell-7").close()
    gone = weakref.ref(job)
    del job
    gc.collect()
    assert gone() is None


def test_finished_pictures_are_sent_once_and_only_the_latest_stay() -> None:
    job = Job(40)
    for place in range(20):
        job.picture(place, picture())
    widget = Recording(job, "cell-7")
    assert [sent["place"] for sent in widget.pictures] == list(range(4, 20))
    widget.sent.clear()
    widget.update()
    assert widget.sent == []
    job.picture(30, picture())
    job.picture(25, picture())
    widget.update()
    assert [sent["place"] for sent in widget.pictures] == [*range(6, 20), 25, 30]
    image = Image.open(io.BytesIO(widget.pictures[-1]["jpeg"]), formats=["JPEG"])
    assert image.size == (96, 48)
    widget.close()


def test_a_single_picture_is_not_shown_twice() -> None:
    job = Job(1)
    job.picture(0, picture())
    widget = Recording(job, "cell-7")
    assert widget.pictures == []
    widget.close()


@pytest.mark.parametrize("metadata", [{}, {"cellId": None}, {"cellId": "vscode-notebook-cell:/a.ipynb#W0s"}])
def test_a_front_end_that_does_not_name_its_cells_gets_none(metadata: dict[str, Any]) -> None:
    assert beside_cell(Job(), shell(**metadata)) is None


def test_the_widget_knows_its_cell_and_has_nothing_that_displays_by_itself() -> None:
    widget = beside_cell(Job(1), shell(cellId="abc"))
    assert widget is not None and widget.cell == "abc"
    assert "initialize" in widget._esm and "render" not in widget._esm
    widget.close()


def test_what_is_under_way_is_glimpsed_until_it_is_finished() -> None:
    job = Job(3, preview=True)
    widget = Recording(job, "cell-7")
    colours = np.full((4, 4, 3), 90, np.uint8)
    job.tick(1, 9)
    job.glimpse(0, colours)
    job.glimpse(1, colours)
    widget.update()
    assert [(sent["place"], sent["stamp"]) for sent in widget.pictures] == [(0, 1), (1, 1)]
    assert (np.asarray(Image.open(io.BytesIO(widget.pictures[0]["png"]))) == colours).all()
    job.picture(0, picture())
    job.tick(4, 9)
    widget.update()
    assert [("jpeg" in sent, sent["place"]) for sent in widget.pictures] == [(True, 0), (False, 1)]
    assert widget.pictures[1]["stamp"] == 4
    widget.close()


def test_a_comparison_is_a_grid_unless_it_is_enormous() -> None:
    job = Job(12)
    job.columns = 4
    assert (state_of(job)["columns"], state_of(job)["total"]) == (4, 12)
    many = Job(1000)
    many.columns = 4
    assert state_of(many)["columns"] == 0
