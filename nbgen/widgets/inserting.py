"""Where do the panel's results go when somebody wants them to stay? Into an ordinary output beneath it."""

from __future__ import annotations

import uuid
from typing import Any

from ..picture import Picture, Pictures


class Place:
    """An output that the panel made beside itself, empty at first; `insert` fills it, from any thread.

    It is the notebook's own: a file that is opened without a kernel shows it.
    """

    def __init__(self) -> None:
        self._name = f"nbgen-{uuid.uuid4().hex}"
        self._inserted: list[Picture] = []
        self._shown = False

    def show(self) -> None:
        """Make the place, in the cell that runs now."""
        from IPython.display import display

        self._shown = True
        display(self._bundle(), raw=True, display_id=self._name)

    def insert(self, result: Any) -> None:
        """A picture joins those inserted before it; anything else (a grid, a walk) takes their place."""
        from IPython.display import update_display

        if isinstance(result, Picture):
            if result.key not in {each.key for each in self._inserted}:
                self._inserted.append(result)
            shown: Any = Pictures(self._inserted)
        else:
            self._inserted.clear()
            shown = result
        if self._shown:
            update_display(_bundle_of(shown), raw=True, display_id=self._name)

    def _bundle(self) -> dict[str, Any]:
        return _bundle_of(Pictures(self._inserted)) if self._inserted else {"text/plain": ""}


def _bundle_of(result: Any) -> dict[str, Any]:
    bundle: dict[str, Any] = result._repr_mimebundle_()
    return bundle
