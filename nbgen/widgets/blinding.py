"""How are pairs judged in the cell? Two pictures without names, three answers, and the ranking at the end."""

from __future__ import annotations

import io
from typing import Any

import traitlets

from ..errors import RecipeError
from ..pixels import png_bytes
from ..show.smaller import at_most
from ..verbs.judging import CHOICES, BlindTest
from .overlay import Overlay, name_of, script, style

LARGEST = 768
"""Pixels a side of a picture in the page at most."""


class BlindPanel(Overlay):
    """One question at a time. Nothing but pixels goes to the page before the last answer.

    Messages of the page: "vote" with the number of the question that it answers, and "undo".
    """

    _esm = script("elements.js", "copying.js", "keys.js", "over.js", "blind.js")
    _css = style("studio.css", "over.css", "blind.css")

    question = traitlets.Dict().tag(sync=True)
    result = traitlets.Dict().tag(sync=True)

    def __init__(self, test: BlindTest) -> None:
        self.test = test
        super().__init__(question=self._question(), result=self._result())
        self.on_msg(self._received)

    def still(self) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self.test)}
        if self.test.done:
            buffer = io.BytesIO()
            self.test.figure().savefig(buffer, format="png")
            bundle["image/png"] = buffer.getvalue()
        return bundle

    def named(self) -> None:
        grid, test = name_of(self.test.grid, "grid"), name_of(self.test, "test")
        self._names = grid, test
        self.use = f"{test}.ranking()"
        self.result = self._result()

    def _question(self) -> dict[str, Any]:
        """What the page shows now. The two pictures travel together, so that no half of a pair is ever seen."""
        state: dict[str, Any] = {"number": self.test.answered, "total": len(self.test), "pictures": []}
        if not self.test.done:
            state["pictures"] = [png_bytes(at_most(image, LARGEST)) for image in self.test.pair()]
            state["side"] = max(self.test.pair()[0].size)
        return state

    def _result(self) -> dict[str, Any]:
        if not self.test.done:
            return {}
        grid, test = getattr(self, "_names", ("grid", "test"))
        return {
            "by": self.test.by,
            "rows": list(self.test.ranking()),
            "verdict": self.test.verdict,
            "code": f"{test} = nbgen.blind({grid}, {self.test.arguments})\n{test}.ranking()",
        }

    def _received(self, _: Any, content: Any, buffers: Any) -> None:
        # A second click on a question that has its answer already is no answer to the next one.
        if content.get("number") != self.test.answered:
            return
        try:
            if content.get("kind") == "vote" and content.get("choice") in CHOICES:
                self.test.vote(content["choice"])
            elif content.get("kind") == "undo":
                self.test.undo()
        except RecipeError:  # another view was quicker
            return
        with self.hold_sync():
            self.question, self.result = self._question(), self._result()
        self.refresh()
