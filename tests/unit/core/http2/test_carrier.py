"""One exchange on one stream of a connection to a service: what goes out, what comes back, who is held meanwhile, how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.testing import usual
from fastgw.testing.edge import CHUNKED, GET, HEAD, POST, Edge, body_of, head_of, statuses
from fastgw.wire.http2 import frames
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.frame_kinds import DATA, END_STREAM, HEADERS, RST_STREAM
from tests.support.http2_casts import Http2Clients
from tests.support.http2_service import OK, Behind, RawServer
from tests.unit.core.http2.peer import BOTH, Peer, Raw
from tests.unit.core.http2.peer import POST as H2_POST

PLAIN = ((":status", "200"),)


def asked(request: bytes = GET, **options: Any) -> tuple[Behind, Any, Any]:
    """An edge, a client that has asked, and the service that was."""
    edge = Behind(**options)
    client = edge.client(request)
    return edge, client, edge.serve()


def raw(request: bytes = GET, **options: Any) -> tuple[Behind, Any, RawServer]:
    """The same with a service that may break rules."""
    edge = Behind(**options)
    client = edge.client(request)
    return edge, client, RawServer(edge)


def block(*fields: tuple[str, str], status: int = 200) -> bytes:
    """The fields of an answer, as they are sent."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return FieldEncoder().response(status, lines.encode())


# --- the request


def test_a_request_has_pseudo_fields_and_nothing_of_its_connection() -> None:
    request = (
        b"GET /a?b=c HTTP/1.1\r\nHost: A.test\r\nConnection: keep-alive, x-own\r\nKeep-Alive: 5\r\nX-Own: 1\r\n"
        b"TE: trailers, gzip\r\nX-Kept: Value\r\nCookie: a=1; b=2\r\n\r\n"
    )
    edge, _, server = asked(request)
    head = server.head(1)
    assert (head[":method"], head[":scheme"], head[":authority"], head[":path"]) == ("GET", "http", "A.test", "/a?b=c")
    assert (head["x-kept"], head["cookie"], head["via"]) == ("Value", "a=1; b=2", "1.1 fastgw")
    assert head["x-forwarded-host"] == "A.test"
    assert not {"connection", "keep-alive", "x-own", "host", "transfer-encoding", "upgrade"} & head.keys()
    assert [name for name, _ in server.heads[1]] == [name.lower() for name, _ in server.heads[1]]
    assert server.ended == {1}
    server.answer(1)
    edge.end()


def test_te_says_trailers_or_nothing() -> None:
    edge, _, server = asked(GET.replace(b"\r\n\r\n", b"\r\nConnection: TE\r\nTE: trailers, gzip\r\n\r\n"))
    assert server.head(1)["te"] == "trailers"
    server.answer(1)
    edge.end()


@pytest.mark.parametrize(
    ("host", "told"), [("preserve", "a.test"), ("endpoint", "127.0.0.1:9000"), ("other.test", "other.test")]
)
def test_authority_is_the_host_that_the_service_is_to_be_told(host: str, told: str) -> None:
    edge, _, server = asked(service={"host": host})
    assert server.head(1)[":authority"] == told
    server.answer(1)
    edge.end()


def test_a_body_of_a_known_length_is_data() -> None:
    edge, client, server = asked(POST + b"hello")
    assert (server.bodies[1], server.head(1)["content-length"], server.ended) == (b"hello", "5", {1})
    server.answer(1)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_body_that_is_empty_ends_with_data_as_it_came() -> None:
    """Servers of gRPC may take a head that ends its stream for a call that goes on for ever."""
    edge = Behind(listener={"protocols": BOTH})
    peer = Peer(edge)
    peer.ask(H2_POST, b"")
    server = RawServer(edge)
    sent = [(kind, flags & END_STREAM, payload) for kind, flags, stream, payload in server.frames if stream == 1]
    assert [one[:2] for one in sent] == [(HEADERS, 0), (DATA, END_STREAM)] and sent[1][2] == b""
    server.send(frames.headers(1, block(), True))
    peer.listen()
    assert peer.status(1) == "200"
    edge.end()


def test_a_body_that_comes_byte_by_byte_is_passed_on_in_few_frames_both_ways() -> None:
    edge = Behind(listener={"protocols": BOTH})
    client = Raw(edge)
    client.send(frames.headers(1, FieldEncoder().request(b"POST", b"http", b"a.test", b"/", b""), False))
    server = RawServer(edge)
    edge.run()
    server.transport.writes.clear()
    client.send((frames.data_head(1, 1, False) + b"x") * 1000 + frames.data_head(1, 0, True))
    assert server.transport.writes == [frames.data_head(1, 1000, False) + b"x" * 1000 + frames.data_head(1, 0, True)]
    client.transport.writes.clear()
    server.send(frames.headers(1, block(), False) + (frames.data_head(1, 1, False) + b"y") * 1000)
    assert len(client.transport.writes) == 1
    assert client.transport.writes[0].endswith(frames.data_head(1, 1000, False) + b"y" * 1000)
    server.send(frames.data_head(1, 0, True))
    client.transport.lose()
    edge.end()


def test_an_answer_that_comes_byte_by_byte_is_written_in_few_pieces() -> None:
    edge, client, server = raw()
    client.writes.clear()
    server.send(frames.headers(1, block(), False) + (frames.data_head(1, 1, False) + b"y") * 1000)
    assert len(client.writes) == 1
    server.send((frames.data_head(1, 1, False) + b"y") * 999 + frames.data_head(1, 1, True) + b"y")
    assert len(client.writes) <= 3 and body_of(client.take()).count(b"y") == 2000
    edge.end()


def test_chunks_are_taken_off_and_trailers_stand_behind() -> None:
    edge, client, server = asked(CHUNKED + b"3\r\nabc\r\n")
    assert (server.bodies[1], server.ended) == (b"abc", set())
    assert "transfer-encoding" not in server.head(1)
    client.feed(b"2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n")
    server.listen()
    assert (server.bodies[1], server.trailers[1], server.ended) == (b"abcde", [("x-sum", "1")], {1})
    server.answer(1)
    edge.end()


def test_the_body_is_held_by_the_windows_of_the_service() -> None:
    edge, client, server = asked(CHUNKED)
    client.feed(b"%x\r\n" % 200_000 + b"x" * 100_000)
    server.listen()
    assert len(server.bodies[1]) == 65_535 and not client.is_reading()
    client.feed(b"x" * 100_000 + b"\r\n0\r\n\r\n")
    for _ in range(4):
        server.h2.increment_flow_control_window(65_535)
        server.h2.increment_flow_control_window(65_535, 1)
        server.flush()
    assert (len(server.bodies[1]), server.ended) == (200_000, {1}) and client.is_reading()
    server.answer(1)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_service_that_reads_nothing_holds_the_client() -> None:
    edge, client, server = asked(CHUNKED)
    server.h2.increment_flow_control_window(1_000_000)
    server.h2.increment_flow_control_window(1_000_000, 1)
    server.flush()
    server.transport.capacity = 0
    client.feed(b"%x\r\n" % 300_000 + b"x" * 150_000)
    edge.run()
    client.feed(b"x" * 50_000)
    edge.run()
    assert server.transport.pauses == 1 and not client.is_reading()
    server.transport.drain()
    client.feed(b"x" * 100_000 + b"\r\n0\r\n\r\n")
    server.listen()
    server.listen()
    assert (len(server.bodies[1]), server.ended) == (300_000, {1})
    server.answer(1)
    edge.end()


def test_expectation_is_the_services_matter() -> None:
    edge, client, server = asked(POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    assert server.head(1)["expect"] == "100-continue" and not server.ended
    server.h2.send_headers(1, [(":status", "100")])
    server.flush()
    assert client.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.feed(b"hello")
    server.listen()
    assert (server.bodies[1], server.ended) == (b"hello", {1})
    server.answer(1)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_body_that_began_in_chunks_for_another_protocol_is_data_all_the_same() -> None:
    """A reload has made a service of HTTP/1.1 one of HTTP/2 while a request was under way."""
    edge = Behind()
    object.__setattr__(edge.route, "wants_data", False)
    client = edge.client(CHUNKED + b"3\r\nabc\r\n")
    server = edge.serve()
    client.feed(b"0\r\nx-sum: 1\r\n\r\n")
    server.listen()
    assert (server.bodies[1], server.trailers[1]) == (b"abc", [("x-sum", "1")])
    server.answer(1)
    edge.end()


# --- the answer


def test_an_answer_of_a_known_length() -> None:
    edge, client, server = asked()
    server.answer(1, (*OK, ("x-a", "b")))
    data = client.take()
    assert data.startswith(b"HTTP/1.1 200 OK\r\n") and body_of(data) == b"ok"
    assert b"\r\nx-a: b\r\n" in data and b"transfer-encoding" not in data
    edge.end()


def test_an_answer_without_a_length_has_chunks_and_its_trailers() -> None:
    edge, client, server = asked()
    server.answer(1, PLAIN, b"abc", (("grpc-status", "0"), ("content-length", "7"), ("x-forwarded-for", "a")))
    data = client.take()
    assert b"transfer-encoding: chunked" in data
    assert body_of(data) == b"3\r\nabc\r\n0\r\ngrpc-status: 0\r\n\r\n"
    edge.end()


def test_nothing_behind_the_head_is_an_empty_body() -> None:
    edge, client, server = asked()
    server.answer(1, (*PLAIN, ("grpc-status", "12")), None)
    data = client.take()
    assert b"grpc-status: 12" in head_of(data) and body_of(data) == b"0\r\n\r\n"
    edge.end()


def test_a_head_does_not_wait_for_its_body() -> None:
    edge, client, server = asked()
    server.answer(1, PLAIN, None, more=True)
    assert statuses(client.take()) == [200]
    server.h2.send_data(1, b"late", end_stream=True)
    server.flush()
    assert client.take() == b"4\r\nlate\r\n0\r\n\r\n"
    edge.end()


def test_head_and_body_that_came_together_leave_together() -> None:
    edge, client, server = asked()
    before = len(client.writes)
    server.answer(1)
    assert len(client.writes) == before + 1
    edge.end()


def test_interim_answers_are_passed_on() -> None:
    edge, client, server = asked()
    server.h2.send_headers(1, [(":status", "103"), ("link", "</a>")])
    server.answer(1)
    assert client.take().startswith(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n")
    edge.end()


@pytest.mark.parametrize(
    ("request_", "status", "fields"),
    [
        (HEAD, 200, (("content-length", "99"),)),
        (GET, 204, ()),
        (GET, 304, (("content-length", "99"),)),
        (GET, 200, (("content-length", "0"),)),
    ],
)
def test_an_answer_that_has_no_body_is_not_as_long_as_it_says(
    request_: bytes, status: int, fields: tuple[tuple[str, str], ...]
) -> None:
    """Its end may come with the head, or in DATA without a byte (RFC 9113 section 8.1.1)."""
    for is_late in (False, True):
        edge, client, server = raw(request_)
        server.send(frames.headers(1, block(*fields, status=status), not is_late))
        if is_late:
            server.send(frames.data_head(1, 0, True))
        data = client.take()
        assert statuses(data) == [status] and body_of(data) == b""
        assert not edge.failures() and not server.codes(RST_STREAM)
        edge.end()


def test_client_that_reads_slowly_holds_the_service_by_its_window() -> None:
    edge, client, server = asked()
    client.capacity = 0
    server.answer(1, PLAIN, b"x" * 16_000, more=True)
    sent = 16_000
    while server.h2.local_flow_control_window(1) >= 16_000 and sent < 2_000_000:
        server.h2.send_data(1, b"x" * 16_000)
        server.flush()
        sent += 16_000
    assert sent <= 2 * 256 * 1024
    server.edge.loop.run_ready()
    for _ in range(200):
        client.drain()
        server.flush()
        if server.h2.local_flow_control_window(1) >= 16_000:
            break
    server.h2.send_data(1, b"", end_stream=True)
    server.flush()
    client.drain()
    edge.run()
    assert client.take().count(b"x") == sent
    edge.end()


def test_another_answer_passes_while_one_is_held() -> None:
    edge, client, server = asked()
    other = edge.client(GET)
    server.listen()
    client.capacity = 0
    server.answer(1, PLAIN, b"x" * 16_000, more=True)
    for _ in range(3):
        server.h2.send_data(1, b"x" * 16_000)
        server.flush()
    server.answer(3)
    assert statuses(other.take()) == [200]
    client.drain()
    server.h2.send_data(1, b"", end_stream=True)
    server.flush()
    edge.end()


def test_any_to_any() -> None:
    """HTTP/2 on both sides: bodies and trailers both ways (``tests.support.http2_casts`` is another implementation)."""
    edge = Behind(listener={"protocols": ("http/1.1", "h2")})
    clients = Http2Clients(edge)
    clients.arrive(0)
    peer = clients.peers[0]
    peer.ask(0, 4)
    server = edge.serve()
    peer.send(1, b" more", is_last=False)
    peer.h2.send_headers(1, [("x-sum", "1")], end_stream=True)
    peer.flush()
    server.listen()
    assert (server.bodies[1], server.trailers[1]) == (b"hello more", [("x-sum", "1")])
    assert server.head(1)["via"] == "2 fastgw"
    server.answer(1, PLAIN, b"x" * 40_000, (("grpc-status", "0"),))
    peer.is_taking = True
    peer.collect()
    assert peer.asked[1].body == b"x" * 40_000 and peer.asked[1].is_over
    edge.end()


def test_trailers_alone_stay_so_behind_another_connection_of_http2() -> None:
    edge = Behind(listener={"protocols": ("http/1.1", "h2")})
    clients = Http2Clients(edge)
    clients.arrive(0)
    peer = clients.peers[0]
    peer.ask(0, 0)
    server = edge.serve()
    server.answer(1, (*PLAIN, ("grpc-status", "12")), None)
    data = peer.transport.output
    kinds = [data[at + 3] for at in frame_places(bytes(data))]
    assert DATA not in kinds
    peer.collect()
    assert peer.asked[1].is_over and peer.asked[1].head["grpc-status"] == "12"
    assert "content-length" not in peer.asked[1].head
    edge.end()


def frame_places(data: bytes) -> list[int]:
    places, at = [], 0
    while at < len(data):
        places.append(at)
        at += 9 + int.from_bytes(data[at : at + 3], "big")
    return places


def test_end_of_the_request_without_a_byte_is_a_frame_of_its_own() -> None:
    edge, client, server = raw(CHUNKED)
    client.feed(b"0\r\n\r\n")
    server.listen()
    assert [(one[1], one[3]) for one in server.frames if one[0] == DATA] == [(END_STREAM, b"")]
    server.send(frames.headers(1, block(), True))
    edge.end()


def test_an_upload_counts_as_one_until_it_is_complete() -> None:
    edge = Behind(pool=usual.pool(max_connections=1, max_streams=4))
    clients = [edge.client(CHUNKED) for _ in range(3)]
    server = edge.serve()
    assert len(server.heads) == 2 and edge.of_endpoint(counters.ENDPOINT_UPLOADS) == 2  # half of what one carries
    clients[0].feed(b"0\r\n\r\n")
    server.listen()
    assert len(server.heads) == 3
    edge.end()


def test_edge_without_http2_is_not_asked_over_it() -> None:
    edge = Edge()
    _, service = edge.pair()
    assert service.take().startswith(b"GET / HTTP/1.1\r\n")
    edge.end()
