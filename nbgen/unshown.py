"""What stays beneath a cell whose results nobody displayed: which were they, and what one line says so?

A verb calls `made` with its result; the result's own display calls `shown`. When the cell ends, one fixed line
of plain text names what is left. It has no time, path or address in it: every run prints the same.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Sized
from typing import Any

_results: list[Any] = []
"""What the running cell has made and not displayed, in the order it was made."""


def running_cell() -> Any:
    """The IPython shell whose cell runs in this very thread of a notebook's kernel; None anywhere else.

    None too in a widget's callback and off the main thread, where nothing may be printed or displayed.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None or threading.current_thread() is not threading.main_thread():
        return None
    parent = kernel.get_parent() or {}
    return shell if parent.get("header", {}).get("msg_type") == "execute_request" else None


def made(result: Any) -> None:
    """A verb has made `result`: unless it is displayed before the cell ends, a line will say how to see it."""
    shell = running_cell()
    if shell is None:
        return
    _results.append(result)
    if _say_at_the_end not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _say_at_the_end)


def shown(result: Any) -> None:
    """`result` is being displayed, whole or in part. Called by the `_repr_mimebundle_` of every kind of result."""
    if _results:
        seen = _identities(result)
        _results[:] = [other for other in _results if not seen & _identities(other)]


def line(results: list[Any], names: dict[str, Any]) -> str:
    """The line for these undisplayed results; `names` are the variables that they may be found under."""
    count = sum(len(result) if isinstance(result, Sized) else 1 for result in results)
    pictures = f"{count} picture{'' if count == 1 else 's'} made"
    if len(results) > 1:
        return f"{pictures} in {len(results)} calls; `nbgen.last` shows the latest."
    known = [name for name, value in names.items() if value is results[0] and not name.startswith("_")]
    return f"{pictures}; `{known[0] if known else 'nbgen.last'}` shows {'it' if count == 1 else 'them'}."


def _identities(result: Any) -> set[int]:
    """What tells whether two results share a picture: sheets and slices hold the very same Picture objects."""
    return {id(picture) for picture in result} if isinstance(result, Iterable) else {id(result)}


def _say_at_the_end(_: Any = None) -> None:
    results, shell = list(_results), running_cell()
    _results.clear()
    if results and shell is not None:
        print(line(results, shell.user_ns))
