"""Streams that break off, or are silent: what the client is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.streams import StreamFilter
from fastgw.core.settings import StreamSettings
from fastgw.testing.edge import Edge, statuses
from tests.support.model_streams import DONE, HEAD, HI, LAST, LINES, PING, ROLE, START, TEXT, body_of_chunks, chunk
from tests.support.models import ModelEdge, post

STREAMS = StreamSettings(first_token_timeout=0.0, event_timeout=0.0, keep_alive=0.0, error_event=True)
ASK = post(b"{}")
CHAT = post(b'{"model":"small","stream":true}')


def streaming(filters: tuple[Any, ...] = (), route: dict[str, Any] | None = None, **changes: Any) -> Edge:
    return Edge(filters=[*filters, StreamFilter()], service={"streams": STREAMS._replace(**changes)}, route=route)


def broken(stream: bytes, edge: Edge, request: bytes = ASK, head: bytes = HEAD) -> bytes:
    """What the client gets behind ``stream`` when the connection breaks."""
    client, service = edge.pair(request)
    service.feed(head + chunk(stream))
    service.feed_eof()
    edge.run()
    answer = client.take()
    body, is_ended = body_of_chunks(answer)
    assert statuses(answer) == [200] and is_ended and not client.is_closing()
    return body


def test_one_that_breaks_off_says_so_in_the_shape_of_openai() -> None:
    edge = streaming()
    body = broken(ROLE + HI, edge)
    assert body.startswith(ROLE + HI + b'data: {"error": ') and body.endswith(b"\n\n")
    said = json.loads(body[len(ROLE + HI + b"data: ") :])
    assert said["error"]["code"] == "upstream_reset" and said["error"]["type"] == "server_error"
    assert DONE not in body
    assert edge.of_route(counters.ROUTE_FAULT_UPSTREAM) == 1
    edge.end()


def test_and_of_anthropic() -> None:
    body = broken(START + TEXT, streaming())
    assert body.startswith(START + TEXT + b"event: error\ndata: ")
    assert json.loads(body.rpartition(b"data: ")[2])["error"]["type"] == "api_error"
    path = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
    assert broken(b": nothing yet\n\n", streaming(), path).startswith(b": nothing yet\n\nevent: error\n")


def test_a_dialect_is_told_by_how_a_stream_begins() -> None:
    body = broken(START + TEXT * 100, streaming())
    assert body.startswith(START + TEXT * 100 + b"event: error\ndata: ")


@pytest.mark.parametrize(
    "kind", ["text/event-stream; charset=utf-8", "Text/Event-Stream;charset=UTF-8", "text/event-stream ; a=b"]
)
def test_however_the_type_of_a_stream_is_written(kind: str) -> None:
    edge = streaming()
    head = HEAD.replace(b"text/event-stream", kind.encode())
    assert broken(HI, edge, head=head).startswith(HI + b'data: {"error": ')
    edge.end()


@pytest.mark.parametrize("kind", ["text/event-streams", "text/event-stream-x; charset=utf-8"])
def test_what_is_no_stream_is_cut(kind: str) -> None:
    edge = streaming()
    client, service = edge.pair(ASK)
    service.feed(HEAD.replace(b"text/event-stream", kind.encode()) + chunk(HI))
    service.feed_eof()
    edge.run()
    assert client.is_closing() and b'"error"' not in client.take()
    edge.end()


def test_and_of_ollama() -> None:
    line = b'{"message":{"content":"hi"},"done":false}\n'
    body = broken(line, streaming(), head=LINES)
    assert body.startswith(line) and json.loads(body[len(line) :]) == {
        "error": "the service closed the connection in the middle of its answer"
    }


def test_a_part_of_an_event_is_not_passed_on() -> None:
    for place in range(1, len(HI)):
        edge = streaming()
        assert broken(HI + HI[:place], edge).startswith(HI + b'data: {"error": ')
        edge.end()


def test_a_stream_of_a_model_does_so_without_being_asked_to() -> None:
    edge = ModelEdge(filters=[StreamFilter()])
    client = edge.client(CHAT)
    service = edge.connect(port=9001)
    service.feed(HEAD + chunk(HI))
    service.feed_eof()
    edge.run()
    body, is_ended = body_of_chunks(client.take())
    assert body.startswith(HI + b'data: {"error": ') and is_ended
    edge.end()


@pytest.mark.parametrize(
    ("options", "head", "stream"),
    [
        ({"error_event": False}, HEAD, HI),
        ({}, HEAD.replace(b"text/event-stream", b"text/plain"), HI),
        ({}, HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"), HI),
        ({}, HEAD, b"data: " + b"x" * (1 << 20)),
    ],
    ids=["told not to", "no stream", "compressed", "inside of what is too long"],
)
def test_others_are_cut(options: dict[str, Any], head: bytes, stream: bytes) -> None:
    edge = streaming(**options)
    client, service = edge.pair(ASK)
    service.feed(head + chunk(stream) + chunk(b"x"))
    service.feed_eof()
    edge.run()
    answer = client.take()
    assert b"upstream_reset" not in answer and not answer.endswith(LAST) and client.is_closing()
    edge.end()


def test_one_with_a_length_is_cut() -> None:
    edge = streaming()
    client, service = edge.pair(ASK)
    service.feed(HEAD.replace(b"Transfer-Encoding: chunked", b"Content-Length: 500") + HI)
    service.feed_eof()
    edge.run()
    assert client.take().endswith(HI) and client.is_closing()
    edge.end()


def test_silence_ends_it_in_the_same_way() -> None:
    edge = streaming(route={"stream_idle_timeout": 2.0})
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(HI))
    edge.loop.advance(2.6)
    body, is_ended = body_of_chunks(client.take())
    assert b'"stream_idle_timeout"' in body and is_ended and service.is_lost
    edge.end()


# --- events that do not come


def test_signs_of_life_are_no_events() -> None:
    edge = streaming(event_timeout=2.0)
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(START) + chunk(TEXT))
    for _ in range(3):
        edge.loop.advance(0.6)
        service.feed(chunk(PING) + chunk(b": alive\n\n"))
    edge.loop.advance(0.3)
    body, is_ended = body_of_chunks(client.take())
    assert body.startswith(START + TEXT + PING) and b"api_error" in body and is_ended
    assert service.is_lost and edge.of_endpoint(counters.ENDPOINT_FAILURES) == 1
    edge.end()


def test_events_in_time_keep_it_going_with_one_timer_for_many() -> None:
    edge = streaming(event_timeout=2.0)
    client, service = edge.pair(ASK)
    service.feed(HEAD)
    made = edge.loop.timers_made
    for _ in range(100):
        edge.loop.advance(0.05)
        service.feed(chunk(TEXT))
    sweeps = 20
    assert edge.loop.timers_made - made <= sweeps + 5
    service.feed(LAST)
    assert body_of_chunks(client.take()) == (TEXT * 100, True)
    edge.end()
    assert not [one for one in edge.loop.timers if not one.cancelled()]


def test_a_client_that_does_not_read_is_not_the_fault_of_the_service() -> None:
    edge = streaming(event_timeout=2.0)
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(TEXT))
    client.protocol.pause_writing()
    edge.loop.advance(5.0)
    assert not service.is_lost
    client.protocol.resume_writing()
    edge.loop.advance(2.5)
    assert service.is_lost
    edge.end()


# --- comments


def test_a_comment_is_sent_in_silence_and_never_inside_of_an_event() -> None:
    edge = streaming(keep_alive=1.0)
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(HI[:-1]))
    edge.loop.advance(2.1)
    assert body_of_chunks(client.take()) == (b": keep-alive\n\n" * 2, False)
    service.feed(chunk(HI[-1:]))
    assert client.take() == chunk(HI)
    edge.loop.advance(0.9)
    assert client.take() == b""
    service.feed(LAST)
    assert client.take() == LAST
    edge.end()


def test_comments_of_ours_do_not_keep_a_silent_service_alive() -> None:
    edge = streaming(keep_alive=0.5, route={"stream_idle_timeout": 2.0})
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(HI))
    edge.loop.advance(2.6)
    body, is_ended = body_of_chunks(client.take())
    assert body.count(b": keep-alive\n\n") >= 3 and b'"stream_idle_timeout"' in body and is_ended
    edge.end()


def test_lines_of_json_have_no_comments() -> None:
    edge = streaming(keep_alive=0.5)
    client, service = edge.pair(ASK)
    service.feed(LINES + chunk(b'{"done":false}\n'))
    client.take()
    edge.loop.advance(3.0)
    assert client.take() == b""
    edge.end()


def test_a_client_that_leaves_leaves_no_timer_that_does_anything() -> None:
    edge = streaming(keep_alive=0.5)
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(HI))
    client.feed_eof()
    edge.run()
    assert service.is_lost
    edge.loop.advance(2.0)
    edge.end()
