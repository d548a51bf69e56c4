"""Who was thrown out for a flood is closed a moment later, and holds nothing meanwhile that others could miss."""

from __future__ import annotations

import pytest

from fastgw.core import counters, http2_counters
from fastgw.core.http2 import tarpit
from fastgw.core.http2.tarpit import SECONDS
from fastgw.testing import usual
from fastgw.wire.http2 import frames
from fastgw.wire.http2.errors import ENHANCE_YOUR_CALM, PROTOCOL_ERROR
from fastgw.wire.http2.frame_kinds import DATA, GOAWAY
from fastgw.wire.http2.frames import frame
from tests.unit.core.http2.peer import Http2Edge, Peer, Raw

FLOOD = frames.ping(b"attacker", False) * 600


def thrown_out(edge: Http2Edge) -> Raw:
    """Somebody who has just been."""
    raw = Raw(edge)
    raw.send(FLOOD)
    assert raw.codes(GOAWAY, 4) == [ENHANCE_YOUR_CALM]
    return raw


def test_it_is_told_at_once_and_closed_later() -> None:
    edge = Http2Edge()
    raw = thrown_out(edge)
    assert edge.count(http2_counters.FLOODS) == 1 and edge.count(counters.CONNECTIONS_OPEN) == 1
    before = len(raw.frames)
    for _ in range(3):
        raw.send(FLOOD)
        assert not raw.transport.is_reading()
    edge.loop.advance(SECONDS - 0.3)
    assert not raw.transport.is_closing() and len(raw.frames) == before
    edge.loop.advance(0.5)
    assert raw.transport.is_aborted
    assert edge.count(counters.CONNECTIONS_OPEN) == 0 and not len(edge.plane.spenders.tarpit)
    assert edge.count(http2_counters.TARPIT_CUT) == 0
    edge.end()


def test_one_that_leaves_by_itself_is_forgotten() -> None:
    edge = Http2Edge()
    raw = thrown_out(edge)
    assert len(edge.plane.spenders.tarpit) == 1
    raw.transport.lose()
    edge.loop.run_ready()
    assert not len(edge.plane.spenders.tarpit) and edge.count(counters.CONNECTIONS_OPEN) == 0
    edge.end()


def test_its_requests_end_at_once() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    peer.ask()
    service = edge.connect()
    peer.transport.feed(FLOOD)
    peer.listen()
    assert peer.goaways == [(int(ENHANCE_YOUR_CALM), 1)]
    assert service.is_closing() and not peer.transport.is_closing()
    edge.end()


def test_what_it_has_sent_is_held_by_nobody() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(FLOOD + b"x" * 50_000)
    client = raw.transport.protocol
    assert raw.codes(GOAWAY, 4) == [ENHANCE_YOUR_CALM]
    assert client._link.reader.held == 0  # type: ignore[attr-defined]
    edge.end()


def test_another_fault_waits_only_where_the_address_was_thrown_out() -> None:
    edge = Http2Edge()
    wrong = frame(DATA, 0, 0, b"x")
    first = Raw(edge)
    first.send(wrong)
    assert first.codes(GOAWAY, 4) == [PROTOCOL_ERROR] and first.transport.is_closing()
    thrown_out(edge)
    again = Raw(edge)
    again.send(wrong)
    assert again.codes(GOAWAY, 4) == [PROTOCOL_ERROR] and not again.transport.is_closing()
    assert edge.count(http2_counters.FLOODS) == 1
    edge.loop.advance(SECONDS + 0.3)
    assert again.transport.is_aborted
    edge.end()


def test_the_oldest_makes_room_for_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarpit, "WAITING_MOST", 2)
    edge = Http2Edge()
    first, second, third = (thrown_out(edge) for _ in range(3))
    assert [one.transport.is_aborted for one in (first, second, third)] == [True, False, False]
    assert edge.count(http2_counters.TARPIT_CUT) == 1
    edge.end()


def test_it_makes_room_for_others_where_all_connections_are_taken() -> None:
    edge = Http2Edge(limits=usual.limits(connections=2))
    waiting = thrown_out(edge)
    one = Peer(edge)
    two = Peer(edge)
    edge.loop.run_ready()
    assert waiting.transport.is_aborted and not one.transport.is_closing() and not two.transport.is_closing()
    assert edge.count(http2_counters.TARPIT_CUT) == 1 and edge.count(counters.CONNECTIONS_OPEN) == 2
    late = edge.client()
    edge.loop.run_ready()
    assert late.is_aborted and edge.count(counters.CONNECTIONS_REFUSED) == 1
    edge.end()


def test_it_counts_among_the_connections_of_its_address() -> None:
    edge = Http2Edge(limits=usual.limits(connections_per_address=1))
    thrown_out(edge)
    refused = edge.client()
    edge.loop.run_ready()
    assert refused.is_aborted and edge.count(counters.ADDRESS_REFUSED) == 1
    edge.loop.advance(SECONDS + 0.3)
    assert not Peer(edge).transport.is_closing()
    edge.end()


def test_one_whose_goaway_cannot_be_sent_is_gone() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.transport.send_error = BrokenPipeError("gone")
    raw.transport.feed(FLOOD)
    edge.loop.run_ready()
    edge.loop.advance(SECONDS + 0.3)
    assert raw.transport.is_lost and edge.count(counters.CONNECTIONS_OPEN) == 0
    edge.end()


def test_a_worker_that_drains_waits_for_it_no_longer_than_for_its_moment() -> None:
    edge = Http2Edge()
    raw = thrown_out(edge)
    edge.plane.drain()
    edge.loop.advance(SECONDS + 0.3)
    assert raw.transport.is_lost and edge.count(counters.CONNECTIONS_OPEN) == 0
    edge.end()
