"""Messages of MQTT as JSON."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.adapters.mqtt_broker import Delivery
from fastgw.adapters.mqtt_envelope import NO_ID, EnvelopeError, ack, problem, read, told


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ('{"payload": "text"}', b"text"),
        ('{"payload": {"a": [1, null]}}', b'{"a":[1,null]}'),
        ('{"payload": 5}', b"5"),
        ('{"payload": null}', b"null"),
        ("{}", b""),
        ('{"payload": "/w==", "encoding": "base64"}', b"\xff"),
    ],
)
def test_a_payload_is_text_as_it_is_and_other_json_as_its_text(text: str, payload: bytes) -> None:
    found = read(text)
    assert found.payload == payload and found.id is NO_ID and found.topic is None and found.retain is None


@pytest.mark.parametrize(
    ("text", "words", "id"),
    [
        ("", "it is no JSON", NO_ID),
        ("[]", "it is no object of JSON", NO_ID),
        ('{"id": {}}', "its id is neither a text nor a number", NO_ID),
        ('{"id": 1, "encoding": "base64", "payload": {}}', 'its encoding is not "base64" of a text', 1),
        ('{"id": 1, "encoding": "utf-8", "payload": ""}', 'its encoding is not "base64" of a text', 1),
        ('{"id": 1, "encoding": "base64", "payload": "?"}', "its payload is no base64", 1),
        ('{"id": 1, "topic": 5}', "its topic is no text", 1),
        ('{"id": 1, "retain": "yes"}', "its retain is neither true nor false", 1),
        ('{"id": 1, "correlation": "?"}', "its correlation is no base64", 1),
        ('{"id": 1, "content_type": []}', "its content_type is no text", 1),
        ('{"id": 1, "properties": {"a": 1}}', "its properties are no mapping of texts", 1),
        ('{"id": null, "paylod": {}}', "it has 'paylod', which is none of", None),
    ],
)
def test_what_is_no_envelope_is_told_with_its_id(text: str, words: str, id: object) -> None:
    with pytest.raises(EnvelopeError) as caught:
        read(text)
    assert (words in str(caught.value) and caught.value.id is id) or caught.value.id == id


@given(st.binary(max_size=200))
def test_any_bytes_are_an_envelope_or_are_told_not_to_be(data: bytes) -> None:
    with contextlib.suppress(EnvelopeError):
        assert isinstance(read(data).payload, bytes)


@given(st.binary(max_size=200))
def test_what_is_told_of_a_payload_can_be_said_again(payload: bytes) -> None:
    said = json.loads(told(Delivery("t", payload, 1, False, 1, {"dup": 0, "retain": 0})))
    again = {key: said[key] for key in ("payload", "encoding") if key in said}
    assert read(json.dumps(again)).payload == payload


def test_what_else_is_told() -> None:
    delivery = Delivery("t", b"", 0, True, 0, {"dup": 0, "retain": 1})
    assert json.loads(told(delivery)) == {"topic": "t", "payload": "", "qos": 0, "retain": True}
    assert ack("a") == b'{"ack":"a"}' and ack(None) == b'{"ack":null}'
    assert json.loads(problem("c", "d")) == {"error": {"code": "c", "detail": "d"}}
    assert json.loads(problem("c", "d", 1)) == {"error": {"code": "c", "detail": "d"}, "id": 1}
