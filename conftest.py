"""What holds in every test, doctest and notebook: an empty store, no network, no progress, sane threads."""

from __future__ import annotations

import atexit
import ipaddress
import itertools
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from nbgen import machine

_stores = Path(tempfile.mkdtemp(prefix="nbgen-test-"))
atexit.register(shutil.rmtree, _stores, ignore_errors=True)
_numbers = itertools.count()

# Set before anything imports torch or transformers; notebooks' kernels inherit them.
os.environ["NBGEN_STORE"] = str(_stores / "session")
os.environ["NBGEN_PROGRESS"] = "none"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = str(machine.usable_threads())
# Threads that spin while they wait starve whatever runs beside them.
os.environ["OMP_WAIT_POLICY"] = "passive"


# A machine that is busy with something else is no failure of an example.
settings.register_profile("nbgen", deadline=None)
settings.load_profile("nbgen")


class NetworkReached(Exception):
    """A test tried to leave this machine."""


@pytest.fixture(autouse=True)
def empty_store(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test starts with a store that holds nothing; NBGEN_STORE names its folder."""
    folder = _stores / str(next(_numbers))
    monkeypatch.setenv("NBGEN_STORE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def network_attempts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Fails a test that reaches beyond this machine, also where the code under test caught the refusal."""
    attempts: list[str] = []

    def guard(method: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(self: socket.socket, *arguments: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                _refuse_beyond_here(arguments[-1][0], attempts)
            return method(self, *arguments)

        return guarded

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        _refuse_beyond_here(host, attempts)
        return found(host, *arguments, **options)

    found = socket.getaddrinfo
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guard(getattr(socket.socket, name)))
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield attempts
    assert not attempts, f"this test reached for the network: {', '.join(attempts)}"


def _refuse_beyond_here(host: Any, attempts: list[str]) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        here = ipaddress.ip_address(name).is_loopback or ipaddress.ip_address(name).is_unspecified
    except ValueError:
        here = False
    if not here:
        attempts.append(str(name))
        raise NetworkReached(f"tests have no network, and this one asked for {name}.")


@pytest.fixture
def needs() -> Callable[[str], str]:
    """needs("chromium") is the path of a program or file, or a skipped test; with CI=true a failed one."""

    def find(part: str) -> str:
        path = part if os.path.isabs(part) and os.path.exists(part) else shutil.which(part)
        if path is None and os.environ.get("CI") == "true":
            pytest.fail(f"{part} is missing, and nothing is skipped in CI: see .ci/run.")
        if path is None:
            pytest.skip(f"{part} is missing: .ci/run says how to install it.")
        return path

    return find
