"""Writing files behind the caller's back: a short queue and one thread, so that encoding holds nobody up."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from .files import write_atomically

Held = TypeVar("Held")

WAITING = 32
"""Files that may wait; whoever submits one more waits then, so that memory stays bounded."""

_IDLE = 5.0
"""Seconds without work after which the thread ends; the next file starts another."""


class Entry(Generic[Held]):
    """A file to be written. `held` is what it is made of, until it is written: for ever if that fails."""

    def __init__(self, path: Path, held: Held, encode: Callable[[Held], bytes], made: int) -> None:
        self.path = path
        self.held: Held | None = held
        self.encode = encode
        self.made = made

    def write(self) -> None:
        held = self.held
        assert held is not None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, self.encode(held), modified_ns=self.made)
        self.held = None


class Writer(Generic[Held]):
    """Writes entries in the order in which they come. A failure is kept in `problem` and stops nothing.

    What waits is written before the interpreter ends; a kill loses it. A forked child starts with nothing
    waiting, because its parent writes what does.
    """

    def __init__(self) -> None:
        self.start_afresh()
        _writers.add(self)

    def start_afresh(self) -> None:
        self.problem: Exception | None = None
        self._change = threading.Condition()
        self._queue: deque[Entry[Held]] = deque()
        self._waiting: dict[Path, Entry[Held]] = {}
        self._thread: threading.Thread | None = None
        self._last = 0

    def submit(self, path: Path, held: Held, encode: Callable[[Held], bytes]) -> Entry[Held]:
        """Queue a file; waits while the queue is full."""
        with self._change:
            while len(self._queue) >= WAITING:
                self._change.wait()
            # Strictly rising, though clocks stand still for milliseconds and sometimes go back.
            self._last = max(time.time_ns(), self._last + 1)
            entry = Entry(path, held, encode, self._last)
            self._queue.append(entry)
            self._waiting[path] = entry
            self._change.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nbgen-writer", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # the interpreter is ending, and takes no more threads
                    self._thread = None
        if self._thread is None:
            self._write(self._queue.popleft())
        return entry

    def waiting(self, path: Path) -> Entry[Held] | None:
        """The entry that is about to become this file."""
        with self._change:
            return self._waiting.get(path)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until nothing waits any more, at most `timeout` seconds; whether that was reached."""
        with self._change:
            return self._change.wait_for(lambda: not self._waiting, timeout)

    def _run(self) -> None:
        while True:
            with self._change:
                while not self._queue:
                    if not self._change.wait(_IDLE) and not self._queue:
                        self._thread = None
                        return
                entry = self._queue.popleft()
            self._write(entry)

    def _write(self, entry: Entry[Held]) -> None:
        try:
            entry.write()
        except Exception as error:  # this thread must outlive every full disk and every odd picture
            self.problem = error
        finally:
            with self._change:
                if self._waiting.get(entry.path) is entry:
                    del self._waiting[entry.path]
                self._change.notify_all()


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()


def _flush_all() -> None:
    for writer in list(_writers):
        writer.flush()


def _start_all_afresh() -> None:
    for writer in list(_writers):
        writer.start_afresh()


atexit.register(_flush_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_all_afresh)
