"""Requests of HTTP to a broker that the test plays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.adapters.local import pooled_service
from fastgw.adapters.mqtt_bridge import BridgePool
from fastgw.adapters.mqtt_broker import BrokerError
from fastgw.adapters.mqtt_session import Bridge
from fastgw.adapters.mqtt_shared import BEAT_SECONDS, IDLE_SECONDS, WAITING_MOST
from fastgw.core import bridge_counters as rows
from fastgw.filters.variables import reader
from fastgw.routing.pattern import parse_path
from fastgw.testing.edge import body_of, statuses
from fastgw.testing.mock import MockTransport
from fastgw.testing.service import request
from tests.unit.adapters.played_broker import SETTINGS, Broker
from tests.unit.adapters.stage import own

GONE = BrokerError("unreachable", "10.0.0.1: nobody")


class Stage:
    def __init__(self, broker: Broker | None = None, **changes: Any) -> None:
        self.broker = broker or Broker()
        bridge = Bridge(SETTINGS._replace(**changes), reader, None, self.broker)
        route = {"pattern": parse_path("/d/{id}")}
        self.edge = own(pooled_service("mqtt", BridgePool(bridge)), route=route)

    def ask(self, method: str, path: str = "/d/7", *fields: str, body: bytes = b"") -> MockTransport:
        client = self.edge.client()
        client.feed(request(path, method, *fields, body=body))
        self.edge.run()
        return client

    def listen(self, *fields: str) -> MockTransport:
        return self.ask("GET", "/d/7", "Accept: text/event-stream", *fields)

    def post(self, body: bytes = b"x", path: str = "/d/7", *fields: str) -> MockTransport:
        return self.ask("POST", path, *fields, body=body)

    def end(self, *clients: MockTransport) -> None:
        for one in clients:
            if not one.is_lost:
                one.lose()
        self.edge.run()
        self.edge.loop.advance(2 * IDLE_SECONDS + BEAT_SECONDS)
        assert not self.edge.count(rows.CONNECTIONS_OPEN) and self.broker.last.end
        self.edge.end()


def events(data: bytes) -> list[Any]:
    """Payloads of events of a stream, and names of those that have one."""
    text = data.partition(b"\r\n\r\n")[2] if data.startswith(b"HTTP/") else data
    found: list[Any] = []
    for block in b"".join(chunks(text)).decode().split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append(fields["event"])
        elif fields:
            found.append((fields["id"].partition("-")[2], json.loads(fields["data"])["payload"]))
    return found


def chunks(text: bytes) -> list[bytes]:
    found = []
    while text:
        size, _, text = text.partition(b"\r\n")
        found.append(text[: int(size, 16)])
        text = text[int(size, 16) + 2 :]
    return found


def test_a_post_is_answered_when_the_broker_has_it() -> None:
    stage = Stage(allow=((b"rooms/", "path.id", b"/#"),))
    client = stage.post(b"21.5", "/d/7", "Content-Type: text/plain")
    assert client.take() == b"" and stage.broker.last.published == [(1, "devices/7/up", b"21.5")]
    assert stage.broker.last.properties == [{"content_type": "text/plain"}]
    stage.broker.last.ack(1)
    stage.edge.run()
    assert statuses(client.take()) == [202]
    other = stage.post(b"", "/d/7?topic=rooms%2F7%2Fa&retain=true")
    assert stage.broker.last.published[1] == (2, "rooms/7/a", b"") and stage.broker.last.retained == [False, True]
    assert len(stage.broker.made) == 1 and stage.broker.last.subscribed == []
    stage.end(client, other)


def test_with_qos_0_it_is_when_it_is_sent() -> None:
    stage = Stage(qos=0)
    client = stage.post()
    assert statuses(client.take()) == [202]
    stage.end(client)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/d/7?topic=rooms/8", b"", 400, b"topic_refused"),
        ("/d/%23", b"", 400, b"topic_refused"),
        ("/d/7", b"x" * 1001, 413, b"content_too_large"),
    ],
)
def test_what_cannot_be_published(path: str, body: bytes, status: int, code: bytes) -> None:
    stage = Stage()
    client = stage.post(body, path)
    answer = client.take()
    assert statuses(answer) == [status] and code in answer and not stage.broker.made
    client.lose()
    stage.edge.end()


def test_a_body_that_comes_in_parts_is_bounded_too() -> None:
    stage = Stage()
    client = stage.edge.client()
    client.feed(b"POST /d/7 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
    stage.edge.run()
    client.feed(b"1\r\nc\r\n0\r\n\r\n")
    stage.edge.run()
    assert stage.broker.last.published[0][2] == b"abc"
    other = stage.edge.client()
    other.feed(b"POST /d/7 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
    stage.edge.run()
    other.feed(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
    stage.edge.run()
    assert statuses(other.take()) == [413]
    stage.end(client, other)


def test_topics_of_a_field_of_the_body() -> None:
    stage = Stage(publish=(b"d/", "message.kind"))
    client = stage.post(b'{"kind": "a"}')
    assert stage.broker.last.published == [(1, "d/a", b'{"kind": "a"}')]
    others = [stage.post(body) for body in (b"no json", b"{}")]
    assert [statuses(one.take()) for one in others] == [[400], [400]]
    stage.end(client, *others)


def test_a_broker_that_refuses_or_is_silent_or_is_none() -> None:
    stage = Stage(broker=Broker(answers=[False, GONE]))
    first = stage.post()
    stage.broker.last.ack(1, reason=0x87)
    stage.edge.run()
    assert b"broker_refused" in (answer := first.take()) and statuses(answer) == [502]
    second = stage.post()
    stage.edge.loop.advance(10.5)
    assert b"broker_timeout" in (answer := second.take()) and statuses(answer) == [504]
    stage.edge.loop.advance(60.0)
    stage = Stage(broker=Broker(answers=[GONE]))
    third = stage.post()
    answer = third.take()
    assert statuses(answer) == [503] and b"broker_unavailable" in answer and b"10.0.0.1" not in answer
    third.lose()
    stage.edge.run()
    stage.edge.loop.advance(2 * IDLE_SECONDS)
    stage.edge.end()


def test_more_than_the_window_wait_and_more_than_that_are_refused() -> None:
    stage = Stage()
    clients = [stage.post() for _ in range(3 + WAITING_MOST)]
    assert len(stage.broker.last.published) == 3
    over = stage.post()
    assert statuses(over.take()) == [503]
    clients[3].lose()  # whoever has left is not published any more
    stage.broker.last.ack(1)
    stage.edge.run()
    assert len(stage.broker.last.published) == 4
    stage.end(*clients, over)


def test_a_stream_hears_what_comes_and_its_ids_go_on_behind_it() -> None:
    stage = Stage()
    first, second = stage.listen(), stage.listen()
    assert len(stage.broker.made) == 1 and stage.broker.last.subscribed[0][1] == ["devices/7/down"]
    assert statuses(answer := first.take()) == [200] and b"content-type: text/event-stream" in answer.lower()
    mid = stage.broker.last.deliver(b"a")
    assert stage.broker.last.acknowledged == [mid]
    stage.broker.last.deliver(b"b")
    data = first.take()
    assert events(data) == events(second.take()[-len(data) :]) == [("1", "a"), ("2", "b")]
    last = data.split(b"id: ")[1].split(b"\n")[0].decode()
    again = stage.listen(f"Last-Event-ID: {last}")
    assert events(again.take()) == [("2", "b")]
    strange = stage.listen("Last-Event-ID: 00000000-1")
    assert events(strange.take()) == ["gap"]
    stage.edge.loop.advance(BEAT_SECONDS)
    assert chunks(first.take()) == [b":\n\n"]
    stage.end(first, second, again, strange)


def test_a_slow_stream_loses_what_the_ring_has_lost_and_is_told() -> None:
    stage = Stage(max_message=10**5, queue_bytes=10**6)
    slow, quick = stage.listen(), stage.listen()
    slow.take(), quick.take()
    slow.capacity = 0
    stage.broker.last.deliver(b"x" * 40_000)
    for number in range(5):
        stage.broker.last.deliver(b"%d" % number)
    assert [one[1][:5] for one in events(quick.take())] == ["xxxxx", "0", "1", "2", "3", "4"]
    slow.drain()
    stage.edge.run()
    found = events(slow.take())
    assert found[0][1][:1] == "x" and found[1:] == ["gap", ("4", "2"), ("5", "3"), ("6", "4")]
    assert stage.edge.count(rows.DROPPED) == 2
    stage.end(slow, quick)


def test_or_it_is_ended() -> None:
    stage = Stage(max_message=10**5, queue_bytes=10**6, overflow="disconnect")
    slow = stage.listen()
    slow.take()
    slow.capacity = 0
    stage.broker.last.deliver(b"x" * 40_000)
    for number in range(5):
        stage.broker.last.deliver(b"%d" % number)
    slow.drain()
    stage.edge.run()
    assert events(slow.take())[1:] == ["error"]
    stage.end(slow)


def test_the_ring_is_bounded_in_bytes_and_what_is_too_large_is_dropped() -> None:
    stage = Stage(history=100, queue_bytes=500)
    first = stage.listen()
    mid = stage.broker.last.deliver(b"x" * 1001)
    assert stage.broker.last.acknowledged == [mid] and stage.edge.count(rows.DROPPED + 1) == 1
    for _ in range(10):
        stage.broker.last.deliver(b"y" * 100)
    epoch = first.take().rsplit(b"id: ", 1)[1].split(b"-")[0].decode()
    again = stage.listen(f"Last-Event-ID: {epoch}-0")
    assert [one if one == "gap" else one[0] for one in events(again.take())] == ["gap", "9", "10"]
    stage.end(first, again)


def test_streams_without_a_broker() -> None:
    stage = Stage(broker=Broker(answers=[GONE, False, *[GONE] * 99]))
    first = stage.listen()
    assert statuses(first.take()) == [503]
    second = stage.listen()
    second.take()
    stage.broker.last.lose()
    stage.edge.loop.advance(40.0)
    assert "error" in events(second.take())
    first.lose()
    second.lose()
    stage.edge.run()
    stage.edge.loop.advance(2 * IDLE_SECONDS)
    stage.edge.end()


def test_a_feed_that_nobody_listens_to_ends() -> None:
    stage = Stage()
    client = stage.listen()
    client.lose()
    stage.edge.loop.advance(IDLE_SECONDS / 2)
    assert not stage.broker.last.end
    stage.edge.loop.advance(IDLE_SECONDS)
    assert stage.broker.last.end == "forgotten"
    stage.edge.end()


@pytest.mark.parametrize(("method", "allow"), [("PUT", b"GET, POST"), ("POST", b"GET")])
def test_what_is_no_way_to_a_broker(method: str, allow: bytes) -> None:
    stage = Stage(publish=() if method == "POST" else SETTINGS.publish)
    client = stage.ask(method)
    answer = client.take()
    assert statuses(answer) == [405] and b"allow: " + allow + b"\r\n" in answer
    other = stage.ask("GET")
    assert statuses(answer := other.take()) == [426] and b"text/event-stream" in body_of(answer)
    client.lose()
    other.lose()
    stage.edge.end()
