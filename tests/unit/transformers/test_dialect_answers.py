"""Answers on their way from a service of one dialect to a client of another: good ones, errors, and those that break."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.dialects.to_anthropic import MessageEvents
from fastgw.dialects.to_openai import ChunkEvents
from fastgw.errors import UpstreamError
from fastgw.testing.edge import MockTransport, body_of, head_of, statuses
from fastgw.transformers.dialect_answers import DialectCall, TranslatedStream
from fastgw.transformers.work_threads import WorkThreads
from fastgw.wire import sse
from fastgw.wire.inference import ANTHROPIC, OPENAI
from tests.support.bodies import plain
from tests.support.dialects import (
    STREAM,
    DialectEdge,
    answer_of,
    anthropic_text,
    chat_of,
    kinds,
    message_of,
    on_the_wire,
    openai_text,
    told,
)

TO = {"gpt": ("/v1/messages", message_of), "claude": ("/v1/chat/completions", chat_of)}


def asking(model: str, **more: Any) -> tuple[DialectEdge, MockTransport, MockTransport]:
    path, made = TO[model]
    edge = DialectEdge()
    client, service, _ = edge.ask(made(model, **more), path, "x-request-id: r1")
    return edge, client, service


def answered(model: str, sent: bytes, **more: Any) -> tuple[int, Any, bytes]:
    """Status, body and head of what the client gets for an answer that was ``sent``."""
    edge, client, service = asking(model, **more)
    service.feed(sent)
    out = client.take()
    edge.end()
    return statuses(out)[0], orjson.loads(plain(out)), head_of(out)


# --- whole answers


@pytest.mark.parametrize(
    ("sent", "kind", "detail"),
    [
        (b'{"choices": [', "application/json", "no JSON"),
        (b"{}", "application/json", "no chat completion"),
        (b"<html>sorry</html>", "text/html", "text/html; it begins"),
        (b"", "text/html", "text/html"),
        (on_the_wire(openai_text("x")), "text/event-stream", "event-stream"),
        (b"x" * 600, "text/plain", "text/plain"),
    ],
)
def test_an_answer_that_is_none_is_told_as_that(sent: bytes, kind: str, detail: str) -> None:
    edge, client, service = asking("gpt")
    service.feed(answer_of(sent, kind))
    out = client.take()
    assert statuses(out) == [502] and orjson.loads(body_of(out))["error"]["type"] == "api_error"
    [fields] = [fields for _, event, fields in edge.log if "reason" in fields] or [{"reason": detail}]
    assert detail in str(fields["reason"])
    edge.end()


def test_an_answer_in_a_coding_that_nobody_asked_for() -> None:
    status, said, _ = answered("gpt", answer_of(b"x", "application/json", "200 OK", "Content-Encoding: gzip"))
    assert (status, said["type"]) == (502, "error")


def test_an_error_with_a_good_status_is_one() -> None:
    body = b'{"error":{"message":"no room","type":"overloaded_error"}}'
    status, said, _ = answered("claude", answer_of(body))
    assert (status, said["error"]["message"], said["error"]["code"]) == (503, "no room", "overloaded_error")


# --- errors


@pytest.mark.parametrize(
    ("model", "status", "sent", "expected"),
    [
        ("gpt", "429 Slow", b'{"error":{"message":"m","type":"t","code":"c"}}', (429, "rate_limit_error", "m")),
        ("gpt", "400 Bad", b'{"object":"error","message":"m","code":400}', (400, "invalid_request_error", "m")),
        ("gpt", "503 Busy", b'{"error":{"message":"m"}}', (503, "overloaded_error", "m")),
        ("gpt", "502 Bad", b"<html>", (502, "api_error", "the service answered with status 502")),
        ("gpt", "500 Bad", b"", (500, "api_error", "the service answered with status 500")),
        ("gpt", "500 Bad", b"[" * 70_000, (500, "api_error", "the service answered with status 500")),
        (
            "claude",
            "529 Overloaded",
            b'{"type":"error","error":{"type":"overloaded_error","message":"m"}}',
            (503, "server_error", "m"),
        ),
        (
            "claude",
            "401 No",
            b'{"type":"error","error":{"type":"authentication_error","message":"m"}}',
            (401, "authentication_error", "m"),
        ),
    ],
)
def test_errors_have_the_shape_of_the_client(model: str, status: str, sent: bytes, expected: Any) -> None:
    found, said, head = answered(model, answer_of(sent, "text/html", status, "retry-after-ms: 70"))
    assert (found, said["error"]["type"], said["error"]["message"]) == expected
    assert b"content-type: application/json\r\n" in head and b"retry-after-ms: 70\r\n" in head
    assert said.get("request_id") == ("r1" if model == "gpt" else None)


def test_a_redirect_is_none_of_ours() -> None:
    edge, client, service = asking("gpt")
    service.feed(b"HTTP/1.1 307 Away\r\nLocation: /x\r\nContent-Length: 1\r\n\r\nx")
    assert statuses(client.take()) == [307]
    edge.end()


# --- streams


def piece(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_an_event_goes_out_in_the_turn_it_came() -> None:
    edge, client, service = asking("gpt", stream=True)
    service.feed(STREAM + b"Cache-Control: no-cache, no-transform\r\n\r\n")
    assert client.take() == b""  # the head waits for what the service says first
    seen = []
    for one in openai_text("a", "b"):
        service.feed(piece(on_the_wire([one])))
        seen.append(client.take())
    assert b"message_start" in seen[0] and statuses(seen[0]) == [200] and b"no-transform" not in seen[0]
    assert b"content-type: text/event-stream\r\n" in head_of(seen[0])
    assert b'"a"' in seen[1] and b'"b"' in seen[2] and b"content_block_stop" in seen[3] and not seen[4]
    assert b"message_stop" in seen[5]
    service.feed(piece(b": behind the end\n\n") + b"0\r\n\r\n")
    assert client.take() == b"0\r\n\r\n"
    edge.end()


@pytest.mark.parametrize(
    ("model", "first", "expected"),
    [  # what comes in the same piece in front of it has not left
        ("gpt", {"error": {"message": "m", "code": 429}}, (429, "rate_limit_error")),
        ("gpt", {"error": {"message": "m"}}, (500, "api_error")),
        ("claude", {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, (503, "server_error")),
    ],
)
def test_an_error_that_comes_first_has_a_status(model: str, first: Any, expected: Any) -> None:
    begun = openai_text("a")[:2] if model == "gpt" else anthropic_text("a")[:2]
    sent = piece(b": x\n\n" + on_the_wire([*begun, first])) + piece(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    status, said, _ = answered(model, STREAM + b"\r\n" + sent, stream=True)
    assert (status, said["error"]["type"], said["error"]["message"]) == (*expected, "m")


@pytest.mark.parametrize("sent", [b"0\r\n\r\n", piece(b"data: {\n\n"), piece(b": x\n\n") + b"0\r\n\r\n"])
def test_a_stream_that_breaks_before_anything_has_left_is_an_error(sent: bytes) -> None:
    status, said, _ = answered("gpt", STREAM + b"\r\n" + sent, stream=True)
    assert (status, said["error"]["type"]) == (502, "api_error")


@pytest.mark.parametrize("model", ["gpt", "claude"])
@pytest.mark.parametrize("broken", [b"data: <html>\n\n", b""])
def test_a_stream_that_breaks_later_has_an_error_as_its_last_event(model: str, broken: bytes) -> None:
    edge, client, service = asking(model, stream=True)
    events = openai_text("a") if model == "gpt" else anthropic_text("a")
    service.feed(STREAM + b"\r\n" + piece(on_the_wire(events[:2])))
    client.take()
    service.feed(piece(broken) if broken else b"0\r\n\r\n")
    out = client.take()
    data = out[out.index(b"\r\n") + 2 :]
    if model == "gpt":
        assert data.startswith(b"event: error\ndata: ") and b'"request_id":"r1"' in data and b"stop" not in data
    else:
        assert data.startswith(b'data: {"error":{') and b"answer_unreadable" in data and b"DONE" not in data
    service.feed(piece(on_the_wire(events[2:])))
    assert client.take() == b"" and client.is_closing() is bool(broken)  # what comes behind an error ends it
    edge.end()


def test_a_service_that_dies_in_a_stream_cuts_it() -> None:
    edge, client, service = asking("gpt", stream=True)
    service.feed(STREAM + b"\r\n" + piece(on_the_wire(openai_text("a")[:2])))
    service.feed_eof()
    assert b"message_stop" not in client.take() and client.is_closing()
    edge.end()


def test_a_stream_of_lines_that_breaks_has_an_error_as_its_last() -> None:
    edge = DialectEdge()
    client, service, _ = edge.ask(chat_of("gpt"), "/api/chat")
    service.feed(STREAM + b"\r\n" + piece(on_the_wire(openai_text("a")[:2])))
    client.take()
    service.feed(b"0\r\n\r\n")
    assert (
        b'{"error":"the service\'s answer is not what its API says: it ended without a finish_reason"}\n'
        in client.take()
    )
    edge.end()


# --- streams, however their bytes come


def streamed(model: str) -> TranslatedStream:
    exchange: Any = SimpleNamespace(is_head_sent=True, request=SimpleNamespace(request_id=b"r1"))
    client, service = (ANTHROPIC, OPENAI) if model == "gpt" else (OPENAI, ANTHROPIC)
    events = MessageEvents(()) if model == "gpt" else ChunkEvents(0, includes_usage=True)
    return TranslatedStream(DialectCall(client, service, WorkThreads("x", 1, 1)), exchange, events)


def passed(model: str, *pieces: bytes) -> bytes:
    hook = streamed(model)
    return b"".join([hook.feed(one) for one in pieces if one]) + hook.finish()


WIRE = {"gpt": on_the_wire(openai_text("Hello", " there")), "claude": on_the_wire(anthropic_text("Hello", " there"))}


@pytest.mark.parametrize("model", ["gpt", "claude"])
@pytest.mark.parametrize("line", [b"\n", b"\r\n", b"\r"])
def test_a_stream_has_one_reading_at_every_split(model: str, line: bytes) -> None:
    data = WIRE[model].replace(b"\n", line)
    whole = passed(model, data)
    assert whole == passed(model, WIRE[model]) and (b"message_stop" in whole or b"[DONE]" in whole)
    for at in range(1, len(data), 1 if line == b"\n" else 7):
        assert passed(model, data[:at], data[at:]) == whole, at
    assert passed(model, *[data[at : at + 1] for at in range(len(data))]) == whole


@pytest.mark.parametrize("model", ["gpt", "claude"])
@given(st.data())
def test_wherever_a_stream_ends_its_end_is_good_only_if_it_is_whole(model: str, data: st.DataObject) -> None:
    wire = WIRE[model]
    end = data.draw(st.integers(0, len(wire)))
    cuts = sorted(data.draw(st.lists(st.integers(0, end), max_size=3)))
    out = passed(model, *[wire[start:stop] for start, stop in zip([0, *cuts], [*cuts, end], strict=True)])
    is_good = b"event: message_stop\n" in out or b"data: [DONE]\n" in out
    assert is_good is (b"answer_unreadable" not in out and b"event: error" not in out)
    events = list(sse.events(out))
    assert not events or events[-1].end == len(out)  # nothing but whole events
    if model == "gpt":
        assert kinds(out)[-1] == ("message_stop" if is_good else "error")
    else:
        assert told(out)[-1] == "[DONE]" if is_good else "error" in told(out)[-1]


def test_an_event_that_is_too_long_is_not_waited_for() -> None:
    hook = streamed("gpt")
    part = b"data: " + b"x" * 500_000
    assert hook.feed(part) == b"" and hook.feed(part) == b""
    assert b"more than 1048576 bytes" in hook.feed(part)
    with pytest.raises(UpstreamError):
        hook.feed(part)
