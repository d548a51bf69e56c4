from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fastgw.server.notify import LONGEST, notify, reloading, watchdog


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_gets_one_datagram(tmp_path: Path, is_abstract: bool) -> None:
    address = f"\0fastgw-test-{tmp_path}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(5)
        assert notify("READY=1", "STATUS=fine", environ={"NOTIFY_SOCKET": address.replace("\0", "@")})
        assert manager.recv(1000) == b"READY=1\nSTATUS=fine"


def test_a_line_is_one_and_not_too_long(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(5)
        notify("READY=1", "STATUS=bad\nMAINPID=1\r\n" + "x" * 9999, environ={"NOTIFY_SOCKET": address})
        ready, status = manager.recv(20000).decode().split("\n")
    assert ready == "READY=1" and status.startswith("STATUS=bad MAINPID=1 x") and len(status) == LONGEST


@pytest.mark.parametrize("address", ["relative", "/no/such/socket"])
def test_a_manager_that_is_not_there_is_noticed(address: str) -> None:
    assert not notify("READY=1", environ={"NOTIFY_SOCKET": address})


def test_without_a_manager_nobody_is_missed() -> None:
    assert notify("READY=1", environ={})


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "77"}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "78"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_how_long_we_may_be_silent(environ: dict[str, str], seconds: float) -> None:
    assert watchdog(environ, 77) == seconds


def test_a_reload_is_announced_with_its_time() -> None:
    first, second = reloading()
    assert first == "RELOADING=1"
    name, _, value = second.partition("=")
    assert name == "MONOTONIC_USEC" and int(value) > 0
