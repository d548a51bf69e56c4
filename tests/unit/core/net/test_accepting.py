"""Connections that are accepted in C: whose they are, and what they have without being given it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from fastgw.core.protocols import client_factory
from tests.unit.core.net.test_sockets import ANSWER_SIZE, GET, Stage

pytestmark = pytest.mark.skipif(find_spec("fastgw.core.net._sockets") is None, reason="the extension is not built")


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.end()


def dual() -> socket.socket:
    """A socket that takes IPv6 and IPv4."""
    sock = socket.socket(socket.AF_INET6)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", 0))
    sock.listen()
    return sock


@pytest.mark.parametrize(
    ("family", "bound", "host", "address"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1", b"127.0.0.1"),
        (socket.AF_INET6, "::1", "::1", b"::1"),
        (socket.AF_INET6, "", "127.0.0.1", b"127.0.0.1"),
        (socket.AF_INET6, "", "::1", b"::1"),
    ],
    ids=["IPv4", "IPv6", "IPv4 on a socket of IPv6", "IPv6 on a socket of both"],
)
def test_a_client_has_its_address_and_no_delay(
    stage: Stage, family: socket.AddressFamily, bound: str, host: str, address: bytes
) -> None:
    listening = socket.create_server((bound, 0), family=family) if bound else dual()
    acceptor = stage.poller.listen(listening, client_factory(stage.plane, "edge"))
    client = socket.create_connection((host, listening.getsockname()[1]))
    client.settimeout(5)
    stage.until(lambda: len(stage.plane.connections) == 1)
    (connection,) = stage.plane.connections
    assert connection.address == address
    view = socket.socket(fileno=os.dup(connection.transport.fileno()))
    assert view.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    view.close()
    assert stage.talk(client, GET, ANSWER_SIZE).endswith(b"xx")
    client.close()
    acceptor.close()


@pytest.mark.parametrize("address", ["127.0.0.9", "127.10.99.100", "127.109.250.255", "127.200.5.20"])
def test_an_address_is_written_in_decimal(stage: Stage, address: str) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    acceptor = stage.poller.listen(listening, client_factory(stage.plane, "edge"))
    with socket.create_connection(listening.getsockname(), source_address=(address, 0)):
        stage.until(lambda: len(stage.plane.connections) == 1)
        (connection,) = stage.plane.connections
        assert connection.address == address.encode()
    acceptor.close()


def test_a_client_of_a_unix_socket_has_none(stage: Stage, tmp_path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "x"))
    listening.listen()
    acceptor = stage.poller.listen(listening, client_factory(stage.plane, "edge"))
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(tmp_path / "x"))
    stage.until(lambda: len(stage.plane.connections) == 1)
    (connection,) = stage.plane.connections
    assert connection.address == b"unknown"
    client.close()
    acceptor.close()


def test_a_descriptor_that_is_used_again_is_another_connection(stage: Stage) -> None:
    """Closing takes it out of the set: nothing of the one before is left to be told to the next."""
    listening = socket.create_server(("127.0.0.1", 0))
    acceptor = stage.poller.listen(listening, client_factory(stage.plane, "edge"))
    seen = set()
    for _ in range(20):
        client = socket.create_connection(listening.getsockname())
        client.settimeout(5)
        stage.until(lambda: len(stage.plane.connections) == 1)
        (connection,) = stage.plane.connections
        seen.add(connection.transport.fileno())
        assert stage.talk(client, GET, ANSWER_SIZE).endswith(b"xx")
        client.close()
        stage.until(lambda: not stage.plane.connections)
    assert len(seen) < 20
    acceptor.close()
