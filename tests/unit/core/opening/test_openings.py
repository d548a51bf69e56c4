"""All openings of a worker: bounded in number, cut for who waits or at the end."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from fastgw.core import counters
from fastgw.core.opening import openings
from fastgw.core.opening.opening import Terms
from fastgw.testing import usual
from tests.support.certificates import Authority
from tests.unit.core.opening.stage import GET, HEADER, LINE, Edge, Tls


def test_number_is_bounded_and_a_burst_is_served_in_turn(edge: Callable[..., Edge]) -> None:
    one = edge(HEADER, limits=usual.limits(handshakes=2))
    clients = [one.client() for _ in range(5)]
    one.until(lambda: len(one.openings) == 2)
    for client in clients:
        client.sendall(LINE + GET)
        assert len(one.openings) <= 2
        assert one.read(client).startswith(b"HTTP/1.1 404 ")


def test_the_silent_make_room_for_those_who_wait(
    edge: Callable[..., Edge], secure: Terms, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openings, "STALLED", 0.1)
    monkeypatch.setattr(openings, "ROOM_EVERY", 0.05)
    one = edge(secure, limits=usual.limits(handshakes=2))
    first, second = one.client(), one.client()
    one.until(lambda: len(one.openings) == 2)
    assert Tls(one, authority).ask().startswith(b"HTTP/1.1 404 ")
    assert one.read(first) == b""
    one.until(lambda: one.count(counters.TLS_FAILURES) >= 1)  # the second only if it was as old by then
    second.close()


def test_the_silent_stay_while_nobody_waits(edge: Callable[..., Edge], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings, "STALLED", 0.0)
    monkeypatch.setattr(openings, "ROOM_EVERY", 0.01)
    one = edge(HEADER, limits=usual.limits(handshakes=2))
    clients = [one.client(), one.client()]
    one.until(lambda: len(one.openings) == 2)
    began = time.monotonic()
    one.until(lambda: time.monotonic() - began > 0.05)
    for client in clients:
        client.sendall(LINE + GET)
        assert one.read(client).startswith(b"HTTP/1.1 404 ")


def test_closing_cuts_what_has_not_arrived(edge: Callable[..., Edge], secure: Terms, authority: Authority) -> None:
    one = edge(secure, limits=usual.limits(handshakes=2))
    clients = [one.client() for _ in range(4)]
    one.until(lambda: len(one.openings) == 2)
    one.entrance.close()
    one.entrance.close()
    one.openings.close()
    one.until(lambda: not one.openings.pending)
    assert all(one.read(client) == b"" for client in clients)
    assert one.count(counters.TLS_FAILURES) == 0  # that was not the clients' doing
    one.entrance.open()
