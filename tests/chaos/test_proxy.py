"""The proxy does what it is told; on plain sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import ChaosProxy
from tests.support.gateway import wait_until
from tests.support.upstream import UpstreamServer, canned

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789"
ASK = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"


@pytest.fixture
def proxy() -> Iterator[ChaosProxy]:
    """One in front of a service that always says the same."""
    with UpstreamServer(canned(ANSWER)) as service, ChaosProxy(("127.0.0.1", service.port)) as made:
        yield made


def _asked(link: socket.socket) -> bytes:
    """What comes until the end, or until the answer is whole."""
    link.sendall(ASK)
    got = b""
    while len(got) < len(ANSWER) and (data := link.recv(4096)):
        got += data
    return got


def _connected(proxy: ChaosProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), 5)


def test_everything_passes_while_nothing_was_ordered(proxy: ChaosProxy) -> None:
    with _connected(proxy) as link:
        assert _asked(link) == ANSWER
        assert _asked(link) == ANSWER


def test_it_refuses_and_takes_connections_again(proxy: ChaosProxy) -> None:
    proxy.order("refuse")
    with pytest.raises(ConnectionRefusedError):
        _connected(proxy)
    proxy.heal()
    with _connected(proxy) as link:
        assert _asked(link) == ANSWER


def test_it_cuts_connections_that_are_open(proxy: ChaosProxy) -> None:
    with _connected(proxy) as link:
        assert _asked(link) == ANSWER
        proxy.order("cut")
        assert link.recv(1) == b""


def test_it_truncates_in_an_orderly_manner(proxy: ChaosProxy) -> None:
    proxy.order("truncate", after=len(ANSWER) - 3)
    with _connected(proxy) as link:
        assert _asked(link) == ANSWER[:-3]


def test_it_resets(proxy: ChaosProxy) -> None:
    proxy.order("reset")
    with _connected(proxy) as link, pytest.raises(ConnectionResetError):
        _asked(link)


def test_it_stalls_until_it_is_healed(proxy: ChaosProxy) -> None:
    proxy.order("stall", after=4)
    with _connected(proxy) as link:
        link.sendall(ASK)
        assert link.recv(4096) == ANSWER[:4]
        link.settimeout(0.2)
        with pytest.raises(TimeoutError):
            link.recv(1)
        proxy.heal()
        link.settimeout(5)
        assert link.recv(1) == b""


def test_it_delays(proxy: ChaosProxy) -> None:
    proxy.order("delay", seconds=0.2)
    with _connected(proxy) as link:
        link.settimeout(0.1)
        link.sendall(ASK)
        with pytest.raises(TimeoutError):
            link.recv(1)
        link.settimeout(5)
        assert link.recv(4096) == ANSWER


def test_it_turns_the_bits_of_one_byte(proxy: ChaosProxy) -> None:
    proxy.order("corrupt", after=9)
    with _connected(proxy) as link:
        assert _asked(link) == ANSWER[:9] + bytes((ANSWER[9] ^ 0xFF,)) + ANSWER[10:]


def test_it_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    with UpstreamServer(canned(ANSWER)) as service, ChaosProxy(("127.0.0.1", service.port)) as made:
        with _connected(made) as link:
            assert _asked(link) == ANSWER
    wait_until(lambda: threading.active_count() <= before, what="the last thread has ended")
