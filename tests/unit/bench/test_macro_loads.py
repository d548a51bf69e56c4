"""What the load generators print is read right."""

from __future__ import annotations

import pytest

from bench.macro.errors import BenchError
from bench.macro.loads import LoadResult, parse_h2load, parse_native, parse_wrk

WRK = """Running 1s test @ http://127.0.0.1:21001/
  1 threads and 64 connections
Requests/sec:  55777.12
bench {"requests": 55801, "seconds": 1.000431, "bytes": 1234, "p50_us": 1066.0, "p90_us": 1300.0, "p99_us": 2001.0, \
"p999_us": 3002.0, "max_us": 4003.0, "errors": {"connect": 1, "read": 2, "write": 3, "status": 4, "timeout": 5}}
"""
NATIVE = (
    '{"sent": 101, "errors": 1, "unanswered": 1, "seconds": 1.002, "count": 100, "p50_us": 62.7, "p90_us": 100.0, '
    '"p99_us": 176.3, "p999_us": 1521.9, "max_us": 1816.8, "over_1ms": 28}\n'
)
EVENTS = (
    '{"finished": 2, "errors": 0, "reads": 502, "seconds": 1.0, "count": 499, "p50_us": 53.4, "p90_us": 79.2, '
    '"p99_us": 107.9, "p999_us": 130.7, "max_us": 130.7, "over_1ms": 0}\n'
)
H2LOAD = """Application protocol: http/1.1
finished in {time}, 15936.00 req/s, 3.59MB/s
requests: 31872 total, 31888 started, 31872 done, 31870 succeeded, 1 failed, 1 errored, 2 timeout
status codes: 31872 2xx, 0 3xx, 0 4xx, 0 5xx
"""
H2LOAD_LOG = "1795351896419663\t200\t490\n1795351896419669\t200\t1529\n1795351896419674\t200\t510\n"


def test_wrk() -> None:
    result = parse_wrk(WRK)
    assert result == LoadResult(55801, 1.000431, 15, 1066.0, 2001.0, 3002.0, 4003.0)
    assert result.rate == pytest.approx(55776.96, abs=0.1)


def test_wrk_without_the_script() -> None:
    with pytest.raises(BenchError, match="printed no result"):
        parse_wrk(WRK.split("bench", maxsplit=1)[0])


def test_the_steady_load_counts_what_was_never_answered_as_an_error() -> None:
    assert parse_native(NATIVE) == LoadResult(100, 1.002, 2, 62.7, 176.3, 1521.9, 1816.8, 28)


def test_the_reader_of_events() -> None:
    assert parse_native(EVENTS) == LoadResult(499, 1.0, 0, 53.4, 107.9, 130.7, 130.7, 0)


@pytest.mark.parametrize("text", ["", "connect: Connection refused\n", "{broken\n"])
def test_a_generator_that_failed(text: str) -> None:
    with pytest.raises(BenchError, match="printed no result"):
        parse_native(text)


@pytest.mark.parametrize(("time", "seconds"), [("2.00s", 2.0), ("812.50ms", 0.8125), ("990us", 0.00099)])
def test_h2load(time: str, seconds: float) -> None:
    result = parse_h2load(H2LOAD.replace("{time}", time), H2LOAD_LOG)
    assert result.requests == 31870 and result.seconds == pytest.approx(seconds)
    assert result.errors == 2 + 1 + 2
    assert (result.p50, result.longest, result.over_1ms) == (510.0, 1529.0, 1)


@pytest.mark.parametrize(("text", "log"), [("", H2LOAD_LOG), (H2LOAD.replace("{time}", "1s"), "")])
def test_h2load_without_a_summary_or_a_log(text: str, log: str) -> None:
    with pytest.raises(BenchError, match="h2load"):
        parse_h2load(text, log)


def test_nothing_in_no_time() -> None:
    assert LoadResult(0, 0.0, 0, 0.0, 0.0, 0.0, 0.0).rate == 0.0
