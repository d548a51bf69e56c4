"""What a client of a broker may say and hear, out of its request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.adapters.mqtt_session import CLIENT_ID_MOST, Bridge, Session
from fastgw.core.bridge_settings import WillSettings
from fastgw.errors import DownstreamError
from fastgw.wire.mqtt_topics import TopicError
from tests.unit.adapters.played_broker import SETTINGS


def session(values: dict[str, bytes] | None = None, **changes: Any) -> Session:
    """Of a request of which ``values`` are the variables."""
    said = {"path.id": b"7", **(values or {})}
    request = SimpleNamespace(request_id=b"r1", forwarded={b"traceparent": b"00-1-2-01"}.get)
    exchange: Any = SimpleNamespace(request=request)
    return Bridge(SETTINGS._replace(**changes), lambda name: lambda _: said[name], None).session(exchange)


def no_fields() -> dict[str, Any]:
    raise AssertionError("nothing of the message is in the topic")


def test_topics_are_literal_text_and_values_of_the_request() -> None:
    found = session(allow=((b"rooms/+/", "path.id"),))
    assert found.filters == ("devices/7/down",) and found.topic == (b"devices/7/up",)
    assert found.topic_of(None, no_fields) == "devices/7/up" == found.topic_of("devices/7/up", no_fields)
    assert found.topic_of("rooms/a/7", no_fields) == "rooms/a/7"
    for other in ("rooms/a/8", "devices/8/up", "rooms/+/7", "#", "$SYS/a", "", "a\0"):
        with pytest.raises(TopicError):
            found.topic_of(other, no_fields)
    found.check_response("devices/7/down")
    found.check_response("rooms/b/7")
    for other in ("devices/7/up", "devices/+/down", "devices/8/down"):
        with pytest.raises(TopicError):
            found.check_response(other)


def test_escapes_of_a_path_are_read_and_then_judged() -> None:
    assert session({"path.id": b"%C3%A4"}).topic == ("devices/ä/up".encode(),)
    assert session({"note.jwt.sub": b"a%2Fb"}, publish=("note.jwt.sub",)).topic == (
        b"a%2Fb",
    )  # which is no escape there
    with pytest.raises(DownstreamError) as caught:
        session({"path.id": b"a%2Fb"})
    assert (caught.value.status, caught.value.code) == (400, "topic_refused")
    with pytest.raises(DownstreamError):
        session({"path.id": b""})


@pytest.mark.parametrize("value", ["a/b", "+", "#", "$share", "", None, 1.5, True, [], "a\0", "\ud800"])
def test_a_field_of_a_message_is_a_part_of_a_level_or_refused(value: Any) -> None:
    found = session(publish=(b"a/", "path.id", b"/", "message.kind"))
    assert found.topic == (b"a/7/", "message.kind")
    assert found.topic_of(None, lambda: {"kind": "ok"}) == "a/7/ok"
    with pytest.raises(TopicError):
        found.topic_of(None, lambda: {"kind": value})
    with pytest.raises(TopicError):
        found.topic_of(None, dict)


def test_without_a_topic_one_is_to_be_named() -> None:
    found = session(publish=(), allow=((b"a/#",),))
    assert found.topic_of("a/b", no_fields) == "a/b"
    with pytest.raises(TopicError, match="is to be named"):
        found.topic_of(None, no_fields)


def test_the_client_id_is_bound_to_the_request_and_is_by_chance_without_that() -> None:
    found = session(client_id=(b"edge-", "path.id"), session_expiry=3600).terms
    assert found.client_id == "edge-7" and found.session_expiry == 3600
    chance = session().terms
    assert len(chance.client_id) > 30 and chance.client_id != session().terms.client_id
    assert chance.session_expiry == 31  # while a broker is looked for
    assert session(version=4).terms.session_expiry == 0
    with pytest.raises(DownstreamError):
        session({"path.id": b"x" * (CLIENT_ID_MOST + 1)}, client_id=("path.id",))


def test_a_will_and_what_a_request_is_found_by() -> None:
    will = WillSettings((b"devices/", "path.id", b"/state"), b"gone", 1, True)
    found = session(will=will)
    assert found.terms.will is not None and found.terms.will.topic == "devices/7/state"
    about = (("x-request-id", "r1"), ("traceparent", "00-1-2-01"))
    assert found.about == found.terms.user_properties == about
    assert session(version=4).terms.user_properties == ()
    with pytest.raises(DownstreamError):
        session({"path.id": b"#"}, will=will, subscribe=(), publish=())
