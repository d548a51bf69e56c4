from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fastgw.server.notify import notify, reloading


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_gets_one_datagram(tmp_path: Path, is_abstract: bool) -> None:
    address = f"\0fastgw-test-{tmp_path}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(5)
        assert notify("READY=1", "STATUS=fine", environ={"NOTIFY_SOCKET": address.replace("\0", "@")})
        assert manager.recv(1000) == b"READY=1\nSTATUS=fine"


@pytest.mark.parametrize("address", ["", "relative", "/no/such/socket"])
def test_without_a_manager_nothing_happens(address: str) -> None:
    assert not notify("READY=1", environ={"NOTIFY_SOCKET": address} if address else {})


def test_a_reload_is_announced_with_its_time() -> None:
    first, second = reloading()
    assert first == "RELOADING=1"
    name, _, value = second.partition("=")
    assert name == "MONOTONIC_USEC" and int(value) > 0
