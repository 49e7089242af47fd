"""What do the tabs that call one verb share? A button that runs the call, its stage, its result, and a viewer of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from ..errors import NbgenError
from ..jobs import Job
from .calls import Call, CodeBox
from .controls import embedding, row, show
from .panel import Panel
from .parts import Stage


class VerbTab:
    """A tab of the studio over one verb. Each kind of it says with `call` what its controls mean.

    verb: what is called with `wait=False`; written: how code names it, as in "grid = nbgen.compare"
    run, view: the words on the buttons that run it, and that open its result
    """

    def __init__(self, studio: Panel, verb: Callable[..., Any], written: str, *, run: str, view: str) -> None:
        self._studio = studio
        self._verb, self._written = verb, written
        self.result: Any = None
        self._run = widgets.Button(description=run, button_style="primary")
        self._stop = widgets.Button(description="Stop", disabled=True, layout={"width": "auto"})
        self._buttons = row(self._run, self._stop)
        self._view_words = view, "Close it"
        self._view = widgets.Button(description=view, disabled=True, layout={"width": "auto"})
        self._insert = widgets.Button(description="Insert below", disabled=True, layout={"width": "auto"})
        self._stage = Stage(wide=True)
        self._viewer = embedding()
        self._code = CodeBox()
        self._run.on_click(lambda _: self.run())
        self._stop.on_click(lambda _: studio.stop())
        self._view.on_click(lambda _: self.view())
        self._insert.on_click(lambda _: studio.insert(self.result))

    def call(self) -> Call:
        """The call that the controls stand for. Raises RecipeError."""
        raise NotImplementedError

    def run(self) -> None:
        """What the tab's first button does. Returns at once."""
        self._put_viewer([])
        try:
            call = self.call()
        except NbgenError as error:
            self._stage.tell(error=str(error))
            return
        self._show_code(call)
        self._studio.run(
            lambda: self._verb(*call.positional, **call.named, wait=False), self._ended, self._stage
        )

    def heard(self, busy: bool) -> None:
        """Whether the panel works on something, which Stop would end."""
        self._stop.disabled = not busy

    def view(self) -> None:
        """Open the viewer of the result in the panel, in place of its picture; the next time, close it."""
        if self.result is not None:
            self._put_viewer([] if self._viewer.children else [self.result.view()])

    def _put_viewer(self, viewer: list[Any]) -> None:
        self._studio.embed(self._viewer, viewer)
        show(self._stage, not viewer)
        self._view.description = self._view_words[bool(viewer)]

    def _laid_out(self, *controls: widgets.Widget) -> widgets.VBox:
        """The tab's own controls, `self._buttons` among them, above what every such tab has."""
        self._results = row(self._view, self._insert)
        show(self._results, False)
        box = widgets.VBox([*controls, self._stage, self._results, self._viewer, self._code.box])
        box.add_class("nbgen-verb")
        return box

    def _show_code(self, call: Call) -> None:
        self._code.show(call, self._written)

    def _ended(self, job: Job) -> None:
        result = job.partial()
        if result is None:
            return
        self.result = result
        self._put_viewer([])
        self._studio.remember(result)
        self._stage.show_png(result._repr_mimebundle_()["image/png"], repr(result))
        self._view.disabled = self._insert.disabled = False
        show(self._results, True)
