"""Reading a request head."""

from __future__ import annotations

from itertools import cycle

from bench.micro.stage import Benchmark
from fastgw.wire.fields import REQUEST_FIELDS, FieldTable
from fastgw.wire.messages import Request
from fastgw.wire.request import RequestReader
from fastgw.wire.scan import scan_request


def test_read(benchmark: Benchmark, heads: list[bytes]) -> None:
    """Grammar, lines, framing, target and Host of varied heads."""
    reader, request, table, turns = RequestReader(), Request(), FieldTable(REQUEST_FIELDS), cycle(heads)
    benchmark(lambda: reader.read(next(turns), request, table))
    assert request.host == b"edge.example"


def test_scan_request(benchmark: Benchmark, heads: list[bytes]) -> None:
    """The lines alone."""
    request, table, turns = Request(), FieldTable(REQUEST_FIELDS), cycle(heads)
    benchmark(lambda: scan_request(next(turns), request, table, 100))
    assert request.host_count == 1


def test_header(benchmark: Benchmark, heads: list[bytes]) -> None:
    """A field looked up by name, as hooks and route conditions do."""
    request = Request()
    RequestReader().read(heads[0], request, FieldTable(REQUEST_FIELDS))
    assert benchmark(request.header, b"x-device-id")
