"""Streams that are held, or break off, beside what else there is: HTTP/2 on both sides, other dialects, meters, drains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h2.errors
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.core.exchange.ending import end_streams
from fastgw.core.exchange.streams import StreamFilter
from fastgw.core.settings import StreamSettings
from fastgw.testing.edge import Edge, statuses
from tests.support.dialects import DialectEdge, anthropic_text, chat_of, kinds, message_of, on_the_wire, openai_text
from tests.support.http2_service import Behind
from tests.support.inference import Metered, asks
from tests.support.model_streams import BLOCK, BUSY, HEAD, HI, LAST, ROLE, START, TEXT, body_of_chunks, chunk
from tests.support.models import post
from tests.unit.core.http2.peer import POST, Http2Edge, Peer

STREAMS = StreamSettings(first_token_timeout=1.0, event_timeout=0.0, keep_alive=0.0, error_event=True)
ASK = post(b"{}")
HELD: dict[str, Any] = {"streams": STREAMS}
RETRIED: dict[str, Any] = {**HELD, "on": ("5xx",), "methods": ("POST",), "attempts": 2}
EVENTS = (("content-type", "text/event-stream"),)


# --- whatever comes in whatever pieces

PARTS = {
    "comment": b": c\n\n",
    "role": ROLE,
    "start": START,
    "block": BLOCK,
    "content": HI,
    "text": TEXT,
    "error": BUSY,
}
BEGINNINGS = {"comment", "role", "start", "block"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(PARTS)), max_size=8), st.lists(st.integers(1, 200)), st.booleans())
def test_a_client_gets_an_answer_or_a_status_and_nothing_of_both(
    names: list[str], sizes: list[int], is_ended: bool
) -> None:
    stream = b"".join(PARTS[one] for one in names)
    edge = Edge(filters=[StreamFilter()], service=HELD)
    client, service = edge.pair(ASK)
    data = HEAD + (chunk(stream) if stream else b"") + (LAST if is_ended else b"")
    for size in [*sizes, len(data)]:
        if data and not service.is_lost and not service.is_closing():
            service.feed(data[:size])
        data = data[size:]
    if not is_ended and not service.is_closing():
        service.feed_eof()
    edge.run()
    answer = client.take()
    first = next((one for one in names if one not in BEGINNINGS), None)
    if first is None:
        assert statuses(answer) == [502]
    elif first == "error":
        assert statuses(answer) == [529]
    else:
        body, is_whole = body_of_chunks(answer)
        assert statuses(answer) == [200] and is_whole
        broken = (stream + b"event: error\n", stream + b'data: {"error": ')
        assert body == stream if is_ended else body.startswith(broken)
    assert edge.plane.body_bytes == 0
    edge.end()


# --- HTTP/2 to the service


def behind(**service: Any) -> Behind:
    return Behind(filters=[StreamFilter()], service={**HELD, **service})


def test_a_stream_of_http2_is_held_too() -> None:
    edge = behind()
    client, server = edge.client(ASK), edge.serve()
    server.head(1)
    server.h2.send_headers(1, [(":status", "200"), *EVENTS])
    server.h2.send_data(1, ROLE)
    server.flush()
    assert client.take() == b""
    server.h2.send_data(1, HI, end_stream=True)
    server.flush()
    assert body_of_chunks(client.take()) == (ROLE + HI, True)
    edge.end()


def test_and_its_error_is_a_status() -> None:
    edge = behind()
    client, server = edge.client(ASK), edge.serve()
    server.h2.send_headers(1, [(":status", "200"), *EVENTS])
    server.h2.send_data(1, ROLE + BUSY)
    server.flush()
    assert statuses(client.take()) == [529] and 1 in server.resets
    edge.end()


def test_one_that_is_reset_says_so_and_one_whose_client_leaves_is_reset() -> None:
    edge = behind()
    client, server = edge.client(ASK), edge.serve()
    server.h2.send_headers(1, [(":status", "200"), *EVENTS])
    server.h2.send_data(1, HI + HI[:9])
    server.h2.reset_stream(1)
    server.flush()
    body, is_ended = body_of_chunks(client.take())
    assert body.startswith(HI + b'data: {"error": ') and is_ended
    for sent in (ROLE, HI):
        other = edge.client(ASK)
        server.listen()
        number = max(server.heads)
        server.h2.send_headers(number, [(":status", "200"), *EVENTS])
        server.h2.send_data(number, sent)
        server.flush()
        other.lose()
        server.listen()
        assert server.resets[number] == h2.errors.ErrorCodes.CANCEL
    edge.end()


# --- HTTP/2 from the client


def test_a_client_of_http2_gets_an_event_and_the_end_of_its_stream() -> None:
    edge = Http2Edge(filters=[StreamFilter()], service=HELD)
    peer = Peer(edge)
    number = peer.ask(POST, b"{}")
    service = edge.connect()
    service.feed(HEAD + chunk(ROLE))
    peer.listen()
    assert number not in peer.heads
    service.feed(chunk(HI + HI[:9]))
    peer.listen()
    assert peer.status(number) == "200" and peer.bodies[number] == ROLE + HI
    service.feed_eof()
    peer.listen()
    assert peer.bodies[number].startswith(ROLE + HI + b'data: {"error": ') and number in peer.ended
    assert not peer.resets
    edge.end()


def test_the_service_is_left_in_the_turn_in_which_its_stream_is_reset() -> None:
    for sent in (ROLE, HI):
        edge = Http2Edge(filters=[StreamFilter()], service=HELD)
        peer = Peer(edge)
        number = peer.ask(POST, b"{}")
        service = edge.connect()
        service.feed(HEAD + chunk(sent))
        peer.listen()
        peer.h2.reset_stream(number)
        peer.flush()
        assert service.is_lost and edge.plane.body_bytes == 0
        edge.end()


# --- dialects: what breaks off is translated as what the service says


def broken(document: Any, path: str, stream: bytes) -> bytes:
    edge = DialectEdge(behind=[StreamFilter()])
    client, service, _ = edge.ask(document, path)
    service.feed(HEAD + chunk(stream))
    service.feed_eof()
    edge.run()
    body, is_ended = body_of_chunks(client.take())
    assert is_ended
    edge.end()
    return body


def test_what_breaks_off_is_told_in_the_dialect_of_the_client() -> None:
    whole = openai_text("a", "b")
    body = broken(message_of("gpt", stream=True), "/v1/messages", on_the_wire(whole[:2]) + b"data: {")
    assert kinds(body)[0] == "message_start" and kinds(body)[-1] == "error" and kinds(body).count("error") == 1
    whole = anthropic_text("a", "b")
    body = broken(chat_of("claude", stream=True), "/v1/chat/completions", on_the_wire(whole[:3]) + b"event: x")
    assert body.count(b'"error"') == 1 and b"[DONE]" not in body and body.startswith(b"data: ")


# --- meters


def metered(folder: Path) -> Metered:
    return Metered(folder, behind=[StreamFilter()], edge={"endpoints": 2, "service": RETRIED})


def test_of_two_tries_the_one_that_has_answered_is_metered(tmp_path: Path) -> None:
    found = metered(tmp_path)
    client, first = found.edge.pair(asks())
    first.feed(HEAD + chunk(ROLE + BUSY))
    found.edge.connect(port=9001).feed(HEAD + chunk(HI * 3) + LAST)
    assert statuses(client.take()) == [200]
    line = found.line()
    assert (line["status"], line["completion_tokens"], line["estimated"]) == (200, 3, True)


def test_what_had_come_of_one_that_breaks_off_is(tmp_path: Path) -> None:
    found = metered(tmp_path)
    client, service = found.edge.pair(asks())
    service.feed(HEAD + chunk(ROLE + HI * 5))
    service.feed_eof()
    found.edge.run()
    assert b"upstream_reset" in client.take()
    line = found.line()
    assert (line["error"], line["estimated"]) == ("upstream_reset", True) and 5 <= line["completion_tokens"] <= 6


def test_and_of_one_whose_client_leaves(tmp_path: Path) -> None:
    found = metered(tmp_path)
    client, service = found.edge.pair(asks())
    service.feed(HEAD + chunk(ROLE + HI * 5))
    client.feed_eof()
    found.edge.run()
    assert service.is_lost
    line = found.line()
    assert (line["error"], line["completion_tokens"], line["estimated"]) == ("client_gone", 5, True)


# --- drains


def test_one_that_is_held_is_no_stream_yet_and_goes_on_in_a_drain() -> None:
    edge = Edge(filters=[StreamFilter()], service=HELD)
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(ROLE))
    end_streams(edge.plane.connections, edge.loop)
    service.feed(chunk(HI))
    assert body_of_chunks(client.take()) == (ROLE + HI, False)
    end_streams(edge.plane.connections, edge.loop)
    service.feed(chunk(HI))
    edge.run()
    assert client.take().startswith(chunk(HI)) and service.is_lost
    edge.end()


def test_one_that_breaks_off_in_a_drain_says_so() -> None:
    edge = Edge(filters=[StreamFilter()], service=HELD)
    client, service = edge.pair(ASK)
    service.feed(HEAD + chunk(HI))
    end_streams(edge.plane.connections, edge.loop)
    service.feed(chunk(HI[:9]))
    service.feed_eof()
    edge.run()
    assert b"upstream_reset" in client.take()
    edge.end()
