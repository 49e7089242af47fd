"""How many threads of torch's do the laboratories' small networks take? One."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of torch's in here: networks this small gain nothing from more, and sums keep their order.

    torch has a number of threads for each thread of Python, and one for those to come; only the first may change.
    """
    usual = torch.get_num_threads()
    if usual == 1:
        yield
        return
    torch.set_num_threads(1)
    others = threading.Thread(target=torch.set_num_threads, args=(usual,))
    others.start()
    others.join()
    try:
        yield
    finally:
        torch.set_num_threads(usual)
