"""Messages of MQTT as JSON, one in each message of a WebSocket or each event of a stream.

    client   {"id": 7, "payload": {"t": 21.5}}                      published; "topic", "retain", "encoding": "base64" and others as wanted
    gateway  {"ack": 7}                                             the broker has acknowledged it
             {"error": {"code": "...", "detail": "..."}, "id": 7}   it was not published
             {"topic": "devices/7/down", "payload": "on", "qos": 1} a message of the broker

What the payload means is between the client and who reads it: text as it is, any other JSON as its text, bytes as base64.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    from fastgw.adapters.mqtt_broker import Delivery

BASE64: Final = "base64"
NO_ID: Final = object()  #: of a message whose client wants no word about it
_KEYS: Final = frozenset(
    ("id", "payload", "encoding", "topic", "retain", "content_type", "response_topic", "correlation", "properties")
)


class EnvelopeError(ValueError):
    """A message of a client is no envelope; its words say why.  ``id``: of it, as far as it has one."""

    def __init__(self, detail: str, id: object = NO_ID) -> None:  # noqa: A002 - the key of the envelope
        super().__init__(detail)
        self.id = id


class Envelope(NamedTuple):
    """What a client says."""

    id: object
    payload: bytes
    is_text: bool
    topic: str | None
    retain: bool | None
    content_type: str
    response_topic: str
    correlation: bytes
    user: tuple[tuple[str, str], ...]
    fields: Mapping[str, Any]  #: all of it, for topics that are made of it


def read(data: str | bytes) -> Envelope:
    """One message of a client.

    Raises:
        EnvelopeError: it is none.
    """
    found = read_object(data)
    id = found.get("id", NO_ID)  # noqa: A001 - the key of the envelope
    if isinstance(id, dict | list):
        raise EnvelopeError("its id is neither a text nor a number")
    try:
        return _envelope(id, found)
    except ValueError as error:
        raise EnvelopeError(str(error), id) from None


def read_object(data: str | bytes) -> dict[str, Any]:
    """``data`` as an object of JSON.

    Raises:
        EnvelopeError: it is none.
    """
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise EnvelopeError("it is no JSON") from None
    if not isinstance(found, dict):
        raise EnvelopeError("it is no object of JSON")
    return found


def _envelope(id: object, found: dict[str, Any]) -> Envelope:  # noqa: A002 - as above
    unknown = next((key for key in found if key not in _KEYS), "")
    payload = found.get("payload", "")
    is_text = True
    encoding = found.get("encoding")
    if encoding == BASE64 and isinstance(payload, str):
        data, is_text = _bytes_of(payload, "payload"), False
    elif encoding is not None:
        raise ValueError(f'its encoding is not "{BASE64}" of a text')
    else:
        data = payload.encode() if isinstance(payload, str) else orjson.dumps(payload)
    topic, retain = found.get("topic"), found.get("retain")
    if topic is not None and not isinstance(topic, str):
        raise ValueError("its topic is no text")
    if retain is not None and not isinstance(retain, bool):
        raise ValueError("its retain is neither true nor false")
    correlation = _bytes_of(_text(found, "correlation"), "correlation")
    texts = _text(found, "content_type"), _text(found, "response_topic")
    if unknown and not isinstance(found[unknown], str | int | float):
        raise ValueError(f"it has {unknown!r}, which is none of {', '.join(sorted(_KEYS))}")
    return Envelope(id, data, is_text, topic, retain, *texts, correlation, _pairs(found.get("properties")), found)


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"its {key} is no text")
    return value


def _bytes_of(text: str, key: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"its {key} is no base64") from None


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError("its properties are no mapping of texts")
    return tuple(value.items())


def ack(id: object) -> bytes:  # noqa: A002 - as above
    """That the broker has acknowledged the message ``id``."""
    return b'{"ack":%b}' % orjson.dumps(id)


def problem(code: str, detail: str, id: object = NO_ID) -> bytes:  # noqa: A002 - as above
    """That a message was not published."""
    found: dict[str, object] = {"error": {"code": code, "detail": detail}}
    return orjson.dumps(found if id is NO_ID else {**found, "id": id})


def told(delivery: Delivery) -> bytes:
    """A message of the broker."""
    payload, properties = delivery.payload, delivery.properties
    found: dict[str, object] = {"topic": delivery.topic}
    try:
        found["payload"] = payload.decode()
    except UnicodeDecodeError:
        found["payload"] = b64encode(payload).decode()
        found["encoding"] = BASE64
    found["qos"] = delivery.qos
    if delivery.is_retained:
        found["retain"] = True
    if len(properties) > 2:  # beside what the library says of each
        for key in ("content_type", "response_topic"):
            if key in properties:
                found[key] = properties[key][0]
        if "correlation_data" in properties:
            found["correlation"] = b64encode(properties["correlation_data"][0]).decode()
        if "user_property" in properties:
            found["properties"] = dict(properties["user_property"])
    return orjson.dumps(found)
