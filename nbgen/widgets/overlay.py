"""What does a notebook keep of a widget that was shown by itself? An ordinary output, over which the widget lies.

A displayed widget leaves "model not found" to whoever opens the file without its kernel. So what is displayed is a
picture of what the widget shows, kept up to date; the page's script lays the widget over it while there is a
kernel. Inside another widget, and in front ends that are no page of JupyterLab's kind, it is a widget as any other.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..show.viewer import STATIC as SHOWN
from ..show.viewer import joined
from .cells import front_end
from .routing import answer_anywhere

STATIC = Path(__file__).parent / "static"


def script(*names: str, folder: Path = STATIC) -> str:
    """Modules of the page as one, each after what it needs: of `folder`, from here, or of the offline viewer.

    As text, never as a path: what watches a file for anywidget keeps every widget that shows it, for good.
    """
    return joined([_found(name, folder) for name in names])


def style(*names: str, folder: Path = STATIC) -> str:
    """Style sheets as one."""
    return "\n".join(_found(name, folder) for name in names)


def _found(name: str, folder: Path) -> str:
    places = [each / name for each in (folder, STATIC, SHOWN)]
    return next(place for place in places if place.exists()).read_text(encoding="utf-8")


class Overlay(anywidget.AnyWidget):
    """A widget over an ordinary output. A kind of it says with `still` what that output is."""

    key = traitlets.Unicode().tag(sync=True)
    use = traitlets.Unicode().tag(sync=True)

    def __init__(self, **state: Any) -> None:
        self._handle: Any = None
        super().__init__(**state)
        answer_anywhere(self)

    def still(self) -> dict[str, Any]:
        """What the notebook keeps: a MIME bundle."""
        raise NotImplementedError

    def named(self) -> None:
        """Called when it is displayed: the time to see which names the notebook has for things."""

    def refresh(self) -> None:
        """Bring what the notebook keeps up to date; from any thread."""
        if self._handle is not None:
            self._handle.update(self.still(), raw=True, metadata=self._mark())

    def _mark(self) -> dict[str, Any]:
        """What the page's script knows the output by."""
        return {"nbgen": {"live": self.key}} if self.key else {}

    def _ipython_display_(self) -> None:
        from IPython.display import display

        self.named()
        where = front_end()
        if where in (None, "page"):
            # Where nobody looks, as in stored notebooks, what is kept is brought up to date all the same.
            key = uuid.uuid4().hex
            self.key = key if where else ""
            self._handle = display(self.still(), raw=True, display_id=key, metadata=self._mark())
        else:
            display({**(self._repr_mimebundle_() or ({}, {}))[0], **self.still()}, raw=True)


def name_of(value: Any, otherwise: str) -> str:
    """The name that the notebook has for this very object, for the code that a panel shows."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    names: dict[str, Any] = dict(shell.user_ns) if shell is not None else {}
    return next(
        (name for name, each in names.items() if each is value and not name.startswith("_")), otherwise
    )
