"""Does the benchmark measure what it says: the same work on both sides, in turns, and nothing forgotten?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from nbgen.bench import __main__ as bench
from nbgen.bench import drawing, grids, starting, timing, walks
from nbgen.cli import demo, notebooks
from nbgen.models.loading import load
from nbgen.sampling import BY_NAME
from nbgen.show.table import Table
from nbgen.testing import tiny_sd_pipeline

REPOSITORY = Path(__file__).parents[1]


def test_works_take_turns_and_change_the_order() -> None:
    done: list[str] = []
    taken = timing.in_turns({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 3)
    assert "".join(done) == "abbaab"
    assert [len(seconds) for seconds in taken.values()] == [3, 3]


def test_a_ratio_compares_neighbours_in_time() -> None:
    # The machine was three times slower while the second pair ran: the ratio is the same.
    assert timing.ratio([2.0, 6.0, 2.0], [1.0, 3.0, 1.0]) == 2.0


def test_the_stock_pipeline_is_given_the_same_samplers() -> None:
    for name, (scheduler, options) in drawing.SAMPLERS.items():
        assert BY_NAME[name].scheduler == scheduler
        assert dict(BY_NAME[name].fixed) == options
    assert len(drawing.SAMPLERS) * len(drawing.SEEDS) == 16


def test_the_grid_is_the_same_work_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tiny_sd_pipeline()
    monkeypatch.setattr(grids, "STEPS", 2)
    found = grids.measure(1, load(tiny_sd_pipeline()), pipe)
    assert len(grids.SAMPLERS) * len(grids.SEEDS) * len(grids.GUIDANCE) == 72
    assert found.difference <= 0.5  # the same pictures, in the same order
    assert set(found.seconds_a_cell) == {1, 8, 72} and min(found.seconds_a_cell.values()) > 0
    for name, scheduler in grids.SAMPLERS.items():
        assert BY_NAME[name].scheduler == scheduler and not BY_NAME[name].fixed
    shown = repr(grids.table(found, {72: 2**30, 1000: None}))
    assert f"{found.cell_by_cell_ratio:.2f}×" in shown and "1.00 GiB" in shown and "1,000 cells" not in shown


def test_a_walk_is_the_same_work_twice() -> None:
    pipe = tiny_sd_pipeline()
    found = walks.measure(1, load(tiny_sd_pipeline()), pipe, frames=3, steps=2)
    assert found.difference <= 1 and min(found.walk, found.frame_by_frame, found.times) > 0
    shown = repr(walks.table(found, {24: 2**30, 480: None}))
    assert f"{found.times:.2f}×" in shown and "24 frames" in shown and "480" not in shown


def test_paces_are_compared_on_pairs_that_nobody_chose() -> None:
    pairs = walks.drawn_pairs(["cat", "dog", "sun", "moon"], 2)
    assert sorted(word for pair in pairs for word in pair) == ["the cat", "the dog", "the moon", "the sun"]
    assert walks.drawn_pairs(["cat", "dog", "sun", "moon"], 2) == pairs
    (row,) = walks.pace_table(frames=4, steps=1, model=tiny_sd_pipeline(), stops=[("a", "b")])
    assert row["from"] == "a" and isinstance(row["even"], bool) and row["largest, uniform"] > 0


def test_pairs_that_hardly_leave_the_cross_fade_are_named() -> None:
    rows = [
        {"from": name, "to": "x", walks.OFF_THE_FADE: steps}
        for name, steps in zip("abc", (2.9, 3.0, 1.0), strict=True)
    ]
    assert "2 of 3 pairs: a → x (2.9), c → x (1.0)." in walks.near_fades(Table(rows))
    assert walks.near_fades(Table(rows[1:2])).startswith("All pairs")


def test_importing_nbgen_is_measured_without_python_itself() -> None:
    assert 0 < starting.import_seconds(1) < 60


def test_the_quickstart_is_measured_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    hungry = new_notebook(cells=[new_code_cell("import os; kept = os.urandom(300_000_000)")])
    monkeypatch.setattr(notebooks, "shipped", lambda: REPOSITORY / "notebooks")
    monkeypatch.setattr(demo, "read", lambda path: hungry)
    peak = starting.quickstart_bytes()
    # No upper bound here: the system tells the most that any child of this process ever had.
    assert peak is None or peak > 300e6


def test_the_table_has_a_row_for_every_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = drawing.Drawn(1.0, 2.0, 2.0, 5.0, 15.0, 3.0, 0.95, 1, 2)
    monkeypatch.setattr(drawing, "measure", lambda repeats, steps: drawn)
    monkeypatch.setattr(starting, "first_picture_seconds", lambda repeats: 9.0)
    monkeypatch.setattr(starting, "import_seconds", lambda repeats: 0.1)
    monkeypatch.setattr(starting, "quickstart_bytes", lambda: 2**30)
    shown = repr(bench.table(3, 20))
    for figure in ("1.00 s", "2.00×", "15.00 s", "3.00×", "95%", "9.0 s", "0.100 s", "1.00 GiB"):
        assert figure in shown
    wanted = re.findall(r"[≤≥] [\d.]+", shown)
    assert wanted == ["≤ 1.5", "≥ 2.2", "≥ 90", "≤ 1", "≤ 15", "≤ 0.5", "≤ 1.5"]
