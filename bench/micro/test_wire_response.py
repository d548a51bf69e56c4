"""Reading a response head."""

from __future__ import annotations

from bench.micro.stage import ANSWER, STREAM_HEAD, Benchmark
from fastgw.wire.fields import RESPONSE_FIELDS, FieldTable
from fastgw.wire.messages import BODY_CHUNKED, BODY_LENGTH, Response
from fastgw.wire.response import read_response

HEAD = ANSWER[: ANSWER.index(b"\r\n\r\n") + 4]


def test_read_sized(benchmark: Benchmark) -> None:
    """An answer with a Content-Length."""
    response, table = Response(), FieldTable(RESPONSE_FIELDS)
    benchmark(read_response, HEAD, response, table, 100, False)
    assert response.body == BODY_LENGTH


def test_read_chunked(benchmark: Benchmark) -> None:
    """The beginning of a stream."""
    response, table = Response(), FieldTable(RESPONSE_FIELDS)
    benchmark(read_response, STREAM_HEAD, response, table, 100, False)
    assert response.body == BODY_CHUNKED
