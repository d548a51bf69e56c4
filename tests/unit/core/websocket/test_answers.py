"""Messages as an answer: every form, when it is over, and its bounds."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from fastgw.core.websocket.answers import ARRAY, NDJSON, SINGLE, SSE, MessageAnswers, event_of, value_of, wanted
from fastgw.core.websocket_settings import WebSocketCalls
from fastgw.errors import UpstreamError

USUAL = WebSocketCalls(
    send="auto",
    max_piece=4,
    end_message="",
    subprotocol="",
    answer="auto",
    messages=None,
    until=(),
    idle_timeout=0.0,
    max_message=1000,
    max_messages=5,
    max_answer=40,
)


def answers(accept: bytes = b"", **settings: Any) -> MessageAnswers:
    return MessageAnswers(USUAL._replace(**settings), accept)


def test_without_a_word_the_first_message_is_the_answer() -> None:
    found = answers()
    assert found.form == SINGLE and not found.is_stream
    assert found.take('{"a": 1}') == b"" and found.is_over
    assert found.whole() == (b"content-type: application/json\r\n", b'{"a": 1}')


@pytest.mark.parametrize(
    ("message", "kind", "body"),
    [
        ("null", b"application/json", b"null"),
        ("NaN", b"text/plain; charset=utf-8", b"NaN"),
        (b"\xff", b"application/octet-stream", b"\xff"),
    ],
)
def test_one_message_is_told_as_what_it_is(message: str | bytes, kind: bytes, body: bytes) -> None:
    found = answers()
    found.take(message)
    assert found.whole() == (b"content-type: %b\r\n" % kind, body)


def test_where_something_else_ends_it_all_are_an_array() -> None:
    found = answers(until=(("type", ("done", "error")),), max_answer=100)
    for message in ("plain", '{"type": "part"}', b"\x00", "[\n1]"):
        found.take(message)
        assert not found.is_over
    found.take('{"type":"error"}')
    assert found.is_over and found.form == ARRAY
    assert orjson.loads(found.whole()[1]) == ["plain", {"type": "part"}, "AA==", [1], {"type": "error"}]
    assert answers(idle_timeout=1.0).form == ARRAY == answers(messages=3).form == answers(messages=0).form
    assert answers(idle_timeout=1.0).whole()[1] == b"[]"


def test_the_last_one_is_the_answer_where_it_is_one() -> None:
    found = answers(answer=SINGLE, until=(("state", "ready"),))
    for message in ('{"state": "busy"}', '{"state": "ready"}'):
        found.take(message)
    assert found.is_over and found.whole()[1] == b'{"state": "ready"}'
    with pytest.raises(UpstreamError, match="without an answer"):
        answers().whole()


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (b"", ""),
        (b"*/*", ""),
        (b"application/json, text/event-stream;q=0.5", ""),
        (b"text/event-stream", SSE),
        (b"application/json;q=0.2, Text/Event-Stream;q=0.5", SSE),
        (b"application/x-ndjson", NDJSON),
        (b"application/jsonl, */*;q=0.1", NDJSON),
        (b"text/event-stream;q=0", ""),
        (b"text/event-stream;q=x", ""),
    ],
)
def test_a_client_says_which_stream_it_wants(accept: bytes, form: str) -> None:
    assert wanted(accept) == form
    found = answers(accept)
    assert found.form == (form or SINGLE) and found.is_stream == bool(form)
    found.take("1")
    assert found.is_over == (not form)  # a stream ends with the service


def test_what_the_file_says_of_the_form_is_so_for_everybody() -> None:
    assert answers(b"text/event-stream", answer=ARRAY).form == ARRAY
    found = answers(answer=NDJSON, messages=2)
    assert found.take("a") == b'"a"\n' and not found.is_over
    assert found.take('{"a":\r\n1}') == b'{"a":  1}\n' and found.is_over
    assert b"ndjson" in found.fields and b"event-stream" in answers(answer=SSE).fields


def test_an_event_has_each_line_as_data() -> None:
    assert event_of("a\r\nb\rc\n") == b"data: a\ndata: b\ndata: c\ndata: \n\n"
    assert event_of(b"\x00") == b"event: binary\ndata: AA==\n\n"
    assert event_of("") == b"data: \n\n"
    assert value_of("ä") == '"ä"'.encode()


@pytest.mark.parametrize("messages", [["1"] * 6, ["x" * 41], [b"x" * 20, "ä" * 11]])
def test_there_are_bounds(messages: list[str | bytes]) -> None:
    found = answers(messages=0)
    for message in messages[:-1]:
        found.take(message)
    with pytest.raises(UpstreamError) as caught:
        found.take(messages[-1])
    assert (caught.value.status, caught.value.code) == (502, "answer_too_large")


@pytest.mark.parametrize(
    ("until", "message", "is_over"),
    [
        ((("a.b", 1),), '{"a": {"b": 1}}', True),
        ((("a.b", 1),), '{"a": {"b": true}}', False),
        ((("a.b", 1),), '{"a": [1]}', False),
        ((("a", None),), '{"a": null}', True),
        ((("a", None),), "{}", False),
        ((("a", True), ("b", "x")), '{"a": true, "b": "x"}', True),
        ((("a", True), ("b", "x")), '{"a": true}', False),
        ((("a", 1),), "[1]", False),
        ((("a", 1),), b'{"a":1}', False),
        ((("a", 1),), '{"a":1', False),
    ],
)
def test_a_message_with_the_fields_ends_it(until: Any, message: str | bytes, is_over: bool) -> None:
    found = answers(until=until)
    found.take(message)
    assert found.is_over == is_over
