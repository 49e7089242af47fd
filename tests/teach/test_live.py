"""A laboratory's panel without a page: does it answer, wait for acknowledgements, and send nothing that nobody sees?"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

import nbgen
from nbgen.teach.live import MOST_WAITING, Panel
from nbgen.teach.pages import STATIC
from nbgen.teach.score_field import FlowLab
from nbgen.widgets.overlay import script


class Recorded(Panel):
    """Records what it would send."""

    def __init__(self, laboratory: FlowLab) -> None:
        self.frames: list[tuple[dict[str, Any], list[Any]]] = []
        super().__init__(laboratory)

    def send(self, content: Any, buffers: Any = None) -> None:
        self.frames.append((content, buffers))

    def page(self, **message: Any) -> None:
        """A message as the page sends it."""
        self._received(self, {"from": "view", **message}, message.pop("buffers", []))


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def idle(panel: Panel) -> None:
    until(lambda: panel._thread is None)


@pytest.fixture
def panel() -> Recorded:
    lab = nbgen.teach.flow(points=50, reference_steps=50)
    lab._panel = Recorded(lab)
    return lab._panel


def lab_of(panel: Recorded) -> FlowLab:
    assert isinstance(panel._laboratory, FlowLab)
    return panel._laboratory


def drawn(panel: Recorded) -> None:
    panel.page(kind="drawn", number=panel.frames[-1][0]["number"])


def test_nothing_is_sent_before_somebody_looks_and_one_frame_at_a_time(panel: Recorded) -> None:
    lab_of(panel).set(t=0.1)
    idle(panel)
    assert panel.frames == []
    panel.page(kind="visible", visible=True)
    until(lambda: len(panel.frames) == 1)
    for t in (0.2, 0.3, 0.4):
        lab_of(panel).set(t=t)
    idle(panel)
    assert len(panel.frames) == 1  # the first was not acknowledged
    drawn(panel)
    until(lambda: len(panel.frames) == 2)
    assert panel.frames[-1][0]["state"]["t"] == 0.4  # the latest, and none in between
    panel.page(kind="drawn", number=99)  # not the one that is awaited
    lab_of(panel).set(t=0.5)
    idle(panel)
    assert len(panel.frames) == 2
    panel.page(kind="visible", visible=False)
    drawn(panel)
    idle(panel)
    assert len(panel.frames) == 2  # nobody looks
    panel.page(kind="visible", visible=True)
    until(lambda: len(panel.frames) == 3)


def test_playing_goes_on_only_as_fast_as_the_page_draws(panel: Recorded) -> None:
    panel.page(kind="visible", visible=True)
    until(lambda: len(panel.frames) == 1)
    panel.page(kind="do", name="play", on=True)
    drawn(panel)
    for number in range(2, 8):
        until(lambda number=number: len(panel.frames) == number)
        time.sleep(0.05)
        assert len(panel.frames) == number
        drawn(panel)
    panel.page(kind="do", name="play", on=False)
    idle(panel)
    assert not lab_of(panel).playing


def test_of_a_slider_only_the_latest_counts_and_of_a_button_every_press(panel: Recorded) -> None:
    lab = lab_of(panel)
    with lab.lock:  # the worker waits here, so that requests queue up
        for t in range(100):
            panel.page(kind="do", name="set", t=t / 100, slot="t")
        waiting = len(panel._requests)
        for _ in range(5):
            panel.page(kind="do", name="step", count=1)
    assert waiting <= 2
    idle(panel)
    assert lab.state["t"] == pytest.approx(1.0)  # 0.99, and five steps that stop at 1
    with lab.lock:
        for _ in range(10 * MOST_WAITING):
            panel.page(kind="do", name="restart")
        assert len(panel._requests) <= MOST_WAITING
    idle(panel)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"name": "set", "steps": [0]}, "steps must be a whole number from 1 to 200"),
        ({"name": "set", "learning_rate": 1e9}, "learning_rate must be"),
        ({"name": "set", "distribution": "cats"}, "there is no distribution"),
        ({"name": "drawn", "buffers": [b"\0" * 8]}, "one point makes no distribution"),
        ({"name": "drawn", "buffers": [b"\0" * 7]}, "ValueError"),
        ({"name": "drawn"}, "one point makes no distribution"),
        ({"name": "grab", "at": "here"}, "ValueError"),
        ({"name": "step", "count": 0}, "step takes"),
        ({"name": "dance"}, "does not know the request 'dance'"),
    ],
)
def test_odd_requests_become_words_in_the_panel_and_the_state_stays(
    panel: Recorded, request_, said: str
) -> None:
    before = lab_of(panel).state
    panel.page(kind="visible", visible=True)
    until(lambda: len(panel.frames) == 1)
    drawn(panel)
    panel.page(kind="do", **request_)
    until(lambda: len(panel.frames) == 2)
    assert said in panel.frames[-1][0]["state"]["problem"]
    assert lab_of(panel).state == before
    drawn(panel)
    panel.page(kind="do", name="set", t=0.9)
    until(lambda: len(panel.frames) == 3)
    assert panel.frames[-1][0]["state"]["problem"] == ""


def test_whatever_is_no_message_is_ignored(panel: Recorded) -> None:
    for content in (None, 7, [], {}, {"kind": "other"}, {"kind": None}):
        panel._received(panel, content, [])
    idle(panel)
    assert panel.frames == []


def test_numbers_travel_as_buffers(panel: Recorded) -> None:
    panel.page(kind="visible", visible=True)
    until(lambda: len(panel.frames) == 1)
    content, buffers = panel.frames[0]
    assert len(content["arrays"]) == len(buffers)
    sizes = {one["name"]: (one["dtype"], one["shape"]) for one in content["arrays"]}
    assert sizes["points0"] == ("float32", [50, 2])
    assert len(buffers[[one["name"] for one in content["arrays"]].index("points0")]) == 50 * 2 * 4


@pytest.mark.parametrize("laboratory", ["score_field.js", "gan_game.js"])
def test_the_page_gets_one_script_whose_parts_are_modules_of_their_own(laboratory: str) -> None:
    whole = script("over.js", "plane.js", "chart.js", "live.js", laboratory, folder=STATIC)
    assert whole.count("export default") == 1 and not re.findall(r"^import\b", whole, re.MULTILINE)
    names = re.findall(r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)", whole, re.MULTILINE)
    assert len(names) > 20 and len(set(names)) == len(names)
    for name in ("plane.js", "chart.js", "live.js", laboratory):
        assert "export" in (STATIC / name).read_text(encoding="utf-8")
