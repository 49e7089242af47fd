"""Do several threads and processes share a store without loss, and does a kill lose only what waited?"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from nbgen.storage import Store

from .drawn import made, noise, seeds

REPOSITORY = Path(__file__).parents[1]

WORK = """
import sys
from nbgen.storage import Store
from tests.drawn import made
store = Store(sys.argv[1])
for seed in range(int(sys.argv[2]), int(sys.argv[3])):
    store.put(made(seed=seed))
    if seed % 10 == 0:
        store.history("apple")
{end}
"""


def start(store: Store, low: int, high: int, end: str = "") -> subprocess.Popen:
    code = WORK.format(end=end)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(store.folder), str(low), str(high)], cwd=REPOSITORY
    )


def test_several_processes_share_a_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "shared")
    workers = [start(store, 0, 40), start(store, 20, 60), start(store, 0, 60)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    found = store.history(limit=1000)
    assert sorted(seeds(found)) == list(range(60))  # what waited was written before each ended
    for picture in found:
        assert np.array_equal(picture, noise(seed=picture.recipe.seed))  # type: ignore[union-attr]
    assert not list(store.folder.rglob("*.part"))
    assert not (store.folder / "damaged").exists()


def test_a_killed_process_loses_only_what_waited(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    end = "store.flush(); store.put(made(seed=99)); import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert start(store, 0, 20, end).wait(60) == -9
    found = seeds(store.history())
    assert set(range(20)) <= set(found) <= {*range(20), 99}
    assert not (store.folder / "damaged").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_neither_hangs_nor_writes_twice(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(made("the parent's", 20))
    child = os.fork()
    if child == 0:
        try:
            store.put(made("the child's", 21))
            store.flush(10)
            os._exit(0 if store.get(made("the child's", 21).key) is not None else 1)
        except BaseException:
            os._exit(2)
    store.flush()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {20, 21} <= set(seeds(store.history()))


def test_many_threads_share_a_store(tmp_path: Path) -> None:
    store = Store(tmp_path)
    problems: list[BaseException] = []

    def work(low: int) -> None:
        try:
            for seed in range(low, low + 15):
                kept = store.put(made(seed=seed))
                assert store.get(kept.key) is not None
                assert np.array_equal(kept, noise(seed=seed))
                if seed % 5 == 0:
                    store.history()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(10 * number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    assert len(store.history(limit=1000)) == 65
