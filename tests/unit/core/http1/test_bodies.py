"""Reading the bodies of requests: where they end, and what is behind them."""

from __future__ import annotations

import gc

from fastgw.testing.edge import CHUNKED, GET, OK, POST, Edge, statuses
from fastgw.wire.chunked import ChunkReader


def test_early_body_bytes_and_the_next_request_are_told_apart() -> None:
    edge = Edge()
    client = edge.client(POST + b"hello" + GET)
    service = edge.connect()
    assert service.take().endswith(b"\r\n\r\nhello")
    service.feed(OK)
    assert service.take().startswith(b"GET / ")
    service.feed(OK)
    assert len(statuses(client.take())) == 2
    client.feed(POST + b"he")
    client.feed(b"llo" + GET)
    service.feed(OK)
    service.feed(OK)
    assert len(statuses(client.take())) == 2
    edge.end()


def test_an_idle_connection_holds_no_reader_of_its_last_body() -> None:
    gc.collect()
    before = sum(isinstance(one, ChunkReader) for one in gc.get_objects())
    edge = Edge()
    client = edge.client(CHUNKED + b"2\r\nhi\r\n0\r\n\r\n")
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    assert sum(isinstance(one, ChunkReader) for one in gc.get_objects()) == before
    edge.end()
