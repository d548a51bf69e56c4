"""Where a broker is, and topics, as a file says them."""

from __future__ import annotations

import pytest

from fastgw.config.broker_url import broker_url, topic_parts
from fastgw.core.bridge_settings import BrokerAddress


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mqtt://a.test", (False, "a.test", 1883)),
        ("MQTTS://a.test/", (True, "a.test", 8883)),
        ("mqtt://[::1]:18830", (False, "::1", 18830)),
        ("mqtt://127.0.0.1:1", (False, "127.0.0.1", 1)),
    ],
)
def test_a_broker(text: str, found: tuple[bool, str, int]) -> None:
    assert broker_url(text) == BrokerAddress(*found)


@pytest.mark.parametrize(
    "text", ["a.test:1883", "tcp://a.test", "mqtt://u:secret@a.test", "mqtt://a.test:0", "mqtt://", None]
)
def test_what_is_none(text: object) -> None:
    with pytest.raises(ValueError, match=r"expected|not a") as caught:
        broker_url(text)
    assert "secret" not in str(caught.value)


def parts(text: str, **options: bool) -> tuple[bytes | str, ...]:
    found = topic_parts(**options)._parse(text)
    assert isinstance(found, tuple)
    return found


def test_variables_in_braces() -> None:
    assert parts("devices/{id}/up") == (b"devices/", "path.id", b"/up")
    assert parts("{claims.realm.id}") == ("note.jwt.realm.id",)
    assert parts("a/{message.kind}", has_message=True) == (b"a/", "message.kind")
    assert parts("a/+/{id}/#", is_filter=True) == (b"a/+/", "path.id", b"/#")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a/{message.kind}", "no such field of a message here"),
        ("a/{}", r"expected \{name\}"),
        ("a/{id", "has a brace"),
        ("a/}", "has a brace"),
        ("a/{header.x}", r"expected \{name\}"),
        ("a/#", "a topic with a wildcard"),
        ("", "is empty"),
    ],
)
def test_what_is_no_topic(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parts(text)


@pytest.mark.parametrize("text", ["a/#/b", "a+/b", "{id}+"])
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(ValueError, match="is a filter with"):
        parts(text, is_filter=True)
