"""What the tabs of a panel may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import ipywidgets as widgets

from ..jobs import Job
from ..models.base import Model
from ..picture import Picture
from ..recipe import Recipe
from .parts import Stage, Strip


class Panel(Protocol):
    """The studio, as its tabs and buttons see it."""

    @property
    def model(self) -> Model:
        """The model that is used."""

    def fields(self) -> dict[str, Any]:
        """The fields of a recipe as the controls have them, the seed aside."""

    def seed(self) -> int:
        """The seed that stands in its field."""

    def run(self, begin: Callable[[], Any], ended: Callable[[Job], None], stage: Stage | None = None) -> None:
        """Call a verb with wait=False when its turn comes, follow its job, then call `ended(job)`."""

    def stop(self) -> None:
        """End what runs."""

    def keep(self, job: Job) -> None:
        """The job's pictures become results."""

    def remember(self, result: Any) -> None:
        """Make this what `nbgen.last` gives."""

    def find(self, key: str) -> Picture | None:
        """The picture with this key, among those shown."""

    def shown(self, strip: Strip) -> Sequence[Picture]:
        """The pictures of a strip, in its order."""

    def recall(self, recipe: Recipe) -> None:
        """Every setting as this recipe has it."""

    def start_from(self, image: Any, mask: Any = None) -> None:
        """The next pictures start from this one."""

    def compare_with(self, picture: Picture) -> None:
        """Open the Compare tab with this picture as its start."""

    def insert(self, result: Any) -> None:
        """Put a result beneath the panel as an ordinary output."""

    def embed(self, box: widgets.Box, children: list[Any]) -> None:
        """Show these controls in a box of the panel."""

    def tell(self, words: str = "", *, error: str = "") -> None:
        """One line on the stage."""
