"""What do the tabs that call one verb share? A button that runs the call, its stage, its result, and a viewer of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from ..errors import NbgenError
from ..jobs import Job
from .calls import Call, CodeBox
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
        self._stop = widgets.Button(description="Stop")
        self._buttons = widgets.HBox([self._run, self._stop])
        self._view = widgets.Button(description=view, disabled=True, layout={"width": "auto"})
        self._insert = widgets.Button(description="Insert below", disabled=True)
        self._stage = Stage(wide=True)
        self._viewer = widgets.VBox()
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
        try:
            call = self.call()
        except NbgenError as error:
            self._stage.tell(error=str(error))
            return
        self._show_code(call)
        self._studio.run(
            lambda: self._verb(*call.positional, **call.named, wait=False), self._ended, self._stage
        )

    def view(self) -> None:
        """Open the viewer of the result in the panel."""
        if self.result is not None:
            self._studio.embed(self._viewer, [self.result.view()])

    def _laid_out(self, *controls: widgets.Widget) -> widgets.VBox:
        """The tab's own controls, `self._buttons` among them, above what every such tab has."""
        results = widgets.HBox([self._view, self._insert])
        return widgets.VBox([*controls, self._stage, results, self._viewer, self._code.box])

    def _show_code(self, call: Call) -> None:
        self._code.show(call, self._written)

    def _ended(self, job: Job) -> None:
        result = job.partial()
        if result is None:
            return
        self.result = result
        self._viewer.children = ()
        self._studio.remember(result)
        self._stage.show_png(result._repr_mimebundle_()["image/png"], repr(result))
        self._view.disabled = self._insert.disabled = False
