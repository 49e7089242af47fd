"""Do the guards around every test hold? They are what lets the others claim: no network, no shared store."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.request import urlopen

import pytest


def test_reaching_for_the_network_is_noticed(network_attempts: list[str]) -> None:
    with pytest.raises(Exception, match="no network"):
        urlopen("http://example.org/", timeout=1)
    with socket.socket() as outgoing, pytest.raises(Exception, match="no network"):
        outgoing.connect_ex(("192.0.2.1", 80))
    assert network_attempts == ["example.org", "192.0.2.1"]
    network_attempts.clear()  # or this test would fail, as any other that did so


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_may_be_reached(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection((host, server.getsockname()[1])) as connection:
            assert connection.getpeername()[0] == "127.0.0.1"


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_has_a_store_of_its_own(empty_store: Path, turn: int) -> None:
    assert os.environ["NBGEN_STORE"] == str(empty_store)
    assert not empty_store.exists()
    empty_store.mkdir()
