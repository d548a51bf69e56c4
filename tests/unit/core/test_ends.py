"""Every pair of ends gets on: what carries one exchange at a time, and what carries many, on either side."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.live.endpoint import Endpoint
from fastgw.core.live.pool import Pool
from fastgw.core.plane import Plane
from fastgw.core.protocols import make_pool
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, POST, SWITCHING, WEBSOCKET, Edge, body_of, head_of, statuses
from tests.support.bodies import Taped, Watching, doubled
from tests.support.streams.client import ClientLink
from tests.support.streams.service import ServiceLink, StreamCarrier, StreamPool

MEASURED = POST  #: its body has 5 bytes
UNMEASURED = b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\n\r\n"  #: the head of an answer whose length is not known


def links(edge: Edge) -> list[ServiceLink]:
    """The connections to stream services."""
    found: list[ServiceLink] = [link for one in edge.endpoints for link in getattr(one.pool, "links", ())]
    return found


def opened(edge: Edge) -> StreamCarrier:
    """The first stream of the connection that was asked for, which is there now."""
    link = links(edge)[0]
    link.open()
    edge.run()
    return link.streams[0]


def test_bodies_and_trailers_pass_hooks_between_any_ends() -> None:
    def made(exchange: Any) -> Taped:
        return Taped(doubled, trailer_names=(b"x-t",), trailers=((b"x-t", b"1"),))

    for is_stream_client in (True, False):
        for is_stream_service in (True, False):
            pool = {"make_pool": StreamPool} if is_stream_service else {}
            edge = Edge(filters=[Watching("a", ["transform_request", "transform_response"], made)], **pool)
            head = UNMEASURED[:-2] + b"Connection: TE\r\nTE: trailers\r\n\r\n"
            if is_stream_client:
                stream = ClientLink(edge).ask(head, is_last=False)
                stream.feed(b"ab", is_last=True, trailers=b"X-C: 2\r\n")
            else:
                client = edge.client(head + b"2\r\nab\r\n0\r\nX-C: 2\r\n\r\n")
            if is_stream_service:
                carrier = opened(edge)
                assert (carrier.body, carrier.trailers, carrier.is_complete) == (b"abab!", b"X-C: 2\r\n", True)
                carrier.answer(LONG, b"", is_last=False)
                carrier.feed(b"ok", is_last=True, trailers=b"X-S: 3\r\n")
            else:
                service = edge.connect()
                assert body_of(service.take()) == b"5\r\nabab!\r\n0\r\nX-C: 2\r\n\r\n"
                coding = LONG[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
                service.feed(coding + b"2\r\nok\r\n0\r\nX-S: 3\r\n\r\n")
            trailers = b"X-S: 3\r\nx-t: 1\r\n"
            if is_stream_client:
                assert (stream.body, stream.trailers, stream.is_complete) == (b"okok!", trailers, True)
            else:
                assert body_of(client.take()) == b"5\r\nokok!\r\n0\r\n" + trailers + b"\r\n"
            edge.end()


class TestStreamClients:
    def test_answers_come_in_any_order(self) -> None:
        edge = Edge()
        link = ClientLink(edge)
        streams = [link.ask(GET.replace(b" / ", b" /%d " % number)) for number in range(3)]
        services = [edge.connect() for _ in range(3)]
        for number in (2, 0, 1):
            services[number].feed(OK[:-2] + b"%d!" % number)
            assert streams[number].body == b"%d!" % number
        assert all(one.is_complete for one in streams)
        edge.end()

    def test_one_is_reset_and_the_others_go_on(self) -> None:
        edge = Edge()
        link = ClientLink(edge)
        gone, stays = link.ask(GET), link.ask(GET)
        edge.connect()
        service = edge.connect()
        gone.reset()
        service.feed(OK)
        assert stays.is_complete
        assert edge.of_route(counters.ROUTE_ABORTED) == 1
        edge.end()

    def test_a_body_without_a_length_is_sent_in_chunks(self) -> None:
        edge = Edge()
        stream = ClientLink(edge).ask(UNMEASURED, b"hello", is_last=False)
        service = edge.connect()
        stream.feed(b"more")
        assert body_of(service.take()) == b"5\r\nhello\r\n4\r\nmore\r\n"
        stream.feed(b"", is_last=True)
        assert service.take() == b"0\r\n\r\n"
        service.feed(OK)
        assert stream.body == b"ok"
        edge.end()

    def test_an_empty_body_without_a_length_ends(self) -> None:
        edge = Edge()
        ClientLink(edge).ask(UNMEASURED, b"", is_last=True)
        assert body_of(edge.connect().take()) == b"0\r\n\r\n"
        edge.end()

    def test_a_body_with_a_length_is_sent_as_it_is(self) -> None:
        edge = Edge()
        ClientLink(edge).ask(MEASURED, b"hello")
        assert body_of(edge.connect().take()) == b"hello"
        edge.end()

    def test_chunks_of_an_answer_are_nothing_to_it(self) -> None:
        edge = Edge()
        stream = ClientLink(edge).ask(GET)
        service = edge.connect()
        service.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nok\r\n")
        service.feed(b"3\r\nyes\r\n0\r\nX-Sum: 1\r\n\r\n")
        assert (stream.body, stream.is_complete) == (b"okyes", True)
        edge.end()

    def test_a_stream_that_takes_nothing_holds_its_service_and_no_other(self) -> None:
        edge = Edge()
        link = ClientLink(edge)
        slow, quick = link.ask(GET), link.ask(GET)
        first, second = edge.connect(), edge.connect()
        slow.outgoing.room = 0
        first.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + b"x" * 40_000)
        assert not first.is_reading()
        second.feed(OK)
        assert quick.is_complete
        slow.outgoing.drain()
        assert first.is_reading()
        edge.end()

    def test_deadlines_are_those_of_a_stream(self) -> None:
        edge = Edge(route={"answer_timeout": 2.0})
        stream = ClientLink(edge).ask(GET)
        edge.connect()
        edge.loop.advance(3)
        assert statuses(stream.head) == [504]
        edge.end()

    def test_whoever_waits_when_the_worker_stops_is_told(self) -> None:
        edge = Edge()
        stream = ClientLink(edge).ask(GET)
        edge.connect()
        edge.plane.drain()
        edge.plane.cut_off()
        assert statuses(stream.head) == [503]
        edge.end()


class TestStreamServices:
    def test_many_are_carried_at_once_and_answered_in_any_order(self) -> None:
        edge = Edge(make_pool=StreamPool)
        clients = [edge.client(GET) for _ in range(3)]
        opened(edge)
        streams = links(edge)[0].streams
        assert len(streams) == 3
        for number in (1, 2, 0):
            streams[number].answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", b"%d" % number)
            assert clients[number].take()[-1:] == b"%d" % number
        edge.end()

    def test_chunks_of_a_request_are_nothing_to_it(self) -> None:
        edge = Edge(make_pool=StreamPool)
        edge.client(UNMEASURED + b"3;x\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n")
        stream = opened(edge)
        assert (stream.body, stream.is_complete) == (b"abcde", True)
        edge.end()

    @pytest.mark.parametrize("mixed", [False, True])
    def test_where_one_endpoint_takes_no_chunks_the_others_get_new_ones(self, mixed: bool) -> None:
        def pool(endpoint: Endpoint, plane: Plane) -> Pool:
            return (StreamPool if mixed and endpoint.key.slot else make_pool)(endpoint, plane)

        edge = Edge(endpoints=2, make_pool=pool)
        client = edge.client(UNMEASURED + b"3\r\nabc\r\n")
        service = edge.connect()
        client.feed(b"1\r\nd\r\n1\r\ne\r\n0\r\n\r\n")
        chunks = b"2\r\nde\r\n" if mixed else b"1\r\nd\r\n1\r\ne\r\n"
        assert body_of(service.take()) == b"3\r\nabc\r\n" + chunks + b"0\r\n\r\n"
        edge.end()

    def test_an_answer_without_a_length_is_framed_for_its_client(self) -> None:
        edge = Edge(make_pool=StreamPool)
        client = edge.client(GET)
        stream = opened(edge)
        stream.answer(LONG, b"ok", is_last=False)
        stream.feed(b"yes", is_last=True)
        took = client.take()
        assert b"transfer-encoding: chunked" in head_of(took)
        assert body_of(took) == b"2\r\nok\r\n3\r\nyes\r\n0\r\n\r\n"
        assert not client.is_closing()
        edge.end()

    def test_what_was_not_begun_when_it_goes_away_is_asked_again(self) -> None:
        edge = Edge(endpoints=2, make_pool=StreamPool)
        first, second, third = (edge.client(GET) for _ in range(3))
        one, two = links(edge)
        one.open()
        two.open()
        assert [len(link.streams) for link in (one, two)] == [2, 1]
        one.go_away(0)
        assert [len(link.streams) for link in (one, two)] == [2, 2]
        one.streams[0].answer(OK[:-2], b"ok")
        assert one.is_lost
        for stream in two.streams:
            stream.answer(OK[:-2], b"ok")
        assert [statuses(client.take()) for client in (first, second, third)] == [[200]] * 3
        edge.end()

    def test_one_is_reset_and_the_others_go_on(self) -> None:
        edge = Edge(make_pool=StreamPool)
        broken, whole = edge.client(GET), edge.client(GET)
        opened(edge).reset()
        assert statuses(broken.take()) == [502]
        links(edge)[0].streams[1].answer(OK[:-2], b"ok")
        assert statuses(whole.take()) == [200]
        edge.end()

    def test_a_stream_that_takes_nothing_holds_its_client(self) -> None:
        edge = Edge(make_pool=StreamPool)
        client = edge.client(b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 90000\r\n\r\n")
        stream = opened(edge)
        stream.outgoing.room = 0
        client.feed(b"x" * 40_000)
        assert not client.is_reading()
        stream.outgoing.drain()
        assert client.is_reading()
        edge.end()

    def test_more_than_its_streams_wait_for_one(self) -> None:
        edge = Edge(make_pool=StreamPool, pool=usual.pool(max_connections=1))
        first, second = edge.client(GET), edge.client(GET)
        opened(edge).answer(OK[:-2], b"ok")
        links(edge)[0].streams[1].answer(OK[:-2], b"ok")
        assert [statuses(client.take()) for client in (first, second)] == [[200]] * 2
        edge.end()


class TestStreamsOnBothSides:
    def test_bytes_are_the_same(self) -> None:
        edge = Edge(make_pool=StreamPool)
        asked = ClientLink(edge).ask(UNMEASURED, b"hel", is_last=False)
        carried = opened(edge)
        asked.feed(b"lo", is_last=True)
        assert (carried.body, carried.is_complete) == (b"hello", True)
        carried.answer(LONG, b"a", is_last=False)
        carried.feed(b"b", is_last=True)
        assert (asked.body, asked.is_complete) == (b"ab", True)
        edge.end()

    def test_a_tunnel_passes_both_ends_on(self) -> None:
        edge = Edge(make_pool=StreamPool)
        asked = ClientLink(edge).ask(WEBSOCKET)
        carried = opened(edge)
        asked.feed(b"early ")
        carried.answer(SWITCHING)
        edge.run()
        asked.feed(b"up", is_last=True)
        carried.feed(b"down")
        assert (carried.body, asked.body) == (b"early up", b"down")
        assert carried.is_complete
        carried.feed(b"", is_last=True)
        edge.run()
        assert edge.count(counters.TUNNELS_OPEN) == 0
        edge.end()
