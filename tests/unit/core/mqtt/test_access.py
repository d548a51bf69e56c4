"""Who may do what: rules that are filled in with who it is, and allow nothing where they cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.mqtt.access import TOPICS_KNOWN, Access, AccessRules
from fastgw.errors import DownstreamError
from fastgw.wire.mqtt_connect import read_connect
from fastgw.wire.mqtt_fields import PacketError
from fastgw.wire.mqtt_packets import PacketScanner
from fastgw.wire.mqtt_topics import TopicFilter
from tests.support import mqtt
from tests.support.mqtt_edge import USUAL


def admitted(connect: bytes | None = None, who: bytes = b"7", **options: Any) -> Access:
    rules = AccessRules(USUAL | options, {"who": lambda _: who}, None)
    data, (packet,) = PacketScanner(1000, is_client=True).feed(connect or mqtt.connect())
    nobody: Any = None
    return rules.admitted(nobody, read_connect(data, packet))


def test_filters_are_those_of_who_asks() -> None:
    access = admitted(publish=((b"d/", "who", b"/#"),), subscribe=((b"d/", "who", b"/#"), (b"all/+",)))
    assert access.may_publish(b"d/7/up") and not access.may_publish(b"d/8/up") and not access.may_publish(b"all/a")
    assert access.may_subscribe(TopicFilter("all/a")) and not access.may_subscribe(TopicFilter("d/+/up"))
    assert access.may_be_answered("d/7/x") and not access.may_be_answered("d/8/x")
    with pytest.raises(PacketError):
        access.may_publish(b"d/#")


@pytest.mark.parametrize("who", [b"", b"a/b", b"+", b"#", b"$SYS", b"\0", b"\xff"])
def test_a_value_that_is_no_part_of_a_topic_allows_nothing(who: bytes) -> None:
    access = admitted(who=who, publish=(("who",), (b"d/", "who")), subscribe=(("who",),))
    assert not any(access.may_publish(topic) for topic in (b"d/a", b"a", b"a/b", b"$SYS"))
    assert not access.may_subscribe(TopicFilter("a"))


def test_nothing_of_the_broker_is_open_by_default() -> None:
    access = admitted()
    assert access.may_publish(b"a/b") and not access.may_publish(b"$SYS/a")
    assert access.may_subscribe(TopicFilter("#")) and not access.may_subscribe(TopicFilter("$SYS/#"))


@pytest.mark.parametrize(
    ("template", "who", "is_allowed"),
    [
        (("who",), b"device-7", True),
        (("who",), b"device", False),
        (("who", b"*"), b"device", True),
        (("who", b"-*"), b"device", True),
        (("who", b"-*"), b"dev", False),
        (("who", b"*"), b"", False),
        ((b"device-*",), b"", True),
        ((b"device-7",), b"", True),
        (("who",), b"device-*", False),
    ],
)
def test_a_client_id_belongs_to_who_asks(template: tuple[bytes | str, ...], who: bytes, is_allowed: bool) -> None:
    if is_allowed:
        admitted(who=who, client_id=((b"other",), template))
        return
    with pytest.raises(DownstreamError) as raised:
        admitted(who=who, client_id=(template,))
    assert raised.value.code == "client_id_refused"


def test_a_will_is_a_message_as_any() -> None:
    admitted(mqtt.connect(will=("d/7/gone", b"", 0)), publish=((b"d/", "who", b"/#"),))
    answers = b"\x08" + mqtt.text("d/8/x")
    for connect in (
        mqtt.connect(will=("d/8/gone", b"", 0)),
        mqtt.connect(version=5, will=("d/7/gone", b"", 0), will_properties=answers),
    ):
        with pytest.raises(DownstreamError) as raised:
            admitted(connect, publish=((b"d/", "who", b"/#"),), subscribe=((b"d/", "who", b"/#"),))
        assert raised.value.code == "will_refused" and "d/8" in raised.value.reason


def test_what_is_remembered_of_topics_is_bounded() -> None:
    access = Access((TopicFilter("a/+"),), ())
    for number in range(TOPICS_KNOWN * 3):
        assert access.may_publish(b"a/%d" % number) and not access.may_publish(b"b/%d" % number)
