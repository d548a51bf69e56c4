"""Where the sockets of a plan come from."""

from __future__ import annotations

import gc
import os
import socket

import pytest

from fastgw.errors import ConfigError
from fastgw.server.gateway import Gateway
from tests.unit.server.conftest import ADDRESS, adopted, planned
from tests.unit.server.stage import TEXT


def test_taken_addresses_are_told_all_at_once_and_leave_nothing_open(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        taken = [sock.getsockname()[1] for sock in (one, two)]
        text = "".join(f'  - {{name: l{port}, address: "127.0.0.1:{port}"}}\n' for port in taken)
        gc.collect()  # what earlier tests have left behind is closed now, and not in between
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(ConfigError) as raised:
            planned(gateway, TEXT.replace("routes:", f"{text}routes:"))
        assert len(os.listdir("/proc/self/fd")) == before
    assert len(raised.value.problems) == 2
    assert all(f":{port}" in problem for port, problem in zip(taken, raised.value.problems, strict=True))


def test_address_of_the_predecessor_may_be_bound_at_the_start_only(gateway: Gateway) -> None:
    listening = adopted(gateway).listenings[ADDRESS]
    listening.start()
    text = TEXT.replace(ADDRESS, listening.bound)
    successor = Gateway(gateway.path, None, {"FASTGW_UPGRADE": str(os.getpid())}, [])
    assert successor.is_takeover
    try:
        assert adopted(successor, text).listenings[listening.bound].sockets
        assert not successor.is_takeover
    finally:
        successor.close()
    stranger = Gateway(gateway.path, None, {}, [])
    with pytest.raises(ConfigError, match="taken"):
        planned(stranger, text)
