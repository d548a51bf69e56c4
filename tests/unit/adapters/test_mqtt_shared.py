"""Ids of events, of a feed that no broker stands behind yet; all else is in ``test_mqtt_http``."""

from __future__ import annotations

from fastgw.adapters.mqtt_session import Bridge
from fastgw.adapters.mqtt_shared import TopicFeed
from fastgw.testing.mock import MockLoop
from tests.unit.adapters.played_broker import SETTINGS, Broker, plane


def test_an_id_is_of_this_feed_or_of_none() -> None:
    loop = MockLoop()
    feeds: dict[tuple[str, ...], TopicFeed] = {}
    broker = Broker()
    feed = TopicFeed(feeds, Bridge(SETTINGS, lambda _: lambda _: b"", None, broker), plane(loop), ["a"])
    loop.run_ready()
    assert feeds == {("a",): feed} and feed.is_ready and feed.first == 1
    for _ in range(5):
        broker.last.deliver(b"x")
    ours = feed.epoch.encode()
    assert (feed.first, feed.last) == (3, 5) and feed.event(5).startswith(b"id: %b-5\n" % ours)
    assert feed.number_of(ours + b"-5") == 5 and feed.number_of(ours + b"-0") == 0
    for other in (b"", b"5", ours, ours + b"-6", ours + b"--1", ours + b"-x", b"\xff-1", ours + b"-" + b"9" * 5000):
        assert feed.number_of(other) is None
