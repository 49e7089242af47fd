"""Which model does the panel use? Those there are to choose from, or any other by its name, loaded while one waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from ..jobs import Job, submit
from ..models.base import Model, alive
from ..models.catalogue import EMBEDDED
from ..models.loading import load

Run = Callable[[Callable[[], Job], Callable[[Job], None]], None]


class ModelChoice:
    """A field for the model's name. `chosen` is called with the Model once it is there."""

    def __init__(self, model: Model, run: Run, chosen: Callable[[Model], None]) -> None:
        self._model, self._run, self._tell = model, run, chosen
        self.box = widgets.Combobox(
            description="Model", value=model.ref.name, options=self._known(), ensure_option=False,
            placeholder="a name, or a folder", continuous_update=False, layout={"width": "auto"},
        )  # fmt: skip
        self.box.observe(self._named, "value")

    def show(self, model: Model) -> None:
        """This model is used from now on; its name is put there and loads nothing."""
        self._model = model
        self.box.options = self._known()
        self.box.value = model.ref.name

    def _known(self) -> list[str]:
        loaded = sorted(model.ref.name for model in alive)
        return list(dict.fromkeys([self._model.ref.name, *EMBEDDED, *loaded]))

    def _named(self, change: dict[str, Any]) -> None:
        name = change["new"].strip()
        if not name or name == self._model.ref.name:
            return
        found: list[Model] = []

        def work(_: Job) -> None:
            same = [model for model in alive if model.ref.name == name]
            found.append(same[0] if same else load(name))

        def ended(job: Job) -> None:
            if not found:
                self.box.value = self._model.ref.name  # why not is said on the stage
                return
            self.show(found[0])
            self._tell(found[0])

        self._run(lambda: submit(self, work), ended)
