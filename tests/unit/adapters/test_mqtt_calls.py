"""Requests that come by MQTT, against a broker that the test plays and a service behind it."""

from __future__ import annotations

from typing import Any

from fastgw.adapters.mqtt_broker import BrokerError
from fastgw.adapters.mqtt_calls import AGAIN_SECONDS, BEGIN_SECONDS, WAITING_MOST, MqttCalls
from fastgw.core import bridge_counters as rows
from fastgw.core.bridge_settings import MqttCallSettings
from fastgw.core.protocols import client_factory
from fastgw.testing.edge import Edge
from tests.unit.adapters.played_broker import SETTINGS, Broker

CALLS = MqttCallSettings(
    name="devices",
    link=SETTINGS._replace(window=60, subscribe=()),
    listener="edge",
    share="fastgw",
    topic=(b"devices", "id", b"ask"),
    method="POST",
    host="a.test",
    path=(b"/v1/", "id"),
    content_type="application/json",
    headers=("authorization",),
    reply=(b"devices/", "id", b"/answer"),
    reply_to=((b"devices/", "id", b"/#"),),
    concurrency=2,
    max_answer=1000,
)
OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"


class Stage:
    def __init__(self, broker: Broker | None = None, **changes: Any) -> None:
        self.edge = Edge()
        self.broker = broker or Broker()
        plane = self.edge.plane
        self.calls = MqttCalls(CALLS._replace(**changes), plane, client_factory(plane, "edge"), None, self.broker)
        self.calls.start(self.edge.loop)
        self.edge.loop.advance(BEGIN_SECONDS)

    def deliver(self, payload: bytes = b"{}", topic: str = "devices/7/ask", **properties: Any) -> int:
        mid = self.broker.last.deliver(payload, topic=topic, **properties)
        self.edge.run()
        return mid

    @property
    def published(self) -> list[tuple[int, str, bytes]]:
        return self.broker.last.published

    def end(self) -> None:
        self.calls.stop()
        self.edge.run()
        assert self.broker.last.end == "forgotten"
        self.edge.end()


def test_a_message_is_a_request_and_its_answer_is_a_message() -> None:
    stage = Stage()
    assert stage.broker.last.subscribed == [(1, ["$share/fastgw/devices/+/ask"], 1)]
    assert stage.broker.last.terms.receive_most == 2 and stage.broker.last.terms.session_expiry == 0
    more = {"response_topic": ["devices/7/x"], "correlation_data": [b"\xff"]}
    user = [("Authorization", "Bearer t"), ("x-other", "no"), ("authorization", "a\r\nb: c")]
    mid = stage.deliver(b'{"a": 1}', user_property=user, **more)
    service = stage.edge.connect()
    head, _, body = service.take().partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/7 HTTP/1.1\r\n") and body == b'{"a": 1}'
    for line in (b"content-type: application/json", b"x-mqtt-topic: devices/7/ask", b"authorization: Bearer t"):
        assert line in head.lower().replace(b"bearer", b"Bearer"), line
    assert b"x-other" not in head and b"b: c" not in head
    service.feed(OK)
    stage.edge.run()
    assert stage.published == [(3, "devices/7/x", b"ok")] and stage.broker.last.acknowledged == []
    (properties,) = stage.broker.last.properties
    assert properties["correlation_data"] == b"\xff" and properties["content_type"] == "text/plain"
    assert properties["user_property"][0] == ("status", "200")
    stage.broker.last.ack(3)
    assert stage.broker.last.acknowledged == [mid]
    stage.end()


def test_without_a_response_topic_the_answer_goes_where_it_is_said() -> None:
    stage = Stage(link=CALLS.link._replace(version=4))
    stage.deliver(topic="devices/\u00e4 b/ask", content_type=["text/x"])
    service = stage.edge.connect()
    asked = service.take()
    assert asked.startswith(b"POST /v1/%C3%A4%20b HTTP/1.1\r\n") and b"content-type: text/x" in asked.lower()
    service.feed(OK)
    stage.edge.run()
    assert stage.published == [(3, "devices/\u00e4 b/answer", b"ok")] and stage.broker.last.properties == [{}]
    stage.end()


def test_an_answer_goes_nowhere_that_the_device_may_not_name() -> None:
    stage = Stage()
    services = []
    for topic in ("devices/8/x", "devices/+/x", "$SYS/x", "a\0"):
        mid = stage.deliver(response_topic=[topic])
        services += [stage.edge.connect() for _ in stage.edge.attempts]
        services[0].feed(OK)
        stage.edge.run()
        assert stage.published == [] and stage.broker.last.acknowledged[-1] == mid
    assert stage.edge.count(rows.REFUSED + 1) == 4
    stage.end()


def test_errors_are_answers() -> None:
    stage = Stage()
    stage.deliver()
    stage.edge.refuse()
    stage.edge.run()
    assert b"connect_refused" in stage.published[0][2]
    assert stage.broker.last.properties[0]["user_property"][0] == ("status", "502")
    stage.deliver()
    service = stage.edge.connect()
    service.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 1200\r\n\r\n" + b"x" * 1200)
    stage.edge.run()
    assert stage.published[1][2] == b"there is no answer, or it is too large"
    mid = stage.deliver(b"x" * 1001)
    assert stage.broker.last.acknowledged == [mid] and stage.edge.count(rows.REFUSED + 2) == 1
    stage.end()


def test_no_more_are_under_way_than_it_is_said() -> None:
    stage = Stage()
    for number in range(3):
        stage.deliver(b"%d" % number)
    assert len(stage.edge.attempts) == 2
    first = stage.edge.connect()
    first.feed(OK)
    stage.edge.run()
    first.take()
    assert len(stage.published) == 1 and stage.edge.begun == 3
    for _ in range(WAITING_MOST + 1):
        stage.deliver()
    assert stage.published[-1][2] == b"too many requests are under way"
    for one in list(stage.edge.attempts):
        one.fail(ConnectionRefusedError())
    stage.edge.run()
    stage.broker.last.lose()  # what waits is another's
    stage.edge.run()
    stage.edge.loop.advance(5.0)
    stage.calls.stop()
    stage.edge.run()


def test_what_was_under_way_on_another_connection_is_answered_by_nobody() -> None:
    stage = Stage()
    stage.deliver()
    service = stage.edge.connect()
    stage.broker.last.lose()
    stage.edge.run()
    service.feed(OK)
    stage.edge.run()
    assert stage.published == []
    stage.end()


def test_a_broker_that_is_gone_is_looked_for_again() -> None:
    stage = Stage(broker=Broker(answers=[BrokerError("refused", "no", is_final=True)]))
    assert len(stage.broker.made) == 1
    stage.edge.loop.advance(AGAIN_SECONDS + BEGIN_SECONDS)
    assert len(stage.broker.made) == 2
    stage.end()


def test_a_worker_that_drains_takes_none() -> None:
    stage = Stage()
    stage.edge.plane.is_draining = True
    stage.deliver()
    assert not stage.edge.attempts and stage.broker.last.acknowledged == [] and stage.broker.last.end == "forgotten"
    stage.edge.plane.is_draining = False
    stage.calls.stop()
    stage.edge.end()


def test_what_is_under_way_is_answered_when_another_configuration_is_used() -> None:
    stage = Stage()
    mid = stage.deliver()
    stage.calls.stop()
    service = stage.edge.connect()
    service.feed(OK)
    stage.edge.run()
    assert len(stage.published) == 1 and not stage.broker.last.end
    stage.broker.last.ack(stage.published[0][0])
    assert stage.broker.last.acknowledged == [mid]
    stage.edge.loop.advance(20.0)
    assert stage.broker.last.end == "forgotten"
    stage.edge.end()


def test_it_waits_for_its_configuration_to_be_used() -> None:
    stage = Stage(listener="other")
    assert not stage.broker.made
    stage.calls.stop()
    stage.edge.loop.advance(1.0)
    assert not stage.broker.made
    stage.edge.end()
