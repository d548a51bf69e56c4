"""A link to a broker: what is under way over several connections, against a broker that the test plays."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.adapters.mqtt_broker import TAKEN_OVER, BrokerError, BrokerOffer, BrokerTerms
from fastgw.adapters.mqtt_link import PAUSE_LEAST, SETTLED, MqttLink, Outgoing
from fastgw.core import bridge_counters as rows
from fastgw.core.bridge_settings import BrokerAddress
from fastgw.testing.mock import MockLoop
from tests.unit.adapters.played_broker import SETTINGS, Broker, plane

GONE = BrokerError("unreachable", "nobody there")
NO = BrokerError("refused", "not authorized", is_final=True)
TERMS = BrokerTerms(5, "it", "", "", 60, 31, 4, 2000, None, ())


class Heard:
    """Whose link it is."""

    def __init__(self) -> None:
        self.ups: list[bool] = []
        self.messages: list[tuple[bytes, int]] = []
        self.acknowledged: list[tuple[object, int]] = []
        self.ended: list[str] = []

    def on_up(self, is_resumed: bool) -> None:
        self.ups.append(is_resumed)

    def on_message(self, delivery: Any, serial: int) -> None:
        self.messages.append((delivery.payload, serial))

    def on_acknowledged(self, message: Outgoing, reason: int) -> None:
        self.acknowledged.append((message.token, reason))

    def on_ended(self, error: BrokerError) -> None:
        self.ended.append(error.cause)


class Stage:
    def __init__(self, *, filters: tuple[str, ...] = ("a/b",), broker: Broker | None = None, **changes: Any) -> None:
        self.loop = MockLoop()
        self.plane = plane(self.loop)
        self.heard = Heard()
        self.broker = broker or Broker()
        settings = SETTINGS._replace(**changes)
        self.link = MqttLink(self.plane, settings, TERMS, filters, None, self.heard, self.broker)
        self.link.open()
        self.loop.run_ready()

    def publish(self, *tokens: int, qos: int = 1) -> None:
        for token in tokens:
            self.link.publish(Outgoing("t", b"%d" % token, qos, False, {}, token))
        self.loop.run_ready()

    def sent(self) -> list[bytes]:
        return [payload for _, _, payload in self.broker.last.published]

    def count(self, place: int) -> int:
        return int(self.plane.values[place])


def failed(stage: Stage) -> dict[str, int]:
    return {cause: stage.count(rows.FAILURES + place) for place, cause in enumerate(rows.CAUSES)}


def test_a_message_is_in_flight_until_the_broker_has_it() -> None:
    stage = Stage()
    stage.publish(1, 2, 3)
    assert stage.heard.ups == [False] and stage.broker.last.subscribed == [(1, ["a/b"], 1)]
    assert stage.sent() == [b"1", b"2", b"3"] and not stage.link.has_room and stage.heard.acknowledged == []
    stage.broker.last.ack(2)
    assert stage.heard.acknowledged == [(1, 0)] and stage.link.has_room and stage.link.in_flight == 2
    stage.broker.last.ack(3, reason=0x87)
    stage.broker.last.ack(3)  # which it has said already
    assert stage.heard.acknowledged[1:] == [(2, 0x87)]
    assert stage.count(rows.PUBLISHED) == 3 and stage.count(rows.ACKNOWLEDGED) == stage.count(rows.REJECTED) == 1
    stage.link.close()
    assert stage.broker.last.end == "forgotten" and not stage.loop.timers and not stage.count(rows.CONNECTIONS_OPEN)


def test_nothing_is_published_before_the_broker_has_the_subscriptions() -> None:
    stage = Stage(broker=Broker(is_granting=False))
    stage.publish(1)
    assert stage.sent() == [] and stage.heard.ups == [] and not stage.link.is_ready
    stage.broker.last.owner.on_subscribed(99, [0])  # of nothing that was asked
    assert stage.sent() == []
    stage.broker.last.owner.on_subscribed(1, [1])
    assert stage.sent() == [b"1"] and stage.link.is_ready


def test_of_qos_0_it_is_known_when_it_is_written() -> None:
    stage = Stage(filters=())
    stage.publish(1, qos=0)
    assert stage.heard.acknowledged == [(1, 0)] and not stage.link.in_flight and not stage.loop.timers


def test_a_broker_that_takes_less_at_once_gets_less() -> None:
    stage = Stage(broker=Broker(offer=BrokerOffer(1, 1, True)))
    stage.publish(1, 2)
    assert stage.sent() == [b"1"] and stage.link.in_flight == 2
    stage.broker.last.ack(2)
    assert stage.sent() == [b"1", b"2"]


def test_what_was_not_acknowledged_is_sent_again_in_its_order() -> None:
    stage = Stage()
    stage.publish(1, 2, 3)
    stage.broker.last.ack(3)
    old = stage.broker.last
    stage.broker.answers = [GONE, True]
    stage.broker.last.lose()
    stage.loop.run_ready()
    assert old.end == "aborted" and not stage.link.is_up and len(stage.broker.made) == 2
    stage.publish(4)
    stage.loop.advance(PAUSE_LEAST)
    assert stage.sent() == [b"1", b"3", b"4"] and stage.heard.ups == [False, True]
    assert [one.is_new for one in stage.broker.made] == [True, False, False]
    stage.broker.last.ack(2, 3, 4)
    assert stage.heard.acknowledged == [(2, 0), (1, 0), (3, 0), (4, 0)]
    assert failed(stage)["lost"] == failed(stage)["unreachable"] == 1 and stage.count(rows.CONNECTIONS) == 2


def test_an_acknowledgement_is_said_on_the_connection_of_its_message_alone() -> None:
    stage = Stage()
    mid = stage.broker.last.deliver(b"x")
    assert stage.heard.messages == [(b"x", 1)]
    stage.broker.last.lose()
    stage.loop.run_ready()
    stage.link.acknowledge(mid, 1)
    assert stage.broker.last.acknowledged == []
    mid = stage.broker.last.deliver(b"x")
    stage.link.acknowledge(mid, 2)
    assert stage.broker.last.acknowledged == [mid] and stage.count(rows.RECEIVED) == 2


def test_brokers_are_asked_one_after_the_other_and_a_first_failure_is_told_at_once() -> None:
    two = tuple(BrokerAddress(False, name, 1883) for name in ("a.test", "b.test"))
    stage = Stage(brokers=two, broker=Broker(answers=[GONE, False]))
    assert sorted(one.address.host for one in stage.broker.made) == ["a.test", "b.test"] and stage.heard.ups == [False]
    stage = Stage(brokers=two, broker=Broker(answers=[GONE, GONE]))
    assert stage.heard.ended == ["unreachable"] and not stage.loop.timers
    assert failed(stage)["unreachable"] == 2


def test_a_broker_that_was_there_is_looked_for_as_long_as_it_is_said() -> None:
    stage = Stage(broker=Broker(answers=[False, *[GONE] * 50]))
    stage.broker.last.lose()
    begun = stage.loop.time()
    while not stage.heard.ended:
        stage.loop.advance(0.1)
    assert stage.heard.ended == ["unreachable"] and 20 < stage.loop.time() - begun <= 30.2
    assert 8 < len(stage.broker.made) < 20  # with growing pauses


def test_a_client_id_that_another_has_now_is_not_fought_for() -> None:
    stage = Stage()
    stage.broker.last.lose(TAKEN_OVER)
    stage.loop.run_ready()
    assert stage.heard.ended == ["taken_over"] and len(stage.broker.made) == 1


def test_a_fight_without_a_word_ends() -> None:
    """MQTT 3.1.1 does not tell: each takes the place of the other, again and again."""
    stage = Stage(filters=())
    for _ in range(100):
        if stage.heard.ended:
            break
        stage.loop.advance(SETTLED / 20)
        if stage.link.is_up:
            stage.broker.answers = [GONE]
            stage.broker.last.lose()
    assert stage.heard.ended == ["unreachable"]


def test_what_cannot_become_better_is_told_at_once() -> None:
    assert Stage(broker=Broker(answers=[NO])).heard.ended == ["refused"]
    stage = Stage(broker=Broker(is_granting=False))
    stage.broker.last.owner.on_subscribed(1, [0x87])
    assert stage.heard.ended == ["subscription"] and stage.broker.last.end == "aborted"
    stage = Stage(broker=Broker(is_granting=False))
    stage.broker.last.owner.on_subscribed(1, [1, 1])
    assert stage.heard.ended == ["subscription"]


@pytest.mark.parametrize(("offer", "changes"), [((9, 0, True), {}), ((9, 1, False), {"retain": True})])
def test_a_broker_that_does_less_than_is_asked_for_is_not_used(offer: Any, changes: dict[str, Any]) -> None:
    stage = Stage(broker=Broker(offer=BrokerOffer(*offer)), **changes)
    assert stage.heard.ended == ["refused"] and stage.broker.last.end == "aborted"


def test_a_broker_that_acknowledges_nothing_is_left() -> None:
    stage = Stage()
    stage.publish(1)
    stage.loop.advance(6.0)
    stage.publish(2)
    stage.broker.last.ack(2)
    stage.loop.advance(9.0)
    assert len(stage.broker.made) == 1  # the second has 1 s left
    stage.loop.advance(1.5)
    assert len(stage.broker.made) == 2 and failed(stage)["stalled"] == 1 and stage.sent() == [b"2"]
    stage = Stage(broker=Broker(is_granting=False))
    stage.loop.advance(10.5)
    assert failed(stage)["stalled"] == 1


def test_whoever_leaves_hears_nothing_more() -> None:
    stage = Stage(broker=Broker(answers=[False, GONE]))
    stage.publish(1)
    stage.broker.last.lose()
    stage.loop.run_ready()
    stage.link.close(publishes_will=True)
    stage.loop.advance(60.0)
    assert stage.heard.ended == [] and not stage.loop.timers
    stage = Stage(filters=())
    connection = stage.broker.last
    stage.link.close(publishes_will=True)
    connection.deliver(b"late")
    connection.ack(1)
    assert connection.end == "will" and stage.heard.messages == []
