"""Models beside what else a route, a service and a client may have."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.filters.usage import Usage
from fastgw.testing.edge import statuses
from tests.support.bodies import plain, reading
from tests.support.inference import OPTIONS
from tests.support.models import OK, ModelEdge, body_sent, post
from tests.unit.core.exchange.test_relay_gate import Door
from tests.unit.core.http2.peer import BOTH, POST, Peer

CHAT = b'{"model":"%b","stream":true,"messages":[]}'
NAMED, SENT = CHAT % b"gpt-oss", CHAT % b"openai/gpt-oss-120b"
HEAD = (*POST[:3], (":path", "/v1/chat/completions"), ("content-type", "application/json"))


@pytest.mark.parametrize("has_length", [True, False])
def test_a_client_of_http2(has_length: bool) -> None:
    edge = ModelEdge(listener={"protocols": BOTH})
    peer = Peer(edge)
    head = (*HEAD, ("content-length", str(len(NAMED)))) if has_length else HEAD
    number = peer.ask(head, NAMED[:10], more=True)
    edge.check()
    assert not edge.attempts
    peer.h2.send_data(number, NAMED[10:], end_stream=True)
    peer.flush()
    service = edge.connect(port=9000)
    assert body_sent(service.take()) == SENT
    service.feed(OK)
    peer.listen()
    assert peer.status(number) == "200"
    edge.end()


def test_a_body_of_http2_that_is_larger_than_any_window_comes_whole() -> None:
    edge = ModelEdge(listener={"protocols": BOTH})
    peer = Peer(edge)
    body = b'{"x":"%b","model":"gpt-oss"}' % (b"x" * 300_000)
    number = peer.ask(HEAD, more=True)
    while body:
        peer.flush()
        size = min(len(body), peer.h2.local_flow_control_window(number), peer.h2.max_outbound_frame_size)
        assert size, "the client waits for a window that never comes"
        peer.h2.send_data(number, body[:size], end_stream=size == len(body))
        body = body[size:]
    peer.flush()
    sent = edge.connect(port=9000).take()
    assert sent.endswith(b'"model":"openai/gpt-oss-120b"}') and len(sent) > 300_000
    edge.end()


def test_a_large_body_of_http1_comes_whole_too() -> None:
    edge = ModelEdge(route={"body_buffer": 1000})
    data = post(b'{"x":"%b","model":"gpt-oss"}' % (b"x" * 300_000))
    client = edge.client()
    for place in range(0, len(data), 50_000):
        assert client.is_reading()
        client.feed(data[place : place + 50_000])
    assert body_sent(edge.connect(port=9000).take()).endswith(b'"model":"openai/gpt-oss-120b"}')
    edge.end()


def test_usage_of_a_stream_is_asked_for_behind_the_choice() -> None:
    usage = Usage("usage", {**OPTIONS, "include_usage": True})
    edge = ModelEdge(filters=[usage])
    client = edge.client(post(NAMED)[:-5])
    client.feed(post(NAMED)[-5:])
    asked = b'{"stream_options":{"include_usage":true},'
    service = edge.connect(port=9000)
    assert body_sent(service.take()) == asked + SENT[1:]
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_filters_that_change_bodies_see_the_name_at_the_service() -> None:
    edge = ModelEdge(filters=[reading("transform_request")])
    edge.client(post(NAMED))
    sent = edge.connect(port=9000).take()
    assert plain(sent) == SENT
    edge.end()


def test_what_is_pipelined_behind_waits_for_its_turn() -> None:
    edge = ModelEdge()
    client = edge.client(post(NAMED) + post(CHAT % b"none") + post(CHAT % b"small"))
    service = edge.connect(port=9000)
    service.feed(OK)
    other = edge.connect(port=9001)
    assert body_sent(other.take()) == CHAT % b"small"
    other.feed(OK)
    assert statuses(client.take()) == [200, 404, 200]
    edge.end()


@pytest.mark.parametrize("is_split", [True, False])
def test_a_service_that_is_full_is_waited_for_behind_the_choice(is_split: bool) -> None:
    edge = ModelEdge()
    door = Door(enters="waits")
    edge.by_name["a"].gate = door
    edge.install(edge.listener, *edge.by_name.values(), generation=2)
    client = edge.client(post(NAMED)[:-5] if is_split else post(NAMED))
    if is_split:
        assert not door.journal
        client.feed(post(NAMED)[-5:])
    assert door.journal == ["enter"] and not edge.attempts
    door.waits.pop().on_admitted()
    service = edge.connect(port=9000)
    assert body_sent(service.take()) == SENT
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize("is_split", [True, False])
def test_a_cache_is_asked_behind_the_choice(is_split: bool) -> None:
    class Cache:
        takes_bodies = False

        def choose(self, exchange: Any, service: Any) -> Any:
            asked.append((service.name, b"".join(exchange.body.pending)))
            return edge.by_name["rest"]

    asked: list[tuple[str, bytes]] = []
    edge = ModelEdge(route={"cache": Cache()})
    client = edge.client(post(NAMED)[:-5] if is_split else post(NAMED))
    client.feed(post(NAMED)[-5:] if is_split else b"")
    service = edge.connect(port=9002)
    assert asked == [("a", SENT)]
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()
