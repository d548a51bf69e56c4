"""Calls over a WebSocket: frames of a client against bytes of gRPC, both ways, and every way in which one ends."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.transformers.grpc_json_socket import CLOSE_SECONDS
from fastgw.wire.websocket_frames import PING, TEXT, frame_of
from tests.support.bodies import plain
from tests.support.transcoded import answer, chunk, encoded, end, stage, start
from tests.support.websockets import MASK
from tests.unit.transformers.talks import ONE, TALK, TWO, UPLOAD, Talk, failed, handshake

# --- both ways


def test_messages_go_both_ways_as_they_come() -> None:
    talk = Talk()
    assert talk.head.startswith(b"http/1.1 101 ") and b"sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=" in talk.head
    assert b"sec-websocket-protocol" not in talk.head and talk.edge.count(counters.TUNNELS_OPEN) == 1
    service = talk.edge.connect()  # asked for at once: who waits for the first message may wait for ever
    got = service.take()
    assert got.startswith(b"POST /library.v1.Library/Talk HTTP/1.1\r\n") and b"websocket" not in got.lower()
    talk.say({"name": "one"})
    assert service.take() == chunk(ONE)
    service.feed(start() + chunk(ONE[:7]))
    assert talk.heard() == []
    service.feed(chunk(ONE[7:] + TWO))
    assert talk.heard() == [{"name": "one"}, {"name": "two"}]
    talk.say({"name": "two"}, b'{\n  "name":\r\n "one"}')
    assert service.take() == chunk(TWO + ONE)
    talk.say(b"")
    assert service.take() == b"0\r\n\r\n"
    service.feed(chunk(TWO) + end())
    assert talk.heard() == [{"name": "two"}, (1000, "")]
    assert talk.notes[0]["grpc_method"] == TALK and not talk.client.is_closing()
    talk.end()


def test_what_comes_with_the_handshake_is_the_first_message() -> None:
    edge, _ = stage()
    client = edge.client(handshake(TALK) + frame_of(TEXT, b'{"name": "one"}', MASK) + frame_of(TEXT, b"", MASK))
    assert client.take().startswith(b"HTTP/1.1 101 ")
    assert plain(edge.connect().take()) == ONE
    client.lose()
    edge.end()


def test_messages_of_bytes_and_in_fragments_are_the_same() -> None:
    talk = Talk()
    service = talk.edge.connect()
    service.take()
    parts = frame_of(2, b'{"name"', MASK, is_last=False) + frame_of(PING, b"?", MASK) + frame_of(0, b': "one"}', MASK)
    for byte in parts:
        talk.client.feed(bytes((byte,)))
    assert service.take() == chunk(ONE) and talk.heard() == [b"?"]
    talk.client.lose()
    talk.edge.end()


def test_a_client_stream_has_one_answer() -> None:
    talk = Talk(UPLOAD)
    service = talk.edge.connect()
    talk.say({"name": "one"}, {"name": "two"}, b"")
    assert plain(service.take()) == ONE + TWO
    service.feed(answer(encoded("ListBooksResponse", books=[{"name": "one"}])))
    assert talk.heard() == [{"books": [{"name": "one"}]}, (1000, "")]
    talk.end()


def test_a_method_without_a_body_is_asked_at_once() -> None:
    talk = Talk("/v1/books:watch")
    service = talk.edge.connect()
    assert plain(service.take()) == encoded("ListBooksRequest")
    service.feed(start() + chunk(ONE))
    assert talk.heard() == [{"name": "one"}]
    service.feed(end())
    assert talk.heard() == [(1000, "")]
    talk.end()


def test_a_unary_call_is_asked_by_its_only_message() -> None:
    talk = Talk("/library.v1.Library/GetBook")
    talk.say({"name": "x"})
    service = talk.edge.connect()
    assert plain(service.take()) == encoded("GetBookRequest", name="x")
    service.feed(answer(ONE))
    assert talk.heard() == [{"name": "one"}, (1000, "")]
    talk.end()


def test_of_several_methods_at_a_path_the_get_is_asked() -> None:
    talk = Talk("/v1/shelves/1/books/2")
    assert talk.edge.connect().take().startswith(b"POST /library.v1.Library/GetBook ")
    talk.client.lose()
    talk.edge.end()


def test_the_first_subprotocol_is_chosen() -> None:
    talk = Talk(TALK, "Sec-WebSocket-Protocol: bearer, x.y.z", "Sec-WebSocket-Extensions: permessage-deflate")
    assert b"\r\nsec-websocket-protocol: bearer" in talk.head and b"extensions" not in talk.head
    got = talk.edge.connect().take().lower()
    assert b"sec-websocket" not in got
    talk.client.lose()
    talk.edge.end()


# --- how it ends


def test_a_call_that_fails_says_so_and_closes_with_its_code() -> None:
    talk = Talk()
    service = talk.edge.connect()
    service.feed(start() + chunk(ONE) + end(5, b"grpc-message: no%20such%20book\r\n"))
    found = talk.heard()
    problem, code, reason = failed(found)
    assert found[0] == {"name": "one"} and (code, reason) == (4005, "NOT_FOUND: no such book")
    assert problem["grpc_status"] == "NOT_FOUND" and problem["status"] == 404 and problem["details"] == []
    talk.say({"name": "nobody reads this"})
    talk.end()


def test_a_reason_is_cut_where_a_frame_ends() -> None:
    talk = Talk()
    talk.edge.connect().feed(answer(status=13, trailers=b"grpc-message: " + b"%C3%A4" * 200 + b"\r\n"))
    problem, code, reason = failed(talk.heard())
    assert code == 4013 and len(reason.encode()) <= 123 and len(problem["detail"]) == 200
    talk.end()


@pytest.mark.parametrize("pieces", [(), (ONE, TWO)])
def test_a_unary_call_without_its_message_is_unreadable(pieces: tuple[bytes, ...]) -> None:
    talk = Talk("/v1/shelves/1/books/2")
    talk.edge.connect().feed(answer(*pieces))
    problem, code, _ = failed(talk.heard())
    assert problem["type"] == "urn:fastgw:error:answer_unreadable" and code == 4013
    talk.end()


def test_a_service_that_is_not_there_is_told() -> None:
    talk = Talk()
    talk.edge.refuse()
    problem, code, reason = failed(talk.heard())
    assert problem["type"] == "urn:fastgw:error:connect_refused" and code == 4014
    assert reason.startswith("UNAVAILABLE: ")
    talk.end()


def test_a_service_that_breaks_off_is_told_behind_messages() -> None:
    talk = Talk()
    service = talk.edge.connect()
    service.feed(start() + chunk(ONE))
    service.lose()
    found = talk.heard()
    assert found[0] == {"name": "one"} and failed(found)[1] == 4014
    talk.end()


@pytest.mark.parametrize(
    ("path", "said", "code", "detail"),
    [
        (TALK, [b'{"name": }'], 1007, "message 1: the body is no JSON"),
        (TALK, [b'{"name": "a\nb"}'], 1007, "message 1: the body is no JSON"),
        (TALK, [{"name": "a"}, {"authors": [{"name": 1}]}], 1007, "message 2: authors[0].name: expected a string"),
        (TALK, [b"", {"name": "a"}], 1007, "another message came, behind the empty one"),
        ("/library.v1.Library/GetBook", [{}, {}], 1007, "another message came, and the method takes one message"),
        ("/v1/books:watch", [{}], 1007, "another message came, and the method takes none"),
        ("/library.v1.Library/GetBook", [{"nope": 1}], 1007, "nope: "),
    ],
)
def test_what_is_no_message_of_the_call_closes(path: str, said: list[Any], code: int, detail: str) -> None:
    talk = Talk(path)
    if talk.edge.attempts:
        talk.edge.connect()
    talk.say(*said)
    problem, found, reason = failed(talk.heard())
    assert found == code and detail in problem["detail"] and problem["status"] == 400
    assert reason == problem["detail"][: len(reason)] and talk.edge.count(counters.EXCHANGES_OPEN) == 0
    talk.end()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame_of(TEXT, b"x"), 1002),
        (b"\xc1\x80", 1002),
        (frame_of(TEXT, b"\xff", MASK), 1007),
        (frame_of(TEXT, b"x" * 10_001, MASK), 1009),
    ],
    ids=["mask", "compressed", "text", "large"],
)
@pytest.mark.parametrize("has_begun", [False, True])
def test_what_breaks_the_protocol_closes(data: bytes, code: int, has_begun: bool) -> None:
    talk = Talk()
    service = talk.edge.connect()
    if has_begun:
        service.feed(start() + chunk(ONE))
        assert talk.heard() == [{"name": "one"}]
    talk.client.feed(data)
    ((found, _),) = talk.heard()
    assert found == code and service.is_closing() and talk.edge.count(counters.EXCHANGES_OPEN) == 0
    talk.edge.loop.advance(CLOSE_SECONDS + 0.5)
    talk.end()


def test_a_client_that_closes_ends_the_call() -> None:
    talk = Talk()
    service = talk.edge.connect()
    service.feed(start())
    talk.close(1000)
    assert talk.heard() == [(1000, "")] and talk.client.is_closing() and service.is_closing()
    assert talk.edge.of_route(counters.ROUTE_ABORTED) == 1
    talk.end()


@pytest.mark.parametrize("how", ["lose", "feed_eof"])
@pytest.mark.parametrize("is_connected", [False, True])
def test_a_client_that_is_gone_ends_the_call(how: str, is_connected: bool) -> None:
    talk = Talk()
    service = talk.edge.connect() if is_connected else None
    getattr(talk.client, how)()
    assert service is None or service.is_closing()
    assert talk.edge.count(counters.TUNNELS_OPEN) == 0 and talk.edge.count(counters.EXCHANGES_OPEN) == 0


def test_a_client_that_does_not_close_has_a_bound() -> None:
    talk = Talk()
    talk.edge.connect().feed(answer())
    assert talk.heard() == [(1000, "")]
    talk.client.feed(frame_of(PING, b"?", MASK))
    assert talk.heard() == [] and not talk.client.is_closing()
    talk.edge.loop.advance(CLOSE_SECONDS + 0.5)
    talk.end()


def test_a_worker_that_stops_says_that_it_goes_away() -> None:
    talk = Talk()
    talk.edge.connect().feed(start() + chunk(ONE))
    talk.edge.plane.drain()
    assert talk.heard() == [{"name": "one"}] and not talk.client.is_closing()  # a call may end by itself
    talk.edge.plane.cut_off()
    problem, code, _ = failed(talk.heard())
    assert code == 1001 and problem["type"] == "urn:fastgw:error:drained"
    talk.end()
